"""The autoregressive half of an AGAVE: a PixelCNN that is given what the VAE decodes."""

from __future__ import annotations

import tensorflow as tf

from tfgen.randomness import Seed
from zoo.agave.auxiliary import upsample
from zoo.agave.config import AGAVEConfig
from zoo.agave.grey_context import GreyContext
from zoo.pixelcnn import PixelCNN

__all__ = ["PixelDecoder"]


class PixelDecoder(PixelCNN):
    """P(x | z) = prod over pixels of P(x_ij | earlier pixels, f(z)), exact.

    f(z) may be smaller than x: every pixel of it is a block then. All of it is seen by every pixel
    of x, through a stream of convolutions without masks (`PixelCNNPlusPlus`).

    Args:
      config: of the AGAVE.
      seed: of the dropout in training.
    """

    def __init__(self, config: AGAVEConfig, seed: Seed = 0, **kwargs):
        super().__init__(config.pixel_cnn(), seed=seed, **kwargs)
        if config.decoder.context == "grey":
            self.network = GreyContext(self.network)

    def likelihood(self, images, means, training: bool = False, seed=None) -> tf.Tensor:
        """log P(x | z), nats [batch].

        Args:
          images: x, [batch, H, W, C].
          means: f(z), [batch, h, w, c] in [-1, 1].
          training, seed: of the dropout.
        """
        given = upsample(means, self.config.image_size)
        return self.distribution(images, given, training, seed).log_prob(images)

    def draw(self, means: tf.Tensor, seed: Seed, temperature=1.0) -> tf.Tensor:
        """x of P(x | z): f(z) [batch, h, w, c] -> uint8 [batch, H, W, C]."""
        given = upsample(means, self.config.image_size)
        return self.sample(tf.shape(given)[0], seed, temperature, given)
