"""The recipes of AGAVE: settings of every preset, phases, data, one whole run, its resume."""

import dataclasses
import importlib
import json
import math
import shutil

import numpy as np
import pytest
import tensorflow as tf

import recipes.agave_digits as digits_recipe
from recipes.command_line import main
from tfgen import serving
from tfgen.data import write_cifar10
from tfgen.training import ConfigError, RunDirectory, load_config
from zoo.agave import AGAVE, collapse_step, load_agave, train_agave, trainings, variant_model

PRESETS = ("smoke", "quick", "embedded", "paper")
# Image side, channels and values of a pixel.
IMAGES = {
    "agave_digits": (8, 1, 17),
    "agave_photos": (16, 3, 256),
    "agave_cifar10": (32, 3, 256),
}
LAMBDAS = [f"lambda_{weight}" for weight in (1, 2, 4, 8, 12)]


def recipe_of(name):
    return importlib.import_module(f"recipes.{name}")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", IMAGES)
def test_every_preset_is_valid_fits_its_images_and_can_be_read_again(name, preset, tmp_path):
    recipe = recipe_of(name)
    config = load_config(recipe.config(preset))
    assert (config.recipe, config.preset) == (name, preset) and recipe.PRESETS == PRESETS
    vae = config.model.vae
    assert (vae.image_size, vae.channels, vae.values) == IMAGES[name]
    assert {"dropped", config.main} <= set(config.variants)
    if preset != "smoke":
        assert "naive" in config.variants
        assert set(LAMBDAS) <= set(config.variants)
        assert sum(variant.startswith("levels_") for variant in config.variants) == 2
    for training in (config.pretraining, config.training, config.dropping):
        # "Adamax, learning rate 0.002, no learning-rate decay".
        assert (training.optimizer, training.learning_rate) == ("adamax", 0.002)
        assert training.schedule.type == "constant" and training.schedule.warmup_steps == 0
    run = RunDirectory.create(tmp_path, name, config)
    assert recipe.read_config(run).as_dict() == config.as_dict()


def test_paper_settings_are_those_of_the_thesis_and_the_models_it_names():
    config = recipe_of("agave_cifar10").config("paper")
    vae, decoder = config.model.vae, config.model.decoder
    assert (vae.filters, vae.strides, vae.layers, vae.latent_channels) == (160, (2,), (20,), (32,))
    assert (vae.posterior, vae.kl_weight, config.main) == ("iaf", 12.0, "lambda_12")
    assert (decoder.filters, decoder.residual_layers, decoder.resolutions) == (160, 5, 3)
    assert (decoder.mixtures, decoder.dropout) == (10, 0.5)
    assert config.evaluation.importance_samples == 150 and not config.evaluation.examples
    assert {"size_16", "size_8", "grey_16"} <= set(config.variants)


def test_phases_start_with_what_was_pretrained_for_them():
    config = load_config(
        recipe_of("agave_photos").config("quick"),
        overrides=[
            "variants=[dropped, lambda_8, lambda_2, levels_32, size_8, grey_16, naive, few_layers,"
            " grey_context]",
            "seeds=2",
        ],
    )
    phases = {training.phase: training for training in trainings(config)}
    order = list(phases)
    for training in phases.values():
        for earlier in (training.vae, training.pixelcnn):
            assert not earlier or order.index(earlier) < order.index(training.phase)
            assert not earlier or phases[earlier].seed == training.seed
    starts = {name: (training.vae, training.pixelcnn) for name, training in phases.items()}
    assert starts["lambda_2_1"] == starts["lambda_8_1"] == ("vae_16_3_256_1", "pixelcnn_full_3_1")
    assert starts["levels_32_0"] == ("vae_16_3_32_0", "pixelcnn_full_3_0")
    assert starts["size_8_0"] == ("vae_8_3_256_0", "pixelcnn_full_3_0")
    assert starts["grey_16_0"] == ("vae_16_1_16_0", "pixelcnn_full_1_0")
    assert starts["naive_0"] == ("", "pixelcnn_full_3_0")
    assert starts["grey_context_0"] == ("", "pixelcnn_grey_context_3_0")
    assert starts["dropped_1"] == ("lambda_8_1", "lambda_8_1")
    assert starts["vae_16_3_256_0"] == starts["pixelcnn_full_3_0"] == ("", "")
    assert phases["dropped_0"].training == config.dropping
    weights = {name: phases[name].model.vae.kl_weight for name in ("lambda_2_0", "levels_32_0")}
    assert weights == {"lambda_2_0": 2.0, "levels_32_0": 8.0}
    for name in ("naive", "dropped", "few_layers", "grey_context"):
        model = variant_model(config.model, name)
        assert not model.auxiliary_loss and model.vae.kl_weight == 1.0
    assert variant_model(config.model, "few_layers").decoder.residual_layers == 1
    assert variant_model(config.model, "grey_context").decoder.context == "grey"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("variants=[lambda_2]", "among them lambda_8, the main one"),
        ("variants=[lambda_8, lambda_8]", "wanted each once"),
        ("variants=[lambda_8, beta_3]", "got 'beta_3'; wanted some of lambda_K"),
        ("variants=[lambda_8, levels_2.5]", "got 'levels_2.5'; wanted a whole number"),
        ("variants=[lambda_8, levels_300]", "The model of variant levels_300: .*got 300"),
        ("model.auxiliary_loss=false", "wanted 'both' and true"),
        ("evaluation.guides=1", "guides: got 1; wanted 2 or more"),
        ("seeds=0", "seeds: got 0; wanted 1 or more"),
    ],
)
def test_settings_that_do_not_fit_are_told(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(recipe_of("agave_photos").config("quick"), overrides=[override])


def test_collapse_step_is_where_the_kl_stays_low():
    def history(*kl):
        return [{"step": 10 * (i + 1), "val_kl": value} for i, value in enumerate(kl)]

    assert collapse_step(history(3.0, 0.05, 0.2, 0.09, 0.01)) == 40
    assert collapse_step(history(3.0, 0.05, 0.2)) == -1
    assert collapse_step(history(0.0, 0.0)) == 10


def test_cifar10_is_read_from_its_files_and_noise_costs_eight_bits(tmp_path):
    recipe = recipe_of("agave_cifar10")
    parts = write_cifar10(tmp_path, 7)
    config = load_config(recipe.config("smoke"), overrides=[f"data.directory={tmp_path}"])
    splits = recipe.load_data(config)
    read = next(iter(splits.test.batches(splits.test.count)))["image"].numpy()
    wanted = list(parts.values())[-1][0]
    assert sorted(x.tobytes() for x in read) == sorted(x.tobytes() for x in wanted)
    batch = {"image": tf.constant(read[:2])}
    model = AGAVE(dataclasses.replace(config.model))
    model.initialise(batch)
    terms = model.objective(batch, training=False)
    assert (terms["bits_per_dim"].numpy() > 7.5).all()


@pytest.fixture(scope="class")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    assert main(["train", "agave_digits", "--preset", "smoke", "--output", str(output)]) == 0
    (path,) = (output / "agave_digits").iterdir()
    return RunDirectory.open(path)


@pytest.mark.slow
class TestDigitsRun:
    def test_report_figures_and_export_agree(self, finished):
        assert finished.finished
        numbers = json.loads((finished.path / "report.json").read_text())
        for variant in ("lambda_8", "dropped"):
            bits = numbers[f"pixelcnn_bits_per_dim_{variant}"]
            kl = numbers[f"kl_{variant}"] / 64 / math.log(2)
            assert numbers[f"bits_per_dim_{variant}"] == pytest.approx(bits + kl)
            assert finished.history(f"{variant}_0")[-1]["step"] == 2
        report = (finished.path / "report.md").read_text()
        assert (
            f"| λ = 8 | {numbers['bits_per_dim_lambda_8']:.4g} | " in report and "±" not in report
        )
        for name in ("samples", "reconstructions", "interpolations", "kl_trace"):
            assert f"figures/{name}.png" in report
            size = tf.io.decode_png((finished.figures / f"{name}.png").read_bytes()).shape
            assert min(size[:2]) > 100
        data = digits_recipe.load_data(digits_recipe.config("smoke"))
        images = next(iter(data.test.batches(4)))["image"]
        served = serving.load(finished.path / "export")
        scores = served.score(images=images)
        model = digits_recipe.load_model(finished)
        np.testing.assert_allclose(scores["elbo"], model.elbo(images, 0), rtol=1e-4)
        drawn = served.sample(count=3, seed=1)
        assert drawn["images"].shape == drawn["auxiliary_images"].shape == (3, 8, 8, 1)
        assert drawn["images"].max() < 17
        with pytest.raises(serving.ServingError, match="0 .. 16; got"):
            served.score(images=np.full([1, 8, 8, 1], 255, np.uint8))

    def test_a_phase_that_was_stopped_goes_on_as_if_it_was_not(self, finished, tmp_path):
        config = dataclasses.replace(digits_recipe.read_config(finished), variants=("lambda_8",))
        data = digits_recipe.load_data(config)
        run = RunDirectory.create(tmp_path, "agave_digits", config)
        for phase in ("pixelcnn_full_1_0", "vae_8_1_17_0"):
            shutil.copytree(finished.checkpoints(phase), run.checkpoints(phase))

        class Stop(tf.keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 1:
                    raise RuntimeError("stopped")

        with pytest.raises(RuntimeError, match="stopped"):
            train_agave(config, data, run, [Stop()])
        assert [row["step"] for row in run.history("lambda_8_0")] == [1]
        train_agave(config, data, run)
        again = load_agave(config, "lambda_8", 0, data.train, run)
        for ours, wanted in zip(
            again.get_weights(), digits_recipe.load_model(finished).get_weights()
        ):
            np.testing.assert_array_equal(ours, wanted)
