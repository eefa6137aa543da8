"""How long a model takes for a sample."""

from __future__ import annotations

import statistics
import time

import tensorflow as tf

__all__ = ["sampling_seconds"]


def sampling_seconds(model, count: int = 16, repeats: int = 3) -> float:
    """Median seconds for each image of a batch of samples, once graphs are traced.

    Args:
      model: with `sample(count, seed)`, which returns tensors.
      count: images of a batch.
      repeats: batches that are measured.
    """
    times = []
    for repeat in range(repeats + 1):
        start = time.perf_counter()
        tf.nest.map_structure(lambda images: images.numpy(), model.sample(count, seed=repeat))
        times.append((time.perf_counter() - start) / count)
    return statistics.median(times[1:])  # The first call traces.
