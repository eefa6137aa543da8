"""The recipes of mAR-SCF: settings of every preset, data in the sets' formats, one whole run."""

import dataclasses
import importlib
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import recipes.mar_scf_digits as digits_recipe
from recipes.command_line import main
from tfgen import serving
from tfgen.data import example_seeds, write_cifar10, write_imagenet, write_mnist
from tfgen.training import ConfigError, RunDirectory, load_config
from zoo.flows import ImageFlow, PriorConfig, make_flow_distribution
from zoo.mar_scf import job, sequential_steps

PRESETS = ("smoke", "quick", "embedded", "paper")
# Image side without padding, channels and values of a pixel.
IMAGES = {
    "mar_scf_digits": (8, 1, 17),
    "mar_scf_photos": (32, 3, 256),
    "mar_scf_two_objects": (32, 3, 256),
    "mar_scf_cifar10": (32, 3, 256),
    "mar_scf_mnist": (28, 1, 256),
    "mar_scf_imagenet32": (32, 3, 256),
    "mar_scf_imagenet64": (64, 3, 256),
}
PUBLISHED = ("mar_scf_cifar10", "mar_scf_mnist", "mar_scf_imagenet32", "mar_scf_imagenet64")


def recipe_of(name):
    return importlib.import_module(f"recipes.{name}")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", IMAGES)
def test_every_preset_is_valid_fits_its_images_and_can_be_read_again(name, preset, tmp_path):
    recipe = recipe_of(name)
    config = load_config(recipe.config(preset))
    assert (config.recipe, config.preset) == (name, preset) and recipe.PRESETS == PRESETS
    side, channels, values = IMAGES[name]
    if not (preset == "smoke" and name in ("mar_scf_photos", "mar_scf_two_objects")):
        assert config.model.image_size - 2 * config.model.padding == side
    assert (config.model.channels, config.model.values) == (channels, values)
    if preset in ("quick", "embedded"):
        assert config.seeds == 3
    assert config.priors == (
        ("mar",) if preset == "paper" and name in PUBLISHED else ("gaussian", "mar")
    )
    run = RunDirectory.create(tmp_path, name, config)
    assert recipe.read_config(run).as_dict() == config.as_dict()


class TestPaper:
    @pytest.mark.parametrize("name", PUBLISHED)
    def test_settings_are_those_of_the_paper_and_the_released_code(self, name):
        """Section 3 of specs/mar_scf.md, and the values it lists as released."""
        config = recipe_of(name).config("paper")
        model, training = config.model, config.training
        assert (model.architecture, model.coupling, model.steps) == ("glow", "affine", 32)
        assert model.levels == (4 if name == "mar_scf_imagenet64" else 3)
        assert model.filters == (256 if "imagenet" in name else 512)
        assert model.dequantisation == "uniform"
        prior = {"filters": 32, "layers": 3, "kernel_sizes": (5, 5, 3), "dilations": (2, 1, 1)}
        assert model.prior == PriorConfig(peephole=True, **prior)
        assert (training.optimizer, training.learning_rate) == ("adamax", 8e-4)
        assert training.batch_size == 128 and training.schedule.type == "constant"
        assert not config.evaluation.as_released and config.data.validation_share > 0

    def test_lengths_are_3000_epochs_where_the_paper_says_so(self):
        for name, images in (("mar_scf_cifar10", 45_000), ("mar_scf_mnist", 54_000)):
            training = recipe_of(name).config("paper").training
            assert 2980 < training.steps * training.batch_size / images < 3020

    def test_mixture_variant_of_the_header_has_the_paper_s_networks(self):
        text = recipe_of("mar_scf_cifar10").__doc__
        settings = (
            "model.coupling=mixture_cdf model.steps=4 model.filters=96 training.batch_size=64"
        )
        assert settings in " ".join(text.split())
        config = load_config(
            recipe_of("mar_scf_cifar10").config("paper"), overrides=settings.split()
        )
        model = config.model
        assert (model.blocks, model.heads, model.components, model.dropout) == (10, 4, 32, 0.2)
        assert (model.coupling, model.steps, config.training.batch_size) == ("mixture_cdf", 4, 64)
        # Of 460 channels, four heads take 115 each.
        load_config(config, overrides=["model.filters=460"])
        assert 460 % model.heads == 0

    @pytest.mark.slow
    def test_sizes_are_those_of_the_released_models(self):
        """45.7 million parameters with affine couplings, and about as many with MixLogCDF."""

        def millions(**changes):
            model = dataclasses.replace(config.model, **changes)
            model.prior = dataclasses.replace(model.prior, type="channel_autoregressive")
            density = make_flow_distribution(model)
            parts = [density.flow, *density.priors]
            return sum(v.shape.num_elements() for p in parts for v in p.trainable_variables) / 1e6

        config = recipe_of("mar_scf_cifar10").config("paper")
        assert millions() == pytest.approx(45.7, rel=0.02)
        mixture = millions(coupling="mixture_cdf", steps=4, filters=96)
        assert mixture == pytest.approx(46.0, rel=0.02)


def pixels(*sources):
    """The images of sources as a sorted list of bytes."""
    batches = [next(iter(source.batches(source.count))) for source in sources]
    return sorted(image.tobytes() for batch in batches for image in batch["image"].numpy())


class TestPublishedSets:
    def written(self, name, folder):
        """Training and test images of a small set in the true files."""
        if name == "mar_scf_mnist":
            parts = write_mnist(folder, 40, 12)
            return parts["train"][0], parts["test"][0]
        if name == "mar_scf_cifar10":
            parts = write_cifar10(folder, 7)
        else:
            parts = write_imagenet(folder, IMAGES[name][0], 4)
        *train, test = (images for images, _ in parts.values())
        return np.concatenate(train), test

    @pytest.mark.parametrize("name", PUBLISHED)
    def test_data_are_those_of_the_folder(self, name, tmp_path):
        train, test = self.written(name, tmp_path)
        recipe = recipe_of(name)
        config = load_config(recipe.config("smoke"), overrides=[f"data.directory={tmp_path}"])
        splits = recipe.load_data(config)
        assert pixels(splits.train, splits.validation) == sorted(x.tobytes() for x in train)
        assert pixels(splits.test) == sorted(x.tobytes() for x in test)
        assert splits.validation.count == max(1, round(config.data.validation_share * len(train)))
        # The released protocol validates on the test images.
        released = load_config(config, overrides=["data.validation_share=0"])
        splits = recipe.load_data(released)
        assert splits.train.count == len(train)
        assert pixels(splits.validation) == pixels(splits.test)

    def test_mnist_as_released_has_a_border_and_the_protocol(self):
        recipe = recipe_of("mar_scf_mnist")
        assert recipe.effective(recipe.config("paper")) == recipe.config("paper")
        released = load_config(recipe.config("paper"), overrides=["as_released=true"])
        released = recipe.effective(released)
        model = released.model
        assert (model.image_size, model.padding, model.squeezes, model.levels) == (32, 2, None, 3)
        assert released.evaluation.as_released and released.data.validation_share == 0
        released.validate()

    @pytest.mark.parametrize("name", PUBLISHED)
    def test_smoke_needs_no_data_and_every_variable_has_a_gradient(self, name):
        recipe = recipe_of(name)
        config = recipe.config("smoke")
        splits = recipe.load_data(config)
        side, channels, _ = IMAGES[name]
        prior = dataclasses.replace(config.model.prior, type="channel_autoregressive")
        model = ImageFlow(dataclasses.replace(config.model, prior=prior))
        assert model.dimensions == side * side * channels
        if name == "mar_scf_mnist":
            assert sequential_steps(model) == 2 + 4 + 4
        else:
            assert sequential_steps(model) == channels * (3 * 2**config.model.levels - 2)
        batch = next(iter(splits.train.batches(2)))
        assert batch["image"].shape == [2, side, side, channels]
        model.initialise(batch)
        with tf.GradientTape() as tape:
            terms = model.objective(batch, training=True)
        for variable, gradient in zip(
            model.trainable_variables, tape.gradient(terms["loss"], model.trainable_variables)
        ):
            assert np.isfinite(gradient).all(), variable.name
        bits = -terms["elbo"] / (side * side * channels) / np.log(2)
        np.testing.assert_allclose(terms["bits_per_dim"], bits, rtol=1e-6)
        # No model beats eight bits on images of uniform noise, but for chance.
        assert (bits.numpy() > 7.9).all()

    @pytest.mark.parametrize("name", PUBLISHED)
    def test_only_cifar10_is_shifted_and_mirrored_and_imagenet_has_its_terms(
        self, name, monkeypatch
    ):
        recipe = recipe_of(name)
        assert ("licence" in recipe.JOB.card) == ("imagenet" in name)
        seen = []
        monkeypatch.setattr(job, "train_flows", lambda *args, callbacks: seen.extend(args))
        recipe.JOB.train(recipe.config("smoke"), None, None, [])
        transform = seen[-1]
        assert (transform is not None) == (name == "mar_scf_cifar10")
        if transform is None:
            return
        columns = tf.cast(tf.range(8, 40), tf.uint8)
        ramp = tf.broadcast_to(columns[:, tf.newaxis], [32, 32, 3])
        images = tf.repeat(ramp[tf.newaxis], 200, 0)
        moved = transform({"image": images}, example_seeds(0, 0, tf.range(200)))["image"].numpy()
        # Away from the edges a column says by how much it was moved, and its slope which way.
        middle = moved[:, 16, 12:20, 0].astype(int)
        slopes = middle[:, 1] - middle[:, 0]
        assert set(slopes) == {-1, 1} and 60 < (slopes == 1).sum() < 140
        assert set(middle[slopes == 1][:, 0] - 20) == set(range(-3, 4))

    def test_without_data_one_sentence_says_what_is_wanted(self, tmp_path, capsys):
        wanted = {
            "mar_scf_cifar10": "cifar-10-batches-py",
            "mar_scf_mnist": "train-images-idx3-ubyte",
            "mar_scf_imagenet32": "holds no ImageNet of 32 x 32 pixels",
            "mar_scf_imagenet64": "holds no ImageNet of 64 x 64 pixels",
        }
        for name in PUBLISHED:
            arguments = ["train", name, "--output", str(tmp_path / "runs"), "--preset", "quick"]
            assert main([*arguments, "--set", f"data.directory={tmp_path}"]) == 2
            message = capsys.readouterr().err
            assert wanted[name] in message and str(tmp_path) in message

    @pytest.mark.parametrize("share", [-0.1, 1.0])
    def test_shares_that_leave_nothing_are_told(self, share):
        with pytest.raises(ConfigError, match="data.validation_share: got .*; wanted 0 or more"):
            load_config(
                recipe_of("mar_scf_mnist").config("smoke"),
                overrides=[f"data.validation_share={share}"],
            )


@pytest.fixture(scope="class")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    assert main(["train", "mar_scf_digits", "--preset", "smoke", "--output", str(output)]) == 0
    (path,) = (output / "mar_scf_digits").iterdir()
    return RunDirectory.open(path)


@pytest.mark.slow
class TestDigitsRun:
    def test_report_has_both_priors_and_their_difference(self, finished):
        assert finished.finished
        numbers = json.loads((finished.path / "report.json").read_text())
        gaussian, mar = numbers["bits_per_dim_gaussian"], numbers["bits_per_dim_mar"]
        assert numbers["bits_per_dim_difference"] == pytest.approx(gaussian - mar)
        for prior in ("gaussian", "mar"):
            shares = [numbers[f"bits_per_dim_{prior}_level_{level}"] for level in (1, 2)]
            assert sum(shares) == pytest.approx(numbers[f"bits_per_dim_{prior}"])
            assert finished.history(f"{prior}_0")[-1]["step"] == 2
        report = (finished.path / "report.md").read_text()
        assert f"| mAR prior | {mar:.4f} ±" in report and f"{numbers['parameters_mar']:,}" in report
        for name in ("samples", "interpolations", "training", "levels"):
            size = tf.io.decode_png((finished.figures / f"{name}.png").read_bytes()).shape
            assert min(size[:2]) > 100

    def test_evaluating_again_gives_the_same_numbers(self, finished):
        numbers = json.loads((finished.path / "report.json").read_text())
        again = digits_recipe.evaluate(finished)
        assert set(numbers) - set(again) == {"wall_seconds"}
        ratio = again.pop("sampling_time_ratio")
        assert again == pytest.approx({name: numbers[name] for name in again}) and ratio > 0

    def test_export_is_the_flow_with_the_mar_prior(self, finished, tmp_path):
        served = serving.load(finished.path / "export")
        numbers = json.loads((finished.path / "report.json").read_text())
        model = digits_recipe.load_model(finished)
        assert sequential_steps(model) == 10
        found = sum(v.shape.num_elements() for v in model.trainable_variables)
        assert found == numbers["parameters_mar"]
        data = digits_recipe.load_data(digits_recipe.config("smoke"))
        images = next(iter(data.test.batches(5)))["image"]
        terms = served.log_prob(images=images, seed=3)
        np.testing.assert_allclose(terms["log_prob"], model.elbo(images, 3), rtol=1e-5)
        drawn = served.sample(count=3, seed=1)["images"]
        assert drawn.shape == (3, 8, 8, 1) and drawn.max() < 17
        output = tmp_path / "drawn.png"
        arguments = ["sample", str(finished.path), "--count", "3", "--output", str(output)]
        assert main(arguments) == 0
        assert pathlib.Path(output).read_bytes()[:4] == b"\x89PNG"
