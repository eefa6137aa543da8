"""The first phase of a VQ-VAE: an autoencoder through a codebook."""

from __future__ import annotations

import math
from typing import Dict, List

import tensorflow as tf

from tfgen.distributions import in_range, level_centres
from tfgen.initialisation import data_dependent_initialisation
from tfgen.layers import Quantised, VectorQuantiser
from tfgen.metrics import bits_per_dim
from tfgen.randomness import Seed, fold_in
from tfgen.training import GenerativeModel
from zoo.vae.convolutions import Grow, Shrink, convolution, residual_blocks
from zoo.vae.likelihood import Likelihood
from zoo.vae.vq_config import VQVAEConfig

__all__ = ["VQAutoencoder"]


class VQAutoencoder(GenerativeModel):
    """Images -> a map of codes -> images; the codebook is a moving average.

        loss = -log P(x | e) + beta |f(x) - stop_gradient(e)|^2

    for the features f of the encoder and the entries e of the codebook nearest to them, with the
    straight-through gradient (`VectorQuantiser`). Batches have "image", uint8 [batch, H, W, C] of
    values 0 .. config.values - 1. Objective terms: "log_likelihood", of the image given its codes,
    and "commitment", beta times the distance: nats; "bits_per_dim", with codes that cost log K
    each, as if all were equally likely; "perplexity", exp of the entropy of the codes of the batch.

    `VQVAE` is the generative model, with a prior of the codes.

    Args:
      config: architecture and sizes.
      seed: of the entries that start anew, and of dequantisation.

    Raises:
      ConfigError: the sizes do not fit.

    #### References
    [1]: A. van den Oord, O. Vinyals, K. Kavukcuoglu. Neural Discrete Representation Learning.
         NeurIPS 2017. Section 3.
    [2]: T. Lucas. Ph.D. thesis. Eq. 2.71, the codebook's term replaced by averages.
    """

    def __init__(self, config: VQVAEConfig, seed: Seed = 0, **kwargs):
        super().__init__(seed=seed, **kwargs)
        config.validate()
        self.config = config
        self.encoder = CodeEncoder(config)
        self.quantiser = VectorQuantiser(
            config.codes, config.code_size, config.decay, config.restart_below
        )
        self.decoder = CodeDecoder(config)
        self.likelihood = Likelihood(config)

    @property
    def dimensions(self) -> int:
        """Numbers in an image."""
        return math.prod(self.config.image_shape)

    def initialise(self, batch: Dict[str, tf.Tensor]) -> None:
        """Sets every weight normalisation and the codebook from a batch."""
        with data_dependent_initialisation():
            quantised = self.quantise(batch["image"], seed=fold_in(self.seed, "initialisation"))
            self.decoder(quantised.vectors)

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        config, images = self.config, batch["image"]
        quantised = self.quantise(images, training, self.noise_seed("codes", training))
        noise = self.noise_seed("dequantisation", training)
        log_likelihood = self.likelihood.log_prob(self.decoder(quantised.vectors), images, noise)
        commitment = config.commitment * tf.reduce_sum(quantised.distance, axis=[1, 2])
        uniform = config.code_side**2 * math.log(config.codes)
        return {
            "loss": commitment - log_likelihood,
            "log_likelihood": log_likelihood,
            "commitment": commitment,
            "bits_per_dim": bits_per_dim(log_likelihood - uniform, self.dimensions, 1.0),
            "perplexity": tf.fill(tf.shape(commitment), _perplexity(quantised.codes, config.codes)),
        }

    def quantise(self, images: tf.Tensor, training: bool = False, seed: Seed = 0) -> Quantised:
        """Codes and vectors of images [B, H, W, C]: [B, h, w] and [B, h, w, code_size].

        Raises:
          tf.errors.InvalidArgumentError: pixels are out of range.
        """
        values = self.config.values
        points = level_centres(in_range("images", images, values), values)
        return self.quantiser(self.encoder(points), training=training, seed=seed)

    def means(self, codes: tf.Tensor) -> tf.Tensor:
        """The maps of the likelihood, [B, H, W, C], of codes int32 [B, h, w]."""
        return self.decoder(self.quantiser.lookup(codes))


class CodeEncoder(tf.keras.layers.Layer):
    """float [B, H, W, C] in [-1, 1] -> features [B, h, w, code_size]."""

    def __init__(self, config: VQVAEConfig, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.parts: List[tf.keras.layers.Layer] = []
        size, channels = config.image_size, config.channels
        for level, stride in enumerate(config.strides):
            self.parts.append(Shrink(channels, config.filters, stride, config, size))
            size, channels = config.level_size(level), config.filters
            self.parts += residual_blocks(config, size)
        self.last = convolution(channels, config.code_size, config, 1)
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        for index, part in enumerate(self.parts):
            x = part(tf.nn.elu(x) if index and isinstance(part, Shrink) else x)
        return tf.cast(self.last(tf.nn.elu(x)), tf.float32)


class CodeDecoder(tf.keras.layers.Layer):
    """Vectors [B, h, w, code_size] -> the maps of the likelihood, float32 [B, H, W, C]."""

    def __init__(self, config: VQVAEConfig, **kwargs):
        super().__init__(autocast=False, **kwargs)
        filters, last = config.filters, len(config.strides) - 1
        self.first = convolution(config.code_size, filters, config, config.code_side)
        self.parts: List[tf.keras.layers.Layer] = []
        for level in range(last, -1, -1):
            size = config.level_size(level)
            self.parts += residual_blocks(config, size)
            outputs, scale = (filters, 1.0) if level else (config.channels, 0.1)
            self.parts.append(Grow(filters, outputs, config.strides[level], config, size, scale))
        self.built = True

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        x = self.first(vectors)
        for part in self.parts:
            x = part(tf.nn.elu(x) if isinstance(part, Grow) else x)
        return tf.cast(x, tf.float32)


def _perplexity(codes, count):
    """exp of the entropy of the codes of a batch: between 1 and the number of codes."""
    share = tf.reduce_mean(tf.one_hot(tf.reshape(codes, [-1]), count), axis=0)
    return tf.exp(-tf.reduce_sum(tf.math.xlogy(share, share)))
