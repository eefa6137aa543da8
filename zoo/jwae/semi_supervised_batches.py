"""Batches of pairs with as many images and texts that are no pairs."""

from __future__ import annotations

from typing import Callable, Optional

import tensorflow as tf

from tfgen.data import SemiSupervised
from tfgen.randomness import Seed

__all__ = ["SemiSupervisedBatches"]


class SemiSupervisedBatches:
    """What `tfgen.training.fit` needs of a source, over a data set with few pairs.

    A batch of size B has 2 B rows: pairs in the even ones, an image and a text that do not belong
    together in the odd ones, so that each replica gets its share of both. "paired", bool, says
    which are which. The unpaired images and texts have orders of their own, so that their rows
    are mixed anew in each epoch. B is the number of pairs, with and without unpaired data: the
    supervised loss has as many negatives in both.

    Args:
      parts: of `tfgen.data.semi_supervised`. Features that its images and texts lack, such as
        names, are left out.
    """

    def __init__(self, parts: SemiSupervised):
        self.parts = parts
        self.count = parts.paired.count
        self.features = {
            **parts.images.features,
            **parts.texts.features,
            "paired": tf.TensorSpec([], tf.bool),
        }

    def batches(
        self,
        batch_size: int,
        *,
        seed: Seed = 0,
        shuffle: bool = False,
        repeat: bool = True,
        start_step: int = 0,
        transform: Optional[Callable] = None,
    ) -> tf.data.Dataset:
        """Batches that go on for ever; arguments as of `tfgen.data.Source.batches`.

        Raises:
          ValueError: a `transform`, or an end, is asked for.
        """
        if transform is not None or not repeat:
            raise ValueError(
                "Semi-supervised batches have no transform and no end; got "
                f"transform={transform}, repeat={repeat}."
            )
        dataset = self.parts.batches(
            batch_size, batch_size, seed=seed, start_step=start_step, shuffle=shuffle
        )

        def weave(parts):
            torn = {**parts["images"], **parts["texts"]}
            rows = {}
            for name, value in torn.items():
                both = tf.stack([parts["paired"][name], value], 1)
                rows[name] = tf.reshape(both, [2 * batch_size, *both.shape[2:]])
            return {**rows, "paired": tf.range(2 * batch_size) % 2 == 0}

        return dataset.map(weave, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
