"""The comparison of Tables 1 and 2: correctness and likelihoods of every density."""

from __future__ import annotations

import dataclasses
from typing import Callable, Dict, Mapping, Optional

import numpy as np
import tensorflow as tf

from tfgen.data import Source
from tfgen.metrics import elbo_split
from tfgen.randomness import Seed, fold_in
from tfgen.training import Config
from zoo.vlvae.evaluation import image_bounds, text_bounds, word_entropy
from zoo.vlvae.fits import Fits
from zoo.vlvae.generator import TextImageGenerator
from zoo.vlvae.model import VLVAE

__all__ = ["Correctness", "EvaluationConfig", "measure"]

Correctness = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass
class EvaluationConfig(Config):
    """How much is measured.

    Attributes:
      texts: test examples whose images, reconstructions and texts are judged; as many samples
        of each prior.
      bound_examples: test examples for the likelihood bounds.
      image_samples, text_samples: draws of z for each bound on log p(x) and on log p(y).
      split_examples: posteriors in the aggregate of the ELBO split.
    """

    texts: int = 10_000
    bound_examples: int = 2_000
    image_samples: int = 8
    text_samples: int = 64
    split_examples: int = 10_000


def measure(
    vlvae: VLVAE,
    fits: Fits,
    test: Source,
    correctness: Correctness,
    evaluation: EvaluationConfig,
    seed: Seed = 0,
    entropy_slots: Optional[Mapping[str, int]] = None,
) -> Dict[str, float]:
    """The protocol of Cremer & Kushman, Secs. 4 and 5.4.

    Args:
      vlvae, fits: the model and the densities fitted to it.
      test: test examples with "image", "text", "words".
      correctness: (images uint8 [N, H, W, 3], texts [N]) -> share of matching words, [N].
      evaluation: how much.
      seed: of all draws.
      entropy_slots: name -> position of a word whose uncertainty is reported (Sec. 6).

    Returns:
      Flat numbers. correctness_* in percent; log_p_* and the parts of the ELBO in nats per
      example, means over the examples; log_p_x_given_y_* is Eq. 6, *_importance the bound with
      `image_samples` draws, *_median the median of either over the examples; word_entropy_* in nats
      per word.
    """
    numbers = _correctness(vlvae, fits, test, correctness, evaluation.texts, seed)
    some = dataclasses.replace(test, count=min(evaluation.bound_examples, test.count))
    priors = {"prior": vlvae.prior(), "aggregate_prior": fits.aggregate_prior}
    posteriors = {"q_true": fits.q_true, "q_agg": fits.q_agg}
    bounds = image_bounds(
        vlvae,
        some,
        priors,
        posteriors,
        evaluation.image_samples,
        seed=fold_in(seed, "image_bounds"),
    )
    for name, values in bounds.items():
        short = name[: -len("_elbo")] if name.endswith("_elbo") else f"{name}_importance"
        numbers[short] = values.mean()
        # q_True seeks modes: where one image of many lies outside of them, the mean is of it alone.
        numbers[f"{short}_median"] = np.median(values)
    pairs = {
        "prior": (priors["prior"], fits.q_true),
        "aggregate_prior": (fits.aggregate_prior, fits.q_agg),
    }
    bounds = text_bounds(
        vlvae, some, pairs, evaluation.text_samples, seed=fold_in(seed, "text_bounds")
    )
    numbers.update({name: values.mean() for name, values in bounds.items()})
    if entropy_slots:
        entropies = word_entropy(vlvae, some, seed=fold_in(seed, "word_entropy"))
        for name, position in entropy_slots.items():
            numbers[f"word_entropy_{name}"] = entropies[position]
    numbers.update(_split(vlvae, fits.encoded, evaluation, seed))
    return {name: float(value) for name, value in numbers.items()}


def _correctness(vlvae, fits, test, correctness, count, seed):
    drawn = {name: ([], []) for name in ("real", "reconstruction", "q_true", "q_agg")}
    posteriors = {"q_true": fits.q_true, "q_agg": fits.q_agg}
    generators = {
        "prior": TextImageGenerator(vlvae, fits.q_agg),
        "aggregate_prior": TextImageGenerator(vlvae, fits.q_agg, fits.aggregate_prior),
    }
    drawn.update({name: ([], []) for name in generators})

    @tf.function(reduce_retracing=True, autograph=False)
    def draw(images, words, seed):
        size = tf.shape(images)[0]
        result = {"real": (images,), "reconstruction": (generators["prior"].reconstruct(images),)}
        for name, posterior in posteriors.items():
            z = posterior.sample(words, 1, fold_in(seed, "text"))[0]
            result[name] = (vlvae.decode_images(z),)
        for name, generator in generators.items():
            pairs = generator.sample(size, fold_in(seed, "prior"))
            result[name] = (pairs["images"], pairs["texts"])
        return result

    some = dataclasses.replace(test, count=min(count, test.count))
    for index, batch in enumerate(some.batches(100)):
        result = draw(batch["image"], batch["words"], fold_in(seed, "correctness", index))
        for name, (images, *texts) in result.items():
            drawn[name][0].append(images.numpy())
            drawn[name][1].append((texts[0] if texts else batch["text"]).numpy())
    return {
        f"correctness_{name}": 100.0
        * correctness(np.concatenate(images), np.concatenate(texts)).mean()
        for name, (images, texts) in drawn.items()
    }


def _split(vlvae, encoded, evaluation, seed):
    """The parts of the KL of Eq. 18, over the training set's aggregate posterior."""
    aggregate = dataclasses.replace(encoded, count=min(evaluation.split_examples, encoded.count))
    everything = next(iter(aggregate.batches(aggregate.count)))
    mean, scale = everything["posterior_mean"], everything["posterior_scale"]
    some = min(1000, aggregate.count)
    noise = tf.random.stateless_normal([some, mean.shape[1]], fold_in(seed, "split"))
    return elbo_split(mean, scale, mean[:some] + scale[:some] * noise, vlvae.prior().log_prob)
