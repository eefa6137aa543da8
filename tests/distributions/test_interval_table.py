"""Tables of intervals against sums of the probabilities of single pixels."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfgen.codec import MixtureDigits
from tfgen.distributions import (
    DiscretisedLogisticMixture,
    mixture_channels,
    parameters_from_channels,
)


def mixture(channels, levels, pixels=3, components=3, seed=0):
    shape = [1, 1, pixels, mixture_channels(channels, components)]
    outputs = tf.random.stateless_normal(shape, [seed, 1])
    return DiscretisedLogisticMixture(
        **parameters_from_channels(outputs, channels, components, levels), levels=levels
    )


def brute_force(images, value, channel):
    """P(x_c | earlier channels) of all levels: sums over all that the later channels can be."""
    later = images.means.shape[-2] - channel - 1
    table = []
    for level in range(images.levels):
        total = 0.0
        for rest in itertools.product(range(images.levels), repeat=later):
            pixel = value.copy()
            pixel[..., channel] = level
            pixel[..., channel + 1 :] = rest
            total += np.exp(images.pixel_log_prob(pixel).numpy().astype(np.float64))
        table.append(total)
    table = np.stack(table, -1)
    return table / table.sum(-1, keepdims=True)


@pytest.mark.parametrize("channel", range(3))
def test_single_levels_are_conditional_probabilities(channel):
    images = mixture(3, 4)
    value = np.random.default_rng(0).integers(0, 4, [1, 1, 3, 3])
    start = tf.zeros([1, 1, 3], tf.int32)
    table = images.interval_table(value, tf.constant(channel), start, 1, 4)
    np.testing.assert_allclose(table, brute_force(images, value, channel), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("levels", "width", "count"), [(256, 16, 16), (17, 16, 16), (20, 3, 8)])
def test_intervals_are_sums_and_levels_beyond_have_none(levels, width, count):
    images = mixture(3, levels)
    value = np.random.default_rng(1).integers(0, levels, [1, 1, 3, 3])
    zero = tf.zeros([1, 1, 3], tf.int32)
    for channel in range(3):
        single = images.interval_table(value, channel, zero, 1, levels).numpy()
        np.testing.assert_allclose(single.sum(-1), 1.0, atol=1e-6)
        padded = np.pad(single, [(0, 0)] * 3 + [(0, width * count - levels)])
        wide = images.interval_table(value, channel, zero, width, count)
        summed = padded.reshape(1, 1, 3, count, width).sum(-1)
        np.testing.assert_allclose(wide, summed, rtol=1e-5, atol=1e-7)
        later = images.interval_table(value, channel, zero + 5, 1, levels).numpy()
        np.testing.assert_allclose(later[..., :-5], single[..., 5:], rtol=1e-5, atol=1e-9)
        np.testing.assert_array_equal(later[..., -5:], 0.0)


def test_tails_do_not_cancel():
    """A pixel seventy scales away from its mean, of a probability that float32 still holds."""
    images = DiscretisedLogisticMixture(
        tf.zeros([1, 1, 1, 1]), tf.fill([1, 1, 1, 1, 1], -0.5), tf.fill([1, 1, 1, 1, 1], -4.2)
    )
    value = np.full([1, 1, 1, 1], 200)
    start = tf.fill([1, 1, 1], 200)
    (table,) = images.interval_table(value, 0, start, 1, 1).numpy().ravel()
    expected = images.pixel_log_prob(value).numpy().item()
    assert expected < -60 and np.log(table) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("values", [2, 16, 17, 256])
def test_digits_multiply_to_the_pixel(values):
    digits = MixtureDigits(3, 3, values)
    images = mixture(3, values, pixels=40)
    pixels = np.random.default_rng(2).integers(0, values, [1, 40, 3]).astype(np.uint8)
    told = digits.split(tf.constant(pixels))
    assert told.shape == [1, 40, digits.count] and told.numpy().max() < digits.alphabet
    np.testing.assert_array_equal(digits.join(told), pixels)
    packed = digits.pack(images)[:, 0]
    total = 0.0
    for index in range(digits.count):
        seen = tf.where(tf.range(digits.count) < index, told, tf.zeros_like(told))
        table = digits.table(packed, seen, tf.constant(index))
        assert table.shape[-1] == digits.alphabet
        chosen = tf.gather(table, tf.cast(told[..., index], tf.int32), batch_dims=2)
        total += tf.math.log(chosen)
    expected = images.pixel_log_prob(pixels[:, np.newaxis])[:, 0]
    np.testing.assert_allclose(total, expected, rtol=1e-4, atol=1e-4)
