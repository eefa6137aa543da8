"""`tfgen caption` and `tfgen draw` on a person's own files."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfgen.serving
from recipes.command_line import main

SIZE = 8
COUNT = tf.TensorSpec([], tf.int32, "count")
SEED = tf.TensorSpec([], tf.int64, "seed")
TEMPERATURE = tf.TensorSpec([], tf.float32, "temperature")


class Teller(tf.Module):
    """Tells the red of an image's first and last row, and the seed; paints the text's length."""

    def __init__(self):
        super().__init__()
        self.unit = tf.Variable(1, dtype=tf.int32)

    def signatures(self):
        images = tf.TensorSpec([None, SIZE, SIZE, 3], tf.uint8, "images")

        @tf.function(input_signature=[images, COUNT, SEED])
        def texts_from_images(images, count, seed):
            rows = tf.cast(images[:, :: SIZE - 1, :, 0], tf.float32)
            red = tf.strings.as_string(tf.cast(tf.round(tf.reduce_mean(rows, 2)), tf.int32))
            told = tf.strings.reduce_join(red, 1, separator=" to ")
            numbers = tf.strings.as_string(tf.cast(seed, tf.int32) + tf.range(count) * self.unit)
            return {"texts": told[:, tf.newaxis] + ", " + numbers}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "texts"), COUNT, SEED])
        def images_from_text(texts, count, seed):
            length = tf.strings.length(texts)[:, tf.newaxis] * self.unit
            grey = length + tf.cast(seed, tf.int32) + tf.range(count)
            grey = grey[..., tf.newaxis, tf.newaxis, tf.newaxis]
            images = tf.broadcast_to(grey, [*tf.unstack(tf.shape(grey)[:2]), SIZE, SIZE, 3])
            return {"images": tf.cast(images, tf.uint8)}

        return {"texts_from_images": texts_from_images, "images_from_text": images_from_text}


def write_export(directory, signatures=None, **card):
    facts = {"name": directory.name, "system": "toy", "summary": "Tells colours.", **card}
    made = Teller()
    made = made if signatures is None else {name: made.signatures()[name] for name in signatures}
    tfgen.serving.export(made, directory, tfgen.serving.Card(**facts))
    return str(directory)


@pytest.fixture(scope="module")
def teller(tmp_path_factory):
    return write_export(tmp_path_factory.mktemp("saved_models") / "teller")


@pytest.fixture
def caption(capsys):
    """Runs `tfgen caption`; gives back its exit code, what it printed and what it complained of."""

    def run(*words):
        code = main(["caption", *map(str, words)])
        return (code, *capsys.readouterr())

    return run


class TestCaption:
    def test_images_of_every_kind(self, teller, caption, tmp_path):
        wide = np.zeros([30, 90, 3], np.uint8)
        wide[:15, 30:60, 0] = 200  # The central square: 200 above, 0 below.
        turned = Image.fromarray(np.rot90(wide))
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(wide).save(tmp_path / "wide.png")
        turned.save(tmp_path / "turned.png", exif=exif)
        Image.new("L", (9, 9), 40).save(tmp_path / "grey.png")
        Image.new("RGBA", (9, 9), (1, 2, 3, 0)).save(tmp_path / "clear.png")
        Image.new("CMYK", (9, 9), (255, 0, 0, 0)).save(tmp_path / "cmyk.tiff")
        Image.new("P", (9, 9)).save(tmp_path / "palette.gif")
        Image.fromarray(np.full([9, 9], 50 * 257, np.uint16)).save(tmp_path / "deep.png")
        Image.new("RGB", (1, 1), (60, 0, 0)).save(tmp_path / "dot.png")
        Image.new("1", (8000, 8000), 1).save(tmp_path / "huge.png")
        wanted = {
            "wide.png": "200 to 0",
            "turned.png": "200 to 0",
            "grey.png": "40 to 40",
            "clear.png": "255 to 255",
            "cmyk.tiff": "0 to 0",
            "palette.gif": "0 to 0",
            "deep.png": "50 to 50",
            "dot.png": "60 to 60",
            "huge.png": "255 to 255",
        }
        paths = [tmp_path / name for name in wanted]
        code, out, error = caption(teller, *paths, "--count", 2, "--seed", 7)
        told = "".join(f"{tmp_path}/{name}\n  {t}, 7\n  {t}, 8\n" for name, t in wanted.items())
        assert (code, out, error) == (0, told, "")

    def test_what_is_no_image_is_named_and_the_others_are_captioned(
        self, teller, caption, tmp_path
    ):
        folder = tmp_path / "photos"
        (folder / "deeper").mkdir(parents=True)
        Image.new("RGB", (9, 9), (10, 0, 0)).save(folder / "deeper/b.png")
        Image.new("RGB", (9, 9), (20, 0, 0)).save(folder / "c.jpg", quality=100)
        Image.new("RGB", (9, 9), (30, 0, 0)).save(os.fsencode(folder) + b"/d\xe9.png", "PNG")
        (folder / "a.png").write_text("no image")
        (folder / "notes.txt").write_text("is not taken for an image in a folder")
        (tmp_path / "empty").mkdir()
        last = tmp_path / "last.png"
        Image.new("RGB", (9, 9), (40, 0, 0)).save(last)
        words = (folder, folder / "notes.txt", tmp_path / "gone.png", tmp_path / "empty", last)
        code, out, error = caption(teller, *words, "--count", 1)
        assert code == 2
        assert out.splitlines() == [
            *(f"{folder}/c.jpg", "  20 to 20, 0"),
            *(f"{folder}/deeper/b.png", "  10 to 10, 0"),
            *(f"{folder}/d\\udce9.png", "  30 to 30, 0"),
            *(str(last), "  40 to 40, 0"),
        ]
        assert error.startswith("tfgen: 4 of 8 files were not captioned:\n")
        assert f"{folder}/a.png: is not an image" in error
        assert f"{folder}/notes.txt: is not an image" in error
        assert f"{tmp_path}/gone.png: is missing" in error
        assert f"{tmp_path}/empty: is a folder without image files" in error

    def test_fit_of_the_card(self, caption, tmp_path):
        export = write_export(tmp_path / "squeezed", data={"fit": "stretch"})
        tall = np.zeros([24, 8, 3], np.uint8)
        tall[:12] = 200
        tall[0] = 100
        Image.fromarray(tall).save(tmp_path / "tall.png")
        _, out, _ = caption(export, tmp_path / "tall.png", "--count", 1)
        # One row is three of the file: half of its weight is on 100 (triangle, 1/3 a pixel).
        assert 100 < int(out.split("\n  ")[1].split(" to ")[0]) < 200

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["--count", "0"], "--count must be 1 or more; got 0"),
            (["--temperature", "-1"], "--temperature must be 0 or more; got -1"),
            (["--temperature", "nan"], "--temperature must be 0 or more; got nan"),
            (["--temperature", "0.5"], "has no temperature; leave --temperature away"),
        ],
    )
    def test_wrong_numbers_are_told(self, teller, caption, words, expected):
        code, out, error = caption(teller, "a.png", *words)
        assert (code, out) == (2, "") and expected in error

    def test_exports_that_cannot(self, caption, tmp_path, monkeypatch):
        write_export(tmp_path / "saved_models" / "able")
        half = write_export(tmp_path / "saved_models" / "half", ["images_from_text"])
        monkeypatch.chdir(tmp_path)
        code, _, error = caption(half, "a.png")
        assert code == 2
        assert "writes no sentences of images: it has no signature 'texts_from_images'" in error
        assert "but images_from_text. Exports that have it: saved_models/able/1, " in error
        assert "half/1" not in error.split("Exports")[1]

    def test_features_are_no_image_files(self, caption, tmp_path):
        spec = tf.TensorSpec([None, 16], tf.float32, "images")

        @tf.function(input_signature=[spec, COUNT, SEED, TEMPERATURE])
        def texts_from_images(images, count, seed, temperature):
            return {"texts": tf.fill([tf.shape(images)[0], count], "x")}

        card = tfgen.serving.Card(name="features", system="toy", summary="Reads features.")
        functions = {"texts_from_images": texts_from_images}
        tfgen.serving.export(functions, tmp_path / "features", card)
        code, _, error = caption(tmp_path / "features", "a.png")
        assert code == 2 and "captions no image files" in error and "float32 [None, 16]" in error


class TestDraw:
    def test_rows_of_eight_with_one_sentence(self, teller, tmp_path, capsys):
        file = tmp_path / "new" / "out.png"
        words = ["--count", "9", "--seed", "100", "--output", str(file)]
        assert main(["draw", teller, "a dog 🐕", *words]) == 0
        assert "9 images of 8 x 8 pixels" in capsys.readouterr().out
        sheet = np.asarray(Image.open(file))
        assert sheet.shape[1] == 8 * 128 + 9 * 8
        length = len("a dog 🐕".encode())
        row = sheet[8 + 64, 8 + 64 :: 128 + 8, 0]
        assert row.tolist() == [length + 100 + number for number in range(8)]
        second = sheet[sheet.shape[0] - 8 - 16 - 4 - 64, 8 + 64 :: 128 + 8, 0]
        assert second.tolist() == [length + 108] + [255] * 7

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["x", "--output", "a.jpg"], "must end in .png; got 'a.jpg'"),
            ([" ", "--output", "a.png"], "The sentence is empty"),
            (["x", "--output", "a.png", "--count", "0"], "1 or more; got 0"),
            (["x", "--output", "a.png", "--temperature", "2"], "has no temperature"),
            (["x"], "required: --output"),
        ],
    )
    def test_mistakes_are_told(self, teller, words, expected, capsys):
        assert main(["draw", teller, *words]) == 2
        assert expected in capsys.readouterr().err

    def test_exports_that_cannot(self, tmp_path, capsys):
        half = write_export(tmp_path / "half", ["texts_from_images"])
        assert main(["draw", half, "x", "--output", str(tmp_path / "a.png")]) == 2
        error = capsys.readouterr().err
        assert "draws no images of sentences" in error
        assert "saved_models/vlvae_two_objects/1" in error
