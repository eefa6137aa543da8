"""Bounds on the likelihood of held-out images by VAEs and VQ-VAEs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Callable, Dict

import numpy as np
import tensorflow as tf

from tfgen.data import Source
from tfgen.metrics import bits_per_dim
from tfgen.randomness import fold_in
from tfgen.training import Config, ConfigError
from zoo.vae.model import VAE
from zoo.vae.vq_vae import VQVAE

__all__ = ["VAEEvaluationConfig", "measure_vae", "measure_vq_vae"]


@dataclasses.dataclass
class VAEEvaluationConfig(Config):
    """How bounds are measured.

    Attributes:
      examples: first examples of the test split that are used; 0 uses all.
      batch_size: images at once.
      samples: draws of an image of the importance bound, 0 for none. Their mean is the ELBO's.
    """

    examples: int = 0
    batch_size: int = 100
    samples: int = 100

    def validate(self):
        """Raises ConfigError where nothing would be measured."""
        super().validate()
        if self.samples < 0 or self.examples < 0 or self.batch_size < 1:
            raise ConfigError(
                f"samples, examples, batch_size: got {self.samples}, {self.examples} and "
                f"{self.batch_size}; wanted 0, 0 and 1 or more."
            )


def measure_vae(
    model: VAE, source: Source, evaluation: VAEEvaluationConfig, seed: int = 0
) -> Dict[str, float]:
    """Bounds of held-out images, the parts of the ELBO, and how well images are reconstructed.

    Args:
      model: a trained VAE.
      source: with "image", and "target" where the decoded image is another one.
      evaluation: how.
      seed: of the draws.

    Returns:
      Means over images: "elbo", "log_likelihood", "kl", "kl_1" .. of every layer where there are
      several, "importance_bound" (with samples), nats; "bits_per_dim_elbo"; "bits_per_dim", of the
      tighter of both bounds, and its standard error over images, "bits_per_dim_standard_error";
      "reconstruction_error", the root mean square over pixels in levels.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def terms_of(batch, seed):
        image = batch["image"]
        target = batch["target"] if model.config.has_own_target else image
        inference = model.infer(image, seed)
        log_likelihood = model.log_likelihood(inference.means, target, seed)
        rebuilt = tf.cast(model.reconstruct(image), tf.float32) - tf.cast(target, tf.float32)
        terms = {
            "elbo": log_likelihood - inference.total_kl,
            "log_likelihood": log_likelihood,
            "kl": inference.total_kl,
            "reconstruction_error": tf.reduce_mean(tf.square(rebuilt), axis=[1, 2, 3]),
        }
        if len(inference.kl) > 1:
            terms.update({f"kl_{layer + 1}": value for layer, value in enumerate(inference.kl)})
        if evaluation.samples:
            terms["importance_bound"] = model.importance_bound(
                image, evaluation.samples, seed, target
            )
        return terms

    numbers = _means(terms_of, source, evaluation, seed, ("image", "target"))
    rows = numbers.pop("rows")
    numbers["reconstruction_error"] = math.sqrt(numbers["reconstruction_error"])
    best = rows["importance_bound"] if evaluation.samples else rows["elbo"]
    numbers["bits_per_dim_elbo"] = _bits(rows["elbo"], model)["bits_per_dim"]
    return {**numbers, **_bits(best, model)}


def measure_vq_vae(
    model: VQVAE, source: Source, evaluation: VAEEvaluationConfig, seed: int = 0
) -> Dict[str, float]:
    """The bound of held-out images, its two parts, and what the codebook is used for.

    Returns:
      Means over images: "elbo", "log_likelihood", "log_prob_codes", nats; "bits_per_dim" of the
      bound, its standard error over images, and "bits_per_dim_uniform_codes", with codes that cost
      log K each; "reconstruction_error", the root mean square over pixels in levels;
      "perplexity" of the codes of all images, and "used_codes", how many occur.
    """
    config = model.config

    @tf.function(reduce_retracing=True, autograph=False)
    def terms_of(batch, seed):
        image = batch["image"]
        codes = model.encode(image)
        log_prob_codes = model.log_prob_codes(codes)
        log_likelihood = model.log_likelihood(codes, image, seed)
        rebuilt = tf.cast(model.middle(codes), tf.float32) - tf.cast(image, tf.float32)
        return {
            "elbo": log_likelihood + log_prob_codes,
            "log_likelihood": log_likelihood,
            "log_prob_codes": log_prob_codes,
            "reconstruction_error": tf.reduce_mean(tf.square(rebuilt), axis=[1, 2, 3]),
            "codes": codes,
        }

    numbers = _means(terms_of, source, evaluation, seed, ("image",))
    rows = numbers.pop("rows")
    numbers["reconstruction_error"] = math.sqrt(numbers["reconstruction_error"])
    counts = np.bincount(rows.pop("codes").ravel(), minlength=config.codes)
    share = counts[counts > 0] / counts.sum()
    numbers["perplexity"] = float(np.exp(-np.sum(share * np.log(share))))
    numbers["used_codes"] = int(np.sum(counts > 0))
    uniform = rows["log_likelihood"] - config.code_side**2 * math.log(config.codes)
    numbers["bits_per_dim_uniform_codes"] = _bits(uniform, model)["bits_per_dim"]
    return {**numbers, **_bits(rows["elbo"], model)}


def _means(
    terms_of: Callable, source: Source, evaluation: VAEEvaluationConfig, seed: int, wanted
) -> Dict[str, Any]:
    """Means of all terms over the images, and "rows", the terms themselves in float64."""
    count = min(evaluation.examples or source.count, source.count)
    limited = dataclasses.replace(source, count=count)
    rows: Dict[str, list] = {}
    for index, batch in enumerate(limited.batches(evaluation.batch_size)):
        given = {name: batch[name] for name in wanted if name in batch}
        for name, value in terms_of(given, fold_in(seed, index)).items():
            rows.setdefault(name, []).append(value.numpy())
    joined = {name: np.concatenate(values) for name, values in rows.items()}
    joined = {n: v.astype(np.float64) if v.dtype.kind == "f" else v for n, v in joined.items()}
    means = {name: float(values.mean()) for name, values in joined.items() if values.ndim == 1}
    return {**means, "rows": joined}


def _bits(nats, model):
    bits = bits_per_dim(nats, model.dimensions, 1.0)
    return {
        "bits_per_dim": float(bits.mean()),
        "bits_per_dim_standard_error": float(bits.std() / math.sqrt(len(bits))),
    }
