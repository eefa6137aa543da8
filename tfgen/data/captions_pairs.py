"""Pairs of an image and one of its captions, and all captions of a source."""

from __future__ import annotations

from typing import List

import tensorflow as tf

from tfgen.data.source import Source
from tfgen.data.stateless import choose_row

__all__ = ["all_captions", "caption_pairs"]


def caption_pairs(source: Source) -> Source:
    """The source with "text", one caption of each image, drawn anew each epoch.

    The caption is a function of (seed, epoch, index), all captions of an image having the same
    probability; so is what a `Source` redraws. `load` alone gives the first caption.

    Args:
      source: with "captions" string [K] and "caption_count" int32 [], without a `redraw` of its
        own.

    Returns:
      A source of the same examples, with "text" string [].

    Raises:
      ValueError: the source has no captions, or redraws something already.
    """
    missing = [name for name in ("captions", "caption_count") if name not in source.features]
    if missing or source.redraw is not None:
        problem = f"it lacks {missing}" if missing else "it has a `redraw` of its own"
        raise ValueError(
            f"Wanted a source with captions that does not redraw; {problem}. Its features are "
            f"{sorted(source.features)}."
        )

    def load(indices):
        features = source.load(indices)
        return {**features, "text": features["captions"][:, 0]}

    def redraw(features, seeds):
        text = choose_row(features["captions"], features["caption_count"], seeds)
        return {**features, "text": text}

    features = {**source.features, "text": tf.TensorSpec([], tf.string)}
    return Source(source.count, load, features, redraw)


def all_captions(source: Source, batch_size: int = 1024) -> List[List[str]]:
    """The captions of every example, without loading the images.

    They make a vocabulary, and are the references of the captioning metrics.

    Args:
      source: with "captions" and "caption_count".
      batch_size: examples read at once.

    Returns:
      A list for each example, in the order of the indices.
    """

    # Only what is returned is computed: images are neither read nor drawn.
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)
    def load(indices):
        features = source.load(indices)
        return features["captions"], features["caption_count"]

    result: List[List[str]] = []
    for first in range(0, source.count, batch_size):
        last = min(first + batch_size, source.count)
        captions, counts = (value.numpy() for value in load(tf.range(first, last, dtype=tf.int64)))
        for row, count in zip(captions, counts):
            result.append([caption.decode() for caption in row[:count]])
    return result
