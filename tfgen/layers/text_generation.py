"""Texts from a decoder, word by word, inside the graph."""

from __future__ import annotations

from typing import NamedTuple, Optional

import tensorflow as tf

from tfgen.layers.beam_search import beam_search, open_batch
from tfgen.layers.next_word import NEXT_WORD_METHODS, next_word_rule
from tfgen.layers.word_mask import word_mask
from tfgen.randomness import Seed, fold_in

__all__ = ["GeneratedTexts", "generate_texts"]


class GeneratedTexts(NamedTuple):
    """What `generate_texts` returns.

    Attributes:
      words: int32 [batch, count, length], ids; behind the end word, padding.
      lengths: int32 [batch, count], number of words up to the end word and with it; `length` where
        a text was cut off.
      log_prob: float32 [batch, count], log p(y | h) of these words, the end word among them, nats.
    """

    words: tf.Tensor
    lengths: tf.Tensor
    log_prob: tf.Tensor


def generate_texts(
    decoder,
    code,
    *,
    end_id: int,
    length: int,
    method: str = "greedy",
    count=1,
    seed: Seed = 0,
    temperature=1.0,
    top_k: int = 10,
    top_p: float = 0.9,
    beams: int = 5,
    allowed=None,
    pad_id: Optional[int] = None,
) -> GeneratedTexts:
    """Draws texts from p(y | h), or searches likely ones.

        greedy   the likeliest word at each step
        random   a word by its probability
        top_k    a word by its probability among the likeliest `top_k`
        top_p    a word by its probability among the fewest likeliest whose sum is over `top_p`
        beam     the likeliest text that a search with `beams` beams finds

    It runs in eager mode and in a graph, stops when all texts have ended, and holds TensorFlow's
    own ops alone: an export needs neither keras-nlp nor this package. The same seed gives the same
    texts in all three.

    ```python
    from tfgen.layers import RecurrentTextDecoder

    decoder = RecurrentTextDecoder(vocabulary_size=9, state_size=8, embedding_size=4)
    texts = generate_texts(
        decoder, tf.zeros([2, 6]), end_id=0, length=12, method="top_p", count=3, seed=7
    )
    texts.words  # [2, 3, 12]
    ```

    Args:
      decoder: a `RecurrentTextDecoder`, or another with `start_id`, `start(code) -> (state,
        context)` and `step(words, state, context) -> (logits, state)`, where state and context are
        nested tensors with the batch as first axis.
      code: what decoder.start takes, for example float [batch, size].
      end_id: id of the end word.
      length: the largest number of words of a text, the end word among them.
      method: as above.
      count: texts for each code, an int or a scalar tensor: draws or, with "beam", the best ones,
        at most `beams`. Greedy search has one.
      seed: of the draws.
      temperature: divides the logits before a word is drawn, a number or a scalar tensor; at 0 the
        likeliest word is taken. Searches take no notice of it.
      top_k, top_p, beams: of the methods of these names.
      allowed: bool [vocabulary] or [length, vocabulary], the words that may be used, everywhere or
        at each position, one at least; None allows all. The probability of the others is shared
        out among these.
      pad_id: what stands behind the end word; None repeats the end word.

    Returns:
      `GeneratedTexts`. Its log_prob is that of the decoder (with `allowed`), whatever temperature,
      top_k and top_p were used to draw.

    Raises:
      ValueError: an unknown method, or a number out of its range.
      tf.errors.InvalidArgumentError: a count that a graph is given is out of its range.
    """
    count = _checked_count(method, count, length, beams)
    state, context = decoder.start(code)

    def log_prob(logits, position):
        logits = tf.cast(logits, tf.float32)
        if allowed is not None:
            here = tf.convert_to_tensor(allowed, tf.bool)
            here = here if here.shape.rank == 1 else here[position]
            logits = tf.where(here, logits, -float("inf"))
        return tf.nn.log_softmax(logits)

    if method == "beam":
        words, total = beam_search(
            decoder,
            state,
            context,
            log_prob=log_prob,
            end_id=end_id,
            length=length,
            beams=beams,
            wanted=count,
        )
        words, total = words[:, :count], total[:, :count]
    else:
        rule = next_word_rule(method, top_k, top_p)
        state, context = tf.nest.map_structure(lambda x: tf.repeat(x, count, 0), (state, context))

        def choose(log_p, position):
            if method != "greedy":
                log_p /= tf.maximum(tf.cast(temperature, tf.float32), 1e-4)
            return rule(log_p, fold_in(seed, position))

        words, total = _draw(decoder, state, context, log_prob, choose, end_id, length)
        batch = tf.shape(total)[0] // count
        words = tf.reshape(words, [batch, count, length])
        total = tf.reshape(total, [batch, count])
    mask = word_mask(words, end_id)
    if pad_id is not None:
        words = tf.where(mask, words, pad_id)
    return GeneratedTexts(words, tf.reduce_sum(tf.cast(mask, tf.int32), -1), total)


def _draw(decoder, state, context, log_prob, choose, end_id, length):
    """Words [rows, length] and their log-probabilities [rows], one word after the other."""
    rows = tf.shape(tf.nest.flatten(state)[0])[0]

    def going_on(position, words, previous, ended, total, state):
        return tf.logical_not(tf.reduce_all(ended))

    def extend(position, words, previous, ended, total, state):
        logits, state = decoder.step(previous, state, context)
        log_p = log_prob(logits, position)
        word = tf.where(ended, end_id, choose(log_p, position))
        total += tf.where(ended, 0.0, tf.gather(log_p, word, batch_dims=1))
        words = tf.where(tf.range(length) == position, word[:, tf.newaxis], words)
        return position + 1, words, word, ended | (word == end_id), total, state

    variables = (
        tf.constant(0),
        tf.fill([rows, length], end_id),
        tf.fill([rows], decoder.start_id),
        tf.zeros([rows], tf.bool),
        tf.zeros([rows]),
        state,
    )
    _, words, _, _, total, _ = tf.while_loop(
        going_on,
        extend,
        variables,
        shape_invariants=tf.nest.map_structure(open_batch, variables),
        maximum_iterations=length,
    )
    return words, total


def _checked_count(method, count, length, beams):
    """The count, once all numbers are known to be good: those of a graph when it runs."""
    methods = (*NEXT_WORD_METHODS, "beam")
    if method not in methods:
        raise ValueError(f"method is one of {', '.join(methods)}; got {method!r}.")
    if length < 1:
        raise ValueError(f"length is the number of words of a text, 1 or more; got {length}.")
    if beams < 1:
        raise ValueError(f"A search has one beam at least; got beams={beams}.")
    most, reason = {
        "greedy": (1, ["Greedy search finds one text for a code; draw, or search with beams"]),
        "beam": (beams, [f"A search with {beams} beams finds {beams} texts at most; take more"]),
    }.get(method, (2**31 - 1, []))
    reason = ". ".join(["count is the number of texts for each code, 1 or more", *reason])
    known = tf.get_static_value(count)
    if known is None:
        checks = [
            tf.debugging.assert_greater_equal(count, 1, message=reason),
            tf.debugging.assert_less_equal(count, most, message=reason),
        ]
        with tf.control_dependencies(checks):
            return tf.identity(count)
    if not 1 <= known <= most:
        raise ValueError(f"{reason}; got count={known}.")
    return count
