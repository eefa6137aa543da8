"""One mess of images and captions in three layouts: told by name, counted, nothing else lost."""

import json
import logging
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data.caption_fixtures import solid
from tfgen.data import DataError, captioned_folder, coco, flickr30k

SIZE = 4
LONG = "x" * 10_000
EMOJI = "小さな犬が走る 🐕‍🦺!"
# Name -> the captions that can be used, and the mean colour that comes out.
GOOD = {
    "101.jpg": (["a dog", "Ein Hündchen, собака, كلب"], (30, 30, 30)),
    "102.png": ([EMOJI], (60, 60, 60)),
    "103.png": (["clear"], (255, 255, 255)),
    "104.jpg": (["cyan"], (0, 255, 255)),
    "105.png": (["huge"], (255, 255, 255)),
    "106.png": (["deep"], (90, 90, 90)),
}
BAD_IMAGES = {
    "201.jpg": "is missing",
    "202.png": "is 1x1 pixels, wanted 8 at least a side",
    "203.png": "is not an image",
    "204.png": "is empty (0 bytes)",
    "205.png": "has no caption that can be used",
    "n" * 300 + ".png": "is missing",
}
BAD_CAPTIONS = {"": "is empty", " ... ": "is empty", LONG: "has 10000 characters, at most 1000"}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    solid(folder / "101.jpg", 30)
    Image.new("L", (12, 9), 60).save(folder / "102.png")
    Image.new("RGBA", (12, 9), (200, 0, 0, 0)).save(folder / "103.png")
    Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(folder / "104.jpg", quality=100)
    Image.new("1", (8000, 8000), 1).save(folder / "105.png")
    Image.fromarray(np.full([9, 12], 90 * 257, np.uint16)).save(folder / "106.png")
    Image.new("RGB", (1, 1)).save(folder / "202.png")
    (folder / "203.png").write_text("no image")
    (folder / "204.png").write_bytes(b"")
    for name in ("205.png", "301.png", "302.png"):  # The last two are in no list at all.
        solid(folder / name, 200)
    return folder


def pairs():
    """(image, caption), the bad ones among the good ones."""
    rows = [(name, text) for name, (texts, _) in GOOD.items() for text in texts]
    rows[3:3] = [(name, "fine") for name in BAD_IMAGES if name != "205.png"]
    return rows[:5] + [("205.png", text) for text in BAD_CAPTIONS] + rows[5:]


def read_coco(folder, images):
    (folder / "images").symlink_to(images)
    (folder / "annotations").mkdir()
    ids = {name: number for number, name in enumerate([*GOOD, *BAD_IMAGES])}
    content = {
        "images": [{"id": number, "file_name": name} for name, number in ids.items()],
        "annotations": [
            {"image_id": ids[name], "id": number, "caption": text}
            for number, (name, text) in enumerate(pairs())
        ],
    }
    (folder / "annotations/captions_train2017.json").write_text(json.dumps(content))
    return lambda **settings: coco(str(folder), SIZE, validation_share=0.2, **settings)


def read_flickr30k(folder, images):
    (folder / "flickr30k_images").symlink_to(images)
    lines = [f"{name}#{number}\t{text}" for number, (name, text) in enumerate(pairs())]
    (folder / "results_20130124.token").write_text("\n".join(lines), encoding="utf-8")
    return lambda **settings: flickr30k(str(folder), SIZE, test_share=0.0, **settings)


def read_folder(folder, images):
    file = folder / "captions.jsonl"
    lines = [json.dumps({"file_name": name, "text": text}) for name, text in pairs()]
    file.write_text("\n".join(lines), encoding="utf-8")
    return lambda **settings: captioned_folder(
        str(images), str(file), SIZE, test_share=0.0, **settings
    )


def examples(splits):
    """Name -> captions and mean colour, of all splits."""
    found = {}
    for source in (splits.train, splits.validation, splits.test):
        batch = source.load(tf.range(source.count, dtype=tf.int64))
        batch = {name: value.numpy() for name, value in batch.items()}
        for name, texts, count, image in zip(
            batch["file_name"], batch["captions"], batch["caption_count"], batch["image"]
        ):
            captions = [text.decode() for text in texts[:count]]
            found[name.decode()] = (captions, image.mean((0, 1)))
    return found


@pytest.mark.parametrize("make", [read_coco, read_flickr30k, read_folder])
def test_a_mess_is_told_and_the_rest_kept(make, images, tmp_path, caplog):
    read = make(tmp_path, images)
    with pytest.raises(DataError) as error:
        read()
    count = len(pairs())
    assert f"3 of {count} captions ({3 / count:.2%})" in str(error.value)
    for reason in BAD_CAPTIONS.values():
        assert reason in str(error.value)
    with pytest.raises(DataError) as error:
        read(max_bad_share=0.3)
    assert "6 of 12 images with captions (50.00%)" in str(error.value)
    for name, reason in BAD_IMAGES.items():
        assert f"{name}: {reason}" in str(error.value)

    with caplog.at_level(logging.WARNING, "tfgen.data"):
        splits = read(max_bad_share=0.5)
    found = examples(splits)
    assert {name: texts for name, (texts, _) in found.items()} == {
        name: texts for name, (texts, _) in GOOD.items()
    }
    for name, (_, colour) in GOOD.items():
        np.testing.assert_allclose(found[name][1], colour, atol=3, err_msg=name)
    skipped = splits.description["skipped"]
    assert (skipped["images"]["count"], skipped["captions"]["count"]) == (6, 3)
    if make is not read_coco:
        assert "2 of 12 image files" in caplog.text and "301.png: has no caption" in caplog.text
        assert skipped["without_captions"]["count"] == 2


def test_ids_and_numbers_out_of_range(tmp_path):
    """An id of more than 64 bits is that image's problem; a number of 5000 digits the file's."""
    read = read_coco(tmp_path, tmp_path)
    file = tmp_path / "annotations/captions_train2017.json"
    content = json.loads(file.read_text())
    content["images"][0]["id"] = 2**70
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"101.jpg: has the id 1180591620717411303424, wanted one"):
        read(max_bad_share=0.9)
    file.write_text('{"images": [{"id": ' + "1" * 5000 + "}]}")
    with pytest.raises(DataError, match=r"train2017.json cannot be read: .*limit"):
        read()


def test_names_that_are_no_utf8(tmp_path):
    for number, name in enumerate((b"caf\xe9.png", b"\xff.png", b"plain.png")):
        path = os.fsdecode(os.path.join(os.fsencode(tmp_path), name))
        Image.new("RGB", (9, 9), (50 * number,) * 3).save(path)
    file = tmp_path / "captions.json"
    names = ["caf\udce9.png", "\udcff.png", "plain.png", "\ud800.png"]
    file.write_text(json.dumps([{"image": name, "caption": "x"} for name in names]))
    splits = captioned_folder(str(tmp_path), str(file), SIZE, test_share=0.0, max_bad_share=0.5)
    assert splits.description["skipped"]["images"]["names"] == [f"{tmp_path}/\\ud800.png"]
    names = set()
    for source in (splits.train, splits.validation):
        names |= set(source.load(tf.range(source.count, dtype=tf.int64))["file_name"].numpy())
    assert names == {b"caf\xe9.png", b"\xff.png", b"plain.png"}


def test_a_cell_longer_than_tables_may_have_is_told(tmp_path):
    solid(tmp_path / "1.png", 10)
    solid(tmp_path / "2.png", 20)
    file = tmp_path / "c.csv"
    file.write_text(f"image,caption\n1.png,{'y' * 200_000}\n1.png,a\n2.png,b\n")
    with pytest.raises(DataError, match="line 2: has cells that cannot be read .*field limit"):
        captioned_folder(str(tmp_path), str(file), SIZE)


@pytest.mark.parametrize("name", ["captions.json", "captions.jsonl"])
def test_cut_off_files_of_captions(tmp_path, name):
    """JSON is refused as a whole; of lines only the last one is lost."""
    for number in range(1, 7):
        solid(tmp_path / f"{number}.png", number)
    rows = [{"file_name": f"{number}.png", "text": "a b c"} for number in range(1, 7)]
    whole = json.dumps(rows) if name.endswith("json") else "\n".join(map(json.dumps, rows))
    (tmp_path / name).write_text(whole[:-9])
    if name.endswith("json"):
        with pytest.raises(DataError, match=r"captions.json is not valid JSON: .* copied whole\?"):
            captioned_folder(str(tmp_path), str(tmp_path / name), SIZE)
        return
    splits = captioned_folder(
        str(tmp_path), str(tmp_path / name), SIZE, test_share=0.0, max_bad_share=0.2
    )
    assert splits.description["captions"] == 5
    assert splits.description["skipped"]["captions"]["names"] == ["captions.jsonl, line 6"]
