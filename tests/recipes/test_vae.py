"""The recipes of the VAE family: settings of every preset, and a whole run of each."""

import dataclasses
import importlib
import json

import numpy as np
import pytest
import tensorflow as tf

import recipes.vae_digits as digits_recipe
import recipes.vqvae_photos as photos_recipe
from recipes.command_line import main
from tfgen import serving
from tfgen.training import ConfigError, RunDirectory, load_config

PRESETS = ("smoke", "quick", "embedded", "paper")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["vae_digits", "vqvae_photos"])
def test_every_preset_is_valid_and_can_be_read_again(name, preset, tmp_path):
    recipe = importlib.import_module(f"recipes.{name}")
    config = load_config(recipe.config(preset))
    assert (config.recipe, config.preset) == (name, preset) and recipe.PRESETS == PRESETS
    if preset == "quick":
        assert config.seeds == 3
    run = RunDirectory.create(tmp_path, name, config)
    assert recipe.read_config(run).as_dict() == config.as_dict()


@pytest.mark.parametrize("preset", PRESETS)
def test_variants_are_digits_of_every_prior(preset):
    config = digits_recipe.config(preset)
    models = {variant: config.model_of(variant) for variant in config.variants}
    for variant, model in models.items():
        assert (model.image_shape, model.values) == ([8, 8, 1], 17)
        kind = len(model.latent_shapes()[0])
        assert kind == (1 if variant.startswith("vectors") else 3)
        assert variant.endswith(model.prior.type)
    types = {model.prior.type for model in models.values()}
    assert len(types) == (2 if preset == "smoke" else 5)


def test_paper_settings_are_those_of_the_papers():
    maps = digits_recipe.config("paper").maps
    assert (maps.strides, maps.layers, maps.latent_channels) == ((2,), (20,), (32,))
    assert (maps.filters, maps.posterior, maps.flow_layers) == (160, "iaf", 2)
    vectors = digits_recipe.config("paper").vectors
    assert (vectors.latent_channels, vectors.filters) == ((40,), 300)
    assert vectors.prior.components == 500
    model = photos_recipe.config("paper").model
    assert (model.codes, model.code_side, model.filters, model.commitment) == (512, 8, 256, 0.25)


def test_variants_that_are_no_model_and_averages_are_refused():
    config = digits_recipe.config("smoke")
    for variants, message in (
        (("words_vamp",), "got 'words_vamp'; wanted vectors_ or maps_"),
        (("vectors_channel_autoregressive",), "for vectors"),
        (("vectors_vamp", "vectors_vamp"), "once each"),
    ):
        with pytest.raises(ConfigError, match=message):
            dataclasses.replace(config, variants=variants).validate()
    with pytest.raises(ConfigError, match="average_decay: got 0.9; wanted 0"):
        load_config(photos_recipe.config("smoke"), overrides=["training.average_decay=0.9"])


def finished(name, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    assert main(["train", name, "--preset", "smoke", "--output", str(output)]) == 0
    (path,) = (output / name).iterdir()
    return RunDirectory.open(path)


def pictures_are_there(run, *names):
    for name in names:
        size = tf.io.decode_png((run.figures / f"{name}.png").read_bytes()).shape
        assert min(size[:2]) > 100, name


@pytest.mark.slow
def test_a_run_of_digits(tmp_path_factory):
    run = finished("vae_digits", tmp_path_factory)
    numbers = json.loads((run.path / "report.json").read_text())
    config = digits_recipe.read_config(run)
    report = (run.path / "report.md").read_text()
    first = config.variants[0]
    for variant in config.variants:
        bound, elbo = numbers[f"importance_bound_{variant}"], numbers[f"elbo_{variant}"]
        parts = numbers[f"log_likelihood_{variant}"] - numbers[f"kl_{variant}"]
        assert elbo == pytest.approx(parts, rel=1e-5)
        bits = numbers[f"bits_per_dim_{variant}"]
        assert bits == pytest.approx(-bound / 64 / np.log(2), rel=1e-5)
        assert f"| {bits:.4f} | " in report
        if variant != first:
            gain = numbers[f"bits_per_dim_{first}"] - bits
            assert numbers[f"gain_{variant}"] == pytest.approx(gain)
    assert "±" not in report and "Of one training there is no spread." in report
    pictures_are_there(run, "samples", "reconstructions", "interpolations", "training")

    images = next(iter(digits_recipe.load_data(config).test.batches(8)))["image"]
    served, model = serving.load(run.path / "export"), digits_recipe.load_model(run)
    scores = served.score(images=images)
    np.testing.assert_allclose(scores["elbo"], model.elbo(images), rtol=1e-5)
    drawn = served.sample(count=3, seed=1)["images"]
    np.testing.assert_array_equal(drawn, model.sample(3, seed=1))
    rebuilt = served.reconstruct(images=images)["images"]
    np.testing.assert_array_equal(rebuilt, model.reconstruct(images))
    mean = served.encode(images=images)["mean"]
    np.testing.assert_array_equal(served.decode(latents=mean)["images"], rebuilt)
    with pytest.raises(serving.ServingError, match="images of this model are 0 .. 16; got"):
        served.score(images=np.full([1, 8, 8, 1], 255, np.uint8))


@pytest.mark.slow
def test_a_run_of_photographs(tmp_path_factory):
    run = finished("vqvae_photos", tmp_path_factory)
    numbers = json.loads((run.path / "report.json").read_text())
    config = photos_recipe.read_config(run)
    parts = numbers["log_likelihood"] + numbers["log_prob_codes"]
    assert numbers["elbo"] == pytest.approx(parts, rel=1e-5)
    dimensions = 16 * 16 * 3
    assert numbers["bits_per_dim"] == pytest.approx(-parts / dimensions / np.log(2), rel=1e-5)
    uniform = 16 * np.log(8) - numbers["log_likelihood"]
    expected = uniform / dimensions / np.log(2)
    assert numbers["bits_per_dim_uniform_codes"] == pytest.approx(expected, rel=1e-5)
    assert 1 <= numbers["perplexity"] <= numbers["used_codes"] <= 8
    assert run.history("codebook_0")[-1]["step"] == run.history("prior_0")[-1]["step"] == 2
    assert f"| {numbers['bits_per_dim']:.4f} | " in (run.path / "report.md").read_text()
    pictures_are_there(run, "samples", "reconstructions", "codebook", "prior")

    images = next(iter(photos_recipe.load_data(config).test.batches(4)))["image"]
    served, model = serving.load(run.path / "export"), photos_recipe.load_model(run)
    np.testing.assert_allclose(served.score(images=images)["elbo"], model.elbo(images), rtol=1e-5)
    codes = served.encode_codes(images=images)["codes"]
    np.testing.assert_array_equal(codes, model.encode(images))
    rebuilt = served.reconstruct(images=images)["images"]
    np.testing.assert_array_equal(served.decode_codes(codes=codes)["images"], rebuilt)
    drawn = served.sample(count=3, seed=1)["images"]
    np.testing.assert_array_equal(drawn, model.sample(3, seed=1))
