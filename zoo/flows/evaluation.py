"""Bits per dimension of a flow on held-out images, and where they are spent."""

from __future__ import annotations

import dataclasses
import math
from typing import Dict

import numpy as np
import tensorflow as tf

from tfgen.data import Source
from tfgen.metrics import bits_per_dim
from tfgen.randomness import Seed, fold_in
from tfgen.training import Config
from zoo.flows.model import ImageFlow

__all__ = ["FlowEvaluationConfig", "measure_flow"]


@dataclasses.dataclass
class FlowEvaluationConfig(Config):
    """How the likelihood is measured.

    Attributes:
      examples: first examples of the test split that are used; 0 uses all.
      batch_size: images at once.
      noise_draws: draws of the dequantisation noise for each image. Their mean is the bound that
        papers report; the importance bound of the same draws is reported beside it.
      as_released: leave the dropout of the coupling networks on, as the released mAR-SCF does.
    """

    examples: int = 0
    batch_size: int = 100
    noise_draws: int = 1
    as_released: bool = False


def measure_flow(
    model: ImageFlow, source: Source, evaluation: FlowEvaluationConfig, seed: Seed = 0
) -> Dict[str, float]:
    """Held-out likelihood of discrete images.

    Args:
      model: a trained flow.
      source: with "image".
      evaluation: how.
      seed: of the noise.

    Returns:
      "bits_per_dim" and its standard error over images, "bits_per_dim_importance",
      "nats", and "bits_per_dim_level_1", ...: the share of each level, which sum to
      "bits_per_dim".
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def parts_of(images, noise_seed):
        return tf.stack(model.elbo_parts(images, noise_seed, evaluation.as_released), -1)

    count = source.count if not evaluation.examples else min(evaluation.examples, source.count)
    limited = dataclasses.replace(source, count=count)
    rows = []
    for index, batch in enumerate(limited.batches(evaluation.batch_size)):
        draws = [
            parts_of(batch["image"], fold_in(seed, index, draw)).numpy()
            for draw in range(evaluation.noise_draws)
        ]
        rows.append(np.stack(draws))
    parts = np.concatenate(rows, axis=1).astype(np.float64)  # [draws, images, levels]
    totals = parts.sum(-1)
    bits = bits_per_dim(totals.mean(0), model.dimensions, 1.0)
    importance = np.logaddexp.reduce(totals, axis=0) - math.log(len(totals))
    numbers = {
        "bits_per_dim": float(bits.mean()),
        "bits_per_dim_standard_error": float(bits.std() / math.sqrt(count)),
        "bits_per_dim_importance": float(bits_per_dim(importance, model.dimensions, 1.0).mean()),
        "nats": float(totals.mean()),
    }
    for level, share in enumerate(parts.mean((0, 1)), start=1):
        numbers[f"bits_per_dim_level_{level}"] = float(bits_per_dim(share, model.dimensions, 1.0))
    return numbers
