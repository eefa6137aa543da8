"""Likelihood bounds of a model with a 2-D latent against quadrature over a grid of z."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.weights import set_weights
from tests.zoo.vlvae_toy import TEXTS, toy_batch, toy_source, toy_vlvae, toy_vocabulary
from tfgen.data import array_source
from tfgen.distributions import unit_interval
from tfgen.randomness import as_seed, fold_in
from zoo.vlvae import image_bounds, text_bounds, word_entropy

tfd = tfp.distributions
COUNT = 6
STEP = 0.08


@pytest.fixture(scope="module")
def vlvae():
    # A blunt likelihood, so that p(z|x) is as wide as q(z|x) and importance sampling converges.
    return toy_vlvae(latent_size=2, concentration=0.2, weights_seed=3, scale=0.6)


@pytest.fixture(scope="module")
def densities(vlvae):
    """Untrained, bent, and wide enough to propose: a prior flow and a text posterior."""
    prior, posterior = vlvae.make_prior_flow(), vlvae.make_text_posterior()
    posterior.log_prob(tf.zeros([1, 2]), tf.zeros([1, 2], tf.int32))
    return set_weights(prior, 1, 0.5), set_weights(posterior, 2, 0.7)


@pytest.fixture(scope="module")
def grid():
    axis = np.arange(-6, 6, STEP) + STEP / 2
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2).astype(np.float32)


def in_blocks(function, z, size=5000):
    function = tf.function(function, reduce_retracing=True)
    return np.concatenate([function(z[i : i + size]) for i in range(0, len(z), size)])


def log_integral(log_density):
    """log of the integral over z of the exponentials, [points, ...] -> [...]."""
    return tf.reduce_logsumexp(np.float64(log_density), 0).numpy() + 2 * np.log(STEP)


@pytest.fixture(scope="module")
def exact(vlvae, densities, grid):
    """log p(x), log p(x|y), log p(y) of the examples, under both priors."""
    prior, posterior = densities
    batch = toy_batch(COUNT)
    pixels, words = unit_interval(batch["image"]), batch["words"]

    def log_likelihoods(z):
        decoded = vlvae.decode(z)
        images = tf.stack([decoded.log_prob(pixels[i]) for i in range(COUNT)], -1)
        texts = [
            vlvae.text_log_prob(z, tf.repeat(words[i : i + 1], tf.shape(z)[0], 0))
            for i in range(COUNT)
        ]
        densities = [tfd.Sample(tfd.Normal(0.0, 1.0), 2).log_prob(z), prior.log_prob(z)]
        conditional = posterior.log_prob(z[:, tf.newaxis], words)
        return tf.concat([images, tf.stack(texts, -1), tf.stack(densities, -1), conditional], -1)

    values = in_blocks(log_likelihoods, grid)
    images, texts, priors, conditional = np.split(values, [COUNT, 2 * COUNT, 2 * COUNT + 2], -1)
    np.testing.assert_allclose(log_integral(priors), 0, atol=1e-3)
    np.testing.assert_allclose(log_integral(conditional), 0, atol=1e-3)
    return {
        "log_p_x_normal": log_integral(images + priors[:, :1]),
        "log_p_x_flow": log_integral(images + priors[:, 1:]),
        "log_p_x_given_y_q": log_integral(images + conditional),
        "log_p_y_normal": log_integral(texts + priors[:, :1]),
        "log_p_y_flow": log_integral(texts + priors[:, 1:]),
    }


def repeated(times):
    """The examples of `exact`, each `times` times."""
    batch = toy_batch(COUNT)
    return array_source(
        {name: np.concatenate([batch[name].numpy()] * times) for name in ("image", "words")}
    )


def means(bounds, times):
    return {name: values.reshape(times, COUNT).mean(0) for name, values in bounds.items()}


def bounds_of_images(vlvae, densities, samples, times=1, **settings):
    prior, posterior = densities
    return means(
        image_bounds(
            vlvae,
            repeated(times),
            {"normal": vlvae.prior(), "flow": prior},
            {"q": posterior},
            samples,
            **settings,
        ),
        times,
    )


def test_text_bounds_rise_with_the_samples_to_log_p_of_the_text(vlvae, densities, exact):
    prior, posterior = densities
    pairs = {"normal": (vlvae.prior(), posterior), "flow": (prior, posterior)}
    one, eight, many = (
        means(text_bounds(vlvae, repeated(times), pairs, samples, 1000), times)
        for samples, times in ((1, 150), (8, 50), (2000, 1))
    )
    for name in ("log_p_y_normal", "log_p_y_flow"):
        assert one[name].mean() < eight[name].mean() - 0.01 < exact[name].mean()
        np.testing.assert_allclose(many[name], exact[name], atol=0.08)
    assert np.exp(exact["log_p_y_normal"]).sum() < 1


def test_image_bounds_rise_with_the_samples_to_log_p_of_the_image(vlvae, densities, exact):
    few = bounds_of_images(vlvae, densities, 8, times=10, batch_size=60)
    many = bounds_of_images(vlvae, densities, 600)
    assert set(few) == {
        f"{name}{end}"
        for end in ("", "_elbo")
        for name in ("log_p_x_normal", "log_p_x_flow", "log_p_x_given_y_q")
    }
    for name in ("log_p_x_normal", "log_p_x_flow", "log_p_x_given_y_q"):
        elbo, eight = few[f"{name}_elbo"].mean(), few[name].mean()
        assert elbo < eight - 0.01 < exact[name].mean()
        np.testing.assert_allclose(many[name], exact[name], atol=0.1)


def test_image_bounds_are_equation_6(vlvae, densities):
    """log p(x|z) + log q_phi(z|y) - log q(z|x) by hand, of the same draws, in batches."""
    prior, posterior = densities
    bounds = bounds_of_images(vlvae, densities, 3, seed=9, batch_size=4)
    wanted = {name: [] for name in bounds}
    for index, batch in enumerate(toy_source(COUNT).batches(4)):
        images, words = batch["image"], batch["words"]
        q = vlvae.encode(images)
        noise = tf.random.stateless_normal([3, len(images), 2], fold_in(9, index))
        z = q.mean() + q.stddev() * noise
        for name, log_density in {
            "log_p_x_normal": tfd.Sample(tfd.Normal(0.0, 1.0), 2).log_prob(z),
            "log_p_x_flow": prior.log_prob(z),
            "log_p_x_given_y_q": tf.stack([posterior.log_prob(z[i], words) for i in range(3)]),
        }.items():
            likelihood = [vlvae.image_log_prob(z[i], images) for i in range(3)]
            log_q = tfd.Independent(tfd.Normal(q.mean(), q.stddev()), 1).log_prob(z)
            weights = np.float64(tf.stack(likelihood) + log_density - log_q)
            wanted[f"{name}_elbo"].append(weights.mean(0))
            wanted[name].append(np.log(np.exp(weights).mean(0)))
    for name, parts in wanted.items():
        np.testing.assert_allclose(bounds[name], np.concatenate(parts), rtol=1e-4, atol=1e-3)


def test_a_perfect_proposal_gives_log_p_y_with_one_sample(vlvae):
    """Where p(y|z) does not depend on z, p(z|y) = p(z), and every weight is p(y)."""

    class Prior:
        @staticmethod
        def sample(words, count, seed):
            return tf.random.stateless_normal([count, tf.shape(words)[0], 2], as_seed(seed))

        @staticmethod
        def log_prob(z, words=None):
            return tfd.Sample(tfd.Normal(0.0, 1.0), 2).log_prob(z)

    deaf = toy_vlvae(latent_size=2)
    last = deaf.shared_decoder.network.last
    last.kernel.assign(tf.zeros_like(last.kernel))
    source = toy_source(len(TEXTS))
    bounds = text_bounds(deaf, source, {"prior": (Prior, Prior)}, 1)["log_p_y_prior"]
    words = toy_vocabulary().encode(TEXTS)
    np.testing.assert_allclose(
        bounds, deaf.text_log_prob(tf.zeros([len(TEXTS), 2]), words), atol=1e-5
    )


@pytest.mark.parametrize("objective", ["vlvae", "vlvae_joint"])
def test_word_entropy_is_that_of_the_words_distribution(objective):
    model = toy_vlvae(objective)
    batch = toy_batch(5)
    got = word_entropy(model, toy_source(5), batch_size=5, seed=4)
    q = model.encode(batch["image"], batch["words"])
    z = q.mean() + q.stddev() * tf.random.stateless_normal([5, 4], as_seed(fold_in(4, 0)))
    logits = model.text_decoder(model.shared_decoder(z), batch["words"])
    np.testing.assert_allclose(got, tfd.Categorical(logits).entropy().numpy().mean(0), rtol=1e-4)
    # Sure of its words, it has none; without a clue, all of log(number of words).
    output = model.text_decoder.output_network.last
    output.kernel.assign(tf.zeros_like(output.kernel))
    output.bias.assign(tf.zeros_like(output.bias))
    np.testing.assert_allclose(word_entropy(model, toy_source(5)), np.log(5), rtol=1e-6)
    output.bias.assign([50.0, 0.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(word_entropy(model, toy_source(5)), 0.0, atol=1e-6)
