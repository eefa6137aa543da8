"""The recipes of PixelCNN++: settings of every preset, data in CIFAR-10's files, one whole run."""

import dataclasses
import importlib
import json

import numpy as np
import pytest
import tensorflow as tf

import recipes.pixelcnnpp_digits as digits_recipe
from recipes.command_line import main
from tfgen import serving
from tfgen.data import write_cifar10
from tfgen.training import RunDirectory, learning_rate_schedule, load_config
from zoo.pixelcnn import PixelCNN

PRESETS = ("smoke", "quick", "embedded", "paper")
# Image side, channels and values of a pixel.
IMAGES = {"pixelcnnpp_digits": (8, 1, 17), "pixelcnnpp_cifar10": (32, 3, 256)}


def recipe_of(name):
    return importlib.import_module(f"recipes.{name}")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", IMAGES)
def test_every_preset_is_valid_fits_its_images_and_can_be_read_again(name, preset, tmp_path):
    recipe = recipe_of(name)
    config = load_config(recipe.config(preset))
    assert (config.recipe, config.preset) == (name, preset) and recipe.PRESETS == PRESETS
    model = config.model
    assert (model.image_size, model.channels, model.values) == IMAGES[name]
    assert model.architecture == "plus_plus"
    if preset == "quick":
        assert config.seeds == 3
    run = RunDirectory.create(tmp_path, name, config)
    assert recipe.read_config(run).as_dict() == config.as_dict()


def test_paper_settings_are_those_of_the_paper_and_its_code():
    config = recipe_of("pixelcnnpp_cifar10").config("paper")
    model, training = config.model, config.training
    assert (model.filters, model.residual_layers, model.resolutions) == (160, 5, 3)
    assert (model.mixtures, model.dropout) == (10, 0.5)
    assert (training.optimizer, training.learning_rate) == ("adam", 1e-3)
    assert training.average_decay == 0.9995 and training.weight_decay == training.clip_norm == 0
    assert (config.beta_1, config.beta_2) == (0.95, 0.9995)
    rate = learning_rate_schedule(training)
    for step in (1, 1000, 100_000):
        # In float32 0.999995 is rounded.
        assert float(rate(step)) == pytest.approx(1e-3 * 0.999995**step, rel=1e-2)
    gated = load_config(config, overrides=["model.architecture=gated", "model.classes=10"])
    assert (gated.model.architecture, gated.model.classes) == ("gated", 10)


def test_test_images_do_not_choose_the_checkpoint():
    recipe = recipe_of("pixelcnnpp_cifar10")
    assert recipe.config("paper").checkpoint() == "best"
    without = load_config(recipe.config("paper"), overrides=["data.validation_share=0"])
    assert without.checkpoint() == "last"
    assert digits_recipe.config("paper").checkpoint() == "best"


def test_images_are_those_of_the_folder(tmp_path):
    parts = write_cifar10(tmp_path, 7)
    *train, test = (images for images, _ in parts.values())
    recipe = recipe_of("pixelcnnpp_cifar10")
    config = load_config(recipe.config("smoke"), overrides=[f"data.directory={tmp_path}"])
    splits = recipe.load_data(config)

    def pixels(*sources):
        batches = [next(iter(source.batches(source.count))) for source in sources]
        return sorted(image.tobytes() for batch in batches for image in batch["image"].numpy())

    assert pixels(splits.train, splits.validation) == sorted(
        image.tobytes() for image in np.concatenate(train)
    )
    assert pixels(splits.test) == sorted(image.tobytes() for image in test)


def test_cifar10_smoke_needs_no_data_and_noise_costs_eight_bits():
    recipe = recipe_of("pixelcnnpp_cifar10")
    config = recipe.config("smoke")
    batch = next(iter(recipe.load_data(config).train.batches(2)))
    assert batch["image"].shape == [2, 32, 32, 3]
    # The smallest network of the recipe's kind: this is about the data.
    model = PixelCNN(dataclasses.replace(config.model, resolutions=1))
    bits = model.objective(batch, training=False)["bits_per_dim"].numpy()
    assert (bits > 7.9).all() and (bits < 14.0).all()


def test_without_data_one_sentence_says_what_is_wanted(tmp_path, capsys):
    arguments = ["train", "pixelcnnpp_cifar10", "--output", str(tmp_path / "runs")]
    arguments += ["--preset", "quick", "--set", f"data.directory={tmp_path}"]
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert "cifar-10-batches-py" in message and str(tmp_path) in message


@pytest.fixture(scope="class")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    assert main(["train", "pixelcnnpp_digits", "--preset", "smoke", "--output", str(output)]) == 0
    (path,) = (output / "pixelcnnpp_digits").iterdir()
    return RunDirectory.open(path)


@pytest.mark.slow
class TestDigitsRun:
    def test_report_export_and_checkpoint_agree(self, finished):
        assert finished.finished
        numbers = json.loads((finished.path / "report.json").read_text())
        assert numbers["bits_per_dim"] == numbers["bits_per_dim_seed_0"]
        assert "bits_per_dim_std" not in numbers and numbers["seconds_per_image"] > 0
        bits = -numbers["nats"] / 64 / np.log(2)
        assert numbers["bits_per_dim"] == pytest.approx(bits)
        assert finished.history("seed_0")[-1]["step"] == 2
        report = (finished.path / "report.md").read_text()
        assert f"| {numbers['bits_per_dim']:.4f} | " in report and "±" not in report
        assert "Of one training there is no spread." in report
        assert f"{numbers['parameters']:,} parameters" in report
        for name in ("samples", "training"):
            size = tf.io.decode_png((finished.figures / f"{name}.png").read_bytes()).shape
            assert min(size[:2]) > 100

        data = digits_recipe.load_data(digits_recipe.config("smoke"))
        images = next(iter(data.test.batches(8)))["image"]
        served = serving.load(finished.path / "export")
        scores = served.log_prob(images=images)
        assert float(np.mean(scores["log_prob"])) == pytest.approx(numbers["nats"], rel=1e-5)
        model = digits_recipe.load_model(finished)
        np.testing.assert_allclose(scores["log_prob"], model.log_prob(images), rtol=1e-5)
        with pytest.raises(serving.ServingError, match="images of this model are 0 .. 16; got"):
            served.log_prob(images=np.full([1, 8, 8, 1], 255, np.uint8))
        drawn = served.sample(count=3, seed=1)["images"]
        assert drawn.shape == (3, 8, 8, 1) and drawn.max() < 17
