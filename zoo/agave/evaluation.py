"""How good an AGAVE is, and how much its PixelCNN listens to the latent code."""

from __future__ import annotations

import dataclasses
import math
from typing import Dict, List

import numpy as np
import tensorflow as tf

from tfgen.data import Source
from tfgen.distributions import level_centres
from tfgen.metrics import bits_per_dim
from tfgen.randomness import Seed, fold_in
from tfgen.training import Config, ConfigError
from zoo.agave.model import AGAVE

__all__ = [
    "AGAVEEvaluationConfig",
    "measure_agave",
    "measure_guidance",
    "measure_importance_bound",
    "measure_interpolation",
]


@dataclasses.dataclass
class AGAVEEvaluationConfig(Config):
    """How much is measured.

    Attributes:
      examples: first examples of the test split; 0 uses all.
      batch_size: images at once; latents are shuffled among them.
      importance_samples: k of the importance bound, 150 in the paper.
      importance_examples: first examples of the test split for it; 0 uses all.
      guides, samples: how many f(z) of the prior are compared, and how many images of each.
      pairs, steps: how many interpolations, and images in each.
    """

    examples: int = 0
    batch_size: int = 100
    importance_samples: int = 150
    importance_examples: int = 0
    guides: int = 16
    samples: int = 8
    pairs: int = 16
    steps: int = 8

    def validate(self):
        """Raises ConfigError where nothing could be compared."""
        super().validate()
        for name in ("batch_size", "guides", "samples"):
            if getattr(self, name) < 2:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 2 or more.")
        for name, least in (("importance_samples", 1), ("pairs", 1), ("steps", 3)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted {least} or more.")


def measure_agave(
    model: AGAVE, source: Source, evaluation: AGAVEEvaluationConfig, seed: Seed = 0
) -> Dict[str, float]:
    """The bound (3.6) of held-out images, its parts, and what z is worth to the PixelCNN.

    Args:
      model: a trained AGAVE.
      source: with "image".
      evaluation: how much.
      seed: of z, one draw an image.

    Returns:
      "bits_per_dim", KL and PixelCNN together, and its standard error over images
      "bits_per_dim_standard_error"; "kl", nats; "pixelcnn_bits_per_dim", the PixelCNN's share;
      "auxiliary_bits_per_dim", the VAE's bound of log P(y), and "auxiliary_reconstruction", its
      bits/dim without the KL; "auxiliary_error", the root mean square of f(z) - y, with f(z) cut
      to the range [-1, 1]; "shuffled_excess", bits/dim that the PixelCNN loses where it is given
      f(z) of another image.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def rows_of(images, seed):
        inference = model.vae.infer(images, seed)
        means, kl = inference.means, inference.total_kl
        likelihood = model.decoder.likelihood(images, means)
        shuffled = model.decoder.likelihood(images, tf.roll(means, 1, axis=0))
        auxiliary = model.auxiliary_log_likelihood(images, means)
        targets = level_centres(model.auxiliary_image(images), model.config.vae.levels)
        # Of pixels at the edge of the range, the first and last bins are open: any mean beyond it
        # is as good as the edge.
        shown = tf.clip_by_value(means, -1.0, 1.0)
        size, auxiliary_size = model.dimensions, model.vae.dimensions
        return {
            "bits_per_dim": bits_per_dim(likelihood - kl, size, 1.0),
            "kl": kl,
            "pixelcnn_bits_per_dim": bits_per_dim(likelihood, size, 1.0),
            "auxiliary_bits_per_dim": bits_per_dim(auxiliary - kl, auxiliary_size, 1.0),
            "auxiliary_reconstruction": bits_per_dim(auxiliary, auxiliary_size, 1.0),
            "squared_error": tf.reduce_mean(tf.square(shown - targets), axis=[1, 2, 3]),
            "shuffled_excess": bits_per_dim(shuffled - likelihood, size, 1.0),
        }

    rows: Dict[str, List[np.ndarray]] = {}
    limited = _first(source, evaluation.examples)
    for index, batch in enumerate(limited.batches(evaluation.batch_size)):
        for name, values in rows_of(batch["image"], fold_in(seed, index)).items():
            rows.setdefault(name, []).append(values.numpy().astype(np.float64))
    every = {name: np.concatenate(values) for name, values in rows.items()}
    numbers = {name: float(values.mean()) for name, values in every.items()}
    numbers["auxiliary_error"] = math.sqrt(numbers.pop("squared_error"))
    deviation = every["bits_per_dim"].std() / math.sqrt(limited.count)
    numbers["bits_per_dim_standard_error"] = float(deviation)
    return numbers


def measure_importance_bound(
    model: AGAVE, source: Source, evaluation: AGAVEEvaluationConfig, seed: Seed = 0
) -> Dict[str, float]:
    """ "importance_bits_per_dim", of the bound with `importance_samples` draws of z an image."""

    @tf.function(reduce_retracing=True, autograph=False)
    def bits_of(images, seed):
        nats = model.importance_bound(images, evaluation.importance_samples, seed)
        return bits_per_dim(nats, model.dimensions, 1.0)

    limited = _first(source, evaluation.importance_examples)
    bits = [
        bits_of(batch["image"], fold_in(seed, index)).numpy()
        for index, batch in enumerate(limited.batches(evaluation.batch_size))
    ]
    return {"importance_bits_per_dim": float(np.concatenate(bits).astype(np.float64).mean())}


def measure_guidance(
    model: AGAVE, evaluation: AGAVEEvaluationConfig, seed: Seed = 0
) -> Dict[str, float]:
    """How alike images of one f(z) are: variances of their pixels, in the range [-1, 1].

    Args:
      model: a trained AGAVE.
      evaluation: with guides and samples.
      seed: of both.

    Returns:
      "pixel_variance_same", between images of one f(z); "pixel_variance_different", between images
      of as many others; "pixel_variance_ratio", the first over the second, 1 where the PixelCNN
      does not listen.
    """
    guides, samples = evaluation.guides, evaluation.samples
    latents = model.vae.sample_latents(guides, fold_in(seed, "guides"))
    means = tf.repeat(model.vae.means(latents), samples, axis=0)
    images = model.decoder.draw(means, fold_in(seed, "samples"))
    points = level_centres(images, model.config.vae.values).numpy().astype(np.float64)
    points = points.reshape([guides, samples, -1])
    same = points.var(axis=1, ddof=1).mean()
    different = points.var(axis=0, ddof=1).mean()
    return {
        "pixel_variance_same": float(same),
        "pixel_variance_different": float(different),
        "pixel_variance_ratio": float(same / different) if different else 1.0,
    }


def measure_interpolation(
    model: AGAVE, source: Source, evaluation: AGAVEEvaluationConfig
) -> Dict[str, float]:
    """How even the steps of f(z) on the line between the latents of two images are.

    Args:
      model: a trained AGAVE.
      source: with "image"; its first images are the ends.
      evaluation: with pairs and steps.

    Returns:
      "interpolation_largest_step", a share of the whole way, in the mean over pairs: 1 / (steps -
      1) where all steps are of equal length, 1 for a jump.
    """
    pairs = min(evaluation.pairs, source.count // 2)
    images = next(iter(source.batches(2 * pairs)))["image"]
    means = model.interpolated_means(images[:pairs], images[pairs:], evaluation.steps)
    lengths = tf.norm(
        tf.reshape(means[:, 1:] - means[:, :-1], [pairs, evaluation.steps - 1, -1]), axis=-1
    )
    largest = tf.math.divide_no_nan(tf.reduce_max(lengths, axis=1), tf.reduce_sum(lengths, axis=1))
    return {"interpolation_largest_step": float(tf.reduce_mean(largest))}


def _first(source: Source, examples: int) -> Source:
    count = min(examples, source.count) if examples else source.count
    return dataclasses.replace(source, count=count)
