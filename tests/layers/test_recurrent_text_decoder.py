"""The decoder against recurrences in numpy, its cache, its dropouts, and the sum of all texts."""

import numpy as np
import pytest
import tensorflow as tf

from tests.recurrences import gru_step, lstm_step
from tests.texts import all_texts
from tests.weights import set_weights
from tfgen.layers import RecurrentTextDecoder, word_mask
from tfgen.losses import text_log_likelihood
from tfgen.randomness import example_uniform, fold_in

VOCABULARY, LENGTH, SIZE = 4, 5, 3
KINDS = [
    ("lstm", "inputs", 1),
    ("lstm", "both", 2),
    ("gru", "state", 2),
    ("gru", "inputs", 1),
]
RANDOM = np.random.RandomState(0)
CODES = RANDOM.normal(size=[6, SIZE]).astype(np.float32)
WORDS = RANDOM.randint(VOCABULARY, size=[6, LENGTH]).astype(np.int32)


def make(cell="lstm", code="inputs", layers=1, **kwargs):
    decoder = RecurrentTextDecoder(
        VOCABULARY,
        state_size=5,
        embedding_size=4,
        layers=layers,
        cell=cell,
        code=code,
        **kwargs,
    )
    decoder.start(tf.zeros([1, SIZE]))
    return set_weights(decoder, seed=2, scale=1.5)


@pytest.mark.parametrize(("cell", "code", "layers"), KINDS)
def test_logits_are_those_of_the_recurrence_in_numpy(cell, code, layers):
    decoder = make(cell, code, layers)
    count = 2 if cell == "lstm" else 1
    initial = np.zeros([6, layers * count * 5])
    if code != "inputs":
        kernel, bias = (weight.numpy() for weight in decoder.initial.weights)
        initial = np.tanh(CODES @ kernel + bias)
    parts = np.split(initial, layers * count, -1)
    states = [parts[i : i + count] for i in range(0, len(parts), count)]
    previous, wanted = np.full(6, VOCABULARY), []
    for position in range(LENGTH):
        hidden = decoder.embedding.embeddings.numpy()[previous]
        if code != "state":
            hidden = np.concatenate([hidden, CODES], -1)
        for index, layer in enumerate(decoder.recurrence):
            weights = [weight.numpy() for weight in layer.weights]
            if index == 0 and code != "state":
                weights[0] = np.concatenate([weights[0], decoder.from_code.kernel])
            if cell == "lstm":
                states[index] = lstm_step(hidden, *states[index], *weights)
            else:
                states[index] = [gru_step(hidden, *states[index], *weights)]
            hidden = states[index][0]
        kernel, bias = (weight.numpy() for weight in decoder.output_layer.weights)
        wanted.append(hidden @ kernel + bias)
        previous = WORDS[:, position]
    logits = decoder(CODES, WORDS)
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, np.stack(wanted, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("cell", "code", "layers"), KINDS)
def test_teacher_forcing_equals_one_step_after_the_other(cell, code, layers):
    decoder = make(cell, code, layers)
    state, context = decoder.start(CODES)
    previous, steps = tf.fill([6], decoder.start_id), []
    for position in range(LENGTH):
        logits, state = decoder.step(previous, state, context)
        steps.append(logits)
        previous = WORDS[:, position]
    np.testing.assert_allclose(decoder(CODES, WORDS), tf.stack(steps, 1), rtol=1e-4, atol=1e-5)


def test_probabilities_of_all_texts_sum_to_one():
    decoder, texts = make("gru", "both"), all_texts(VOCABULARY, 4)
    for code in CODES[:2]:
        logits = decoder(np.repeat(code[np.newaxis], len(texts), 0), texts)
        log_p = text_log_likelihood(logits, texts, word_mask(texts, end_id=0)).numpy()
        np.testing.assert_allclose(np.exp(log_p).sum(), 1.0, rtol=1e-5)
        assert log_p.max() - log_p.min() > 2.0, "the texts differ in probability"


def test_a_logit_depends_on_the_words_before_it_alone():
    decoder = make()
    before = decoder(CODES, WORDS).numpy()
    for position in range(LENGTH):
        words = WORDS.copy()
        words[:, position] = (words[:, position] + 1) % VOCABULARY
        after = decoder(CODES, words).numpy()
        np.testing.assert_array_equal(after[:, : position + 1], before[:, : position + 1])
        if position + 1 < LENGTH:
            assert (np.abs(after - before)[:, position + 1].max(-1) > 1e-3).all()


@pytest.mark.parametrize(("cell", "code", "layers"), KINDS)
def test_code_matters_and_every_variable_has_a_gradient(cell, code, layers):
    decoder = make(cell, code, layers)
    codes = tf.constant(CODES)
    with tf.GradientTape() as tape:
        tape.watch(codes)
        loss = tf.reduce_sum(text_log_likelihood(decoder(codes, WORDS), WORDS))
    slope, *gradients = tape.gradient(loss, [codes, *decoder.trainable_variables])
    assert (np.abs(slope).max(-1) > 1e-3).all()
    extra = {"inputs": 1, "state": 2, "both": 3}[code]
    assert len(decoder.trainable_variables) == 1 + 3 * layers + 2 + extra
    for variable, gradient in zip(decoder.trainable_variables, gradients):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 1e-4, variable.name


def test_word_dropout_hides_previous_words_and_neither_start_nor_targets():
    decoder, seed, rate = make(word_dropout=0.4), (3, 5), 0.4
    assert decoder.embedding.input_dim == VOCABULARY + 2
    hidden = example_uniform(fold_in(seed, "word_dropout"), 6, [LENGTH - 1]) < rate
    assert 3 < np.sum(hidden) < 21
    got = decoder(CODES, WORDS, training=True, seed=seed).numpy()
    np.testing.assert_array_equal(got[:, 0], decoder(CODES, WORDS)[:, 0])
    # Ids behind the vocabulary reach the embedding as they are: here the vector of hidden words.
    words = np.concatenate([np.where(hidden, VOCABULARY + 1, WORDS[:, :-1]), WORDS[:, -1:]], 1)
    np.testing.assert_allclose(got, decoder(CODES, words), rtol=1e-5, atol=1e-6)
    assert np.abs(got - decoder(CODES, WORDS)).max() > 0.01


def test_word_dropout_has_its_rate():
    decoder, many = make(word_dropout=0.4), 2000
    words, codes = np.zeros([many, 2], np.int32), np.zeros([many, SIZE], np.float32)
    moved = np.abs(decoder(codes, words, training=True, seed=1) - decoder(codes, words)).max(-1)
    assert abs((moved[:, 1] > 1e-6).mean() - 0.4) < 5 * np.sqrt(0.24 / many)


@pytest.mark.parametrize("kwargs", [{"word_dropout": 0.5}, {"embedding_dropout": 0.5}])
def test_dropouts_act_in_training_alone_and_by_their_seed(kwargs):
    decoder = make(**kwargs)
    np.testing.assert_array_equal(decoder(CODES, WORDS), decoder(CODES, WORDS, seed=3))
    first = decoder(CODES, WORDS, training=True, seed=3)
    np.testing.assert_array_equal(first, decoder(CODES, WORDS, training=True, seed=(3, 0)))
    assert np.abs(first - decoder(CODES, WORDS, training=True, seed=4)).max() > 0.01
    assert np.abs(first - decoder(CODES, WORDS)).max() > 0.01
    graph = tf.function(lambda seed: decoder(CODES, WORDS, training=True, seed=seed))
    np.testing.assert_allclose(graph(tf.constant([3, 0])), first, rtol=1e-5, atol=1e-6)


def test_training_without_dropouts_wants_no_seed():
    decoder = make()
    np.testing.assert_array_equal(decoder(CODES, WORDS, training=True), decoder(CODES, WORDS))


def test_variables_can_be_made_inside_a_graph():
    decoder = RecurrentTextDecoder(VOCABULARY, state_size=5, embedding_size=4)

    @tf.function
    def logits(codes):
        state, context = decoder.start(codes)
        return decoder.step(tf.fill([6], decoder.start_id), state, context)[0]

    np.testing.assert_allclose(
        logits(tf.constant(CODES)), decoder(CODES, WORDS)[:, 0], rtol=1e-5, atol=1e-6
    )
    assert len(decoder.trainable_variables) == 7


def test_mixed_precision_keeps_logits_in_float32():
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        decoder = make("gru", "both")
        logits = decoder(CODES, WORDS)
        state, context = decoder.start(CODES)
        first, _ = decoder.step(tf.fill([6], decoder.start_id), state, context)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert logits.dtype == first.dtype == tf.float32
    exact = make("gru", "both")(CODES, WORDS)
    np.testing.assert_allclose(logits, exact, atol=0.03)
    np.testing.assert_allclose(first, exact[:, 0], atol=0.03)


def test_word_mask():
    words = [[5, 2, 0, 0], [0, 7, 7, 0], [3, 3, 3, 3]]
    wanted = [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]
    np.testing.assert_array_equal(word_mask(words, end_id=0), np.array(wanted, bool))
    np.testing.assert_array_equal(word_mask([words], end_id=0), [np.array(wanted, bool)])


def test_configuration_round_trip():
    decoder = make("gru", "both", 2, word_dropout=0.1, embedding_dropout=0.2)
    again = RecurrentTextDecoder.from_config(decoder.get_config())
    assert again.get_config() == decoder.get_config()
    again(CODES, WORDS)
    again.set_weights(decoder.get_weights())
    np.testing.assert_array_equal(again(CODES, WORDS), decoder(CODES, WORDS))


def test_errors():
    with pytest.raises(ValueError, match="cell is one of gru, lstm; got 'rnn'"):
        RecurrentTextDecoder(4, cell="rnn")
    with pytest.raises(ValueError, match="one of inputs, state, both; got 'attention'"):
        RecurrentTextDecoder(4, code="attention")
    with pytest.raises(ValueError, match="one layer at least; got layers=0"):
        RecurrentTextDecoder(4, layers=0)
    with pytest.raises(ValueError, match=r"word_dropout in \[0, 1\); got 1.0"):
        RecurrentTextDecoder(4, word_dropout=1.0)
    with pytest.raises(ValueError, match=r"dropout rate in \[0, 1\); got -1"):
        RecurrentTextDecoder(4, embedding_dropout=-1)
