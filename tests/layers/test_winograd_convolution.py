"""Winograd's convolution against TensorFlow's, and a ConvLSTM whose steps are made of it."""

import numpy as np
import pytest
import tensorflow as tf

from tests.weights import set_weights
from tfgen.layers import ConvLSTM
from tfgen.layers.conv_lstm_winograd import ConvLSTMWinograd
from tfgen.layers.winograd_convolution import WinogradConvolution

SIZES = pytest.mark.parametrize(("height", "width"), [(8, 12), (4, 4), (5, 9), (1, 2), (7, 3)])


def normal(*shape, seed=0, dtype=np.float64):
    return tf.constant(np.random.RandomState(seed).normal(size=shape).astype(dtype))


@SIZES
def test_is_the_plain_convolution(height, width):
    maps, kernel = normal(3, height, width, 5), normal(3, 3, 5, 7, seed=1)
    wanted = tf.nn.conv2d(maps, kernel, 1, "SAME")
    got = WinogradConvolution(kernel, height, width)(maps)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12)


def test_rounds_in_float32_a_few_times_as_much():
    maps, kernel = normal(2, 16, 16, 256), normal(3, 3, 256, 8, seed=1) / 48.0
    wanted = tf.nn.conv2d(maps, kernel, 1, "SAME").numpy()
    single = tf.cast(maps, tf.float32), tf.cast(kernel, tf.float32)
    got = WinogradConvolution(single[1], 16, 16)(single[0])
    assert 0.9 < wanted.std() < 1.1
    assert np.abs(got - wanted).mean() < 3e-6


def test_any_batch_in_one_graph():
    kernel = normal(3, 3, 2, 3, seed=1)

    @tf.function(input_signature=[tf.TensorSpec([None, 6, 5, 2], tf.float64)])
    def convolve(maps):
        return WinogradConvolution(kernel, 6, 5)(maps)

    for batch in (1, 4):
        maps = normal(batch, 6, 5, 2, seed=batch)
        wanted = tf.nn.conv2d(maps, kernel, 1, "SAME")
        np.testing.assert_allclose(convolve(maps), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", [normal(5, 5, 2, 3), normal(3, 3, 2, 3, dtype=np.float16)])
def test_tells_which_kernels_it_takes(kernel):
    with pytest.raises(ValueError, match=r"takes a kernel \[3, 3, C, channels\] of float32 or"):
        WinogradConvolution(kernel, 4, 4)


@SIZES
@pytest.mark.parametrize("peephole", [False, True])
def test_steps_are_those_of_the_conv_lstm(height, width, peephole):
    layer = ConvLSTM(2, filters=3, layers=2, peephole=peephole, dtype="float64")
    set_weights(layer, 1)
    faster = ConvLSTMWinograd(layer, height, width)
    states = [None, None]
    for step in range(4):
        maps = normal(2, height, width, 2, seed=step)
        wanted, states[0] = layer.step(maps, states[0])
        got, states[1] = faster.step(maps, states[1])
        assert np.std(wanted) > 0.02
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12)
        for one, other in zip(tf.nest.flatten(states[1]), tf.nest.flatten(states[0])):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "settings", [{"kernel_size": 5}, {"dilation": 2}, {"context_channels": 4}, {"dtype": "float16"}]
)
def test_tells_which_recurrences_it_takes(settings):
    layer = ConvLSTM(2, filters=64, **settings)
    assert not ConvLSTMWinograd.pays(layer, 64, 64)
    with pytest.raises(ValueError, match="takes a ConvLSTM of float32 with kernels of 3x3"):
        ConvLSTMWinograd(layer, 64, 64)
