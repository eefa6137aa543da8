"""Weight-normalised convolutions against sums written out, and in rows and pixels."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfgen.initialisation import data_dependent_initialisation
from tfgen.layers import GatedResidual, WeightNormalisedConvolution, concat_elu

CASES = [
    ("all", (3, 3), 1, False),
    ("all", (3, 3), 2, False),
    ("above", (2, 3), 1, False),
    ("above", (2, 3), 2, False),
    ("above", (2, 3), 1, True),
    ("above", (1, 3), 1, True),
    ("before", (2, 2), 1, False),
    ("before", (2, 2), 2, False),
    ("before", (2, 1), 1, True),
    ("before", (1, 3), 1, True),
    ("before", (1, 3), 1, False),
]


def make(context, kernel_size, strides, strict, **settings):
    layer = WeightNormalisedConvolution(2, 3, kernel_size, strides, context, strict, **settings)
    random = np.random.RandomState(1)
    layer.bias.assign(random.normal(size=3))
    layer.log_scale.assign(0.5 * random.normal(size=3))
    return layer


def offsets(context, kernel_size, strict):
    """Rows and columns that an output sees relative to its own pixel, in the kernel's order."""
    height, width = kernel_size
    rows = range(-(height - 1), 1)
    columns = (
        range(-(width - 1), 1) if context == "before" else range(-(width // 2), width // 2 + 1)
    )
    if context == "all":
        rows = range(-(height // 2), height // 2 + 1)
    down, right = int(strict and context == "above"), int(strict and context == "before")
    return [row - down for row in rows], [column - right for column in columns]


@pytest.mark.parametrize(("context", "kernel_size", "strides", "strict"), CASES)
class TestContexts:
    def test_equals_the_sum_over_its_pixels(self, context, kernel_size, strides, strict):
        layer = make(context, kernel_size, strides, strict)
        x = np.random.RandomState(0).normal(size=[2, 4, 6, 2]).astype(np.float32)
        direction = layer.direction.numpy().astype(np.float64)
        kernel = direction / np.sqrt((direction**2).sum((0, 1, 2)))
        rows, columns = offsets(context, kernel_size, strict)
        expected = np.zeros([2, 4 // strides, 6 // strides, 3]) + layer.bias.numpy()
        for i, j in itertools.product(range(4 // strides), range(6 // strides)):
            for (a, row), (b, column) in itertools.product(enumerate(rows), enumerate(columns)):
                y, z = strides * i + row, strides * j + column
                if 0 <= y < 4 and 0 <= z < 6:
                    expected[:, i, j] += x[:, y, z] @ kernel[a, b]
        expected *= np.exp(layer.log_scale)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)

    def test_rows_and_pixels_are_those_of_the_whole(self, context, kernel_size, strides, strict):
        if context == "all":
            return
        layer = make(context, kernel_size, strides, strict)
        x = np.random.RandomState(0).normal(size=[2, 4, 6, 2]).astype(np.float32)
        expected = layer(x).numpy()
        frozen = layer.frozen()
        height, width = kernel_size
        up = int(strict and context == "above")
        padded = np.pad(x, [(0, 0), (height - 1 + up, 0), (0, 0), (0, 0)])
        for i in range(0, 4, strides):
            window = padded[:, i : i + height]
            if context == "above":
                np.testing.assert_allclose(
                    frozen.row(window), expected[:, i // strides], rtol=1e-4, atol=1e-5
                )
                continue
            share = np.broadcast_to(
                frozen.share_of_above(window[:, :-1]), expected[:, i // strides].shape
            )
            row = np.pad(window[:, -1], [(0, 0), (width - 1 + int(strict), 0), (0, 0)])
            for j in range(0, 6, strides):
                here = row[:, j : j + width].reshape([2, -1]) @ frozen.here.numpy()
                np.testing.assert_allclose(
                    share[:, j // strides] + here,
                    expected[:, i // strides, j // strides],
                    rtol=1e-4,
                    atol=1e-5,
                )


def test_length_of_the_direction_does_not_matter():
    layer = make("all", (3, 3), 1, False)
    x = tf.constant(np.random.RandomState(0).normal(size=[2, 4, 4, 2]), tf.float32)
    expected = layer(x)
    layer.direction.assign(7.0 * layer.direction)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_initialisation_gives_mean_zero_and_the_deviation_asked_for(scale):
    x = tf.constant(np.random.RandomState(0).normal(3.0, 5.0, size=[8, 6, 6, 2]), tf.float32)
    layer = WeightNormalisedConvolution(2, 5, 3, initial_scale=scale)
    before = layer(x).numpy()
    with data_dependent_initialisation():
        inside = layer(x)
    after = layer(x).numpy()
    np.testing.assert_array_equal(inside, after)
    assert np.abs(before.std((0, 1, 2)) - scale).min() > 0.1 * scale
    np.testing.assert_allclose(after.mean((0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(after.std((0, 1, 2)), scale, rtol=1e-4)
    with pytest.raises(RuntimeError, match="sets itself from data in eager mode"):
        with data_dependent_initialisation():
            tf.function(layer)(x)


def test_mixed_precision_keeps_variables_in_float32():
    x = tf.constant(np.random.RandomState(0).normal(size=[2, 4, 4, 2]), tf.float32)
    policy = tf.keras.mixed_precision.Policy("mixed_bfloat16")
    layer = make("above", (2, 3), 1, False, dtype=policy)
    assert {variable.dtype for variable in layer.variables} == {tf.float32}
    got = layer(x)
    assert got.dtype == tf.bfloat16
    plain = make("above", (2, 3), 1, False)
    plain.direction.assign(layer.direction)
    np.testing.assert_allclose(tf.cast(got, tf.float32), plain(x), rtol=0.05, atol=0.05)


def test_errors_and_configuration():
    with pytest.raises(ValueError, match="context is one of all, above, before; got 'left'"):
        WeightNormalisedConvolution(2, 3, context="left")
    for sizes in ({"kernel_size": 2}, {"kernel_size": (2, 4), "context": "above"}):
        with pytest.raises(ValueError, match="does not fit context"):
            WeightNormalisedConvolution(2, 3, **sizes)
    with pytest.raises(ValueError, match="'all' is never strict"):
        WeightNormalisedConvolution(2, 3, 3, strict=True)
    layer = make("before", (2, 1), 1, True)
    again = WeightNormalisedConvolution.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


class TestGatedResidual:
    def test_formula(self):
        block = GatedResidual(2, side_sizes=[3, 1], conditioning_size=4)
        random = np.random.RandomState(0)
        x, first, second, given = (
            tf.constant(random.normal(size=[2, 3, 3, size]), tf.float32) for size in (2, 3, 1, 4)
        )

        def double(t):
            t = np.concatenate([t, -np.asarray(t)], -1)
            return np.where(t > 0, t, np.expm1(np.minimum(t, 0.0))).astype(np.float32)

        np.testing.assert_allclose(concat_elu(x), double(x), rtol=1e-5, atol=1e-6)
        h = block.first(double(x)) + block.side(np.concatenate([double(first), double(second)], -1))
        h = block.second(double(h)) + block.conditional(given)
        expected = x + h[..., :2] / (1 + np.exp(-h[..., 2:]))
        got = block(x, sides=[first, second], conditioning=given)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)

    def test_dropout_follows_its_seed_and_training(self):
        block = GatedResidual(4, dropout=0.5)
        x = tf.constant(np.random.RandomState(0).normal(size=[2, 3, 3, 4]), tf.float32)
        plain = block(x).numpy()
        first = block(x, training=True, seed=(1, 2)).numpy()
        np.testing.assert_array_equal(block(x, training=True, seed=(1, 2)), first)
        assert np.abs(block(x, training=True, seed=(1, 3)) - first).max() > 1e-4
        np.testing.assert_array_equal(block(x, seed=(1, 2)), plain)
        assert np.abs(first - plain).max() > 1e-4

    def test_a_vector_is_the_same_at_every_pixel(self):
        block = GatedResidual(2, conditioning_size=4)
        x = tf.ones([2, 3, 3, 2])
        given = tf.constant(np.random.RandomState(0).normal(size=[2, 1, 1, 4]), tf.float32)
        whole = block(x, conditioning=tf.broadcast_to(given, [2, 3, 3, 4]))
        np.testing.assert_allclose(block(x, conditioning=given), whole, rtol=1e-5)
