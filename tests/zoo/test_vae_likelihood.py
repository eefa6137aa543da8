"""Likelihoods of a VAE: exact masses, bounds of dequantised densities, draws."""

import dataclasses
import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from tests.zoo.vae_toy import VECTOR
from tfgen.distributions import image_noise
from zoo.vae import Likelihood

EXACT = {
    "discretised_logistic": dataclasses.replace(VECTOR, values=3),
    "bernoulli": dataclasses.replace(VECTOR, likelihood="bernoulli", values=2),
}
DENSE = {
    "gaussian": dataclasses.replace(VECTOR, likelihood="gaussian"),
    "beta": dataclasses.replace(VECTOR, likelihood="beta", concentration=7.0),
}


def make(config):
    likelihood = Likelihood(config)
    if likelihood.log_scales is not None:
        likelihood.log_scales.assign([-0.7])
    means = np.random.RandomState(0).normal(size=[1, 2, 2, 1], scale=0.6)
    return likelihood, tf.constant(means, tf.float32)


def every_image(config):
    rows = np.array(list(itertools.product(range(config.values), repeat=4)), np.uint8)
    return rows.reshape([-1, 2, 2, 1])


@pytest.mark.parametrize("name", EXACT)
def test_exact_likelihoods_add_up_to_one(name):
    likelihood, means = make(EXACT[name])
    every = every_image(EXACT[name])
    log_prob = likelihood.log_prob(tf.repeat(means, len(every), axis=0), every, 0).numpy()
    assert np.exp(log_prob.astype(np.float64)).sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(likelihood.distribution(means).log_prob(every * 1.0), log_prob, 1e-5)


@pytest.mark.parametrize("name", DENSE)
def test_densities_are_those_of_images_with_noise(name):
    likelihood, means = make(DENSE[name])
    every = every_image(DENSE[name])
    means = tf.repeat(means, len(every), axis=0)
    log_prob = likelihood.log_prob(means, every, seed=(3, 4)).numpy()
    noise = image_noise((3, 4), len(every), [2, 2, 1]).numpy()
    share = (every + noise) / 4.0
    if name == "gaussian":
        density = scipy.stats.norm(means, np.exp(-0.7)).logpdf(2.0 * share - 1.0) + np.log(2.0)
    else:
        mean = scipy.special.expit(means)
        density = scipy.stats.beta(7.0 * mean, 7.0 - 7.0 * mean).logpdf(share)
    expected = (density - np.log(4.0)).sum((1, 2, 3))
    np.testing.assert_allclose(log_prob, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("name", DENSE)
def test_mean_of_a_density_is_a_bound_of_a_probability(name):
    """E_u log p(y + u) <= log P(y), the density's mass over the level of every pixel."""
    likelihood, means = make(DENSE[name])
    every, draws = every_image(DENSE[name]), 100
    images = np.repeat(every, draws, axis=0)
    log_prob = likelihood.log_prob(tf.repeat(means, len(images), axis=0), images, seed=1)
    log_prob = log_prob.numpy().astype(np.float64).reshape([-1, draws])
    bound, error = log_prob.mean(-1), log_prob.std(-1) / np.sqrt(draws)
    masses = [level_masses(name, float(mean), 4, False) for mean in means.numpy().ravel()]
    exact = np.log([np.prod([m[y] for m, y in zip(masses, row.ravel())]) for row in every])
    assert (bound < exact + 4 * error).all()
    assert bound.mean() < exact.mean() - 0.01
    assert np.exp(bound).sum() > 0.5 * np.exp(exact).sum()


@pytest.mark.parametrize("name", [*EXACT, *DENSE])
def test_draws_are_of_the_distribution_and_cold_ones_its_middle(name):
    config = {**EXACT, **DENSE}[name]
    likelihood, means = make(config)
    many = tf.repeat(means, 4000, axis=0)
    drawn = likelihood.draw(many, seed=1).numpy()
    assert drawn.dtype == np.int32 and set(np.unique(drawn)) == set(range(config.values))
    # Frequencies of the levels of each pixel against the density, integrated over each level.
    for pixel in np.ndindex(2, 2):
        where = (slice(None), *pixel, 0)
        counts = np.bincount(drawn[where], minlength=config.values) / 4000
        expected = level_masses(name, float(means[0, pixel[0], pixel[1], 0]), config.values)
        assert np.abs(counts - expected).max() < 5 * 0.5 / np.sqrt(4000), (name, pixel)
    cold = likelihood.draw(many[:5], seed=2, temperature=0.0)
    np.testing.assert_array_equal(cold, tf.cast(likelihood.middle(many[:5]), tf.int32))
    np.testing.assert_array_equal(likelihood.draw(many, seed=1), drawn)
    assert (likelihood.draw(many, seed=2).numpy() != drawn).any()


def level_masses(name, mean, values, open_ends=True):
    """Probabilities of the levels of a pixel; without open ends, the mass of [-1, 1] alone."""
    if name == "bernoulli":
        share = scipy.special.expit(mean)
        return np.array([1.0 - share, share])
    ends = np.arange(values + 1) / values
    if name == "beta":
        share = scipy.special.expit(mean)
        below = scipy.stats.beta(7.0 * share, 7.0 * (1.0 - share)).cdf(ends)
    else:
        family = scipy.stats.norm if name == "gaussian" else scipy.stats.logistic
        below = family(mean, np.exp(-0.7)).cdf(2.0 * ends - 1.0)
    if open_ends:
        below[[0, -1]] = 0.0, 1.0
    return np.diff(below)
