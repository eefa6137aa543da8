"""Generated texts against all texts over a tiny vocabulary, scored by teacher forcing."""

import numpy as np
import pytest
import tensorflow as tf

from tests.texts import all_texts
from tests.weights import set_weights
from tfgen.layers import RecurrentTextDecoder, generate_texts, word_mask
from tfgen.losses import text_log_likelihood

WORDS, LENGTH, END = 4, 4, 0
TEXTS = all_texts(WORDS, LENGTH, END)
CODES = np.random.RandomState(7).normal(size=[2, 3]).astype(np.float32)
DRAWS = 20_000


@pytest.fixture(scope="module")
def decoder():
    layer = RecurrentTextDecoder(
        WORDS, state_size=5, embedding_size=4, layers=2, cell="lstm", code="both"
    )
    layer.start(tf.zeros([1, 3]))
    return set_weights(layer, seed=6, scale=3.0)


@pytest.fixture(scope="module")
def steps(decoder):
    """log p(y_t | y_<t, h) of every word after every beginning, [codes, texts, length, words]."""
    logits = [decoder(np.repeat(code[np.newaxis], len(TEXTS), 0), TEXTS) for code in CODES]
    return tf.nn.log_softmax(logits).numpy().astype(np.float64)


def text_log_prob(steps):
    """log p of all texts from those of their words, [codes, texts]."""
    chosen = np.take_along_axis(steps, TEXTS[np.newaxis, ..., np.newaxis], -1)[..., 0]
    return np.where(word_mask(TEXTS, END), chosen, 0.0).sum(-1)


def generate(decoder, codes=CODES, **kwargs):
    return generate_texts(decoder, codes, end_id=END, length=LENGTH, **kwargs)


def rows_of(words):
    """The row of TEXTS of each text [..., length]."""
    base = WORDS ** np.arange(LENGTH)[::-1]
    table = {key: row for row, key in enumerate(TEXTS @ base)}
    return np.vectorize(table.__getitem__)(np.asarray(words) @ base)


def tempered(steps, temperature):
    steps = steps / temperature
    return steps - np.log(np.exp(steps).sum(-1, keepdims=True))


def renormalised(steps, keep):
    steps = np.where(keep, steps, -np.inf)
    return steps - np.log(np.exp(steps).sum(-1, keepdims=True))


def k_likeliest(steps, k):
    rank = (-steps).argsort(-1).argsort(-1)
    return renormalised(steps, rank < k)


def nucleus(steps, p):
    """The likeliest words until their sum is over p."""
    order = (-steps).argsort(-1)
    likely = np.take_along_axis(np.exp(steps), order, -1)
    before = np.cumsum(likely, -1) - likely
    keep = np.take_along_axis(before <= p, order.argsort(-1), -1)
    return renormalised(steps, keep)


ALLOWED = np.array([True, True, False, True])
ALLOWED_AT = np.array(
    [[False, True, True, True], [True] * 4, [True, False, True, True], [1, 0, 0, 1]]
)
DISTRIBUTIONS = {
    "random": ({"method": "random"}, lambda s: s),
    "cool": ({"method": "random", "temperature": 0.6}, lambda s: tempered(s, 0.6)),
    "hot": ({"method": "random", "temperature": 1.7}, lambda s: tempered(s, 1.7)),
    "top_k": ({"method": "top_k", "top_k": 2}, lambda s: k_likeliest(s, 2)),
    "top_k_of_all": ({"method": "top_k", "top_k": 9}, lambda s: s),
    "top_k_hot": (
        {"method": "top_k", "top_k": 3, "temperature": 1.7},
        lambda s: k_likeliest(tempered(s, 1.7), 3),
    ),
    "top_p": ({"method": "top_p", "top_p": 0.7}, lambda s: nucleus(s, 0.7)),
    "top_p_cool": (
        {"method": "top_p", "top_p": 0.8, "temperature": 0.6},
        lambda s: nucleus(tempered(s, 0.6), 0.8),
    ),
    "allowed": ({"method": "random", "allowed": ALLOWED}, lambda s: renormalised(s, ALLOWED)),
    "allowed_at": (
        {"method": "random", "allowed": ALLOWED_AT.astype(bool)},
        lambda s: renormalised(s, ALLOWED_AT.astype(bool)),
    ),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_draws_have_exactly_their_distribution(decoder, steps, name):
    """The support is exact; frequencies of all texts are within five standard errors."""
    kwargs, transform = DISTRIBUTIONS[name]
    texts = generate(decoder, count=DRAWS, seed=3, **kwargs)
    rows = rows_of(texts.words)
    p = np.exp(text_log_prob(transform(steps)))
    np.testing.assert_allclose(p.sum(-1), 1.0, rtol=1e-5)
    for code in range(2):
        frequency = np.bincount(rows[code], minlength=len(TEXTS)) / DRAWS
        assert not frequency[p[code] == 0].any(), "a text that cannot be drawn"
        error = np.sqrt(p[code] * (1 - p[code]) / DRAWS)
        assert (np.abs(frequency - p[code]) < 5 * error + 2 / DRAWS).all()
    # And log p is the decoder's own, whatever was used to draw.
    own = transform(steps) if "allowed" in kwargs else steps
    wanted = np.take_along_axis(text_log_prob(own), rows, 1)
    np.testing.assert_allclose(texts.log_prob, wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(texts.lengths, word_mask(texts.words, END).numpy().sum(-1))


def test_the_distributions_above_differ(steps):
    p = [np.exp(text_log_prob(transform(steps))) for _, transform in DISTRIBUTIONS.values()]
    for one in range(len(p)):
        for other in range(one):
            if {one, other} != {0, 4}:  # The likeliest nine of four words are all.
                assert np.abs(p[one] - p[other]).max() > 0.01, (one, other)


def test_greedy_takes_the_likeliest_word_at_each_step(decoder, steps):
    texts = generate(decoder)
    for code in range(2):
        words = []
        while len(words) < LENGTH and END not in words:
            beginnings = (TEXTS[:, : len(words)] == words).all(-1)
            words.append(steps[code, beginnings.argmax(), len(words)].argmax())
        words += [END] * (LENGTH - len(words))
        np.testing.assert_array_equal(texts.words[code, 0], words)
    for kwargs in ({"method": "random", "temperature": 0.0}, {"method": "top_k", "top_k": 1}):
        np.testing.assert_array_equal(generate(decoder, seed=9, **kwargs).words, texts.words)
    np.testing.assert_array_equal(generate(decoder, temperature=1e30).words, texts.words)


def search_in_numpy(steps, beams):
    """A beam search over rows of TEXTS, written with lists: words and log p, the best first."""
    found = [((), 0.0)]
    for position in range(LENGTH):
        candidates = []
        for words, total in found:
            if END in words:
                candidates.append((words, total))
                continue
            row = (TEXTS[:, :position] == np.array(words, int).reshape(-1)).all(-1).argmax()
            for word in range(WORDS):
                candidates.append((words + (word,), total + steps[row, position, word]))
        found = sorted(candidates, key=lambda candidate: -candidate[1])[:beams]
    return [(words + (END,) * (LENGTH - len(words)), total) for words, total in found]


@pytest.mark.parametrize("beams", [1, 2, 3, 5])
def test_beam_search_equals_one_with_lists(decoder, steps, beams):
    texts = generate(decoder, method="beam", beams=beams, count=beams)
    for code in range(2):
        wanted = search_in_numpy(steps[code], beams)
        np.testing.assert_array_equal(texts.words[code], [words for words, _ in wanted])
        np.testing.assert_allclose(texts.log_prob[code], [p for _, p in wanted], atol=1e-4)


def test_one_beam_is_greedy_search_and_more_are_better(decoder, steps):
    likeliest = text_log_prob(steps).max(-1)
    found = [
        generate(decoder, method="beam", beams=beams).log_prob[:, 0].numpy() for beams in (1, 60)
    ]
    np.testing.assert_allclose(found[0], generate(decoder).log_prob[:, 0], rtol=1e-5)
    assert (found[0] < likeliest - 0.01).any(), "greedy search misses the likeliest text"
    np.testing.assert_allclose(found[1], likeliest, rtol=1e-4)


def test_wide_beam_search_ranks_all_texts_as_brute_force(decoder, steps):
    beams = WORDS**LENGTH  # So that nothing is ever left out.
    texts = generate(decoder, method="beam", beams=beams, count=20)
    log_p = text_log_prob(steps)
    for code in range(2):
        order = (-log_p[code]).argsort()[:20]
        assert np.abs(np.diff(log_p[code][order])).min() > 1e-4, "no ties in this example"
        np.testing.assert_array_equal(texts.words[code], TEXTS[order])
        np.testing.assert_allclose(texts.log_prob[code], log_p[code][order], atol=1e-4)
    everything = generate(decoder, CODES[:1], method="beam", beams=beams, count=beams)
    assert np.isfinite(everything.log_prob).sum() == len(TEXTS)
    np.testing.assert_allclose(np.exp(everything.log_prob).sum(), 1.0, rtol=1e-4)


def test_beam_search_keeps_to_allowed_words(decoder, steps):
    own = renormalised(steps, ALLOWED)
    texts = generate(decoder, method="beam", beams=300, count=5, allowed=ALLOWED)
    for code in range(2):
        log_p = text_log_prob(own)[code]
        np.testing.assert_array_equal(texts.words[code], TEXTS[(-log_p).argsort()[:5]])
        np.testing.assert_allclose(texts.log_prob[code], np.sort(log_p)[:-6:-1], atol=1e-4)


METHODS = [
    {"method": "greedy"},
    {"method": "random", "count": 7},
    {"method": "top_k", "top_k": 3, "count": 7},
    {"method": "top_p", "count": 7, "temperature": 1.4},
    {"method": "beam", "beams": 3, "count": 2},
]


@pytest.mark.parametrize("kwargs", METHODS, ids=lambda kwargs: kwargs["method"])
def test_same_seed_same_texts_in_eager_and_graph(decoder, kwargs):
    # With all sizes open, as in an export.
    arguments = {
        name: tf.constant(kwargs[name]) for name in ("count", "temperature") if name in kwargs
    }
    fixed = {name: value for name, value in kwargs.items() if name not in arguments}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3]),
            tf.TensorSpec([2], tf.int32),
            *(tf.TensorSpec([], value.dtype) for value in arguments.values()),
        ]
    )
    def graph(codes, seed, *values):
        return generate(decoder, codes, seed=seed, **fixed, **dict(zip(arguments, values)))

    eager = generate(decoder, seed=(5, 0), **kwargs)
    in_graph = graph(CODES, tf.constant([5, 0]), *arguments.values())
    np.testing.assert_array_equal(eager.words, in_graph.words)
    np.testing.assert_array_equal(eager.lengths, in_graph.lengths)
    np.testing.assert_allclose(eager.log_prob, in_graph.log_prob, rtol=1e-5, atol=1e-6)
    assert eager.words.shape == [2, kwargs.get("count", 1), LENGTH]
    np.testing.assert_array_equal(generate(decoder, seed=5, **kwargs).words, eager.words)
    other = generate(decoder, seed=6, **kwargs)
    assert (other.words != eager.words).numpy().any() == (
        kwargs["method"] not in ("greedy", "beam")
    )


def test_log_prob_is_the_teacher_forced_log_likelihood(decoder):
    texts = generate(decoder, method="random", count=50, seed=1, pad_id=3)
    words = tf.reshape(texts.words, [-1, LENGTH])
    mask = tf.sequence_mask(tf.reshape(texts.lengths, [-1]), LENGTH)
    logits = decoder(np.repeat(CODES, 50, 0), words)
    wanted = tf.reshape(text_log_likelihood(logits, words, mask), [2, 50])
    np.testing.assert_allclose(texts.log_prob, wanted, rtol=1e-4, atol=1e-5)
    assert (words.numpy()[~mask.numpy()] == 3).all() and (~mask.numpy()).any()


class Scripted:
    """Says 1 a given number of times and then the end word 0; counts the steps it is asked for.

    Its state and context are nested as those of a decoder with attention may be.
    """

    start_id = 2

    def __init__(self, sure=30.0):
        self.steps, self.sure = 0, sure

    def start(self, code):
        return {"position": tf.zeros_like(code)}, {"until": [code]}

    def step(self, words, state, context):
        self.steps += 1
        tf.debugging.assert_equal(words == 2, state["position"] == 0)
        ended = state["position"] >= context["until"][0]
        logits = tf.where(ended[:, tf.newaxis], [self.sure, 0.0], [0.0, self.sure])
        return logits, {"position": state["position"] + 1}


@pytest.mark.parametrize("kwargs", METHODS, ids=lambda kwargs: kwargs["method"])
def test_stops_when_all_texts_have_ended(kwargs):
    decoder, lengths = Scripted(), np.array([3, 0, 5])
    texts = generate_texts(
        decoder, tf.constant(lengths), end_id=0, length=20, **{**kwargs, "count": 1}
    )
    np.testing.assert_array_equal(texts.lengths[:, 0], lengths + 1)
    np.testing.assert_array_equal(texts.words[:, 0], np.arange(20) < lengths[:, np.newaxis])
    assert decoder.steps == 6
    np.testing.assert_allclose(texts.log_prob, 0.0, atol=1e-6)


def test_beam_search_goes_on_for_all_that_are_wanted():
    """The second best text says the end at the first place that is not sure of it."""
    decoder = Scripted(sure=2.0)
    both = generate_texts(decoder, tf.constant([1]), end_id=0, length=9, method="beam", count=2)
    not_sure = np.log1p(np.exp(-2.0))
    np.testing.assert_array_equal(both.lengths, [[2, 1]])
    np.testing.assert_allclose(both.log_prob, [[-2 * not_sure, -2.0 - not_sure]], rtol=1e-5)


@pytest.mark.parametrize("kwargs", METHODS, ids=lambda kwargs: kwargs["method"])
def test_texts_that_do_not_end_are_cut_off(kwargs):
    texts = generate_texts(
        Scripted(), tf.constant([99]), end_id=0, length=6, **{**kwargs, "count": 1}
    )
    np.testing.assert_array_equal(texts.words, np.ones([1, 1, 6]))
    np.testing.assert_array_equal(texts.lengths, [[6]])


def test_no_codes_give_no_texts(decoder):
    for kwargs in METHODS:
        texts = generate(decoder, np.zeros([0, 3], np.float32), **kwargs)
        assert texts.words.shape == [0, kwargs.get("count", 1), LENGTH]


@pytest.mark.parametrize("kwargs", METHODS, ids=lambda kwargs: kwargs["method"])
def test_a_graph_refuses_counts_out_of_range(kwargs):
    kwargs = {name: value for name, value in kwargs.items() if name != "count"}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def graph(count):
        texts = generate_texts(
            Scripted(), tf.constant([1, 0]), end_id=0, length=3, count=count, **kwargs
        )
        return texts.words

    most = {"greedy": 1, "beam": 3}.get(kwargs["method"], 4)
    np.testing.assert_array_equal(tf.shape(graph(tf.constant(most))), [2, most, 3])
    wrong = [0, -1] + [most + 1] * (kwargs["method"] in ("greedy", "beam"))
    for count in wrong:
        with pytest.raises(tf.errors.InvalidArgumentError, match="count is the number of texts"):
            graph(tf.constant(count))


def test_errors(decoder):
    for kwargs, message in (
        ({"method": "best"}, "one of greedy, random, top_k, top_p, beam; got 'best'"),
        ({"method": "top_k", "top_k": 0}, "1 or more; got 0"),
        ({"method": "top_p", "top_p": 1.5}, r"in \(0, 1\]; got 1.5"),
        ({"method": "beam", "beams": 0}, "one beam at least; got beams=0"),
        (
            {"method": "beam", "beams": 2, "count": 3},
            "with 2 beams finds 2 texts at most; take more; got count=3",
        ),
        ({"count": 2}, "Greedy search finds one text for a code; draw, .* got count=2"),
        ({"method": "random", "count": 0}, "1 or more; got count=0"),
    ):
        with pytest.raises(ValueError, match=message):
            generate(decoder, **kwargs)
    with pytest.raises(ValueError, match="length is the number of words"):
        generate_texts(decoder, CODES, end_id=END, length=0)
