"""The recipe of two-dimensional flows, from the command to the export."""

import json

import numpy as np
import pytest
import tensorflow as tf

import recipes.flow_toy as recipe
from recipes.command_line import main
from tfgen import serving
from tfgen.data import TOY_NAMES, toy, toy_log_prob
from tfgen.training import RunDirectory, load_config


@pytest.mark.parametrize("preset", recipe.PRESETS)
def test_every_preset_is_valid_and_can_be_read_again(preset, tmp_path):
    config = load_config(recipe.config(preset))
    assert (config.recipe, config.preset) == ("flow_toy", preset)
    assert set(config.densities) <= set(TOY_NAMES)
    if preset != "smoke":
        assert set(config.densities) == {"two_moons", "rings", "checkerboard", "eight_gaussians"}
        assert {"real_nvp", "mixture_cdf"} <= set(config.architectures)
    run = RunDirectory.create(tmp_path, config.recipe, config)
    assert recipe.read_config(run).as_dict() == config.as_dict()


@pytest.mark.parametrize("architecture", recipe.ARCHITECTURES)
def test_each_architecture_is_made_and_has_a_density(architecture):
    model = recipe.make_model(recipe.config("smoke"), architecture)
    assert model.config.architecture == architecture
    model.initialise({"point": 3.0 + 2.0 * tf.random.stateless_normal([512, 2], [1, 2])})
    # Initialised to standardise, and the couplings still at the identity: a Gaussian of the data.
    expected = -0.5 * np.array([0.0, 1.0, 4.0]) - np.log(2.0 * np.pi * 4.0)
    points = tf.constant([[3.0, 3.0], [3.0, 5.0], [7.0, 3.0]])
    np.testing.assert_allclose(model.log_prob(points) - expected, np.zeros(3), atol=0.5)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    assert main(["train", "flow_toy", "--preset", "smoke", "--output", str(output)]) == 0
    (path,) = (output / "flow_toy").iterdir()
    return RunDirectory.open(path), json.loads((path / "report.json").read_text())


@pytest.mark.slow
class TestRun:
    def test_numbers_are_held_out_nats_and_what_is_lost_to_the_truth(self, finished):
        run, numbers = finished
        config = recipe.config("smoke")
        test = toy("rings", config.train, config.test, config.test, config.seed).test
        points = next(iter(test.batches(config.test)))["point"]
        true = -tf.reduce_mean(toy_log_prob("rings", points))
        assert numbers["nats_rings_true"] == pytest.approx(float(true), rel=1e-6)
        for architecture in config.architectures:
            model = recipe.load_flow(config, run, "rings", architecture)
            nats = numbers[f"nats_rings_{architecture}"]
            assert nats == pytest.approx(-float(tf.reduce_mean(model.log_prob(points))), rel=1e-5)
            lost = numbers[f"kl_rings_{architecture}"]
            assert lost == pytest.approx(nats - numbers["nats_rings_true"], abs=1e-5) and lost > 0
            assert f"{nats:.3f} ({lost:.3f})" in (run.path / "report.md").read_text()
            assert run.history(f"rings_{architecture}")[-1]["step"] == 2
        for name in ("densities", "samples"):
            size = tf.io.decode_png((run.figures / f"{name}.png").read_bytes()).shape
            assert min(size[:2]) > 100

    def test_evaluating_again_gives_the_same_numbers(self, finished):
        run, numbers = finished
        again = recipe.evaluate(run)
        assert again == pytest.approx({name: numbers[name] for name in again})
        assert set(numbers) - set(again) == {"wall_seconds"}

    def test_export_is_the_first_flow(self, finished):
        run, _ = finished
        served, model = serving.load(run.path / "export"), recipe.load_model(run)
        points = np.array([[0.0, 1.0], [2.0, -1.0]], np.float32)
        got = served.log_prob(point=points)["log_prob"]
        np.testing.assert_allclose(got, model.log_prob(points), rtol=1e-5)
        drawn = served.sample(count=5, seed=2, temperature=0.5)["point"]
        np.testing.assert_allclose(drawn, model.sample(5, 2, 0.5), atol=1e-5)
