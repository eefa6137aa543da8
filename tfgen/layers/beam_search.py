"""Beam search over a recurrent cache."""

from __future__ import annotations

import tensorflow as tf

__all__ = ["beam_search"]


def beam_search(decoder, state, context, *, log_prob, end_id: int, length: int, beams: int, wanted):
    """The likeliest texts that a search of so many beams finds.

    At each step all continuations of the `beams` best beginnings are ranked by log p(y | h), and
    the best are kept. A text that has ended keeps its probability and its place among them. The
    search stops when the best `wanted` have ended: the others can only lose probability.

    keras-nlp's BeamSampler goes on adding words, and their log-probabilities, to texts that have
    ended, and writes words by an op of XLA; see `next_word_rule`.

    Args:
      decoder: has start_id and step(words, state, context) -> (logits, state).
      state, context: nested tensors [batch, ...].
      log_prob: function of (logits, position) to log-probabilities [rows, vocabulary].
      end_id: id of the end word; behind it the texts are filled up with it.
      length: the largest number of words, the end word among them.
      beams: 1 or more.
      wanted: how many texts of each row are of interest, at most `beams`; int or scalar tensor.

    Returns:
      words int32 [batch, beams, length], the likeliest first, and log p(y | h), float32 [batch,
      beams], -inf where there are fewer texts than beams. Of the beams behind `wanted` some may
      be unfinished.
    """
    batch = tf.shape(tf.nest.flatten(state)[0])[0]
    state, context = tf.nest.map_structure(lambda x: tf.repeat(x, beams, 0), (state, context))
    first_row = tf.range(batch)[:, tf.newaxis] * beams

    def going_on(position, words, previous, ended, total, state):
        return tf.logical_not(tf.reduce_all(ended[:, :wanted]))

    def extend(position, words, previous, ended, total, state):
        logits, state = decoder.step(tf.reshape(previous, [-1]), state, context)
        step = log_prob(logits, position)
        size = step.shape[-1]
        step = tf.reshape(step, [batch, beams, size])
        end_alone = tf.where(tf.range(size) == end_id, 0.0, -float("inf"))
        step = tf.where(ended[..., tf.newaxis], end_alone, step)
        candidates = tf.reshape(total[..., tf.newaxis] + step, [batch, beams * size])
        total, chosen = tf.math.top_k(candidates, beams)
        parent, word = chosen // size, chosen % size
        words = tf.gather(words, parent, batch_dims=1)
        words = tf.where(tf.range(length) == position, word[..., tf.newaxis], words)
        ended = tf.gather(ended, parent, batch_dims=1) | (word == end_id)
        rows = tf.reshape(first_row + parent, [-1])
        state = tf.nest.map_structure(lambda x: tf.gather(x, rows), state)
        return position + 1, words, word, ended, total, state

    variables = (
        tf.constant(0),
        tf.fill([batch, beams, length], end_id),
        tf.fill([batch, beams], decoder.start_id),
        tf.zeros([batch, beams], tf.bool),
        tf.repeat(tf.constant([[0.0] + [-float("inf")] * (beams - 1)]), batch, 0),
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


def open_batch(tensor) -> tf.TensorShape:
    """The static shape but for the first axis, which loops must not fix."""
    return tf.TensorShape([None, *tensor.shape[1:]]) if tensor.shape.rank else tensor.shape
