"""ConvLSTM against Eq. 2.12 written out in numpy, and its two ways to run against each other."""

import numpy as np
import pytest
import tensorflow as tf

from tests.weights import set_weights
from tfgen.layers import ConvLSTM, conv_lstm
from tfgen.layers.conv_lstm_matrices import ConvLSTMMatrices

LONG = conv_lstm.UNROLLED_STEPS + 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def convolution(x, kernel, dilation):
    """Cross-correlation of [B, H, W, C] with zeros around it, tap by tap."""
    size, (height, width) = len(kernel), x.shape[1:3]
    reach = dilation * (size // 2)
    x = np.pad(x, [(0, 0), (reach, reach), (reach, reach), (0, 0)])
    result = 0
    for i in range(size):
        for j in range(size):
            rows, columns = i * dilation, j * dilation
            result = result + x[:, rows : rows + height, columns : columns + width] @ kernel[i, j]
    return result


def by_numpy(layer, sequence, context=None):
    """[B, T, H, W, C] -> [B, T, H, W, filters]: step by step, gate by gate."""
    filters, dilation = layer.filters, layer.dilation
    batch, steps, height, width, _ = sequence.shape
    zeros = np.zeros([batch, height, width, filters])
    hidden, cell = [zeros] * layer.layers, [zeros] * layer.layers
    outputs = []
    for t in range(steps):
        x = sequence[:, t]
        for index in range(layer.layers):
            kernel_x = layer.input_kernels[index].numpy()
            if index == 0 and context is not None:
                x = np.concatenate([x, context], -1)
                kernel_x = np.concatenate([kernel_x, layer.context_kernel.numpy()], 2)
            kernel_h, bias = layer.state_kernels[index].numpy(), layer.biases[index].numpy()
            peephole = layer.peepholes[index].numpy() if layer.peephole else np.zeros([3, filters])

            def gate(number, x=x, h=hidden[index], kernel_x=kernel_x, kernel_h=kernel_h, bias=bias):
                part = slice(number * filters, (number + 1) * filters)
                from_x = convolution(x, kernel_x[..., part], dilation)
                return from_x + convolution(h, kernel_h[..., part], dilation) + bias[part]

            i = sigmoid(gate(0) + peephole[0] * cell[index])
            f = sigmoid(gate(1) + peephole[1] * cell[index])
            new = f * cell[index] + i * np.tanh(gate(2))
            o = sigmoid(gate(3) + peephole[2] * new)
            hidden[index], cell[index] = o * np.tanh(new), new
            x = hidden[index]
        outputs.append(x)
    return np.stack(outputs, 1)


def normal(*shape, seed=0, dtype=np.float64):
    return np.random.RandomState(seed).normal(size=shape).astype(dtype)


def in_steps(layer, sequence, context=None, state=None):
    gates, outputs = layer.context_gates(context), []
    for t in range(sequence.shape[1]):
        output, state = layer.step(sequence[:, t], state, gates)
        outputs.append(output)
    return tf.stack(outputs, 1)


def by_matrices(layer, sequence, context=None):
    batch, steps, height, width, _ = sequence.shape
    matrices = ConvLSTMMatrices(layer, height, width, context)
    rows = tf.reshape(tf.transpose(sequence, [1, 0, 4, 2, 3]), [steps, batch, -1])
    state, outputs = None, []
    for row in tf.unstack(rows):
        output, state = matrices.step(row, state)
        outputs.append(output)
    outputs = tf.reshape(tf.stack(outputs), [steps, batch, layer.filters, height, width])
    return tf.transpose(outputs, [1, 0, 3, 4, 2])


CASES = pytest.mark.parametrize(
    ("settings", "steps", "size"),
    [
        ({}, 4, (5, 6)),
        ({"peephole": False}, 4, (5, 6)),
        ({"layers": 1, "kernel_size": 1}, 3, (1, 1)),
        ({"context_channels": 4}, 1, (3, 4)),
        ({"context_channels": 4}, 6, (2, 2)),
        # Sides that the dilation divides, and sides that it does not.
        ({"dilation": 2, "kernel_size": 5, "context_channels": 4}, 4, (6, 4)),
        ({"dilation": 2, "context_channels": 4}, 4, (6, 5)),
        ({"dilation": 3, "peephole": False}, 3, (3, 9)),
        ({}, LONG, (3, 2)),
        ({"dilation": 2, "context_channels": 4}, LONG, (2, 4)),
    ],
)


def make(settings, dtype="float64", seed=1, **others):
    return set_weights(ConvLSTM(2, **{"filters": 3, "layers": 2, **settings}, dtype=dtype), seed)


def inputs(settings, steps, size, batch=3, dtype=np.float64):
    sequence = normal(batch, steps, *size, 2, dtype=dtype)
    context = normal(batch, *size, 4, seed=5, dtype=dtype)
    return sequence, context if settings.get("context_channels") else None


@CASES
def test_numbers_are_those_of_the_formulas(settings, steps, size):
    layer = make(settings)
    sequence, context = inputs(settings, steps, size)
    outputs = tf.function(layer)(sequence, context=context)
    wanted = by_numpy(layer, sequence, context)
    assert np.std(wanted) > 0.02
    np.testing.assert_allclose(outputs, wanted, rtol=0, atol=1e-12)
    single = make(settings, "float32")(sequence.astype(np.float32), context=context)
    np.testing.assert_allclose(single, wanted, rtol=0, atol=1e-5)


@CASES
def test_one_pass_equals_steps(settings, steps, size):
    layer = make(settings, "float32")
    sequence, context = inputs(settings, steps, size, dtype=np.float32)
    outputs = layer(sequence, context=context)
    stepwise = in_steps(layer, sequence, context)
    np.testing.assert_allclose(outputs, stepwise, rtol=0, atol=1e-5)
    multiplied = by_matrices(layer, sequence, context)
    np.testing.assert_allclose(outputs, multiplied, rtol=0, atol=1e-5)
    zeros = layer.initial_state(3, *size)
    first = in_steps(layer, sequence[:, :2], context, zeros)
    np.testing.assert_allclose(outputs[:, :2], first, rtol=0, atol=1e-5)


@CASES
def test_gradients_of_one_pass_are_those_of_the_steps_and_reach_every_variable(
    settings, steps, size
):
    layer = make(settings)
    sequence, context = inputs(settings, steps, size)
    sequence = tf.constant(sequence)
    weights = normal(*sequence.shape[:4], 3, seed=9)

    def gradients(run):
        with tf.GradientTape() as tape:
            tape.watch(sequence)
            loss = tf.reduce_sum(weights * run(sequence))
        return tape.gradient(loss, [sequence, *layer.trainable_variables])

    one_pass = gradients(lambda s: layer(s, context=context))
    stepwise = gradients(lambda s: in_steps(layer, s, context))
    names = ["sequence", *(variable.name for variable in layer.trainable_variables)]
    # At a first step the state is zero: nothing is multiplied with its weights.
    of_state = () if steps > 1 else ("state_kernel", "peephole")
    for name, gradient, other in zip(names, one_pass, stepwise):
        if not name.startswith(of_state):
            assert np.abs(gradient).max() > 1e-4, name
        if gradient is None:
            assert other is None
        else:
            np.testing.assert_allclose(gradient, other, rtol=0, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("steps", [1, 3, LONG])
def test_recomputing_changes_no_number(steps, graph):
    settings = {"context_channels": 4}
    sequence, context = (tf.constant(x) for x in inputs(settings, steps, (3, 4)))
    weights, results = normal(*sequence.shape[:4], 3, seed=9), []
    for recompute in (False, True):
        layer = make({**settings, "recompute": recompute})

        def gradients(sequence, context, layer=layer):
            with tf.GradientTape() as tape:
                tape.watch([sequence, context])
                loss = tf.reduce_sum(weights * layer(sequence, context=context))
            sources = [sequence, context, *layer.trainable_variables]
            return tape.gradient(loss, sources, unconnected_gradients="zero")

        results.append((tf.function(gradients) if graph else gradients)(sequence, context))
    for plain, again in zip(*results):
        np.testing.assert_allclose(again, plain, rtol=0, atol=1e-12)
    assert np.abs(results[1][1]).max() > 1e-4


def test_gradient_against_differences():
    layer = make({"context_channels": 4})
    sequence, context = inputs({"context_channels": 4}, 3, (2, 3))

    def loss():
        return tf.reduce_sum(tf.sin(3.0 * layer(sequence, context=context)))

    with tf.GradientTape() as tape:
        value = loss()
    variables = layer.trainable_variables
    random = np.random.RandomState(3)
    for variable, gradient in zip(variables, tape.gradient(value, variables)):
        direction = random.normal(size=variable.shape)
        before, losses = variable.numpy(), []
        for sign in (1, -1):
            variable.assign(before + sign * 1e-6 * direction)
            losses.append(loss())
        variable.assign(before)
        slope = (losses[0] - losses[1]) / 2e-6
        assert np.sum(gradient * direction) == pytest.approx(float(slope), rel=1e-6), variable.name


def test_loop_and_unrolled_graph_agree(monkeypatch):
    layer = make({})
    sequence, _ = inputs({}, 7, (4, 4))

    def outputs_and_gradient():
        with tf.GradientTape() as tape:
            outputs = layer(sequence)
            loss = tf.reduce_sum(outputs**2)
        return outputs, *tape.gradient(loss, layer.trainable_variables)

    def operations(function):
        return [operation.type for operation in function.graph.get_operations()]

    unrolled = tf.function(outputs_and_gradient).get_concrete_function()
    monkeypatch.setattr(conv_lstm, "UNROLLED_STEPS", 3)
    looped = tf.function(outputs_and_gradient).get_concrete_function()
    assert "StatelessWhile" not in operations(unrolled) and "While" not in operations(unrolled)
    assert "StatelessWhile" in operations(looped) or "While" in operations(looped)
    for first, second in zip(unrolled(), looped()):
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dilation", [1, 2])
def test_sizes_unknown_to_the_graph(dilation):
    layer = make({"context_channels": 4, "dilation": dilation}, "float32")

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 5, None, None, 2]),
            tf.TensorSpec([None, None, None, 4]),
        ]
    )
    def run(sequence, context):
        outputs = layer(sequence, context=context)
        return outputs, in_steps(layer, sequence, context)

    for batch, size in ((1, (4, 6)), (3, (5, 2))):
        sequence, context = inputs({"context_channels": 4}, 5, size, batch, np.float32)
        wanted = by_numpy(layer, sequence, context)
        for outputs in run(sequence, context):
            np.testing.assert_allclose(outputs, wanted, rtol=0, atol=1e-5)


def test_time_may_come_first():
    layer = make({})
    sequence, _ = inputs({}, 4, (4, 4))
    outputs = layer(np.swapaxes(sequence, 0, 1), time_major=True)
    np.testing.assert_array_equal(np.swapaxes(outputs, 0, 1), layer(sequence))


def test_new_layer():
    layer = ConvLSTM(2, filters=3, layers=2, context_channels=4)
    assert layer.built and len(layer.trainable_variables) == 9
    for bias in layer.biases:
        np.testing.assert_array_equal(bias, [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    for kernel in layer.state_kernels:
        rows = np.reshape(kernel, [-1, 12])
        np.testing.assert_allclose(rows.T @ rows, np.eye(12), atol=1e-5)
    assert not np.any(layer.peepholes[0])
    assert not ConvLSTM(2, filters=3, peephole=False).peepholes


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    settings = {"context_channels": 4, "filters": 3}
    layer = set_weights(ConvLSTM(2, **settings, dtype=tf.keras.mixed_precision.Policy(policy)))
    sequence, context = inputs(settings, 4, (4, 4), dtype=np.float32)
    assert {variable.dtype for variable in layer.variables} == {tf.float32}
    outputs = layer(sequence, context=context)
    assert outputs.dtype == policy[len("mixed_") :]
    wanted = by_numpy(layer, sequence, context)
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), wanted, rtol=0, atol=0.02)
    stepwise = tf.cast(in_steps(layer, sequence, context), tf.float32)
    np.testing.assert_allclose(stepwise, wanted, rtol=0, atol=0.02)


def test_configuration_and_checkpoint_round_trip(tmp_path):
    settings = {"context_channels": 4, "dilation": 2, "kernel_size": 5, "peephole": False}
    layer = make(settings)
    again = ConvLSTM.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    path = tf.train.Checkpoint(layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(again).restore(path).assert_consumed()
    sequence, context = inputs(settings, 3, (4, 4))
    np.testing.assert_array_equal(layer(sequence, context), again(sequence, context))


def test_errors():
    with pytest.raises(ValueError, match="one layer at least; got layers=0"):
        ConvLSTM(2, layers=0)
    with pytest.raises(ValueError, match="odd, so that it has a middle; got 4"):
        ConvLSTM(2, kernel_size=4)
    plain, conditional = ConvLSTM(2, filters=3), ConvLSTM(2, filters=3, context_channels=4)
    with pytest.raises(ValueError, match="inputs, takes maps of 2 channels; got shape .3, 5, 4"):
        plain(tf.zeros([3, 5, 4, 4, 1]))
    with pytest.raises(ValueError, match="context, takes none; got shape"):
        plain(tf.zeros([3, 5, 4, 4, 2]), context=tf.zeros([3, 4, 4, 4]))
    with pytest.raises(ValueError, match="context, takes maps of 4 channels; got none"):
        conditional(tf.zeros([3, 5, 4, 4, 2]))
    with pytest.raises(ValueError, match="context_gates, takes maps of 12 channels; got none"):
        conditional.step(tf.zeros([3, 4, 4, 2]))

    @tf.function(input_signature=[tf.TensorSpec([3, None, 4, 4, 2])])
    def unknown_steps(sequence):
        return plain(sequence)

    with pytest.raises(ValueError, match="static number of steps"):
        unknown_steps.get_concrete_function()
