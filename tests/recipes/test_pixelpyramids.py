"""The recipes of PixelPyramids: settings of every preset, data, one whole run."""

import dataclasses
import importlib
import json

import numpy as np
import pytest
import tensorflow as tf

import recipes.pixelpyramids_two_objects as two_objects_recipe
from recipes.command_line import main
from tfgen import serving
from tfgen.data import DataError
from tfgen.training import ConfigError, RunDirectory, load_config, save_png
from zoo.pixelpyramids import VARIANTS

PRESETS = ("smoke", "quick", "embedded", "paper")
EMBEDDED = ("pixelpyramids_two_objects", "pixelpyramids_photos")


def recipe_of(name):
    return importlib.import_module(f"recipes.{name}")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", EMBEDDED)
def test_every_preset_is_valid_and_can_be_read_again(name, preset, tmp_path):
    recipe = recipe_of(name)
    config = load_config(recipe.config(preset))
    assert (config.recipe, config.preset) == (name, preset) and recipe.PRESETS == PRESETS
    assert config.model.image_size == (8 if preset == "smoke" else 64)
    assert (config.model.channels, config.model.bits) == (3, 8)
    assert config.model.modulo_difference and not config.model.as_released
    assert set(config.variants) <= set(VARIANTS)
    if preset != "smoke":
        assert config.variants == tuple(VARIANTS)
    run = RunDirectory.create(tmp_path, name, config)
    assert recipe.read_config(run).as_dict() == config.as_dict()


def test_paper_settings_are_those_of_the_thesis():
    """Sections 2.4 and 3 of specs/pixelpyramids.md."""
    for name in EMBEDDED:
        config = recipe_of(name).config("paper")
        model, training = config.model, config.training
        assert (model.u_net_filters, model.u_net_depth, model.features) == (64, 4, 100)
        assert (model.filters, model.layers, model.kernel_size) == (128, 2, 3)
        assert model.components == model.coarsest.components == 10
        assert model.coarsest_size == 4 and set(model.level_squeezes()) == {2}
        assert (model.coarsest.filters, model.coarsest.blocks) == (96, 5)
        assert (training.learning_rate, training.average_decay) == (1e-3, 0.9995)
        assert (config.beta_1, config.beta_2, training.batch_size) == (0.95, 0.9995, 64)
        decay = training.schedule
        assert (decay.type, decay.decay_rate, decay.decay_steps) == ("exponential", 0.999995, 1)


@pytest.mark.parametrize(
    "change, message",
    [
        ("seeds=0", "seeds: got 0"),
        ("variants=[full, half]", r"variants: got \['full', 'half'\]; wanted one or more of full"),
        (
            "model.patch_size=4",
            "model of variant squeezes_3: patch_size: got 4; wanted 0 or a multiple of 8",
        ),
        ("model.trained_level=1", "trained_level: got 1; wanted 0, .* levels_apart=true"),
        ("training.optimizer=adamax", "got adamax with weight_decay=0.0; wanted adam without"),
    ],
)
def test_studies_that_cannot_be_run_are_told(change, message):
    with pytest.raises(ConfigError, match=message):
        load_config(two_objects_recipe.config("embedded"), overrides=[change])


def test_photos_of_64_pixels_have_training_and_test_patches():
    recipe = recipe_of("pixelpyramids_photos")
    config = load_config(recipe.config("embedded"), overrides=["train=100"])
    data = recipe.load_data(config)
    assert (data.train.count, data.validation.count, data.test.count) == (100, 500, 2000)
    assert next(iter(data.test.batches(2)))["image"].shape == [2, 64, 64, 3]


# Name -> image size, bits, first filters of the U-Nets, batch, filters and blocks of the coarsest.
PUBLISHED = {
    "pixelpyramids_celebahq256": (256, 5, 64, 64, 32, 2),
    "pixelpyramids_celebahq1024": (1024, 8, 64, 32, 96, 5),
    "pixelpyramids_lsun": (128, 5, 64, 64, 96, 5),
    "pixelpyramids_imagenet128": (128, 8, 128, 64, 96, 5),
}


@pytest.mark.parametrize("name", PUBLISHED)
class TestPublishedSets:
    def test_settings_are_those_of_the_thesis(self, name, tmp_path):
        recipe = recipe_of(name)
        config = load_config(recipe.config("paper"))
        model, training = config.model, config.training
        assert (config.recipe, config.preset, config.variants) == (name, "paper", ("full",))
        found = (model.image_size, model.bits, model.u_net_filters, training.batch_size)
        assert (*found, model.coarsest.filters, model.coarsest.blocks) == PUBLISHED[name]
        levels = {256: 12, 1024: 16, 128: 10}[model.image_size]
        assert model.levels == levels and set(model.level_squeezes()) == {2}
        patched = (model.patch_size, model.patch_levels)
        assert patched == ((256, 3) if model.image_size == 1024 else (0, 3))
        assert config.data.crop == (256 if name == "pixelpyramids_lsun" else None)
        assert training.learning_rate == 1e-3 and training.average_decay == 0.9995
        run = RunDirectory.create(tmp_path, name, config)
        assert recipe.read_config(run).as_dict() == config.as_dict()

    def test_smoke_needs_no_data_and_has_the_bits_of_the_paper(self, name):
        recipe = recipe_of(name)
        config = load_config(recipe.config("smoke"))
        data = recipe.load_data(config)
        counts = [source.count for source in (data.train, data.validation, data.test)]
        assert counts == [7, 1, 4]
        images = next(iter(data.train.batches(7)))["image"].numpy()
        assert images.shape == (7, 8, 8, 3)
        bits = PUBLISHED[name][1]
        assert config.model.bits == bits and 2 ** (bits - 1) < images.max() < 2**bits

    def test_without_data_one_sentence_says_what_is_wanted(self, name, tmp_path):
        recipe = recipe_of(name)
        with pytest.raises(DataError, match="pass --set data.directory=FOLDER"):
            recipe.load_data(recipe.config("paper"))
        overrides = [f"data.directory={tmp_path / 'none'}"]
        with pytest.raises(DataError, match="There is no folder .*none"):
            recipe.load_data(load_config(recipe.config("paper"), overrides=overrides))


class TestFolders:
    def read(self, folder, *overrides):
        recipe = recipe_of("pixelpyramids_celebahq256")
        settings = [f"data.directory={folder}", *overrides]
        return recipe.load_data(load_config(recipe.config("smoke"), overrides=settings))

    def pixels(self, source):
        return next(iter(source.batches(source.count)))["image"].numpy()

    def test_one_folder_is_divided_by_names_and_quantised(self, tmp_path):
        images = np.random.RandomState(0).randint(0, 256, [30, 8, 8, 3]).astype(np.uint8)
        for index, image in enumerate(images):
            save_png(tmp_path / f"{index:05d}.png", image)
        data = self.read(tmp_path)
        assert (data.train.count, data.validation.count, data.test.count) == (26, 1, 3)
        parts = [self.pixels(part) for part in (data.train, data.validation, data.test)]
        found = sorted(image.tobytes() for part in parts for image in part)
        assert found == sorted((image // 8).tobytes() for image in images)
        # What `tfgen sample` divides by: without, five bits come out nearly black.
        assert (data.description["bits"], data.description["levels"]) == (5, 32)

    def test_folders_are_the_splits_and_the_middle_is_cut_out(self, tmp_path):
        """As in LSUN: the central 16 x 16 pixels, made half as large."""
        for split, value, count in (("train", 80, 3), ("valid", 160, 2), ("test", 240, 4)):
            image = np.full([20, 28, 3], 8, np.uint8)
            image[2:18, 6:22] = value
            for index in range(count):
                save_png(tmp_path / split / "some" / f"{index}.png", image)
        data = self.read(tmp_path, "data.crop=16")
        for part, value, count in (
            (data.train, 80, 3),
            (data.validation, 160, 2),
            (data.test, 240, 4),
        ):
            np.testing.assert_array_equal(self.pixels(part), np.full([count, 8, 8, 3], value // 8))
        assert data.description["counts"] == {"train": 3, "validation": 2, "test": 4}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    name = "pixelpyramids_two_objects"
    assert main(["train", name, "--preset", "smoke", "--output", str(output)]) == 0
    (path,) = (output / name).iterdir()
    return RunDirectory.open(path)


@pytest.mark.slow
class TestRun:
    def test_report_has_every_variant_and_its_levels(self, finished):
        assert finished.finished
        numbers = json.loads((finished.path / "report.json").read_text())
        full = numbers["bits_per_dim_full"]
        for variant in ("full", "no_modulo_difference"):
            bits = numbers[f"bits_per_dim_{variant}"]
            shares = [numbers[f"bits_per_dim_level_{level}_{variant}"] for level in (1, 2, 3)]
            assert sum(shares) == pytest.approx(bits)
            assert numbers[f"sequential_steps_{variant}"] == 16 + 2 * 4
            assert finished.history(f"{variant}_0")[-1]["step"] == 2
        excess = numbers["bits_per_dim_no_modulo_difference"] - full
        assert numbers["excess_no_modulo_difference"] == pytest.approx(excess)
        assert 0.0 < numbers["entropy_level_1"] < 8.0
        report = (finished.path / "report.md").read_text()
        assert f"| PixelPyramids | {full:.4f} | " in report and "trained once" in report
        assert not any(name.endswith("_std") for name in numbers)
        assert f"{numbers['bicubic_psnr']:.2f} dB" in report
        for name in ("samples", "super_resolution", "entropies", "levels", "training"):
            size = tf.io.decode_png((finished.figures / f"{name}.png").read_bytes()).shape
            assert min(size[:2]) > 100

    def test_evaluating_again_gives_the_same_numbers(self, finished):
        numbers = json.loads((finished.path / "report.json").read_text())
        again = two_objects_recipe.evaluate(finished)
        assert set(numbers) - set(again) == {"wall_seconds"}
        assert again == pytest.approx({name: numbers[name] for name in again})

    def test_export_is_the_full_model(self, finished):
        served = serving.load(finished.path / "export")
        model = two_objects_recipe.load_model(finished)
        data = two_objects_recipe.load_data(two_objects_recipe.config("smoke"))
        images = next(iter(data.test.batches(3)))["image"]
        terms = served.log_prob(images=images)
        np.testing.assert_allclose(terms["log_prob"], model.log_prob(images), rtol=1e-5)
        np.testing.assert_allclose(
            terms["bits_per_dim"], -terms["log_prob"] / 192 / np.log(2.0), rtol=1e-6
        )
        drawn = served.sample(count=3, seed=1)["images"]
        np.testing.assert_array_equal(drawn, model.sample(3, seed=1))
        coarse, _ = model.pyramid.halve(images, 1)
        full = served.super_resolve(coarse_images=coarse.numpy(), seed=2)["images"]
        np.testing.assert_array_equal(full[:, 1::2], coarse)
        assert full.shape == (3, 8, 8, 3) and dataclasses.asdict(served.card)["system"] == (
            "pixelpyramids"
        )
