"""VAEs: bounds against quadrature, KL against closed forms, hierarchies, settings."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.properties import assert_variables_agree
from tests.zoo.vae_toy import CASES, LADDER, MAPS, VECTOR, images, make, targets, with_prior
from tfgen.distributions import DiscretisedLogistic
from tfgen.randomness import fold_in
from tfgen.training import ConfigError
from zoo.vae import VAE

PLANE = [name for name in CASES if name.startswith("vector")]


@functools.lru_cache(maxsize=None)
def model_of(name):
    return make(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_objective_and_variables(name):
    model, config = VAE(CASES[name], seed=1), CASES[name]
    batch = {"image": images(6, config)}
    model.initialise(batch)
    terms = model.objective(batch, training=False)
    np.testing.assert_allclose(terms["loss"], -terms["elbo"], rtol=1e-5)
    np.testing.assert_allclose(terms["elbo"], terms["log_likelihood"] - terms["kl"], rtol=1e-5)
    layers = sum(config.layers)
    if layers > 1:
        parts = [terms[f"kl_{layer + 1}"] for layer in range(layers)]
        np.testing.assert_allclose(tf.add_n(parts), terms["kl"], rtol=1e-5)
    bits = -terms["elbo"] / np.prod(config.image_shape) / np.log(2)
    np.testing.assert_allclose(terms["bits_per_dim"], bits, rtol=1e-6)
    assert_variables_agree(model, batch)


def log_prob_by_quadrature(model, x, half_width=9.0, points=121):
    """log P(x) = log of the integral of p(z) P(x | z) over the plane, for one image."""
    axis = np.linspace(-half_width, half_width, points)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape([-1, 2])
    z = tf.constant(z, tf.float32)
    joint = model.hierarchy.prior.log_prob(z) + model.decode([z]).log_prob(x)
    joint = joint.numpy().astype(np.float64)
    return np.logaddexp.reduce(joint) + 2.0 * np.log(axis[1] - axis[0])


@pytest.mark.parametrize("name", PLANE)
def test_bounds_are_below_quadrature_and_ordered(name):
    """Of a latent plane: E ELBO < E L_10 < E L_100 <= log P(x), and L_20000 = log P(x)."""
    model, config = model_of(name), CASES[name]
    x = images(1, config, seed=3)
    exact = log_prob_by_quadrature(model, tf.cast(x, tf.float32))
    # Rows are draws of one image.
    inference = model.infer(tf.repeat(x, 20_000, axis=0), seed=5)
    log_likelihood = model.log_likelihood(inference.means, tf.repeat(x, 20_000, axis=0))
    weights = (log_likelihood + inference.log_p[0] - inference.log_q[0]).numpy()

    def bound(samples):
        rows = weights.astype(np.float64).reshape([-1, samples])
        rows = np.logaddexp.reduce(rows, axis=1) - np.log(samples)
        return rows.mean(), rows.std() / np.sqrt(len(rows))

    (one, error), (ten, _), (hundred, _), (all_of_them, _) = map(bound, (1, 10, 100, 20_000))
    assert one < ten < hundred < exact + 0.01
    assert exact - one > 0.02
    assert all_of_them == pytest.approx(exact, abs=0.05)
    elbo = (log_likelihood - inference.total_kl).numpy()
    assert abs(elbo.mean() - one) < 4 * (error + elbo.std() / np.sqrt(20_000))


@pytest.mark.parametrize("name", ["vector", "ladder"])
def test_closed_kl_is_the_mean_of_its_draws(name):
    model, config = model_of(name), CASES[name]
    inference = model.infer(tf.repeat(images(1, config), 4000, axis=0), seed=1)
    for closed, log_q, log_p in zip(inference.kl, inference.log_q, inference.log_p):
        difference = (log_q - log_p - closed).numpy()
        assert np.abs(difference).max() > 0.01
        assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(4000)


def test_density_of_a_flow_posterior_is_that_of_its_inverse():
    """log q at the draws, computed back from the draws alone."""
    model, config = model_of("vector_iaf"), CASES["vector_iaf"]
    x = images(4, config)
    inference, moments = model.infer(x, seed=1), model.features(x)[0].bounded()
    z = tf.identity(inference.latents[0])[:, tf.newaxis, tf.newaxis]
    flow = model.hierarchy.flows[0]
    noise, log_det = flow.inverse_and_log_det(z, conditioning=moments.context)
    standard = (noise - moments.mean) / tf.exp(moments.log_scale)
    log_normal = -0.5 * standard**2 - moments.log_scale - 0.5 * np.log(2.0 * np.pi)
    log_q = tf.reduce_sum(log_normal, [1, 2, 3]) + log_det
    np.testing.assert_allclose(inference.log_q[0], log_q, rtol=1e-4, atol=1e-4)
    assert np.abs(log_det).max() > 0.05


def test_importance_bound_is_the_mean_of_weights_of_its_draws():
    model, x = model_of("ladder_iaf"), images(3, LADDER)
    weights = []
    for index in range(4):
        seed = fold_in(7, index)
        inference = model.infer(x, seed)
        log_weight = model.log_likelihood(inference.means, x, seed)
        for log_p, log_q in zip(inference.log_p, inference.log_q):
            log_weight += log_p - log_q
        weights.append(log_weight.numpy())
    expected = np.logaddexp.reduce(weights, axis=0) - np.log(4)
    graph = tf.function(lambda x: model.importance_bound(x, 4, seed=7))
    np.testing.assert_allclose(graph(x), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["ladder", "ladder_iaf", "map_mar_iaf", "map_flow", "vector_vamp"])
def test_samples_are_decoded_latents_and_follow_the_seed(name):
    model, config = model_of(name), CASES[name]
    latents = model.sample_latents(5, seed=(3, 4))
    assert [list(z.shape) for z in latents] == [[5, *shape] for shape in model.latent_shapes]
    one = model.sample(5, seed=(3, 4))
    assert one.dtype == tf.uint8 and one.shape == [5, *config.image_shape]
    assert one.numpy().max() < config.values
    graph = tf.function(lambda count, seed: model.sample(count, seed))
    np.testing.assert_array_equal(graph(tf.constant(5), tf.constant([3, 4])), one)
    assert (model.sample(5, seed=(3, 5)).numpy() != one.numpy()).any()
    # Without any noise, a sample is the image of the means.
    cold = model.sample_latents(5, seed=(3, 4), temperature=0.0)
    np.testing.assert_array_equal(model.sample(5, (3, 4), 0.0), model.middle(cold))


def test_layers_below_depend_on_those_above_both_ways():
    model, x = model_of("ladder"), images(2, LADDER)
    features = model.features(x)

    def lower_kl(shift):
        top = features[0]._replace(mean=features[0].mean + shift)
        return model.infer(None, 1, [top, *features[1:]]).kl

    changed, same = lower_kl(1.0), lower_kl(0.0)
    for layer in (0, 1, 2):
        assert np.abs(changed[layer] - same[layer]).min() > 1e-4


def test_reconstructions_are_the_ends_of_interpolations():
    model, config = model_of("ladder_iaf"), CASES["ladder_iaf"]
    first, second = images(3, config, 1), images(3, config, 2)
    line = model.interpolate(first, second, 4)
    assert line.shape == [3, 4, *config.image_shape] and line.dtype == tf.uint8
    np.testing.assert_array_equal(line[:, 0], model.reconstruct(first))
    np.testing.assert_array_equal(line[:, -1], model.reconstruct(second))
    latents = model.infer(first, 0, temperature=0.0).latents
    np.testing.assert_array_equal(model.middle(latents), model.reconstruct(first))


def test_encode_is_the_posterior_of_the_top_latent():
    model, x = model_of("vector"), images(3, VECTOR)
    posterior, inference = model.encode(x), model.infer(x, seed=2)
    np.testing.assert_allclose(
        posterior.log_prob(inference.latents[0]), inference.log_q[0], rtol=1e-5
    )
    cold = model.infer(x, seed=2, temperature=0.0).latents[0]
    np.testing.assert_allclose(posterior.mean(), cold, atol=1e-6)
    with pytest.raises(ValueError, match="call infer"):
        model_of("vector_iaf").encode(x)


@pytest.mark.parametrize(
    "changes",
    [
        {"target_size": 2, "target_channels": 3, "target_values": 5},
        {"target_size": 1, "target_values": 2},
        {"target_size": 8},
    ],
)
def test_the_decoded_image_may_be_another_one(changes):
    config = dataclasses.replace(MAPS, **changes)
    model, x, y = make(config), images(4, config), targets(4, config)
    inference = model.infer(x, seed=1)
    likelihood = model.distribution(inference.means)
    assert isinstance(likelihood, DiscretisedLogistic)
    assert likelihood.event_shape == config.target_shape and likelihood.levels == config.levels
    expected = likelihood.log_prob(y) - inference.total_kl
    np.testing.assert_allclose(model.elbo(x, 1, y), expected, rtol=1e-6)
    assert_variables_agree(model, {"image": x, "target": y})
    assert model.sample(2).shape == [2, *config.target_shape] and "score" not in model.signatures()
    with pytest.raises(ValueError, match='needs "target" beside "image"'):
        model.objective({"image": x}, training=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="targets of this model are 0 .. "):
        model.log_likelihood(inference.means, tf.fill(y.shape, 200))


def test_pixels_out_of_range_are_told():
    wrong = tf.constant([4, 0, 1, 255], tf.uint8)
    with pytest.raises(tf.errors.InvalidArgumentError, match="images of this model are 0 .. 3"):
        model_of("vector").elbo(tf.reshape(wrong, [1, 2, 2, 1]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": 300}, "values: got 300; wanted 2 to 256"),
        ({"strides": (2, 2)}, "layers: got 1 for 2 strides"),
        ({"layers": (0,)}, "a stochastic layer at the coarsest level"),
        ({"strides": (3,)}, "strides: got .3,. for images of 4 pixels.*no multiple of 3"),
        ({"target_size": 3}, "target_size: got 3; wanted a multiple or a divisor of 2"),
        ({"likelihood": "bernoulli"}, "got bernoulli for 4 values"),
        ({"free_nats": -1.0}, "free_nats"),
        ({"kernel_size": 2}, "kernel_size: got 2; wanted an odd"),
        ({"latent_channels": ()}, "latent_channels"),
    ],
)
def test_settings_that_do_not_fit_are_told(changes, message):
    config = dataclasses.replace(MAPS, **changes)
    for told in (config.validate, lambda: VAE(config)):
        with pytest.raises(ConfigError, match=message):
            told()


def test_priors_that_do_not_fit_are_told():
    for config, message in (
        (with_prior(VECTOR, "channel_autoregressive"), "channel_autoregressive for vectors"),
        (with_prior(VECTOR, "vamp", posterior="iaf"), "vamp with posterior iaf"),
        (with_prior(VECTOR, "flow", latent_channels=(1,)), "flow for latents of one channel"),
    ):
        with pytest.raises(ConfigError, match=message):
            config.validate()
