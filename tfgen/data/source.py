"""Random-access data sources: every pipeline of tfgen is a function of (seed, step)."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Dict, Mapping, Optional

import tensorflow as tf

from tfgen.data.stateless import example_seeds
from tfgen.randomness import Seed, fold_in

__all__ = ["Source", "Splits"]

Features = Dict[str, tf.Tensor]
Transform = Callable[[Features, tf.Tensor], Features]


@dataclasses.dataclass(frozen=True)
class Source:
    """A set of examples addressed by index; the start of every tf.data pipeline of tfgen.

    Because an example is a pure function of its index and the order is a pure function of
    (seed, epoch), a pipeline can start at any step at no cost. That is what makes resuming exact.

    Args:
      count: number of examples.
      load: maps an int64 tensor of indices, shape [N], to a dict of features, each [N, ...].
        It is traced into the pipeline's graph and must be stateless.
      features: name -> tf.TensorSpec of one example (without the batch axis).
      redraw: the variation that belongs to the data itself and is drawn anew each epoch, such as
        the order of the words of a text or which of several captions is shown. It maps
        (features of `load`, seeds int32 [N, 2]) -> features; the seeds are functions of
        (seed, epoch, index). None for data without such variation. Augmentation is not its
        business: that is the `transform` of `batches`.
    """

    count: int
    load: Callable[[tf.Tensor], Features]
    features: Mapping[str, tf.TensorSpec]
    redraw: Optional[Transform] = None

    def batches(
        self,
        batch_size: int,
        *,
        seed: Seed = 0,
        shuffle: bool = False,
        repeat: bool = False,
        start_step: int = 0,
        transform: Optional[Transform] = None,
    ) -> tf.data.Dataset:
        """A tf.data pipeline of batches (dicts of tensors [batch_size, ...]).

        Args:
          batch_size: examples a batch. With `repeat` every batch is full and runs on over the
            end of an epoch; without it the last batch may be smaller.
          seed: of the order, of `redraw` and of `transform`; an int or a pair of ints.
          shuffle: a new order each epoch, a permutation from (seed, epoch).
          repeat: go on for ever.
          start_step: number of batches to skip, at no cost.
          transform: stateless augmentation (features, seeds int32 [N, 2]) -> features, where the
            seeds are functions of (seed, epoch, index).

        Raises:
          ValueError: the source is empty, or a size is not positive.
        """
        if self.count < 1:
            raise ValueError("This data source is empty: it has 0 examples, wanted 1 or more.")
        if batch_size < 1 or start_step < 0:
            raise ValueError(
                f"Wanted batch_size >= 1, start_step >= 0; got {batch_size}, {start_step}."
            )

        def make(first):
            # A static number of them where every batch is full.
            full = repeat or self.count % batch_size == 0
            number = batch_size if full else tf.minimum(self.count - first, batch_size)
            positions = first + tf.range(number, dtype=tf.int64)
            epochs, indices = positions // self.count, positions % self.count
            if shuffle:
                indices = _permute(indices, self.count, seed, epochs)
            features = self.load(indices)
            if self.redraw is not None:
                features = self.redraw(
                    features, example_seeds(fold_in(seed, "redraw"), epochs, indices)
                )
            if transform is not None:
                features = transform(features, example_seeds(seed, epochs, indices))
            size = batch_size if repeat else None
            return {
                name: tf.ensure_shape(value, [size, *value.shape[1:]])
                for name, value in features.items()
            }

        if repeat:
            firsts = tf.data.Dataset.counter(start_step, dtype=tf.int64)
            firsts = firsts.map(lambda step: step * batch_size)
        else:
            firsts = tf.data.Dataset.range(start_step * batch_size, self.count, batch_size)
        dataset = firsts.map(make, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return dataset.prefetch(tf.data.AUTOTUNE)


@dataclasses.dataclass(frozen=True)
class Splits:
    """Train, validation and test sources of one data set.

    `description` is a plain dict (JSON-able): name, image shape, vocabulary, counts, and whatever
    a model card should say of the data.
    """

    train: Source
    validation: Source
    test: Source
    description: Mapping[str, Any]

    def map(self, function: Callable[[Source], Source]) -> "Splits":
        """Puts each source through `function`, such as `in_memory`; the description stays."""
        return dataclasses.replace(
            self,
            train=function(self.train),
            validation=function(self.validation),
            test=function(self.test),
        )


def _permute(positions, count, seed, epochs):
    """Positions within an epoch -> indices: a permutation of range(count) for each epoch.

    The raw op, because `tf.random.experimental.index_shuffle` of TensorFlow 2.15 fails for vectors
    (it pads the keys along the wrong axis). Eight rounds, because with the least, four, the
    permutations of few items are visibly not uniform; keys are hashed, as it wants random ones.
    """
    keys = example_seeds(fold_in(seed, "order"), epochs, tf.zeros_like(epochs))
    return tf.raw_ops.RandomIndexShuffle(
        index=positions,
        seed=tf.pad(keys, [[0, 0], [0, 1]], constant_values=0x7F6E),
        max_index=tf.constant(count - 1, tf.int64),
        rounds=8,
    )
