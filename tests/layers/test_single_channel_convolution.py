"""The convolution of maps of one channel against TensorFlow's own, with its derivatives."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.layers.single_channel_convolution import single_channel_convolution


def normal(*shape, seed):
    return tf.constant(np.random.RandomState(seed).normal(size=shape))


def plain(maps, kernel, bias=None, dilation=1):
    outputs = tf.nn.convolution(
        maps, kernel, padding="SAME", data_format="NHWC", dilations=dilation
    )
    return outputs if bias is None else outputs + bias


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize(
    ("size", "dilation", "with_bias"), [(1, 1, True), (3, 1, False), (3, 2, True), (5, 1, True)]
)
def test_value_and_derivatives_are_those_of_the_plain_convolution(size, dilation, with_bias, graph):
    maps, kernel = normal(2, 4, 5, 1, seed=0), normal(size, size, 1, 3, seed=1)
    sources = [maps, kernel, *([normal(3, seed=2)] if with_bias else [])]
    weights = normal(2, 4, 5, 3, seed=3)

    def derivatives(convolve):
        with tf.GradientTape() as outer:
            outer.watch(sources)
            with tf.GradientTape() as inner:
                inner.watch(sources)
                outputs = convolve(*sources, dilation=dilation)
                loss = tf.reduce_sum(weights * tf.sin(outputs))
            first = inner.gradient(loss, sources)
            slope = tf.add_n([tf.reduce_sum(gradient**2) for gradient in first])
        return [outputs, *first, *outer.gradient(slope, sources)]

    run = tf.function(derivatives) if graph else derivatives
    for got, wanted in zip(run(single_channel_convolution), run(plain)):
        assert np.abs(wanted).max() > 1e-2
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-10)


def test_gradient_where_the_graph_does_not_know_the_sizes():
    kernel = normal(3, 3, 1, 2, seed=1)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.float64)])
    def gradient(maps):
        return tf.gradients(single_channel_convolution(maps, kernel) ** 2, maps)[0]

    for shape in ((1, 4, 2, 1), (3, 1, 5, 1)):
        maps = normal(*shape, seed=5)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            loss = tf.reduce_sum(plain(maps, kernel) ** 2)
        np.testing.assert_allclose(gradient(maps), tape.gradient(loss, maps), rtol=0, atol=1e-12)
