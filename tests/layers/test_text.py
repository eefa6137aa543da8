"""The text encoder against a GRU in numpy; the text decoder as a distribution over sentences."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.recurrences import gru_step
from tests.weights import set_weights
from tfgen.layers import AutoregressiveTextDecoder, TextEncoder

WORDS, LENGTH, SIZE = 3, 3, 4
SENTENCES = np.array(list(itertools.product(range(WORDS), repeat=LENGTH)), np.int32)


@pytest.fixture(scope="module")
def decoder():
    layer = AutoregressiveTextDecoder(
        WORDS, LENGTH, state_size=5, embedding_size=4, hidden_units=6, dropout=0.5
    )
    layer(tf.zeros([1, SIZE]), tf.zeros([1, LENGTH], tf.int32))
    return set_weights(layer, seed=6, scale=0.7)


@pytest.fixture(scope="module")
def codes():
    return tf.constant(np.random.RandomState(7).normal(size=[2, SIZE]), tf.float32)


def log_prob(decoder, code, words):
    """log p(y|h) of sentences [N, length] for one code, from the teacher-forced logits."""
    logits = decoder(tf.repeat(code[tf.newaxis], len(words), 0), words).numpy().astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return np.take_along_axis(log_p, np.asarray(words)[..., None], -1)[..., 0].sum(-1)


def test_encoder_is_the_last_state_of_a_gru():
    encoder = TextEncoder(5, state_size=4, embedding_size=3)
    words = np.array([[0, 1, 4], [4, 1, 0], [2, 2, 2]], np.int32)
    encoder(words)
    set_weights(encoder, seed=1)
    kernel, recurrent, bias = (w.numpy() for w in encoder.recurrence.weights)
    state = np.zeros([3, 4])
    for position in range(3):
        embedded = encoder.embedding.embeddings.numpy()[words[:, position]]
        state = gru_step(embedded, state, kernel, recurrent, bias)
    np.testing.assert_allclose(encoder(words), state, rtol=1e-5, atol=1e-6)


def test_decoder_steps_see_the_previous_word_the_state_and_the_code(decoder, codes):
    """The logits in numpy, the output network aside: start token, previous word, GRU on both."""
    words = SENTENCES[[5, 16]]
    kernel, recurrent, bias = (w.numpy() for w in decoder.cell.weights)
    embeddings = decoder.embedding.embeddings.numpy()
    state, previous, wanted = np.zeros([2, 5]), np.full(2, WORDS), []
    for position in range(LENGTH):
        inputs = np.concatenate([embeddings[previous], codes], -1)
        state = gru_step(inputs, state, kernel, recurrent, bias)
        wanted.append(decoder.output_network(state.astype(np.float32)))
        previous = words[:, position]
    np.testing.assert_allclose(decoder(codes, words), np.stack(wanted, 1), rtol=1e-4, atol=1e-4)


def test_probabilities_of_all_sentences_sum_to_one(decoder, codes):
    for code in codes:
        log_p = log_prob(decoder, code, SENTENCES)
        assert abs(np.exp(log_p).sum() - 1) < 1e-5
        assert log_p.max() - log_p.min() > 2, "the sentences differ in probability"


@pytest.mark.parametrize("temperature", [1.0, 0.0])
def test_teacher_forced_logits_are_those_of_sampling(decoder, codes, temperature):
    many = tf.repeat(codes, 8, 0)
    words, logits = decoder.sample(many, seed=3, temperature=temperature)
    np.testing.assert_allclose(decoder(many, words), logits, rtol=1e-4, atol=1e-5)
    is_likeliest = words == tf.argmax(logits, -1, output_type=tf.int32)
    assert is_likeliest.numpy().all() == (temperature == 0.0)


def test_a_logit_does_not_depend_on_its_word_or_on_later_ones(decoder, codes):
    """Gradients to the embedding of a word that occurs at one position alone."""
    for position in range(LENGTH):
        words = np.zeros([2, LENGTH], np.int32)
        words[:, position] = 2
        with tf.GradientTape(persistent=True) as tape:
            logits = decoder(codes, words)
            steps = [tf.reduce_sum(logits[:, step] ** 2) for step in range(LENGTH)]
        for step in range(LENGTH):
            slope = tf.convert_to_tensor(tape.gradient(steps[step], decoder.embedding.embeddings))
            if step <= position:
                assert not slope[2].numpy().any(), (step, position)
            else:
                assert np.abs(slope[2]).max() > 1e-4, (step, position)


def test_sampled_sentences_have_their_probabilities(decoder, codes):
    count = 20_000
    for index, code in enumerate(codes):
        words, _ = decoder.sample(tf.repeat(code[tf.newaxis], count, 0), seed=index)
        numbers = words.numpy() @ [WORDS**2, WORDS, 1]
        frequencies = np.bincount(numbers, minlength=WORDS**LENGTH) / count
        p = np.exp(log_prob(decoder, code, SENTENCES))
        errors = np.sqrt(p * (1 - p) / count)
        assert (np.abs(frequencies - p) < 5 * errors + 1e-4).all()


def test_temperature_divides_the_logits(decoder, codes):
    count = 20_000
    many = tf.repeat(codes[:1], count, 0)
    words, logits = decoder.sample(many, seed=5, temperature=0.5)
    p = tf.nn.softmax(logits[0, 0] / 0.5).numpy()
    frequencies = np.bincount(words[:, 0], minlength=WORDS) / count
    assert (np.abs(frequencies - p) < 5 * np.sqrt(p * (1 - p) / count) + 1e-4).all()
    assert np.abs(p - tf.nn.softmax(logits[0, 0])).max() > 0.03


def test_words_that_may_not_stand_there_are_never_drawn(decoder, codes):
    """The others keep their proportions, and the logits are those of p(y|h) all the same."""
    count = 20_000
    allowed = np.array([[True, False, True], [False, True, False], [True, True, True]])
    many = tf.repeat(codes[1:], count, 0)
    words, logits = decoder.sample(many, seed=6, allowed=allowed)
    assert allowed[np.arange(LENGTH), words.numpy()].all()
    np.testing.assert_allclose(logits[:8], decoder(many[:8], words[:8]), rtol=1e-4, atol=1e-5)
    p = np.where(allowed[0], tf.nn.softmax(logits[0, 0]), 0)
    p /= p.sum()
    frequencies = np.bincount(words[:, 0], minlength=WORDS) / count
    assert (np.abs(frequencies - p) < 5 * np.sqrt(p * (1 - p) / count) + 1e-6).all()


def test_seeds(decoder, codes):
    many = tf.repeat(codes, 10, 0)
    words, _ = decoder.sample(many, seed=1)
    np.testing.assert_array_equal(words, decoder.sample(many, seed=1)[0])
    assert (words != decoder.sample(many, seed=2)[0]).numpy().any()


def test_dropout_acts_in_training_alone_and_by_its_seed(decoder, codes):
    words = SENTENCES[:2]
    np.testing.assert_array_equal(decoder(codes, words), decoder(codes, words, seed=3))
    moved = decoder.get_weights()
    trained = [decoder(codes, words, training=True, seed=seed) for seed in (3, 3, 4)]
    decoder.set_weights(moved)
    np.testing.assert_array_equal(trained[0], trained[1])
    assert (trained[0] != trained[2]).numpy().any()


@pytest.mark.parametrize(
    "layer, inputs",
    [
        (TextEncoder(5, 4, 3), [SENTENCES[:2]]),
        (AutoregressiveTextDecoder(WORDS, LENGTH, 5, 4, 6, 0.1), [np.ones([2, 4]), SENTENCES[:2]]),
    ],
    ids=["encoder", "decoder"],
)
def test_configuration_round_trip(layer, inputs):
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    layer(*inputs), again(*inputs)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(*inputs), again(*inputs))
