"""GRU and LSTM against Keras' own layers, which share formulas and layout of weights."""

import numpy as np
import pytest
import tensorflow as tf

from tests.weights import set_weights
from tfgen.layers import Recurrence

X = np.random.RandomState(0).normal(size=[3, 5, 2]).astype(np.float32)
LENGTHS = [5, 2, 1]
MASK = np.arange(5) < np.array(LENGTHS)[:, np.newaxis]
KERAS = {"gru": tf.keras.layers.GRU, "lstm": tf.keras.layers.LSTM}


@pytest.fixture(scope="module", params=["gru", "lstm"])
def pair(request):
    recurrence = Recurrence(4, request.param)
    recurrence(X)
    set_weights(recurrence, seed=1, scale=2.0)
    keras = {}
    for reverse in (False, True):
        keras[reverse] = KERAS[request.param](
            4, return_sequences=True, return_state=True, go_backwards=reverse
        )
        keras[reverse](X)
        keras[reverse].set_weights(recurrence.get_weights())
    return recurrence, keras


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_equals_keras(pair, reverse, masked):
    recurrence, keras = pair
    mask = MASK if masked else None
    states, last = recurrence(X, mask=mask, reverse=reverse)
    wanted, *wanted_last = keras[reverse](X, mask=None if mask is None else tf.constant(mask))
    wanted = wanted[:, ::-1] if reverse else wanted
    assert states.shape == [3, 5, 4] and len(last) == recurrence.state_parts
    np.testing.assert_allclose(states[MASK], wanted[MASK], rtol=1e-4, atol=1e-6)
    for got, expected in zip(last, wanted_last):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_starts_from_a_state_and_gives_one_to_go_on_from(pair):
    recurrence, _ = pair
    states, last = recurrence(X)
    first, middle = recurrence(X[:, :2])
    second, end = recurrence(X[:, 2:], state=middle)
    np.testing.assert_allclose(tf.concat([first, second], 1), states, rtol=1e-5, atol=1e-6)
    for got, expected in zip(end, last):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_steps_are_the_sequence(pair):
    recurrence, _ = pair
    state = recurrence.initial_state(3)
    for position in range(5):
        state = recurrence.step(recurrence.project(X[:, position]), state)
        np.testing.assert_allclose(state[0], recurrence(X)[0][:, position], rtol=1e-5, atol=1e-6)


def test_gradients_equal_those_of_keras(pair):
    recurrence, keras = pair
    gradients = []
    for layer in (recurrence, keras[False]):
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.sin(layer(x)[0]))
        gradients.append(tape.gradient(loss, [x, *layer.trainable_variables]))
    for got, expected in zip(*gradients):
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_graph_with_open_sizes_equals_eager(pair):
    recurrence, _ = pair

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, 2]), tf.TensorSpec([None, None], bool)]
    )
    def graph(x, mask):
        with tf.GradientTape() as tape:
            tape.watch(x)
            states, last = recurrence(x, mask=mask)
        return states, last[0], tape.gradient(states, x)

    states, last, slope = graph(X, MASK)
    wanted, wanted_last = recurrence(X, mask=MASK)
    np.testing.assert_allclose(states, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(last, wanted_last[0], rtol=1e-5, atol=1e-6)
    assert np.abs(slope[MASK]).min() > 0 and not slope[~MASK].numpy().any()


def test_a_new_lstm_remembers():
    recurrence = Recurrence(2, "lstm")
    recurrence(X)
    np.testing.assert_array_equal(recurrence.bias, [0, 0, 1, 1, 0, 0, 0, 0])
    product = tf.matmul(recurrence.recurrent_kernel, recurrence.recurrent_kernel, transpose_b=True)
    np.testing.assert_allclose(product, np.eye(2), atol=1e-5)


def test_configuration_and_errors():
    recurrence = Recurrence(4, "lstm")
    again = Recurrence.from_config(recurrence.get_config())
    assert (again.units, again.cell) == (4, "lstm")
    with pytest.raises(ValueError, match="cell is one of gru, lstm; got 'rnn'"):
        Recurrence(4, "rnn")
