"""Masked convolutions: what sees what, and the network of an autoregressive flow."""

import numpy as np
import pytest
import tensorflow as tf

from tests.weights import set_weights
from tfgen.initialisation import data_dependent_initialisation
from tfgen.layers import MaskedConvolution, MaskedConvolutions


def dependence(function, inputs, context=None):
    """Whether output entry j of a map of one image has a slope by input entry i: bool [i, j]."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.reshape(function(inputs), [-1])
    jacobian = tape.jacobian(outputs, inputs)
    return tf.transpose(tf.reshape(jacobian, [outputs.shape[0], -1])).numpy() != 0.0


@pytest.mark.parametrize("strict", [True, False])
def test_an_output_sees_what_is_earlier_within_its_kernel(strict):
    """Brute force over all pairs of entries of a 3x4 map with 2 groups."""
    layer = set_weights(MaskedConvolution(2, 3, 2, kernel_size=3, strict=strict))
    x = tf.constant(np.random.RandomState(1).normal(size=[1, 3, 4, 6]), tf.float32)
    seen = dependence(layer, x).reshape([3, 4, 6, 3, 4, 4])
    for row, column, channel, to_row, to_column, to_channel in np.ndindex(seen.shape):
        near = abs(row - to_row) <= 1 and abs(column - to_column) <= 1
        source, target = (row, column, channel // 3), (to_row, to_column, to_channel // 2)
        earlier = source < target if strict else source <= target
        place = (row, column, channel, to_row, to_column, to_channel)
        assert seen[place] == (near and earlier), place


@pytest.mark.parametrize(("side", "kernel_size"), [(3, 3), (1, 1)])
def test_the_network_is_autoregressive_and_sees_all_of_the_context(side, kernel_size):
    channels, factor = 3, 4
    network = set_weights(MaskedConvolutions(channels, factor, 2, kernel_size))
    random = np.random.RandomState(2)
    z = tf.constant(random.normal(size=[1, side, side, channels]), tf.float32)
    context = tf.constant(random.normal(size=[1, side, side, channels * factor]), tf.float32)
    for index in (0, 1):
        seen = dependence(lambda z, i=index: network(z, conditioning=context)[i], z)
        size = len(seen)
        assert not seen[np.tril_indices(size)].any()
        # In order of reading, each entry has the one before it among its inputs.
        before = (np.arange(size - 1), np.arange(1, size))
        inside = [i for i in range(size - 1) if side == 1 or (i + 1) // channels % side]
        assert seen[before][inside].all()
        of_context = dependence(lambda c, i=index: network(z, conditioning=c)[i], context)
        assert of_context.any(axis=0).all()


def test_masked_weights_are_normalised_and_standardise_their_outputs():
    layer = MaskedConvolution(2, 1, 3, kernel_size=3, initial_scale=0.5)
    set_weights(layer)
    x = tf.constant(np.random.RandomState(1).normal(2.0, 3.0, [8, 5, 5, 2]), tf.float32)
    with data_dependent_initialisation():
        layer(x)
    y = layer(x).numpy().reshape([-1, 6])
    np.testing.assert_allclose(y.mean(0), np.zeros(6), atol=1e-5)
    np.testing.assert_allclose(y.std(0), np.full(6, 0.5), rtol=1e-4)
    copy = MaskedConvolution.from_config(layer.get_config())
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(x), layer(x))


def test_the_first_entry_of_all_is_a_constant():
    """Nothing is before it: its number is the bias, whatever z is, and no weight makes it NaN."""
    layer = set_weights(MaskedConvolution(3, 1, 1, kernel_size=1, strict=True))
    x = tf.constant(np.random.RandomState(1).normal(size=[4, 1, 1, 3]), tf.float32)
    with tf.GradientTape() as tape:
        y = layer(x)
    np.testing.assert_array_equal(y[..., 0], np.broadcast_to(y[:1, ..., 0], y[..., 0].shape))
    assert np.isfinite(tape.gradient(y, layer.direction)).all()


def test_bad_arguments_are_told():
    with pytest.raises(ValueError, match="one hidden layer at least; got layers=0"):
        MaskedConvolutions(3, layers=0)
    with pytest.raises(TypeError, match="not pixel by pixel"):
        MaskedConvolution(2, 1, 1).frozen()
