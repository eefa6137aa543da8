"""The bidirectional encoder against GRUs in numpy that see no padding at all."""

import numpy as np
import pytest
import tensorflow as tf

from tests.recurrences import gru_step
from tests.weights import set_weights
from tfgen.layers import BidirectionalTextEncoder

WORDS = np.array([[3, 1, 4, 1], [2, 4, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], np.int32)
LENGTHS = [4, 2, 1, 0]
MASK = np.arange(4) < np.array(LENGTHS)[:, np.newaxis]


def make(**kwargs):
    encoder = BidirectionalTextEncoder(5, state_size=3, embedding_size=2, **kwargs)
    encoder(WORDS, mask=MASK)
    return set_weights(encoder, seed=1, scale=1.5)


def in_numpy(encoder, words):
    """States [length, 2 size] of the last layer and its two last states."""
    states = encoder.embedding.embeddings.numpy()[words]
    for ahead, back in zip(encoder.forward_layers, encoder.backward_layers):
        directions = []
        for sequence, layer in ((states, ahead), (states[::-1], back)):
            own = [weight.numpy() for weight in layer.weights]
            state, passed = np.zeros([1, encoder.state_size]), []
            for x in sequence:
                state = gru_step(x[np.newaxis], state, *own)
                passed.append(state[0])
            directions.append(np.array(passed))
        forward, backward = directions
        states = np.concatenate([forward, backward[::-1]], -1)
    return states, np.concatenate([forward[-1], backward[-1]])


@pytest.mark.parametrize("layers", [1, 2])
def test_codes_are_those_of_the_words_alone(layers):
    mean, last = make(layers=layers), make(layers=layers, pooling="last")
    states = mean.states(WORDS, MASK)
    for row, length in enumerate(LENGTHS[:3]):
        wanted, ends = in_numpy(mean, WORDS[row, :length])
        np.testing.assert_allclose(states[row, :length], wanted, rtol=1e-4, atol=1e-6)
        code = mean(WORDS, mask=MASK)[row]
        np.testing.assert_allclose(code, wanted.mean(0), rtol=1e-4, atol=1e-6)
        code = last(WORDS, mask=MASK)[row]
        np.testing.assert_allclose(code, ends, rtol=1e-4, atol=1e-6)


def test_without_a_mask_all_words_count():
    encoder = make()
    wanted, _ = in_numpy(encoder, WORDS[1])
    np.testing.assert_allclose(encoder(WORDS)[1], wanted.mean(0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_padding_has_no_influence_and_no_words_have_the_code_of_zeros(pooling):
    encoder = make(pooling=pooling, output_size=7)
    code = encoder(WORDS, mask=MASK)
    assert code.shape == [4, 7] and code.dtype == tf.float32
    other = np.where(MASK, WORDS, 4)
    np.testing.assert_array_equal(encoder(other, mask=MASK), code)
    longer = np.pad(WORDS, [[0, 0], [0, 3]])
    padded = encoder(longer, mask=np.pad(MASK, [[0, 0], [0, 3]]))
    np.testing.assert_allclose(padded, code, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(code[3], encoder.linear.bias, atol=1e-7)


def test_every_variable_has_a_gradient_and_the_graph_agrees():
    encoder = make(output_size=4)
    with tf.GradientTape() as tape:
        code = encoder(WORDS, mask=MASK)
        loss = tf.reduce_sum(tf.sin(code))
    assert len(encoder.trainable_variables) == 1 + 2 * 6 + 2
    for variable, gradient in zip(
        encoder.trainable_variables, tape.gradient(loss, encoder.trainable_variables)
    ):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 1e-6, variable.name
    graph = tf.function(lambda words, mask: encoder(words, mask=mask))
    np.testing.assert_allclose(graph(WORDS, MASK), code, rtol=1e-5, atol=1e-6)


def test_configuration_round_trip():
    encoder = make(layers=1, pooling="last", output_size=4)
    again = BidirectionalTextEncoder.from_config(encoder.get_config())
    assert again.get_config() == encoder.get_config()
    again(WORDS)
    again.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(again(WORDS, mask=MASK), encoder(WORDS, mask=MASK))


def test_errors():
    with pytest.raises(ValueError, match="one layer at least; got layers=0"):
        BidirectionalTextEncoder(5, layers=0)
    with pytest.raises(ValueError, match="one of mean, last; got 'max'"):
        BidirectionalTextEncoder(5, pooling="max")
