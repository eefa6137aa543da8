"""Image and vector flows: exact densities, discrete likelihoods, samples, settings."""

import contextlib
import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.perturbation import perturb
from tests.properties import assert_variables_agree
from tfgen import serving
from tfgen.bijectors import PixelLogit
from tfgen.data import array_source
from tfgen.distributions import FlowDistribution
from tfgen.training import ConfigError, TrainingConfig, averaged_weights, make_optimizer
from zoo.flows import (
    FlowConfig,
    FlowEvaluationConfig,
    ImageFlow,
    PriorConfig,
    VectorFlow,
    VectorFlowConfig,
    make_flow_distribution,
    measure_flow,
)

tfd = tfp.distributions

TINY = {"image_size": 4, "channels": 1, "values": 4, "levels": 2, "steps": 2, "filters": 4}
MIXTURE = {"coupling": "mixture_cdf", "blocks": 1, "heads": 2, "components": 3, "filters": 8}
MAR = PriorConfig(
    type="channel_autoregressive", filters=4, layers=1, kernel_sizes=(3,), dilations=(1,)
)
CASES = {
    "nice": FlowConfig(**{**TINY, "levels": 1}, architecture="nice"),
    "real_nvp": FlowConfig(**TINY, architecture="real_nvp"),
    "glow": FlowConfig(**TINY),
    "glow_additive": FlowConfig(**TINY, coupling="additive"),
    "glow_learned": FlowConfig(**TINY, prior=PriorConfig(type="conditional_gaussian")),
    "glow_mar": FlowConfig(**TINY, prior=MAR),
    "glow_odd": FlowConfig(**{**TINY, "image_size": 6}, squeezes=1, prior=MAR),
    "mixture_mar": FlowConfig(**{**TINY, **MIXTURE}, prior=MAR),
    "flow_plus_plus": FlowConfig(
        **{**TINY, **MIXTURE, "levels": 1},
        architecture="flow_plus_plus",
        dequantisation="variational",
        dequantisation_steps=2,
    ),
}


def images(count, config, seed=0):
    side = config.image_size - 2 * config.padding
    shape = [count, side, side, config.channels]
    return tf.constant(np.random.RandomState(seed).randint(0, config.values, shape), tf.uint8)


def make(config, scale=0.05):
    tf.keras.utils.set_random_seed(1)
    model = ImageFlow(config, seed=1)
    model.initialise({"image": images(64, config, seed=9)})
    return perturb(model, scale)


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request):
    config = CASES[request.param]
    return config, make(config)


class TestImageFlow:
    def test_density_is_the_prior_and_the_autodiff_jacobian(self, case):
        config, model = case
        y = tf.cast(images(3, config), tf.float32) + 0.3

        @tf.function
        def jacobian_of(y):
            with tf.GradientTape() as tape:
                tape.watch(y)
                flat = [tf.reshape(z, [3, -1]) for z in model.density.latents(y)]
                z = tf.concat(flat, 1)
            return tape.batch_jacobian(z, y)

        jacobian = jacobian_of(y)
        size = model.dimensions
        jacobian = tf.reshape(jacobian, [3, size, size]).numpy().astype(np.float64)
        latents = model.density.latents(y)
        _, prior = model.density.from_latents_and_log_prob(latents)
        expected = prior + np.linalg.slogdet(jacobian)[1]
        np.testing.assert_allclose(model.density.log_prob(y), expected, rtol=1e-3, atol=2e-3)

    def test_latents_bring_images_back(self, case):
        config, model = case
        x = images(5, config)
        np.testing.assert_array_equal(model.decode(model.encode(x)), x)

    def test_samples_are_pixels_and_follow_the_seed(self, case):
        config, model = case
        draw = tf.function(lambda count, seed: model.sample(count, seed))
        one = model.sample(3, seed=(5, 6))
        assert one.dtype == tf.uint8 and one.shape == [3, *model.image_shape]
        assert one.numpy().max() < config.values
        np.testing.assert_array_equal(draw(tf.constant(3), tf.constant([5, 6])), one)
        assert (model.sample(3, seed=(5, 7)).numpy() != one.numpy()).any()

    def test_bound_is_the_density_of_pixels_with_noise(self, case):
        config, model = case
        x = images(1, config)
        terms = model.objective({"image": x}, training=False)
        np.testing.assert_allclose(terms["loss"], -terms["elbo"])
        np.testing.assert_allclose(
            terms["bits_per_dim"], -terms["elbo"] / model.dimensions / np.log(2), rtol=1e-6
        )
        np.testing.assert_allclose(sum(model.elbo_parts(x, 3)), model.elbo(x, 3), rtol=1e-6)
        draws = np.array([model.elbo(x, seed).numpy() for seed in range(4)])
        assert draws.std() > 0
        bound = tf.function(lambda x: model.importance_bound(x, samples=64, seed=0))(x)
        assert bound.numpy() > draws.mean()

    def test_variables_agree(self, case):
        config, model = case
        assert_variables_agree(model, {"image": images(3, config)})

    def test_initialisation_standardises(self, case):
        config, _ = case
        model, x = ImageFlow(config, seed=1), images(64, config, seed=9)
        model.initialise({"image": x})
        latents = model.density.latents(tf.cast(x, tf.float32) + 0.5)
        for latent in latents:
            assert 0.1 < np.std(latent) < 4.0 and abs(np.mean(latent)) < 1.5


def test_levels_without_squeeze_keep_the_size_of_the_image():
    """28x28 pixels have three levels, and their numbers are all that the density is of."""
    config = FlowConfig(image_size=28, channels=1, levels=3, squeezes=2, steps=1, filters=4)
    density = make_flow_distribution(config)
    shapes = [shape.as_list() for shape in density.flow.latent_shapes([28, 28, 1])]
    assert shapes == [[14, 14, 2], [7, 7, 4], [7, 7, 4]]


def test_density_of_levels_without_squeeze_integrates_to_one_over_the_pixels():
    """Quadrature over the four pixels of an image whose second level has no squeeze."""
    config = FlowConfig(
        image_size=2, channels=1, values=4, levels=2, squeezes=1, steps=2, filters=4, prior=MAR
    )
    model = make(config, 0.1)
    side = np.linspace(-10.0, 14.0, 33, dtype=np.float32)
    plane = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape([-1, 2])
    log_prob = tf.function(model.density.log_prob)
    mass = 0.0
    for upper in plane:
        pixels = np.concatenate([np.broadcast_to(upper, plane.shape), plane], -1)
        mass += np.exp(log_prob(pixels.reshape([-1, 2, 2, 1])).numpy().astype(np.float64)).sum()
    np.testing.assert_allclose(mass * (side[1] - side[0]) ** 4, 1.0, atol=2e-3)


def test_tiny_discrete_space_has_no_more_than_all_probability():
    """All 16 images of 2 x 2 pixels and two values: the mass of the density on [0, 2]^4."""
    config = FlowConfig(image_size=2, channels=1, values=2, levels=1, steps=2, filters=4)
    model = ImageFlow(config, seed=1)
    every = np.array([[(n >> k) & 1 for k in range(4)] for n in range(16)], np.uint8)
    x = tf.constant(every.reshape(16, 2, 2, 1))
    model.initialise({"image": x})
    perturb(model, 0.1)
    bound = tf.function(lambda x: model.importance_bound(x, samples=400, seed=0))
    total = tf.reduce_sum(tf.exp(bound(x)))
    points = model.density.sample(20_000, seed=2).numpy()
    inside = ((points >= 0.0) & (points < 2.0)).all((1, 2, 3)).mean()
    assert 0.05 < inside < 1.0
    np.testing.assert_allclose(total, inside, rtol=0.15)


def test_all_equal_probability_is_exactly_eight_bits():
    model = ImageFlow(FlowConfig(image_size=4, levels=1, steps=1, filters=4))
    prior = tfd.Independent(tfd.Logistic(tf.zeros([4, 4, 3]), 1.0), 3)

    class Prior:
        event_shape, name = prior.event_shape, "logistic"

        @staticmethod
        def log_prob(value, training, seed):
            return prior.log_prob(value)

    model.density = FlowDistribution(PixelLogit(alpha=0.0), [Prior()], [4, 4, 3])
    terms = model.objective({"image": images(7, model.config)}, training=False)
    np.testing.assert_allclose(terms["bits_per_dim"], np.full(7, 8.0), atol=1e-4)


def test_padding_counts_the_picture_alone():
    config = FlowConfig(**{**TINY, "image_size": 8}, padding=2)
    model, x = make(config), images(3, config)
    assert model.image_shape == [4, 4, 1] and model.dimensions == 16
    padded = tf.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]])
    np.testing.assert_array_equal(model.to_pixels(x), padded)
    terms = model.objective({"image": x}, training=False)
    np.testing.assert_allclose(terms["bits_per_dim"], -terms["elbo"] / 16 / np.log(2), rtol=1e-6)
    np.testing.assert_array_equal(model.decode(model.encode(x)), x)
    assert model.sample(2).shape == [2, 4, 4, 1]


def test_mar_prior_starts_as_the_gaussian_one():
    plain = ImageFlow(CASES["glow"], seed=1)
    mar = ImageFlow(CASES["glow_mar"], seed=1)
    for one, other in zip(
        plain.density.flow.trainable_variables, mar.density.flow.trainable_variables
    ):
        other.assign(one)
    x = images(3, CASES["glow"])
    np.testing.assert_allclose(mar.elbo(x, 2), plain.elbo(x, 2), rtol=1e-5)


def test_measure_counts_every_image_once_and_levels_add_up():
    config = CASES["glow_mar"]
    model, x = make(config), images(23, config)
    evaluation = FlowEvaluationConfig(batch_size=10, noise_draws=3)
    numbers = measure_flow(model, array_source({"image": x.numpy()}), evaluation, seed=0)
    shares = [numbers["bits_per_dim_level_1"], numbers["bits_per_dim_level_2"]]
    np.testing.assert_allclose(sum(shares), numbers["bits_per_dim"], rtol=1e-9)
    np.testing.assert_allclose(
        numbers["bits_per_dim"], -numbers["nats"] / 16 / np.log(2), rtol=1e-9
    )
    assert numbers["bits_per_dim_importance"] < numbers["bits_per_dim"]
    # The mean over images of many draws of noise.
    elbo = tf.function(model.elbo)
    many = np.mean([elbo(x, tf.constant([7, draw])).numpy().mean() for draw in range(30)])
    np.testing.assert_allclose(numbers["nats"], many, rtol=0.02)
    few = dataclasses.replace(evaluation, examples=10, noise_draws=1)
    assert measure_flow(model, array_source({"image": x.numpy()}), few)["nats"] != numbers["nats"]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_gives_finite_gradients_and_close_bounds(policy):
    config = CASES["mixture_mar"]
    exact = make(config, 0.05)
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        model = ImageFlow(config, seed=1)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    for one, other in zip(exact.trainable_variables, model.trainable_variables):
        assert other.dtype == tf.float32
        other.assign(one)
    x = images(5, config)
    with tf.GradientTape() as tape:
        bound = model.elbo(x, 1)
    np.testing.assert_allclose(bound, exact.elbo(x, 1), rtol=0.03, atol=0.5)
    for gradient in tape.gradient(bound, model.trainable_variables):
        assert np.isfinite(gradient).all()


def test_export_equals_the_model(tmp_path):
    config = CASES["glow_mar"]
    model, x = make(config), images(3, config)
    card = serving.Card(name="flow", system="flows", summary="Draws noise.", examples={})
    loaded = serving.load(serving.export(model, tmp_path / "flow", card))
    terms = loaded.log_prob(images=x, seed=3)
    np.testing.assert_allclose(terms["log_prob"], model.elbo(x, 3), rtol=1e-5)
    bits = -model.elbo(x, 3) / 16 / np.log(2)
    np.testing.assert_allclose(terms["bits_per_dim"], bits, rtol=1e-5)
    drawn = loaded.sample(count=3, seed=7, temperature=0.7)["images"]
    np.testing.assert_array_equal(drawn, model.sample(3, 7, 0.7))
    latents = loaded.encode(images=x)
    for name, latent in zip(("latent_0", "latent_1"), model.encode(x)):
        np.testing.assert_allclose(latents[name], latent, atol=1e-5)
    np.testing.assert_array_equal(loaded.decode(**latents)["images"], x)
    between = loaded.interpolate(images=x, second=x[::-1], steps=4)["images"]
    np.testing.assert_array_equal(between, model.interpolate(x, x[::-1], 4))
    np.testing.assert_array_equal(between[:, 0], x)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"image_size": 6}, "2 levels cannot halve; wanted a multiple of 4"),
        ({"squeezes": 3}, "squeezes: got 3 for 2 levels of glow; wanted 1 to the number of levels"),
        ({"squeezes": 1, "architecture": "nice"}, "for 2 levels of nice; wanted .* of glow"),
        ({"steps": 0}, "steps: got 0; wanted 1 or more"),
        ({"values": 1}, "values: got 1; wanted 2 or more"),
    ],
)
def test_wrong_sizes_are_told(wrong, message):
    with pytest.raises(ConfigError, match=message):
        FlowConfig(**{**TINY, **wrong}).validate()


class TestVectorFlow:
    @pytest.fixture(scope="class", params=["real_nvp", "mixture_cdf", "maf", "iaf"])
    def model(self, request):
        config = VectorFlowConfig(
            size=2, architecture=request.param, steps=2, hidden_units=(8,), components=3
        )
        tf.keras.utils.set_random_seed(1)
        return perturb(VectorFlow(config, seed=1), 0.5)

    def test_density_integrates_to_one(self, model):
        # Of sinh(t): fine in the middle, and far into tails that are much wider than N(0, I).
        t = np.linspace(-6.0, 6.0, 401)
        side, width = np.sinh(t).astype(np.float32), np.cosh(t) * (t[1] - t[0])
        grid = tf.reshape(tf.stack(tf.meshgrid(side, side), -1), [-1, 2])
        density = np.exp(tf.function(model.log_prob)(grid).numpy().astype(np.float64))
        mass = np.sum(density.reshape(401, 401) * np.outer(width, width))
        np.testing.assert_allclose(mass, 1.0, atol=1e-3)

    def test_latents_and_samples(self, model):
        x = model.sample(50, seed=3)
        np.testing.assert_allclose(model.decode(model.encode(x)), x, atol=1e-3)
        z = model.encode(model.sample(4000, seed=4))
        np.testing.assert_allclose(np.cov(z.numpy().T), np.eye(2), atol=0.1)

    def test_variables_agree(self, model):
        assert_variables_agree(model, {"point": tf.random.stateless_normal([7, 2], [1, 2])})


@pytest.mark.parametrize("averaged", [False, True])
def test_masks_hold_through_training(averaged):
    """A step is large at weights behind a mask; neither these nor their averages may keep it."""
    model = VectorFlow(VectorFlowConfig(architecture="maf", steps=2, hidden_units=(8,)), seed=1)
    training = TrainingConfig(steps=10, learning_rate=0.1, average_decay=0.9)
    model.compile(make_optimizer(training))
    points = tf.random.stateless_normal([64, 2], [1, 2]) * [1.0, 3.0]
    points += tf.stack([tf.zeros([64]), tf.square(points[:, 0])], axis=-1)
    for _ in range(10):
        model.train_step({"point": points})
    x = tf.constant([[0.3, -1.0], [1.2, 2.0]])
    with averaged_weights(model) if averaged else contextlib.nullcontext():
        with tf.GradientTape() as tape:
            tape.watch(x)
            z, log_det = model.flow.inverse_and_log_det(x)
        jacobian = tape.batch_jacobian(z, x)
        assert np.abs(log_det).min() > 0.1
        np.testing.assert_allclose(tf.linalg.slogdet(jacobian)[1], log_det, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("architecture", ["real_nvp", "maf"])
def test_condition_changes_the_density(architecture):
    config = VectorFlowConfig(
        size=3, conditioning_size=2, architecture=architecture, steps=2, hidden_units=(8,)
    )
    model = perturb(VectorFlow(config, seed=1), 0.5)
    x, condition = tf.ones([4, 3]), tf.random.stateless_normal([4, 2], [3, 4])
    log_prob = model.log_prob(x, condition).numpy()
    assert np.ptp(log_prob) > 0.01
    drawn = model.sample(4, seed=1, condition=condition)
    np.testing.assert_allclose(
        model.decode(model.encode(drawn, condition), condition), drawn, atol=1e-4
    )
