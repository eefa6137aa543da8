"""Convolutions of spectral norm 1."""

import numpy as np
import tensorflow as tf

from tfgen.layers import SpectralConvolution
from tfgen.layers.spectral_convolution import spectral_norm


def test_norm_is_the_largest_singular_value():
    random = np.random.RandomState(0)
    for shape in ((20, 6), (5, 12), (7, 1)):
        matrix = random.normal(size=shape).astype(np.float32)
        exact = np.linalg.svd(matrix)[1][0]
        near = spectral_norm(tf.constant(matrix), 10).numpy()
        assert 0.98 * exact < near < 1.0001 * exact
        np.testing.assert_allclose(spectral_norm(tf.constant(matrix), 200), exact, rtol=1e-4)


def test_gradient_is_that_of_the_singular_value():
    matrix = tf.constant(np.random.RandomState(1).normal(size=[8, 5]).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(matrix)
        value = spectral_norm(matrix, 200)
    u, _, v = np.linalg.svd(matrix.numpy())
    np.testing.assert_allclose(tape.gradient(value, matrix), np.outer(u[:, 0], v[0]), atol=1e-4)


def test_output_is_that_of_the_kernel_over_its_norm():
    layer = SpectralConvolution(4, 3, strides=2, iterations=300)
    layer.build([None, 8, 8, 2])
    random = np.random.RandomState(2)
    kernel, bias = random.normal(size=[3, 3, 2, 4]), random.normal(size=4)
    layer.set_weights([kernel, bias])
    x = random.normal(size=[3, 8, 8, 2]).astype(np.float32)
    scale = np.linalg.svd(kernel.reshape(-1, 4))[1][0]
    expected = tf.nn.conv2d(x, (kernel / scale).astype(np.float32), 2, "SAME") + bias
    np.testing.assert_allclose(layer(x), expected, rtol=1e-3, atol=1e-4)
    assert layer(x).shape == [3, 4, 4, 4] and len(layer.weights) == 2
    # The scale of the kernel does not matter.
    layer.set_weights([7.0 * kernel, bias])
    np.testing.assert_allclose(layer(x), expected, rtol=1e-3, atol=1e-4)
    assert layer.get_config()["iterations"] == 300
