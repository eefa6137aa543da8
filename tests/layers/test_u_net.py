"""U-Net and its batch norm against operations written out, at any size, in every mode."""

import numpy as np
import pytest
import tensorflow as tf

from tests.perturbation import perturb
from tfgen.layers import BatchNorm, UNet

X = tf.constant(np.random.RandomState(1).normal(size=[4, 8, 4, 3]), tf.float32)


@pytest.fixture(scope="module")
def network():
    made = UNet(filters=4, depth=2, outputs=5, momentum=0.5)
    made(X)
    return perturb(made, 0.3)


def block(layer, x):
    """By the moments of the batch, in float64 but for the convolutions."""
    for convolution, norm in zip(layer.convolutions, layer.norms):
        x = tf.nn.conv2d(x, convolution.kernel, 1, "SAME").numpy()
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        x = (x - mean) / np.sqrt(variance + 1e-3) * norm.gamma.numpy() + norm.beta.numpy()
        x = np.maximum(x, 0.0).astype(np.float32)
    return x


def test_is_the_network_written_out(network):
    """With pooling by reshape and TensorFlow's own bilinear interpolation."""

    def pool(x):
        count, height, width, channels = x.shape
        return x.reshape(count, height // 2, 2, width // 2, 2, channels).max((2, 4))

    def up(x, size):
        return tf.image.resize(x, size, "bilinear").numpy()

    zero = block(network.down[0], X.numpy())
    one = block(network.down[1], pool(zero))
    two = block(network.down[2], pool(one))
    maps = block(network.up[1], np.concatenate([one, up(two, [4, 2])], -1))
    maps = block(network.up[0], np.concatenate([zero, up(maps, [8, 4])], -1))
    expected = network.last(maps)
    got = network(X, batch_statistics=True)
    assert got.shape == [4, 8, 4, 5] and np.std(got) > 0.05
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


def test_moving_averages_are_used_outside_training_and_learnt_in_it_alone(network):
    def averages():
        return [variable.numpy() for variable in network.non_trainable_variables]

    before = averages()
    alone = network(X[:1])
    np.testing.assert_allclose(network(X)[:1], alone, rtol=1e-4, atol=1e-5)
    statistics = network(X, batch_statistics=True)
    assert np.abs(statistics[:1] - network(X[:1], batch_statistics=True)).max() > 0.01
    for value, same in zip(before, averages()):
        np.testing.assert_array_equal(value, same)
    training = network(X, training=True)
    np.testing.assert_allclose(training, statistics, rtol=1e-3, atol=1e-4)
    first = network.down[0]
    x = tf.nn.conv2d(X, first.convolutions[0].kernel, 1, "SAME").numpy()
    # Half of the old average (momentum 0.5) and half of the batch's.
    np.testing.assert_allclose(
        first.norms[0].moving_mean, 0.5 * x.mean((0, 1, 2)), rtol=1e-3, atol=1e-5
    )
    for _ in range(40):
        network(X, training=True)
    # Keras corrects the moving variances for the number of values; the moments of a batch are not.
    for blocks in (network.down, network.up):
        for index, layer in enumerate(blocks):
            count = 4 * 8 * 4 // 4**index
            for norm in layer.norms:
                norm.moving_variance.assign(norm.moving_variance * (count - 1) / count)
    np.testing.assert_allclose(network(X), statistics, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [[2, 7, 9, 3], [1, 1, 1, 3], [2, 3, 16, 3]])
def test_any_size_gives_maps_of_its_size(network, shape):
    x = tf.constant(np.random.RandomState(2).normal(size=shape), tf.float32)
    expected = network(x)
    assert expected.shape == [*shape[:3], 5]
    anything = tf.function(network, input_signature=[tf.TensorSpec([None, None, None, 3])])
    np.testing.assert_allclose(anything(x), expected, rtol=1e-4, atol=1e-5)


def test_every_output_sees_a_whole_small_image(network):
    """The way down gives global context: the last pixel moves the features of the first."""
    moved = X.numpy()
    moved[:, -1, -1] += 3.0
    assert np.abs(network(moved)[:, 0, 0] - network(X)[:, 0, 0]).max() > 1e-4


def test_size_is_that_of_the_common_network():
    """Of 3 channels, 64 filters and four halvings, 17.26 million weights, biases left out."""
    network = UNet(64, 4, 100)
    shape = [1, 16, 16, 3]
    network.build(shape)
    network(tf.zeros(shape))
    count = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    widths = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512)]
    widths += [(512, 512)] * 3 + [(1024, 512), (512, 256), (512, 256), (256, 128)]
    widths += [(256, 128), (128, 64), (128, 64), (64, 64)]
    norms = 2 * sum(out for _, out in widths)
    assert count == sum(9 * a * b for a, b in widths) + norms + 64 * 100 + 100


def test_is_remade_from_its_configuration_and_refuses_nonsense(network):
    config = network.get_config()
    again = UNet.from_config(config)
    assert again.get_config() == config and config["momentum"] == 0.5
    with pytest.raises(ValueError, match="depth >= 1 and filters >= 2; got depth=0, filters=4"):
        UNet(4, depth=0)


def test_batch_norm_in_half_precision_normalises_in_single():
    norm = BatchNorm(dtype=tf.keras.mixed_precision.Policy("mixed_float16"))
    x = tf.cast(1000.0 + X, tf.float16)
    got = norm(x, batch_statistics=True)
    assert got.dtype == tf.float16
    np.testing.assert_allclose(np.std(got, (0, 1, 2)), np.ones(3), atol=0.05)
