"""Likelihoods of images given the decoder's maps f(z)."""

from __future__ import annotations

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.distributions import (
    ConstrainedBeta,
    DiscretisedLogistic,
    diagonal_log_prob,
    image_noise,
    nearest_level,
)
from tfgen.randomness import Seed, as_seed
from zoo.vae.config import VAEConfig

tfd = tfp.distributions

__all__ = ["Likelihood"]

_AXES = [-3, -2, -1]
_INITIAL_LOG_SCALE = -1.5


class Likelihood(tf.keras.layers.Layer):
    """P(y | z) of integer images y [H, W, C] of L levels, all entries independent given f(z).

        discretised_logistic  f is the mean in [-1, 1]; log-scales are learned, one a channel
        bernoulli             L = 2; f is the logit
        gaussian              the density of (2 (y + u) / L - 1) around the mean f, with a learned
                              log-scale a channel
        beta                  the density of (y + u) / L, of mean sigmoid(f) and a constant
                              concentration

    with uniform noise u in (0, 1). The first two are exact. For the last two

        log P(y | z) >= E_u[log p(y + u | z)]

    with the density p counted in levels, so that all four are in nats of the discrete image.

    Args:
      config: which, and the sizes.
    """

    def __init__(self, config: VAEConfig, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.kind = config.likelihood
        self.levels = config.levels
        self.concentration = config.concentration
        self.shape = config.target_shape
        self.log_scales = None
        if self.kind in ("discretised_logistic", "gaussian"):
            initial = tf.keras.initializers.Constant(_INITIAL_LOG_SCALE)
            self.log_scales = self.add_weight(
                "log_scales", [self.shape[-1]], initializer=initial, experimental_autocast=False
            )
        self.built = True

    def distribution(self, maps: tf.Tensor) -> tfd.Distribution:
        """p(y | z) for maps f(z) [..., H, W, C]; of the noisy image where it is a density."""
        if self.kind == "discretised_logistic":
            return DiscretisedLogistic(maps, self.log_scales, self.levels)
        if self.kind == "bernoulli":
            return tfd.Independent(tfd.Bernoulli(logits=maps), 3)
        if self.kind == "gaussian":
            return tfd.Independent(tfd.Normal(maps, tf.exp(self.log_scales)), 3)
        return tfd.Independent(ConstrainedBeta(tf.sigmoid(maps), self.concentration), 3)

    def log_prob(self, maps: tf.Tensor, images: tf.Tensor, seed: Seed) -> tf.Tensor:
        """log P(y | z), or a draw of its bound: [B, H, W, C] twice -> nats [B].

        Args:
          means: f(z).
          images: 0 .. L - 1.
          seed: of the noise u, the same for every replica's share; not read where there is none.
        """
        if self.kind in ("discretised_logistic", "bernoulli"):
            return self.distribution(maps).log_prob(tf.cast(images, tf.float32))
        noise = image_noise(seed, tf.shape(images)[0], self.shape)
        share = (tf.cast(images, tf.float32) + noise) / self.levels
        dimensions = math.prod(self.shape)
        if self.kind == "beta":
            return self.distribution(maps).log_prob(share) - dimensions * math.log(self.levels)
        density = diagonal_log_prob(2.0 * share - 1.0, maps, self.log_scales, _AXES)
        return density + dimensions * math.log(2.0 / self.levels)

    def draw(self, maps: tf.Tensor, seed: Seed, temperature=1.0) -> tf.Tensor:
        """Images [B, H, W, C], int32; at temperature 0 those of `middle`.

        The temperature multiplies scales, or what separates a draw from the mean.
        """
        temperature = tf.cast(temperature, tf.float32)
        if self.kind == "beta":
            mean = tf.sigmoid(maps)
            drawn = ConstrainedBeta(mean, self.concentration).sample(seed=as_seed(seed))
            share = mean + temperature * (drawn - mean)
            return nearest_level(2.0 * share - 1.0, self.levels)
        noise = image_noise(seed, tf.shape(maps)[0], self.shape)
        if self.kind == "discretised_logistic":
            return self.distribution(maps).from_noise(noise, temperature)
        if self.kind == "gaussian":
            noise = tf.exp(self.log_scales) * tf.math.ndtri(noise)
            return nearest_level(maps + temperature * noise, self.levels)
        logistic = tf.math.log(noise) - tf.math.log1p(-noise)
        return tf.cast(maps + temperature * logistic > 0.0, tf.int32)

    def middle(self, maps: tf.Tensor) -> tf.Tensor:
        """The images of the means, [B, H, W, C] -> uint8."""
        if self.kind in ("bernoulli", "beta"):
            maps = tf.tanh(0.5 * maps)
        return nearest_level(maps, self.levels, tf.uint8)
