"""mAR-SCF: sequential steps, interpolation, the comparison of priors."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.perturbation import perturb
from tfgen.data import Splits, array_source
from tfgen.training import CheckpointError, ConfigError, RunDirectory, TrainingConfig
from zoo.flows import FlowConfig, FlowEvaluationConfig, ImageFlow, PriorConfig, measure_flow
from zoo.mar_scf import (
    ComparisonConfig,
    compare,
    interpolation_objective,
    load_flow,
    project_latents,
    projected_interpolation,
    sequential_steps,
    train_flows,
)

MODEL = FlowConfig(
    image_size=4,
    channels=1,
    values=4,
    levels=2,
    steps=1,
    filters=4,
    prior=PriorConfig(
        type="channel_autoregressive", filters=4, layers=1, kernel_sizes=(3,), dilations=(1,)
    ),
)


def images(count, seed=0, config=MODEL):
    shape = [count, config.image_size, config.image_size, config.channels]
    return np.random.RandomState(seed).randint(0, config.values, shape).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    made = ImageFlow(MODEL, seed=1)
    made.initialise({"image": tf.constant(images(64, 9))})
    return perturb(made, 0.05)


@pytest.mark.parametrize(
    "channels, size, levels, expected",
    [(3, 32, 3, 66), (3, 64, 4, 138), (1, 32, 3, 22), (1, 8, 2, 10)],
)
def test_sequential_steps_are_those_of_lemma_6_4_1(channels, size, levels, expected):
    config = dataclasses.replace(
        MODEL, channels=channels, image_size=size, levels=levels, values=256, filters=2
    )
    assert expected == channels * (3 * 2**levels - 2)
    assert sequential_steps(ImageFlow(config)) == expected


class TestInterpolation:
    def test_without_weights_it_is_the_line(self, model):
        a, b = tf.constant(images(2, 1)), tf.constant(images(2, 2))
        line = model.interpolate(a, b, 5)
        np.testing.assert_array_equal(line[:, 0], a)
        np.testing.assert_array_equal(line[:, -1], b)
        same = projected_interpolation(model, a, b, 5, prior_weight=0.0, image_weight=0.0)
        np.testing.assert_array_equal(same, line)

    def test_projection_lowers_the_objective_and_raises_the_prior(self, model):
        a, b = tf.constant(images(2, 1)), tf.constant(images(2, 2))
        line = model.latent_line(a, b, 4)
        ends = [tf.repeat(model.to_pixels(image), 4, axis=0) for image in (a, b)]
        moved = project_latents(model, line, ends, iterations=60)
        result = projected_interpolation(model, a, b, 4, iterations=60)
        decoded = tf.reshape(model.decode(moved), [2, 4, 4, 4, 1])
        np.testing.assert_array_equal(result, decoded)
        before = interpolation_objective(model, line, line, ends, 0.3, 0.3)
        after = interpolation_objective(model, moved, line, ends, 0.3, 0.3)
        assert (after.numpy() < before.numpy()).all()
        prior_before = model.density.from_latents_and_log_prob(line)[1].numpy()
        prior_after = model.density.from_latents_and_log_prob(moved)[1].numpy()
        assert prior_after.mean() > prior_before.mean()

    def test_objective_is_that_of_equation_6_13(self, model):
        a, b = tf.constant(images(3, 1)), tf.constant(images(3, 2))
        latents, line = model.encode(a), model.encode(b)
        ends = [model.to_pixels(a), model.to_pixels(b)]
        got = interpolation_objective(model, latents, line, ends, 0.25, 0.5).numpy()
        pixels, log_prior = model.density.from_latents_and_log_prob(latents)
        for i in range(3):
            distance = sum(np.sum((x[i] - y[i]) ** 2) for x, y in zip(latents, line))
            to_ends = [np.sum(((pixels[i] - end[i]) / 4.0) ** 2) for end in ends]
            expected = distance - 0.25 * log_prior[i] + 0.5 * min(to_ends)
            np.testing.assert_allclose(got[i], expected, rtol=1e-5)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    config = ComparisonConfig(
        recipe="test",
        seeds=2,
        model=MODEL,
        training=TrainingConfig(steps=4, batch_size=8, steps_per_epoch=2, learning_rate=1e-2),
        evaluation=FlowEvaluationConfig(batch_size=8),
    )
    data = Splits(
        *(array_source({"image": images(n, n)}) for n in (32, 16, 20)),
        description={"name": "noise"},
    )
    run = RunDirectory.create(tmp_path_factory.mktemp("runs"), "test", config)
    train_flows(config, data, run)
    return config, data, run, compare(config, data, run).numbers


class TestComparison:
    def test_numbers_belong_together(self, compared):
        config, data, run, numbers = compared
        seeds = {
            prior: [numbers[f"bits_per_dim_{prior}_seed_{seed}"] for seed in (0, 1)]
            for prior in ("gaussian", "mar")
        }
        for prior, values in seeds.items():
            assert len(set(values)) == 2
            np.testing.assert_allclose(numbers[f"bits_per_dim_{prior}"], np.mean(values))
            np.testing.assert_allclose(numbers[f"bits_per_dim_{prior}_std"], np.std(values, ddof=1))
            levels = [numbers[f"bits_per_dim_{prior}_level_{level}"] for level in (1, 2)]
            np.testing.assert_allclose(sum(levels), numbers[f"bits_per_dim_{prior}"])
        differences = np.subtract(seeds["gaussian"], seeds["mar"])
        np.testing.assert_allclose(numbers["bits_per_dim_difference"], differences.mean())
        np.testing.assert_allclose(numbers["bits_per_dim_difference_min"], differences.min())
        flow = ImageFlow(dataclasses.replace(MODEL, prior=PriorConfig()))
        parameters = sum(np.prod(v.shape) for v in flow.trainable_variables)
        assert numbers["parameters_gaussian"] == parameters
        assert numbers["parameter_overhead"] > 0 and numbers["sampling_time_ratio"] > 0

    def test_finished_trainings_are_loaded(self, compared):
        config, data, run, numbers = compared
        history = run.history("mar_1")
        train_flows(dataclasses.replace(config, seed=1, seeds=1, priors=("mar",)), data, run)
        assert run.history("mar_1") == history and history[-1]["step"] == 4
        again = compare(config, data, run).numbers
        for name, value in numbers.items():
            if name != "sampling_time_ratio":
                assert again[name] == value, name

    def test_one_prior_alone_gets_the_same_numbers(self, compared):
        config, data, run, numbers = compared
        alone, flows = compare(dataclasses.replace(config, priors=("mar",)), data, run)
        assert alone == {name: numbers[name] for name in numbers if "mar" in name}
        (flow,) = flows.values()
        first = measure_flow(flow, data.test, config.evaluation, config.seed)
        assert first["bits_per_dim"] == numbers["bits_per_dim_mar_seed_0"]

    def test_both_priors_see_the_same_data_and_differ_in_the_prior_alone(self, compared):
        config, data, run, _ = compared
        models = [load_flow(config, prior, 0, data.train, run) for prior in ("gaussian", "mar")]
        shapes = [[v.shape for v in m.density.flow.trainable_variables] for m in models]
        assert shapes[0] == shapes[1]
        assert not [v for p in models[0].density.priors for v in p.trainable_variables]
        assert all(prior.trainable_variables for prior in models[1].density.priors)

    def test_what_was_not_trained_is_told(self, compared):
        config, data, run, _ = compared
        with pytest.raises(CheckpointError, match="no best checkpoint of the phase gaussian_2"):
            compare(dataclasses.replace(config, seed=2), data, run)


@pytest.mark.parametrize("priors", [(), ("mar", "mar"), ("gaussian", "glow")])
def test_wrong_priors_are_told(priors):
    with pytest.raises(ConfigError, match="wanted one or both of gaussian, mar"):
        ComparisonConfig(priors=priors).validate()
