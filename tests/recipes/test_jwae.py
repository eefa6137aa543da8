"""The recipes of jWAE: settings of every preset, and one whole run on rendered scenes."""

import importlib
import itertools
import json

import numpy as np
import pytest
import tensorflow as tf

import recipes.jwae_scenes as recipe
from recipes.command_line import main
from tests.data.caption_fixtures import write_coco, write_flickr
from tfgen import serving
from tfgen.data.scenes_captions import NUMBERS_EACH, SceneDescription, SceneObject, scene_captions
from tfgen.training import ConfigError, RunDirectory, load_config
from zoo.jwae import sentences, trainings

PHOTOGRAPHS = ("jwae_coco", "jwae_flickr30k")


def recipe_of(name):
    return importlib.import_module(f"recipes.{name}")


class TestPhotographs:
    @pytest.mark.parametrize("name", PHOTOGRAPHS)
    @pytest.mark.parametrize("preset", recipe.PRESETS)
    def test_every_preset_is_valid_and_can_be_read_again(self, name, preset, tmp_path):
        module = recipe_of(name)
        config = load_config(module.config(preset))
        assert (config.recipe, config.preset) == (name, preset)
        run = RunDirectory.create(tmp_path, name, config)
        assert module.read_config(run).as_dict() == config.as_dict()

    @pytest.mark.parametrize("name, images", zip(PHOTOGRAPHS, (113_287, 29_783)))
    def test_paper_has_the_thesis_sizes_and_the_released_length(self, name, images):
        config = recipe_of(name).config("paper")
        training, model = config.training, config.model
        epochs = training.steps * training.batch_size / (5 * images)
        assert 29.9 < epochs < 30.1
        assert (training.learning_rate, config.discriminator_learning_rate) == (1e-4, 5e-5)
        assert (model.image.type, model.image.size, model.code_size) == ("vectors", 2048, 1024)
        assert (model.text.embedding_size, model.text.word_dropout) == (300, 0.2)
        assert model.discriminator_units == (256, 256) and model.margin == 0.2
        assert training.batch_size == 128
        assert config.hinge_weights == (0.5 / 128, 0.005 / 128, 0.01 / 128)
        assert config.mse_weights == (1.0, 1.0, 0.2)

    @pytest.mark.parametrize("name", PHOTOGRAPHS)
    def test_data_are_those_of_the_folder(self, name, tmp_path):
        if name == "jwae_coco":
            write_coco(tmp_path, train=60)
        else:
            write_flickr(tmp_path, "token", count=60)
        module = recipe_of(name)
        config = load_config(module.config("smoke"), overrides=[f"directory={tmp_path}"])
        data = module.load_data(config)
        assert data.train.count + data.validation.count + data.test.count in (60, 63)
        batch = next(iter(data.train.batches(2)))
        assert batch["image"].shape == [2, 16, 16, 3]
        word = "picture" if name == "jwae_coco" else "man"
        assert word in sentences(config, data.train).words

    def test_what_is_missing_is_told(self, tmp_path):
        module = recipe_of("jwae_coco")
        with pytest.raises(ConfigError, match="weights: got ''; wanted the path of the weights"):
            module.load_data(module.config("paper"))
        with pytest.raises(ConfigError, match="directory: got ''; wanted the folder of coco"):
            module.load_data(module.config("quick"))

    @pytest.mark.slow
    def test_smoke_runs_and_exports(self, tmp_path):
        assert main(["train", "jwae_coco", "--preset", "smoke", "--output", str(tmp_path)]) == 0
        (path,) = (tmp_path / "jwae_coco").iterdir()
        numbers = json.loads((path / "report.json").read_text())
        # Of 8 images all are among the first 10.
        assert numbers["text_to_image_recall@10_jwae_mh_test"] == 100.0
        served = serving.load(path / "export")
        assert served.encode_texts(texts=["A red ball!"])["codes"].shape == (1, 4)


@pytest.mark.parametrize("preset", recipe.PRESETS)
def test_every_preset_is_valid_and_can_be_read_again(preset, tmp_path):
    config = load_config(recipe.config(preset))
    assert (config.recipe, config.preset) == ("jwae_scenes", preset)
    run = RunDirectory.create(tmp_path, "jwae_scenes", config)
    assert recipe.read_config(run).as_dict() == config.as_dict()
    phases = [training.phase for training in trainings(config)]
    assert len(set(phases)) == len(phases)
    if preset == "quick":
        assert config.seeds == 3 and len(phases) == 24
    if preset in ("embedded", "paper"):
        assert config.labelled_shares == (1.0, 0.5, 0.25) and len(set(config.variants)) == 7


@pytest.mark.parametrize(
    "setting, message",
    [
        ("variants=[jwae]", "variants: got .'jwae'.; wanted some of"),
        ("labelled_shares=[0.0]", "labelled_shares: got .0.0.; wanted shares in"),
        ("hinge_weights=[1.0, 0.1]", "hinge_weights: got .1.0, 0.1.; wanted three numbers"),
        ("seeds=0", "seeds: got 0"),
        ("model.image.image_size=30", "image_size: got 30"),
        ("model.text.type=vectors", "model.text.type: got 'vectors'; wanted 'words'"),
    ],
)
def test_wrong_settings_are_told(setting, message):
    with pytest.raises(ConfigError, match=message):
        load_config(recipe.config("quick"), overrides=[setting])


def test_no_caption_of_the_scenes_is_cut():
    """The longest has all four objects with size and colour, a frame and a ground."""
    objects = [
        SceneObject(kind, "cyan", "small", 0.2 + 0.2 * i, right=float(i), forward=float(i))
        for i, kind in enumerate(("ball", "cube", "tree", "cone"))
    ]
    # With low numbers all objects and attributes are said; two high ones choose frame and ground.
    high = list(itertools.combinations(range(NUMBERS_EACH), 2))
    numbers = np.full([len(high), NUMBERS_EACH], 0.1)
    for row, places in zip(numbers, high):
        row[list(places)] = 0.8
    captions = scene_captions(SceneDescription("lawn", tuple(objects)), numbers, len(high))
    longest = max(len(caption.replace(",", " ").split()) for caption in captions)
    assert longest == 24
    for preset in recipe.PRESETS:
        assert recipe.config(preset).length == longest + 2


def test_a_comparison_as_released_has_every_method():
    config = load_config(recipe.config("embedded"), overrides=["model.as_released=true"])
    assert config.model.as_released and len(config.variants) == 7


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    assert main(["train", "jwae_scenes", "--preset", "smoke", "--output", str(output)]) == 0
    (path,) = (output / "jwae_scenes").iterdir()
    return RunDirectory.open(path)


@pytest.mark.slow
class TestScenesRun:
    def test_report_has_every_method_on_both_test_sets(self, finished):
        assert finished.finished
        numbers = json.loads((finished.path / "report.json").read_text())
        report = (finished.path / "report.md").read_text()
        for group in ("jwae_mh", "jwae_mh_50", "cca"):
            for test, images in (("test", 12), ("held_out", 8)):
                recalls = [
                    numbers[f"{way}_recall@{k}_{group}_{test}"]
                    for way in ("image_to_text", "text_to_image")
                    for k in (1, 5, 10)
                ]
                assert recalls[:3] == sorted(recalls[:3]) and recalls[3:] == sorted(recalls[3:])
                assert numbers[f"recall_sum_{group}_{test}"] == pytest.approx(sum(recalls))
                # Of 8 images all are among the first 10.
                assert (recalls[5] == 100.0) == (images == 8)
        for title in ("jWAE-MH", "jWAE-MH, 50 % labels", "CCA"):
            assert report.count(f"| {title} |") == 2
        row = finished.history("jwae_mh_seed_0")[-1]
        assert row["step"] == 2 and row["discriminator_loss"] > 0 and row["nonfinite_steps"] == 0
        for name in ("images_of_texts", "texts_of_images", "codes"):
            size = tf.io.decode_png((finished.figures / f"{name}.png").read_bytes()).shape
            assert min(size[:2]) > 100

    def test_export_is_the_first_method(self, finished):
        served = serving.load(finished.path / "export")
        model = recipe.load_model(finished)
        assert served.card.training["method"] == "jWAE-MH" and model.discriminator is not None
        data = recipe.load_data(recipe.read_config(finished))
        batch = next(iter(data.test.batches(3)))
        images, texts = batch["image"].numpy(), batch["captions"].numpy()
        codes = served.encode_images(images=images)["codes"]
        np.testing.assert_allclose(codes, model.encode_images(images), atol=1e-5)
        similarities = served.match(images=images, texts=texts)["similarities"]
        wanted = model.match(images, texts.reshape(-1)).numpy().reshape(3, 3, 5)
        np.testing.assert_allclose(similarities, wanted[np.arange(3), np.arange(3)], atol=1e-5)

    def test_evaluating_again_gives_the_same_numbers(self, finished):
        numbers = json.loads((finished.path / "report.json").read_text())
        again = recipe.evaluate(finished)
        assert set(numbers) - set(again) == {"wall_seconds"}
        assert again == pytest.approx({name: numbers[name] for name in again}, rel=1e-5, abs=1e-6)
