"""The `tfgen` command on real exports and runs: train, resume, evaluate, sample, export."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfgen.serving
from recipes.cli import catalogue
from recipes.command_line import main
from tfgen.training import Config, TrainingConfig, TrainingInterrupted

COLOURS = {"red": [255, 0, 0], "blue": [0, 0, 255]}


class Painter(tf.Module):
    """Paints the colour that the text names; the seed is the green channel, to be seen in tests."""

    def __init__(self):
        super().__init__()
        words, colours = list(COLOURS), list(COLOURS.values())
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(words, tf.range(len(words))), -1
        )
        self.colours = tf.Variable(colours, dtype=tf.int32)

    def signatures(self):
        scalars = [
            tf.TensorSpec([], tf.int32, "count"),
            tf.TensorSpec([], tf.int64, "seed"),
            tf.TensorSpec([], tf.float32, "temperature"),
        ]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "texts"), *scalars])
        def images_from_text(texts, count, seed, temperature):
            index = self.table.lookup(texts)
            known = tf.debugging.Assert(
                tf.reduce_all(index >= 0), ["Unknown word. The vocabulary is: red blue"]
            )
            with tf.control_dependencies([known]):
                colours = tf.gather(self.colours, index)
            green = tf.cast(seed, tf.int32) * tf.constant([0, 1, 0])
            images = (colours + green)[:, tf.newaxis, tf.newaxis, tf.newaxis]
            images = tf.broadcast_to(images, [tf.shape(texts)[0], count, 16, 16, 3])
            return {"images": tf.cast(images, tf.uint8)}

        @tf.function(input_signature=scalars)
        def sample(count, seed, temperature):
            images = images_from_text(tf.constant(["red"]), count, seed, temperature)["images"]
            return {"images": images[0], "texts": tf.fill([count], "red")}

        return {"images_from_text": images_from_text, "sample": sample}


def export_painter(directory, **card):
    facts = {"name": "painter", "system": "toy", "summary": "Paints a colour.", **card}
    return tfgen.serving.export(Painter(), directory, tfgen.serving.Card(**facts))


@pytest.fixture(scope="module")
def painter(tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved_models") / "painter"
    export_painter(directory, metrics={"correctness": 0.75})
    return directory


def colours_of(path: pathlib.Path):
    """The colours of the images of a sheet: all that cover more than a thousand pixels."""
    pixels = np.asarray(Image.open(path)).reshape(-1, 3)
    values, counts = np.unique(pixels, axis=0, return_counts=True)
    return {
        tuple(value): count
        for value, count in zip(values.tolist(), counts.tolist())
        if count > 1000 and value != [255, 255, 255]
    }


class TestSample:
    def test_each_sentence_gets_a_row(self, painter, tmp_path, capsys):
        output = tmp_path / "new" / "out.png"
        words = ["--text", "red", "--text", "blue", "--count", "3", "--seed", "5"]
        assert main(["sample", str(painter), *words, "--output", str(output)]) == 0
        area = 3 * 128 * 128
        assert colours_of(output) == {(255, 5, 0): area, (0, 5, 255): area}
        assert "6 images of 16 x 16 pixels" in capsys.readouterr().out

    def test_free_samples_fill_rows_of_eight(self, painter, tmp_path):
        output = tmp_path / "out.png"
        assert main(["sample", str(painter / "1"), "--count", "9", "--output", str(output)]) == 0
        assert colours_of(output) == {(255, 0, 0): 9 * 128 * 128}
        assert Image.open(output).size[0] == 8 * 128 + 9 * 8

    def test_unknown_word_lists_the_vocabulary(self, painter, tmp_path, capsys):
        output = tmp_path / "out.png"
        assert main(["sample", str(painter), "--text", "green", "--output", str(output)]) == 2
        error = capsys.readouterr().err
        assert "The vocabulary is: red blue" in error
        assert "node" not in error
        assert "Traceback" not in error
        assert not output.exists()

    @pytest.mark.parametrize(
        ("left", "words", "hint"),
        [
            ("sample", ["--text", "red"], "no signature 'images_from_text' (leave --text away)"),
            ("images_from_text", [], "no signature 'sample' (give it a sentence with --text)"),
        ],
    )
    def test_export_that_cannot_do_it(self, tmp_path, capsys, left, words, hint):
        signatures = {left: Painter().signatures()[left]}
        card = tfgen.serving.Card(name="half", system="toy", summary="Half a painter.")
        tfgen.serving.export(signatures, tmp_path / "half", card)
        output = tmp_path / "out.png"
        assert main(["sample", str(tmp_path / "half"), *words, "--output", str(output)]) == 2
        assert hint in capsys.readouterr().err

    def test_samples_that_are_no_images_are_told(self, tmp_path, capsys):
        @tf.function(
            input_signature=[
                tf.TensorSpec([], tf.int32, name="count"),
                tf.TensorSpec([], tf.int64, name="seed"),
                tf.TensorSpec([], tf.float32, name="temperature"),
            ]
        )
        def sample(count, seed, temperature):
            return {"point": temperature * tf.zeros([count, 2]) + tf.cast(seed, tf.float32)}

        card = tfgen.serving.Card(name="points", system="toy", summary="Draws points.")
        tfgen.serving.export({"sample": sample}, tmp_path / "points", card)
        output = tmp_path / "out.png"
        assert main(["sample", str(tmp_path / "points"), "--output", str(output)]) == 2
        assert "draws no images, but point" in capsys.readouterr().err
        assert not output.exists()

    def test_few_grey_levels_are_spread(self, tmp_path):
        @tf.function(
            input_signature=[
                tf.TensorSpec([], tf.int32, name="count"),
                tf.TensorSpec([], tf.int64, name="seed"),
                tf.TensorSpec([], tf.float32, name="temperature"),
            ]
        )
        def sample(count, seed, temperature):
            level = tf.cast(16.0 * temperature + 0.0 * tf.cast(seed, tf.float32), tf.uint8)
            return {"images": tf.fill([count, 4, 4, 1], level)}

        card = tfgen.serving.Card(
            name="grey", system="toy", summary="Draws grey.", data={"levels": 17}
        )
        tfgen.serving.export({"sample": sample}, tmp_path / "grey", card)
        output = tmp_path / "out.png"
        for temperature, value in (("1.0", 255), ("0.5", 128)):
            arguments = ["--temperature", temperature, "--output", str(output)]
            assert main(["sample", str(tmp_path / "grey"), *arguments]) == 0
            inside = np.asarray(Image.open(output))[60:70, 60:70]
            assert (inside == value).all()

    def test_same_seed_same_file(self, painter, tmp_path):
        files = [tmp_path / "a.png", tmp_path / "b.png"]
        for file in files:
            main(["sample", str(painter), "--seed", "3", "--output", str(file)])
        assert files[0].read_bytes() == files[1].read_bytes()

    def test_damaged_export_is_told(self, painter, tmp_path, capsys):
        damaged = tmp_path / "damaged"
        version = export_painter(damaged)
        (version / "saved_model.pb").write_bytes(b"not a graph")
        assert main(["sample", str(damaged), "--output", str(tmp_path / "a.png")]) == 2
        assert "damaged" in capsys.readouterr().err


class TestExport:
    def test_card_and_numbers(self, painter, capsys):
        assert main(["card", str(painter)]) == 0
        assert "Paints a colour." in capsys.readouterr().out
        assert main(["evaluate", str(painter)]) == 0
        assert "correctness  0.75" in capsys.readouterr().out


@dataclasses.dataclass
class ToyConfig(Config):
    recipe: str = "toy"
    preset: str = "smoke"
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


@pytest.fixture
def toy(monkeypatch):
    """A recipe `toy` that the command finds; its `stop` attribute is raised in the middle."""
    module = types.ModuleType("recipes.toy")
    module.stop = None
    module.seen = []

    def run(config, run_directory):
        module.seen.append((config.training.batch_size, config.training.strategy))
        if module.stop is not None:
            raise module.stop
        run_directory.write_report({"loss": 1.5}, "# Toy")
        return {"loss": 1.5}

    module.run = run
    module.config = lambda preset: ToyConfig(preset=preset)
    module.evaluate = lambda run_directory: {"recipe_of_run": run_directory.recipe, "loss": 1.25}
    module.export = lambda run_directory, directory: export_painter(directory)
    monkeypatch.setitem(sys.modules, "recipes.toy", module)
    monkeypatch.setattr(
        catalogue,
        "find_recipes",
        lambda: {"toy": catalogue.Recipe("toy", "toy", ("smoke", "quick"), "A toy.")},
    )
    return module


def only_run(folder):
    runs = list((folder / "toy").iterdir())
    assert len(runs) == 1
    return runs[0]


class TestTrain:
    def test_settings_reach_the_recipe_and_the_run_is_finished(self, toy, tmp_path, capsys):
        words = ["--set", "training.batch_size=7", "--strategy", "one_device"]
        assert main(["train", "toy", *words, "--output", str(tmp_path)]) == 0
        assert toy.seen == [(7, "one_device")]
        run = only_run(tmp_path)
        assert json.loads((run / "run.json").read_text())["finished"] is True
        assert f"Report:  {run / 'report.md'}" in capsys.readouterr().out

    def test_file_of_settings_goes_under_set(self, toy, tmp_path):
        file = tmp_path / "mine.yaml"
        file.write_text("training:\n  batch_size: 3\n  strategy: one_device\n")
        words = ["--config", str(file), "--set", "training.batch_size=4"]
        assert main(["train", "toy", *words, "--output", str(tmp_path / "runs")]) == 0
        assert toy.seen == [(4, "one_device")]

    @pytest.mark.parametrize(
        ("setting", "expected"),
        [
            ("training.batch_sise=4", "Did you mean training.batch_size?"),
            ("training.batch_size=four", "training.batch_size: got 'four' (str); wanted int"),
            ("training.batch_size", "wanted key=value"),
        ],
    )
    def test_wrong_setting(self, toy, tmp_path, capsys, setting, expected):
        assert main(["train", "toy", "--set", setting, "--output", str(tmp_path / "runs")]) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert "Traceback" not in error
        assert not (tmp_path / "runs").exists(), "a run was made for settings that are wrong"

    def test_resume_goes_on_in_the_same_directory(self, toy, tmp_path, capsys):
        command = ["train", "toy", "--output", str(tmp_path)]
        toy.stop = TrainingInterrupted("SIGTERM: stopped at step 3", signal.SIGTERM, 3)
        assert main(command) == 128 + signal.SIGTERM
        assert "stopped at step 3" in capsys.readouterr().err
        toy.stop = None
        assert main([*command, "--resume"]) == 0
        assert only_run(tmp_path)

    def test_new_run_mentions_the_unfinished_one(self, toy, tmp_path, capsys):
        command = ["train", "toy", "--output", str(tmp_path)]
        toy.stop = KeyboardInterrupt()
        main(command)
        unfinished = only_run(tmp_path)
        toy.stop = None
        capsys.readouterr()
        main([*command, "--set", "training.batch_size=5"])
        assert "unfinished" not in capsys.readouterr().out, "its settings are others"
        main(command)
        assert f"{unfinished} is unfinished; add --resume" in capsys.readouterr().out

    def test_resume_with_other_settings_names_the_key(self, toy, tmp_path, capsys):
        command = ["train", "toy", "--output", str(tmp_path)]
        toy.stop = KeyboardInterrupt()
        assert main(command) == 130
        assert f"Resume with: tfgen train toy --output {tmp_path} --resume" in (
            capsys.readouterr().err
        )
        assert main([*command, "--resume", "--set", "training.batch_size=5"]) == 2
        assert "training.batch_size (run: 32, now: 5)" in capsys.readouterr().err

    def test_nothing_to_resume(self, toy, tmp_path, capsys):
        assert main(["train", "toy", "--output", str(tmp_path), "--resume"]) == 2
        assert "no unfinished run of toy" in capsys.readouterr().err

    def test_output_that_is_a_file(self, toy, tmp_path, capsys):
        (tmp_path / "file").write_text("")
        assert main(["train", "toy", "--output", str(tmp_path / "file")]) == 2
        assert str(tmp_path / "file") in capsys.readouterr().err


class TestRun:
    def test_evaluate_export_and_sample_a_run(self, toy, tmp_path, capsys):
        assert main(["train", "toy", "--output", str(tmp_path)]) == 0
        run = only_run(tmp_path)
        assert main(["evaluate", str(run)]) == 0
        assert "recipe_of_run  toy" in capsys.readouterr().out

        # A run without an export is exported on the way, and nothing is left in it.
        assert main(["sample", str(run), "--output", str(tmp_path / "a.png")]) == 0
        assert not (run / "export").exists()
        assert main(["export", str(run)]) == 0
        assert (run / "export" / "1" / "saved_model.pb").is_file()
        # runs/RECIPE stands for its newest run.
        assert main(["sample", str(run.parent), "--output", str(tmp_path / "b.png")]) == 0
        assert colours_of(tmp_path / "a.png") == colours_of(tmp_path / "b.png")


def test_closed_pipe_is_no_error():
    program = [sys.executable, "-m", "recipes.command_line", "list"]
    with subprocess.Popen(
        program, cwd=catalogue.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""
