"""Priors of latents: densities by other means, draws, the mixture of posteriors."""

import functools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

from tests.perturbation import perturb
from tfgen.distributions import GaussianMixture, StandardNormal, VampPrior

tfd = tfp.distributions


class Encoder(tf.keras.layers.Layer):
    """Images [K, 2, 2, 1] -> mean and scale of latents of a shape."""

    def __init__(self, shape):
        super().__init__()
        size = int(np.prod(shape))
        self.shape = shape
        random = np.random.RandomState(0)
        self.matrix = tf.Variable(tf.cast(random.normal(size=[4, 2 * size]), tf.float32))

    def call(self, images):
        outputs = tf.reshape(images, [-1, 4]) @ self.matrix
        mean, log_scale = tf.split(outputs, 2, axis=-1)
        shape = [-1, *self.shape]
        return tf.reshape(mean, shape), tf.exp(tf.reshape(0.3 * log_scale, shape))


def vamp(shape):
    return VampPrior(shape, Encoder(shape), [2, 2, 1], pseudo_inputs=3, seed=1)


REGISTRY = {
    "standard_normal": StandardNormal,
    "mixture": functools.partial(GaussianMixture, components=3, spread=1.5, seed=1),
    "vamp": vamp,
}
MIXTURES = ("mixture", "vamp")


@functools.lru_cache(maxsize=None)
def made(name, *shape):
    prior = REGISTRY[name](list(shape))
    return perturb(prior, 0.5) if prior.trainable_variables else prior


def reference(prior):
    """The same density by TensorFlow Probability."""
    if isinstance(prior, StandardNormal):
        zeros = tf.zeros(prior.event_shape)
        return tfd.Independent(tfd.Normal(zeros, 1.0), prior.event_shape.rank)
    log_weights, means, log_scales = prior.components()
    parts = tfd.Independent(tfd.Normal(means, tf.exp(log_scales)), prior.event_shape.rank)
    return tfd.MixtureSameFamily(tfd.Categorical(logits=log_weights), parts)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2)])
@pytest.mark.parametrize("name", REGISTRY)
def test_density_and_shapes(name, shape):
    prior = made(name, *shape)
    z = tf.constant(np.random.RandomState(2).normal(size=[5, 4, *shape]) * 2.0, tf.float32)
    log_prob = prior.log_prob(z)
    np.testing.assert_allclose(log_prob, reference(prior).log_prob(z), rtol=1e-5)
    assert prior.event_shape == list(shape) and prior.batch_shape == []
    for sample_shape in ((), 6, (2, 3)):
        drawn = prior.sample(sample_shape, seed=1)
        assert drawn.shape == [*np.reshape(sample_shape, [-1]).astype(int), *shape]


@pytest.mark.parametrize("name", MIXTURES)
def test_density_integrates_to_one(name):
    prior = made(name, 2)
    axis = np.linspace(-12.0, 12.0, 301)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape([-1, 2])
    density = np.exp(prior.log_prob(tf.constant(points, tf.float32)).numpy().astype(np.float64))
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("name", REGISTRY)
def test_draws_have_the_distribution(name):
    """Kolmogorov-Smirnov test of each marginal against the mixture's own."""
    prior = made(name, 2)
    drawn = prior.sample(4000, seed=3).numpy()
    if name in MIXTURES:
        weights, means, scales = (np.asarray(part) for part in prior.components())
        weights, scales = np.exp(weights), np.exp(scales)
    else:
        weights, means, scales = np.ones(1), np.zeros([1, 2]), np.ones([1, 2])
    for entry in (0, 1):

        def cdf(x, entry=entry):
            parts = scipy.stats.norm.cdf(x[:, np.newaxis], means[:, entry], scales[:, entry])
            return parts @ weights

        assert scipy.stats.kstest(drawn[:, entry], cdf).pvalue > 0.01
    mixed = drawn[:, 0] * drawn[:, 1]
    expected = np.sum(weights * means[:, 0] * means[:, 1])
    assert abs(mixed.mean() - expected) < 4 * mixed.std() / np.sqrt(len(mixed))


@pytest.mark.parametrize("name", REGISTRY)
def test_seed_temperature_and_graph(name):
    prior = made(name, 3)
    first = prior.sample(6, seed=7)
    for same in (7, (7, 0), tf.constant(7)):
        np.testing.assert_array_equal(prior.sample(6, seed=same), first)
    np.testing.assert_array_equal(prior.sample(4, seed=7), first[:4])
    assert np.abs(prior.sample(6, seed=8) - first).min() > 0
    cold, half = prior.sample(6, seed=7, temperature=0.0), prior.sample(6, seed=7, temperature=0.5)
    np.testing.assert_allclose(half - cold, 0.5 * (first - cold), atol=1e-5)
    centres = prior.components()[1].numpy() if name in MIXTURES else np.zeros([1, 3])
    for row in cold.numpy():
        assert np.abs(row - centres).max(-1).min() < 1e-6

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([None, 3])])
    def graph(count, z):
        return prior.sample(count, seed=7), prior.log_prob(z)

    drawn, log_prob = graph(6, first)
    np.testing.assert_allclose(drawn, first, atol=1e-6)
    np.testing.assert_allclose(log_prob, prior.log_prob(first), rtol=1e-5)


@pytest.mark.parametrize("name", MIXTURES)
def test_every_variable_has_a_gradient_and_keras_sees_it(name):
    prior = made(name, 3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(prior.log_prob(tf.ones([5, 3])))
    gradients = tape.gradient(loss, prior.trainable_variables)
    assert len(gradients) == {"mixture": 3, "vamp": 2}[name]
    assert all(np.abs(gradient).max() > 1e-4 for gradient in gradients)
    model = tf.keras.Model()
    model.prior = prior
    assert {v.ref() for v in model.trainable_variables} == {
        v.ref() for v in prior.trainable_variables
    }


def test_vamp_prior_is_the_average_of_the_posteriors_of_its_inputs():
    prior = VampPrior([2], Encoder([2]), [2, 2, 1], pseudo_inputs=4, seed=1)
    data = np.random.RandomState(5).uniform(-1.0, 1.0, [3, 2, 2, 1]).astype(np.float32)
    prior.set_pseudo_inputs(data)
    np.testing.assert_array_equal(prior.pseudo_inputs, data[[0, 1, 2, 0]])
    z = np.random.RandomState(6).normal(size=[7, 2]).astype(np.float32)
    densities = []
    for inputs in data[[0, 1, 2, 0]]:
        mean, scale = prior.encoder(inputs[np.newaxis])
        densities.append(scipy.stats.norm(mean, scale).pdf(z).prod(-1))
    np.testing.assert_allclose(prior.log_prob(z), np.log(np.mean(densities, 0)), rtol=1e-4)


def test_pseudo_inputs_stay_within_the_range_of_images_and_find_back():
    prior = VampPrior([2], Encoder([2]), [2, 2, 1], pseudo_inputs=2, seed=1)
    inside, outside = tf.ones([2, 2, 2, 1]), tf.fill([2, 2, 2, 1], 3.0)
    z = tf.zeros([1, 2])
    prior.set_pseudo_inputs(inside)
    expected = prior.log_prob(z)
    prior.set_pseudo_inputs(outside)
    with tf.GradientTape() as tape:
        log_prob = prior.log_prob(z)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-6)
    assert np.abs(tape.gradient(log_prob, prior.pseudo_inputs)).max() > 1e-3


def test_bad_arguments_are_told():
    with pytest.raises(ValueError, match="one component at least; got 0"):
        GaussianMixture([3], components=0)
    with pytest.raises(ValueError, match="one pseudo-input at least; got 0"):
        VampPrior([3], Encoder([3]), [2, 2, 1], pseudo_inputs=0)
    with pytest.raises(ValueError, match="that of a vector, .D., or a map"):
        StandardNormal([])
