"""The recipe of the VLVAE on Two Objects, run at smoke size by the command line."""

import dataclasses
import json
import math
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from recipes import vlvae_two_objects as recipe
from recipes.command_line import main
from tests.recipes.smoke_runs import smoke_run
from tfgen import serving
from tfgen.data.two_objects_text import SLOTS
from tfgen.training import ConfigError, RunDirectory, flatten, load_config, save_config
from zoo.vlvae import job

TEXT = "small red rubber sphere left large blue metal cube"
# What issue 2 asks report.json for, and the paper's tables.
NUMBERS = """
classifier_accuracy correctness_real correctness_reconstruction correctness_q_true
correctness_q_agg correctness_prior correctness_aggregate_prior log_p_x_given_y_q_true
log_p_x_given_y_q_agg log_p_x_given_y_q_true_importance log_p_x_given_y_q_agg_importance
log_p_x_prior log_p_x_aggregate_prior log_p_y_prior log_p_y_aggregate_prior kl
posterior_to_aggregate aggregate_to_prior word_entropy_relation word_entropy_first_colour
wall_seconds
""".split()


@pytest.fixture(scope="module", autouse=True)
def rendered_once():
    """All tests of this file see the same small data set; rendering is tested elsewhere."""
    known, keep = {}, recipe.keep_in_memory

    def keep_once(splits, cache):
        key = str(splits.description)
        known[key] = known.get(key) or keep(splits, cache)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "keep_in_memory", keep_once)
        yield


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The directory of a finished run."""
    runs = tmp_path_factory.mktemp("copy") / "runs"
    shutil.copytree(smoke_run(tmp_path_factory, "vlvae_two_objects"), runs)
    (run,) = (runs / "vlvae_two_objects").iterdir()
    return run


@pytest.fixture(scope="module")
def report(path):
    return json.loads((path / "report.json").read_text())


@pytest.mark.slow
class TestReport:
    def test_has_every_number_that_was_asked_for(self, report):
        assert set(NUMBERS) <= set(report)
        assert all(isinstance(value, float) and math.isfinite(value) for value in report.values())

    def test_numbers_that_can_be_known(self, report):
        assert report["correctness_real"] > 97, "the classifier reads real images"
        for name, value in report.items():
            if name.startswith("correctness"):
                assert 5 < value <= 100, "chance is 36"
        whole = report["posterior_to_aggregate"] + report["aggregate_to_prior"]
        assert abs(whole - report["kl"]) < 1e-3 * report["kl"]
        assert report["posterior_to_aggregate"] <= math.log(32) + 1e-6
        for name in ("log_p_x_prior", "log_p_x_given_y_q_agg", "log_p_x_given_y_q_true"):
            assert report[name] <= report[f"{name}_importance"], "more draws, tighter bound"
        # An untrained decoder knows next to nothing of 9 words out of 19.
        assert abs(report["log_p_y_prior"] + 9 * math.log(19)) < 2
        assert abs(report["word_entropy_relation"] - math.log(19)) < 0.3

    def test_markdown_shows_the_same_numbers_and_figures_that_exist(self, path, report):
        page = (path / "report.md").read_text()
        for name in NUMBERS[2:9]:
            assert f"{report[name]:.2f}" in page, name
        assert "preset smoke, seed 0" in page
        pictures = re.findall(r"!\[.*?\]\((.*?)\)", page)
        assert len(pictures) == 5
        for picture in pictures:
            assert (path / picture).is_file()


@pytest.mark.parametrize(
    "name, least",
    [
        ("text_to_images", (900, 700)),
        ("samples", (900, 400)),
        ("reconstructions", (900, 900)),
        ("training", (900, 200)),
        ("fits", (700, 200)),
    ],
)
def test_figures_are_pictures(path, name, least):
    image = np.asarray(Image.open(path / "figures" / f"{name}.png").convert("RGB"))
    assert image.shape[1] >= least[0] and image.shape[0] >= least[1]
    colours = np.unique(image.reshape(-1, 3), axis=0)
    assert len(colours) > 50 and image.std() > 10
    ink = (image < 200).any(-1)
    assert ink.any(0).mean() > 0.4, "drawn over the width"


def test_run_directory_shows_all_phases(path):
    run = RunDirectory.open(path)
    assert run.finished
    for phase in ("vlvae", "q_true", "q_agg", "aggregate_prior"):
        assert [row["step"] for row in run.history(phase)] == [2, 4]
        events = list(run.tensorboard(phase).rglob("events.*"))
        assert events, phase
    assert list(run.tensorboard("vlvae").rglob("projector_config.pbtxt"))
    assert recipe.read_config(run) == recipe.config("smoke")


class TestExport:
    @pytest.fixture(scope="class")
    def model(self, path):
        return serving.load(path / "export")

    def test_card(self, model, report):
        card = model.card
        assert (card.name, card.system) == ("vlvae_two_objects", "vlvae")
        assert card.metrics == pytest.approx(report)
        assert card.training["preset"] == "smoke" and card.training["steps"] == 4
        assert len(card.vocabulary) == 19 and card.examples["texts"] == [TEXT]

    def test_serves_the_densities_that_were_fitted(self, path, model):
        """It draws from q_Agg(z|y) and from q_phi(z) of the run's checkpoints."""
        generator = recipe.load_model(RunDirectory.open(path))
        images = model.images_from_text(texts=[TEXT], count=3, seed=4)["images"]
        assert images.shape == (1, 3, 32, 32, 3)
        wanted = generator.images_from_text([TEXT], 3, 4).numpy()
        assert np.abs(images.astype(int) - wanted).max() <= 1
        pairs, wanted = model.sample(count=3, seed=5), generator.sample(3, 5)
        assert np.abs(pairs["images"].astype(int) - wanted["images"]).max() <= 1
        assert [text.encode() for text in pairs["texts"]] == wanted["texts"].numpy().tolist()
        assert all(
            word in slot for text in pairs["texts"] for word, (_, slot) in zip(text.split(), SLOTS)
        )

    def test_sample_command(self, path, tmp_path, capsys):
        file = tmp_path / "out.png"
        command = ["sample", str(path), "--text", TEXT, "--count", "2", "--output", str(file)]
        assert main(command) == 0
        assert np.asarray(Image.open(file)).std() > 5
        wrong = TEXT.replace("red", "pink")
        assert main([*command[:3], wrong, *command[4:]]) == 2
        message = capsys.readouterr().err
        assert "pink" in message
        assert all(word in message for _, slot in SLOTS for word in slot)

    def test_measured_again_through_its_signatures(self, path, report):
        numbers = recipe.evaluate_export(path / "export" / "1")
        assert numbers["examples"] == 16
        assert numbers["correctness_real"] == report["correctness_real"]
        # Another draw of the same densities on the same 16 texts, 128 words.
        for name in ("correctness_q_agg", "correctness_aggregate_prior"):
            assert abs(numbers[name] - report[name]) < 30
        kl_part = report["log_p_x_prior"] + report["log_p_y_prior"]
        assert abs(numbers["elbo"] / kl_part - 1) < 0.2


def test_evaluate_gives_the_report_again(path, report, capsys):
    assert main(["evaluate", str(path)]) == 0
    printed = dict(re.findall(r"^  (\w+) +(\S+)$", capsys.readouterr().out, re.MULTILINE))
    assert set(printed) == set(report) - {"wall_seconds"}
    for name, value in printed.items():
        assert float(value) == pytest.approx(report[name], rel=2e-3, abs=2e-3), name


def test_resume_trains_no_finished_phase_again(path, report, monkeypatch):
    about = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**about, "finished": False}))
    monkeypatch.setattr(job, "measure", lambda *_: dict(report))
    monkeypatch.setattr(job, "draw", lambda *_: None)
    monkeypatch.setattr(recipe.JOB, "write", lambda *_: None)
    monkeypatch.setattr(tf.keras.Model, "fit", lambda *_, **__: pytest.fail("it trained again"))
    output = str(path.parent.parent)
    command = ["train", "vlvae_two_objects", "--preset", "smoke", "--output", output, "--resume"]
    assert main(command) == 0
    assert list(path.parent.iterdir()) == [path] and RunDirectory.open(path).finished
    again = json.loads((path / "report.json").read_text())
    assert again.pop("wall_seconds") > report["wall_seconds"]
    assert again.items() <= report.items()


class TestConfigurations:
    @pytest.mark.parametrize("preset", recipe.PRESETS)
    def test_presets_are_valid_and_survive_a_file(self, preset, tmp_path):
        config = recipe.config(preset)
        assert config.preset == preset
        save_config(config, tmp_path / "config.yaml")
        again = load_config(recipe.RecipeConfig(), tmp_path / "config.yaml")
        assert flatten(again) == flatten(config)

    @pytest.mark.parametrize(
        "setting, message",
        [
            ("data.objects=3", "data.objects: got 3; wanted 1 or 2"),
            ("model.objective=jmva", "model.objective: got 'jmva'.*Did you mean jmvae"),
            ("model.objective=vlvae_joint", "has no q.z.x. .*; wanted vlvae, telbo or jmvae"),
            ("model.image_size=33", "model.image_size 33 is not divisible by 4 = patch_size 2"),
        ],
    )
    def test_wrong_settings_are_told_before_anything_is_rendered(self, setting, message):
        with pytest.raises(ConfigError, match=message):
            load_config(recipe.config("smoke"), overrides=[setting])

    def test_one_object_has_four_words(self):
        config = recipe.config("smoke")
        config.data = dataclasses.replace(config.data, objects=1)
        data, model = recipe.load_data(config), recipe.make_vlvae(config, "float32")
        assert data.train.features["words"].shape == [4]
        assert model.vocabulary.length == 4
        words = next(iter(data.test.batches(2)))
        np.testing.assert_array_equal(model.vocabulary.encode(words["text"]), words["words"])
