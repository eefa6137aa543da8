"""The discretised Laplace distribution: exact sums, TFP's as a reference, gradients, samples."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.distributions import DiscretisedLaplace

tfd = tfp.distributions


def every_level(levels):
    return np.arange(levels).reshape([levels, 1, 1, 1])


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_masses_of_all_levels_add_up_to_one(levels):
    """Wherever the median is, in or beyond the range, and for any scale."""
    for median in (0.0, 0.123, -1.0, 1.0, 0.9999, -3.7, 50.0):
        for log_scale in (-80.0, -9.0, -3.0, 0.0, 4.0, 30.0):
            images = DiscretisedLaplace(tf.fill([1, 1, 1], median), log_scale, levels)
            log_mass = images.log_prob(every_level(levels)).numpy()
            assert np.isfinite(log_mass).all() and log_mass.max() <= 1e-6
            assert np.exp(log_mass.astype(np.float64)).sum() == pytest.approx(1.0, abs=3e-5)


def test_equals_a_quantised_laplace_of_tfp():
    levels = 8
    for middle, scale in ((3.1, 1.7), (6.99, 0.4), (0.2, 5.0)):
        # tfd's level n has the interval (n - 1, n].
        quantised = tfd.QuantizedDistribution(tfd.Laplace(np.float64(middle), scale), 1.0, 8.0)
        images = DiscretisedLaplace(tf.fill([1, 1, 1], middle / 4 - 1), np.log(scale / 4), levels)
        expected = quantised.log_prob(np.arange(levels) + 1.0)
        np.testing.assert_allclose(images.log_prob(every_level(levels)), expected, rtol=1e-5)


def test_away_from_the_edges_it_is_the_l1_norm_and_a_constant():
    medians = tf.constant([[[-0.3], [0.1], [0.6]]])
    x = np.array([[[70], [128], [230]]])
    images = DiscretisedLaplace(medians, np.log(0.1))
    offset = np.abs((2 * x + 1) / 256 - 1 - medians.numpy()).sum()
    # A bin of width 2/256, seen from outside: sinh(1 / (256 s)) e^(-distance / s).
    constant = 3 * np.log(np.sinh(1 / 25.6))
    assert images.log_prob(x).numpy() == pytest.approx(constant - offset / 0.1, rel=1e-4)


def test_gradients_are_finite_and_right():
    x = np.array([0.0, 3.0, 255.0, 128.0, 165.0], np.float32).reshape([5, 1, 1, 1])
    for median in (-40.0, 0.0, 0.5, 1e4):
        for log_scale in (-60.0, -7.0, 0.0, 60.0):
            parameters = [tf.fill([5, 1, 1, 1], median), tf.fill([5, 1, 1, 1], log_scale)]
            with tf.GradientTape() as tape:
                tape.watch(parameters)
                mass = DiscretisedLaplace(*parameters).log_prob(x)
            for gradient in tape.gradient(mass, parameters):
                assert np.isfinite(gradient).all(), (median, log_scale)
    # The median 0.297 lies in the bin of level 166, beside that of the last one.
    median = tf.fill([5, 1, 1, 1], 0.297)
    with tf.GradientTape() as tape:
        tape.watch(median)
        mass = DiscretisedLaplace(median, -2.0).log_prob(x)
    slopes = tape.gradient(mass, median)[:, 0, 0, 0].numpy()
    np.testing.assert_allclose(slopes, np.array([-1, -1, 1, -1, -1]) * np.exp(2.0), rtol=1e-4)


def test_frequencies_of_samples_are_the_masses():
    images = DiscretisedLaplace(tf.constant([[[0.2, -0.9]]]), [-1.0, -0.5], 4)
    drawn = images.sample(20_000, seed=1).numpy()[:, 0, 0]
    for channel in (0, 1):
        x = np.zeros([4, 1, 1, 2])
        x[..., channel] = np.arange(4)[:, None, None]
        expected = np.exp(images.entry_log_prob(x).numpy()[:, 0, 0, channel].astype(np.float64))
        counts = np.bincount(drawn[:, channel], minlength=4)
        assert scipy.stats.chisquare(counts, expected * 20_000 / expected.sum()).pvalue > 0.01
    cold = images.sample(seed=3, temperature=0.0).numpy()
    np.testing.assert_array_equal(cold, [[[2, 0]]])


def test_errors():
    with pytest.raises(ValueError, match=r"images \[..., H, W, C\]; got \(1, 1\)"):
        DiscretisedLaplace(tf.zeros([1, 1]), 0.0)
    with pytest.raises(ValueError, match="2 to 65536 levels; got levels=1"):
        DiscretisedLaplace(tf.zeros([1, 1, 1]), 0.0, levels=1)
