"""Bits per dimension of a PixelCNN on held-out images."""

from __future__ import annotations

import dataclasses
import math
from typing import Dict

import numpy as np
import tensorflow as tf

from tfgen.data import Source
from tfgen.metrics import bits_per_dim
from tfgen.training import Config
from zoo.pixelcnn.model import PixelCNN

__all__ = ["PixelCNNEvaluationConfig", "measure_pixel_cnn"]


@dataclasses.dataclass
class PixelCNNEvaluationConfig(Config):
    """How the likelihood is measured.

    Attributes:
      examples: first examples of the test split that are used; 0 uses all.
      batch_size: images at once.
    """

    examples: int = 0
    batch_size: int = 100


def measure_pixel_cnn(
    model: PixelCNN, source: Source, evaluation: PixelCNNEvaluationConfig
) -> Dict[str, float]:
    """Exact likelihood of held-out images, given their classes or images where the model is.

    Args:
      model: a trained PixelCNN.
      source: with "image", and "label" or "conditioning" as the model takes it.
      evaluation: how.

    Returns:
      "bits_per_dim", its standard error over images "bits_per_dim_standard_error", and "nats".
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def log_prob_of(batch):
        return model.objective(batch, training=False)["log_prob"]

    count = source.count if not evaluation.examples else min(evaluation.examples, source.count)
    limited = dataclasses.replace(source, count=count)
    wanted = ("image", "label", "conditioning")
    rows = [
        log_prob_of({name: batch[name] for name in wanted if name in batch}).numpy()
        for batch in limited.batches(evaluation.batch_size)
    ]
    nats = np.concatenate(rows).astype(np.float64)
    bits = bits_per_dim(nats, model.dimensions, 1.0)
    return {
        "bits_per_dim": float(bits.mean()),
        "bits_per_dim_standard_error": float(bits.std() / math.sqrt(count)),
        "nats": float(nats.mean()),
    }
