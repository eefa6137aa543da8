"""Networks inside couplings: against numpy, their initialisation, and what they may depend on."""

import numpy as np
import pytest
import tensorflow as tf

from tests.weights import set_weights
from tfgen.initialisation import data_dependent_initialisation
from tfgen.layers import (
    CouplingConvolutions,
    DenseCouplingNetwork,
    GatedAttentionNetwork,
    NormalisedConvolution,
    ZeroConvolution,
)


def convolutions(dtype="float64", **kwargs):
    return CouplingConvolutions(3, 4, filters=6, dtype=dtype, **kwargs)


def attention(dtype="float64", **kwargs):
    kwargs = {"blocks": 2, "heads": 2, "filters": 8, **kwargs}
    return GatedAttentionNetwork(3, 4, dtype=dtype, **kwargs)


def images(*shape, seed=1, dtype=np.float64):
    return np.random.RandomState(seed).normal(size=shape).astype(dtype)


NETWORKS = [convolutions, attention]


def every(networks):
    return pytest.mark.parametrize("make", networks, ids=lambda make: make.__name__)


def convolve(x, kernel):
    """A convolution with zero padding, one tap of the kernel after the other."""
    size = kernel.shape[0]
    padded = np.pad(x, [(0, 0), (size // 2, size // 2), (size // 2, size // 2), (0, 0)])
    height, width = x.shape[1:3]
    result = 0.0
    for i in range(size):
        for j in range(size):
            result = result + padded[:, i : i + height, j : j + width] @ kernel[i, j]
    return result


def scaled(layer, x, factor=1.0, conditioning=None):
    """(conv(x) + W c + bias) exp(factor log_scale), with nothing folded."""
    result = convolve(x, layer.kernel.numpy()) + layer.bias.numpy()
    if conditioning is not None:
        result += conditioning @ layer.conditioning_kernel.numpy()
    return result * np.exp(factor * layer.log_scale.numpy())


class TestCouplingConvolutions:
    @pytest.mark.parametrize("conditioning_shape", [None, [2], [5, 6, 2]])
    def test_equals_numpy_without_folding(self, conditioning_shape):
        size = None if conditioning_shape is None else 2
        network = set_weights(convolutions(conditioning_size=size))
        x, conditioning, added = images(3, 5, 6, 3), None, None
        if size is not None:
            conditioning = images(3, *conditioning_shape, seed=2)
            added = conditioning.reshape(
                [3, *([1, 1, 2] if len(conditioning_shape) == 1 else conditioning_shape)]
            )
        hidden = np.maximum(scaled(network.first, x, conditioning=added), 0.0)
        hidden = np.maximum(scaled(network.second, hidden), 0.0)
        expected = scaled(network.last, hidden, factor=3.0)
        got = network(tf.constant(x), conditioning=conditioning)
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)
        assert np.abs(expected).max() > 0.1

    @pytest.mark.parametrize("conditioning_size", [None, 2])
    def test_initialisation_standardises_what_enters_each_relu(self, conditioning_size):
        network = convolutions(conditioning_size=conditioning_size)
        x = 5.0 + 3.0 * images(16, 6, 6, 3)
        conditioning = None if conditioning_size is None else 4.0 * images(16, 2, seed=2)
        with data_dependent_initialisation():
            output = network(tf.constant(x), conditioning=conditioning)
        np.testing.assert_array_equal(output, np.zeros([16, 6, 6, 4]))
        added = None if conditioning is None else conditioning[:, None, None]
        first = scaled(network.first, x, conditioning=added)
        second = scaled(network.second, np.maximum(first, 0.0))
        for values in (first, second):
            np.testing.assert_allclose(values.mean((0, 1, 2)), 0.0, atol=1e-12)
            np.testing.assert_allclose(values.std((0, 1, 2)), 1.0, rtol=1e-12)

    def test_outside_of_an_initialisation_nothing_is_set(self):
        network = convolutions()
        before = [variable.numpy() for variable in network.variables]
        network(tf.constant(images(2, 4, 4, 3)))
        for variable, value in zip(network.variables, before):
            np.testing.assert_array_equal(variable, value)


def test_a_channel_that_is_constant_keeps_its_scale():
    layer = NormalisedConvolution(2, 3, kernel_size=1, dtype="float64")
    layer.kernel.assign(np.reshape([1.0, 0.0, 2.0, 0.0, 0.0, 0.0], [1, 1, 2, 3]))
    with data_dependent_initialisation():
        result = layer(tf.constant(images(8, 4, 4, 2)))
    np.testing.assert_allclose(np.std(result, (0, 1, 2)), [1.0, 0.0, 1.0], atol=1e-12)
    np.testing.assert_array_equal(layer.log_scale[1], 0.0)


def test_initialisation_in_a_graph_is_refused():
    network = convolutions()
    with data_dependent_initialisation():
        with pytest.raises(RuntimeError, match="outside of tf.function while"):
            tf.function(network)(tf.zeros([2, 4, 4, 3], tf.float64))


def concatenated_elu(x):
    both = np.concatenate([x, -x], -1)
    return np.where(both > 0, both, np.expm1(np.minimum(both, 0.0)))


def gated(part, hidden, branch):
    value, gate = np.split(scaled(part.gate, branch), 2, -1)
    total = hidden + value / (1.0 + np.exp(-gate))
    centred = total - total.mean(-1, keepdims=True)
    norm = part.normalization
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred / deviation * norm.gamma.numpy() + norm.beta.numpy()


def attended(part, hidden, heads):
    """Attention, one query of one head after the other."""
    batch, height, width, filters = hidden.shape
    features = np.zeros([height, width, 32])
    for row in range(height):
        for column in range(width):
            for k, length in enumerate([4, 8, 16, 32, 64, 128, 256, 512]):
                angles = 2 * np.pi * row / length, 2 * np.pi * column / length
                features[row, column, [k, 8 + k]] = np.sin(angles[0]), np.cos(angles[0])
                features[row, column, [16 + k, 24 + k]] = np.sin(angles[1]), np.cos(angles[1])
    inputs = hidden + features @ part.position_kernel.numpy()
    queries, keys, values = np.split(scaled(part.projection, inputs), 3, -1)
    size, result = filters // heads, np.zeros_like(hidden)
    for example in range(batch):
        for head in range(heads):
            at = slice(head * size, (head + 1) * size)
            key, value = (a[example, ..., at].reshape(-1, size) for a in (keys, values))
            for row in range(height):
                for column in range(width):
                    weight = np.exp(key @ queries[example, row, column, at] / np.sqrt(size))
                    result[example, row, column, at] = weight / weight.sum() @ value
    return gated(part, hidden, result)


class TestGatedAttentionNetwork:
    def test_equals_numpy(self):
        network = set_weights(attention(conditioning_size=2))
        x, conditioning = images(2, 4, 5, 3), images(2, 4, 5, 2, seed=2)
        hidden = scaled(network.first, x, conditioning=conditioning)
        for convolution, part in zip(network.convolutions, network.attentions):
            branch = scaled(convolution.convolution, concatenated_elu(hidden))
            hidden = gated(convolution, hidden, concatenated_elu(branch))
            hidden = attended(part, hidden, heads=2)
        expected = scaled(network.last, hidden, factor=3.0)
        got = network(tf.constant(x), conditioning=conditioning)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-11)
        assert np.abs(expected).max() > 0.1

    def pointwise(self, position_scale):
        """A network whose 3x3 kernels have nothing but their middle tap."""
        network = set_weights(attention())
        for layer in (network.first, network.last, *(c.convolution for c in network.convolutions)):
            kernel = np.zeros(layer.kernel.shape)
            kernel[1, 1] = layer.kernel[1, 1]
            layer.kernel.assign(kernel)
        for part in network.attentions:
            part.position_kernel.assign(position_scale * part.position_kernel)
        return network

    @pytest.mark.parametrize(("position_scale", "equivariant"), [(0.0, True), (1.0, False)])
    def test_without_positions_and_neighbours_pixels_are_a_set(self, position_scale, equivariant):
        network = self.pointwise(position_scale)
        x = images(2, 12, 3)
        order = np.random.RandomState(3).permutation(12)
        y, again = (
            network(tf.constant(value.reshape([2, 3, 4, 3]))).numpy().reshape([2, 12, 4])
            for value in (x, x[:, order])
        )
        difference = np.abs(y[:, order] - again).max()
        assert difference < 1e-12 if equivariant else difference > 0.01

    def test_every_position_sees_every_other(self):
        """Convolutions alone, two of 3x3 and the last, would reach three pixels."""
        network = set_weights(attention(blocks=1))
        x = tf.constant(images(1, 12, 12, 3))
        with tf.GradientTape() as tape:
            tape.watch(x)
            corner = tf.reduce_sum(network(x)[0, 0, 0])
        reach = np.abs(tape.gradient(corner, x)[0]).max(-1)
        assert reach.min() > 1e-8

    def test_dropout_is_a_function_of_the_seed_and_of_training(self):
        network = set_weights(attention(dropout=0.5))
        x = tf.constant(images(3, 4, 4, 3))
        first = network(x, training=True, seed=[1, 2])
        np.testing.assert_array_equal(first, network(x, training=True, seed=[1, 2]))
        assert np.abs(first - network(x, training=True, seed=[1, 3])).max() > 0.01
        plain = network(x)
        assert np.abs(first - plain).max() > 0.01
        np.testing.assert_array_equal(plain, network(x, training=False, seed=[1, 2]))
        with pytest.raises(ValueError, match="dropout=0.5: pass seed=... when training"):
            network(x, training=True)

    def test_blocks_drop_different_units(self):
        """The same mask in every block would be no dropout of the second one."""
        network = attention(dropout=0.5, filters=16)
        masks = []
        for part in network.convolutions:
            inner = part.dropout.call

            def spy(x, seed=None, training=False, inner=inner):
                result = inner(x, seed=seed, training=training)
                masks.append(result.numpy() == 0.0)
                return result

            part.dropout.call = spy
        network(tf.constant(images(2, 4, 4, 3)), training=True, seed=7)
        assert 0.4 < np.mean(masks[0] != masks[1]) < 0.6

    def test_initialisation_standardises_the_convolutions(self):
        network = attention()
        x = 5.0 + 3.0 * images(16, 4, 4, 3)
        with data_dependent_initialisation():
            output = network(tf.constant(x))
        np.testing.assert_array_equal(output, np.zeros([16, 4, 4, 4]))
        first = scaled(network.first, x)
        branch = scaled(network.convolutions[0].convolution, concatenated_elu(first))
        for values in (first, branch):
            np.testing.assert_allclose(values.mean((0, 1, 2)), 0.0, atol=1e-11)
            np.testing.assert_allclose(values.std((0, 1, 2)), 1.0, rtol=1e-11)

    def test_sizes_that_do_not_fit_are_refused(self):
        with pytest.raises(ValueError, match="heads=3, filters=8"):
            attention(heads=3)
        with pytest.raises(ValueError, match="blocks=0"):
            attention(blocks=0)


@every(NETWORKS)
class TestImageNetworks:
    def test_starts_at_zero(self, make):
        output = make()(tf.constant(images(2, 4, 4, 3)))
        np.testing.assert_array_equal(output, np.zeros([2, 4, 4, 4]))

    def test_gradient_reaches_every_variable(self, make):
        network = set_weights(make(conditioning_size=2))
        x, conditioning = tf.constant(images(3, 4, 4, 3)), images(3, 2, seed=2)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(network(x, conditioning=conditioning)))
        variables = network.trainable_variables
        assert len(variables) == len(network.variables)
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            assert gradient is not None, variable.name
            assert np.abs(gradient).max() > 1e-6, variable.name

    def test_the_same_weights_serve_any_image_size_and_batch_in_one_graph(self, make):
        network = set_weights(make())
        graph = tf.function(
            network, input_signature=[tf.TensorSpec([None, None, None, 3], tf.float64)]
        )
        for shape in ([1, 4, 4], [3, 2, 7], [2, 1, 1]):
            x = tf.constant(images(*shape, 3))
            y = graph(x)
            assert y.shape == [*shape, 4]
            np.testing.assert_allclose(y, network(x), atol=1e-12)

    def test_an_example_depends_on_itself_alone(self, make):
        network, x = set_weights(make()), tf.constant(images(5, 4, 4, 3))
        np.testing.assert_allclose(network(x)[2:3], network(x[2:3]), atol=1e-12)

    def test_a_vector_is_the_same_as_a_constant_map(self, make):
        network = set_weights(make(conditioning_size=2))
        x, vector = tf.constant(images(3, 4, 5, 3)), images(3, 2, seed=2)
        constant = np.broadcast_to(vector[:, None, None], [3, 4, 5, 2])
        y = network(x, conditioning=vector)
        np.testing.assert_allclose(y, network(x, conditioning=constant), atol=1e-12)
        assert np.abs(y - network(x, conditioning=vector[::-1])).max() > 0.01

    def test_conditioning_is_checked_and_without_use_ignored(self, make):
        x = tf.constant(images(3, 4, 4, 3))
        network = make(conditioning_size=2)
        with pytest.raises(ValueError, match="conditioning_size=2, so pass conditioning=..."):
            network(x)
        with pytest.raises(ValueError, match=r"conditioning of size 2; got shape \(3, 5\)"):
            network(x, conditioning=tf.zeros([3, 5]))
        network = set_weights(make())
        np.testing.assert_array_equal(network(x), network(x, conditioning=tf.zeros([3, 9])))

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_mixed_precision_computes_in_half_and_answers_in_float32(self, make, policy):
        exact = set_weights(make("float32", conditioning_size=2))
        network = make(policy, conditioning_size=2)
        network.set_weights(exact.get_weights())
        x, conditioning = images(2, 4, 4, 3, dtype=np.float32), images(2, 2, dtype=np.float32)
        with tf.GradientTape() as tape:
            y = network(x, conditioning=conditioning)
            loss = tf.reduce_sum(tf.sin(y))
        assert y.dtype == tf.float32
        expected = exact(x, conditioning=conditioning).numpy()
        error = np.abs(y - expected).max() / np.abs(expected).max()
        assert 1e-5 < error < (0.01 if policy == "mixed_float16" else 0.08)
        for variable, gradient in zip(
            network.trainable_variables, tape.gradient(loss, network.trainable_variables)
        ):
            assert variable.dtype == gradient.dtype == tf.float32
            assert np.isfinite(gradient).all(), variable.name

    def test_configuration_round_trip(self, make):
        network = make("float32", conditioning_size=2, name="network")
        config = network.get_config()
        again = type(network).from_config(config)
        assert again.get_config() == config
        again.set_weights(set_weights(network).get_weights())
        x, conditioning = images(2, 4, 4, 3, dtype=np.float32), images(2, 2, dtype=np.float32)
        np.testing.assert_array_equal(
            again(x, conditioning=conditioning), network(x, conditioning=conditioning)
        )

    def test_sizes_below_one_are_refused(self, make):
        with pytest.raises(ValueError, match="input_size is one at least; got 0"):
            type(make())(0, 4, filters=4)
        with pytest.raises(ValueError, match="output_size is one at least; got 0"):
            type(make())(3, 0, filters=4)


@pytest.mark.parametrize(
    "layer",
    [
        NormalisedConvolution(2, 3, kernel_size=1, conditioning_size=4, name="normalised"),
        ZeroConvolution(2, 3, name="zero"),
        DenseCouplingNetwork(2, 3, (5, 6), conditioning_size=4, activation="tanh", name="dense"),
    ],
    ids=lambda layer: layer.name,
)
def test_configuration_round_trip(layer):
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    assert [v.shape for v in again.variables] == [v.shape for v in layer.variables]


def test_dense_network_equals_numpy_and_broadcasts_its_conditioning():
    network = DenseCouplingNetwork(
        3, 4, (5, 6), conditioning_size=2, activation="tanh", dtype="float64"
    )
    x, conditioning = images(7, 2, 3), images(2, 2, seed=2)
    np.testing.assert_array_equal(network(x, conditioning=conditioning), np.zeros([7, 2, 4]))
    set_weights(network)
    first, second, last = network.input_layer, network.hidden_layers[0], network.output_layer
    hidden = x @ first.kernel.numpy() + first.bias.numpy()
    hidden = np.tanh(hidden + conditioning @ network.conditioning_layer.kernel.numpy())
    hidden = np.tanh(hidden @ second.kernel.numpy() + second.bias.numpy())
    expected = hidden @ last.kernel.numpy() + last.bias.numpy()
    np.testing.assert_allclose(network(x, conditioning=conditioning), expected, rtol=1e-12)
    np.testing.assert_allclose(
        network(x[0, 0], conditioning=conditioning[0]), expected[0, 0], rtol=1e-12
    )
