"""The evaluation protocol of the VLVAE (Cremer & Kushman, Secs. 4 and 5.4), in nats."""

from __future__ import annotations

from typing import Dict, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfgen import losses, metrics
from tfgen.data import Source
from tfgen.distributions import unit_interval
from tfgen.randomness import Seed, as_seed, fold_in
from zoo.vlvae.model import VLVAE
from zoo.vlvae.text_posterior import TextPosterior

__all__ = ["image_bounds", "text_bounds", "word_entropy", "word_logits"]


def image_bounds(
    vlvae: VLVAE,
    source: Source,
    priors: Mapping[str, object],
    text_posteriors: Mapping[str, TextPosterior],
    samples: int = 8,
    batch_size: int = 64,
    seed: Seed = 0,
) -> Dict[str, np.ndarray]:
    """Lower bounds on log p(x) and log p(x|y) of every example of a source.

    log p(x) >= E log (1/k) sum_i p(x|z_i) p(z_i) / q(z_i|x) with z_i ~ q(z|x), for each prior;
    log p(x|y): the same with q_phi(z|y) in the prior's place (Eq. 6 is k = 1). All densities see
    the same z_i, so their differences are far less noisy than the bounds.

    Args:
      vlvae: the model.
      source: with "image" and "words".
      priors: name -> density with log_prob(z).
      text_posteriors: name -> q_phi(z|y).
      samples: k.
      batch_size: images at once.
      seed: of the draws.

    Returns:
      name -> float [count]: "log_p_x_NAME" for each prior, "log_p_x_given_y_NAME" for each text
      posterior (k samples), the same with "_elbo" behind it (k = 1, Eq. 6).
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def weights(images, words, seed):
        posterior = vlvae.encode(images)
        mean, scale = posterior.mean(), posterior.stddev()
        noise = tf.random.stateless_normal([samples, *[tf.shape(mean)[0], mean.shape[1]]], seed)
        z = mean + scale * noise
        pixels = unit_interval(images)
        # One draw after another: the decoder is traced once, and its activations fit in memory.
        log_p_image = tf.map_fn(lambda code: vlvae.decode(code).log_prob(pixels), z)
        base = log_p_image - posterior.log_prob(z)
        logs = {f"log_p_x_{name}": base + prior.log_prob(z) for name, prior in priors.items()}
        for name, density in text_posteriors.items():
            logs[f"log_p_x_given_y_{name}"] = base + density.log_prob(z, words)
        bounds = {name: losses.importance_bound(value) for name, value in logs.items()}
        bounds.update({f"{name}_elbo": tf.reduce_mean(value, 0) for name, value in logs.items()})
        return bounds

    batches = source.batches(batch_size)
    return _concatenate(
        [
            weights(batch["image"], batch["words"], fold_in(seed, index))
            for index, batch in enumerate(batches)
        ]
    )


def text_bounds(
    vlvae: VLVAE,
    source: Source,
    pairs: Mapping[str, Sequence],
    samples: int = 64,
    batch_size: int = 64,
    seed: Seed = 0,
) -> Dict[str, np.ndarray]:
    """Lower bounds on log p(y) of every text of a source.

    log p(y) >= E log (1/k) sum_i p(y|z_i) p(z_i) / q(z_i|y) with z_i ~ q(z|y).

    Args:
      vlvae: the model.
      source: with "words".
      pairs: name -> (prior with log_prob(z), text posterior that proposes z).
      samples: k.
      batch_size: texts at once.
      seed: of the draws.

    Returns:
      name -> float [count]: "log_p_y_NAME".
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def weights(words, seed):
        bounds = {}
        for name, (prior, proposal) in pairs.items():
            z = proposal.sample(words, samples, fold_in(seed, name))
            flat = tf.reshape(z, [-1, z.shape[-1]])
            log_p_text = vlvae.text_log_prob(flat, tf.tile(words, [samples, 1]))
            log_weight = (
                tf.reshape(log_p_text, [samples, -1])
                + prior.log_prob(z)
                - proposal.log_prob(z, words)
            )
            bounds[f"log_p_y_{name}"] = losses.importance_bound(log_weight)
        return bounds

    batches = source.batches(batch_size)
    return _concatenate(
        [weights(batch["words"], fold_in(seed, index)) for index, batch in enumerate(batches)]
    )


def word_logits(vlvae: VLVAE, images, words, seed: Seed) -> tf.Tensor:
    """Logits of p(y_t | y_<t, z) for one draw of z each, y_<t being the true text.

    Args:
      vlvae: the model.
      images: uint8 [batch, H, W, 3].
      words: int32 [batch, length].
      seed: of z ~ q(z|x), or q(z|x, y) where inference is joint.

    Returns:
      float32 [batch, length, vocabulary].
    """
    posterior = vlvae.encode(images, words if vlvae.joint_inference else None)
    noise = tf.random.stateless_normal(tf.shape(posterior.mean()), as_seed(seed))
    z = posterior.mean() + posterior.stddev() * noise
    return vlvae.text_decoder(vlvae.shared_decoder(z), words)


def word_entropy(vlvae: VLVAE, source: Source, batch_size: int = 64, seed: Seed = 0) -> np.ndarray:
    """Mean entropy of p(y_t | y_<t, z) at each word of a sentence, nats, float [length].

    z and y_<t as in `word_logits`. Joint inference leaves no uncertainty in the words, marginal
    inference does (Sec. 6, Fig. 7).
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def entropies(images, words, seed):
        return {"entropy": metrics.word_entropy(word_logits(vlvae, images, words, seed))}

    batches = source.batches(batch_size)
    return _concatenate(
        [
            entropies(batch["image"], batch["words"], fold_in(seed, index))
            for index, batch in enumerate(batches)
        ]
    )["entropy"].mean(0)


def _concatenate(parts):
    return {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}
