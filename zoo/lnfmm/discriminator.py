"""The discriminator of images that are to fit a text."""

from __future__ import annotations

import tensorflow as tf

from tfgen.layers import SpectralConvolution
from zoo.lnfmm.config import CaptionNetworkConfig
from zoo.lnfmm.image_networks import SelfAttention, channel_widths

__all__ = ["ImageDiscriminator"]


class ImageDiscriminator(tf.keras.layers.Layer):
    """Images with a text's code -> logits of "real", float32 [batch].

    Convolutions of spectral norm 1 that halve the map, with leaky ReLUs and a self-attention, down
    to the coarsest map, whose sum over positions is h. The text's code c enters by projection [2]:

        logit = w . h + (V c) . h

    so that an image can be unlikely by itself, or for its text.

    Args:
      config: sizes of the images; attention_size where the map has it.
      condition_size: of the codes.
      width: channels at the finest resolution; they double with each halving, up to 8 times.

    Call arguments:
      rows: float [batch, H * W * 3 + condition_size], pixels in (0, 1), then the code; see `join`.

    #### References
    [1]: H. Zhang, I. Goodfellow, D. Metaxas, A. Odena. Self-Attention Generative Adversarial
         Networks. ICML 2019.
    [2]: T. Miyato, M. Koyama. cGANs with Projection Discriminator. ICLR 2018.
    """

    def __init__(
        self, config: CaptionNetworkConfig, condition_size: int, width: int = 32, **kwargs
    ):
        super().__init__(**kwargs)
        self.image_shape = (config.image_size, config.image_size, 3)
        self.patch_size = config.patch_size
        sizes, widths = config.resolutions[::-1], channel_widths(config, width)[::-1]
        self.convolutions = [SpectralConvolution(widths[0], 3)]
        self.convolutions += [SpectralConvolution(w, 4, strides=2) for w in widths[1:]]
        self.attention_level = -1
        if config.attention_size:
            self.attention_level = sizes.index(config.attention_size)
            self.attention = SelfAttention(widths[self.attention_level])
        self.weight = SpectralConvolution(1, 1, dtype="float32")
        self.projection = SpectralConvolution(widths[-1], 1, use_bias=False, dtype="float32")
        self.condition_size = condition_size
        # An adversarial model needs the variables before its first step.
        self(tf.zeros([1, self.row_size]))

    @property
    def row_size(self) -> int:
        """Numbers in a row of pixels and code."""
        height, width, channels = self.image_shape
        return height * width * channels + self.condition_size

    def join(self, images, codes) -> tf.Tensor:
        """Images float [batch, H, W, 3] in (0, 1) and codes [batch, size] -> rows."""
        return tf.concat([tf.reshape(images, [tf.shape(images)[0], -1]), codes], 1)

    def call(self, rows):
        pixels, codes = rows[:, : -self.condition_size], rows[:, -self.condition_size :]
        h = tf.reshape(2.0 * tf.cast(pixels, self.compute_dtype) - 1.0, [-1, *self.image_shape])
        if self.patch_size > 1:
            h = tf.nn.space_to_depth(h, self.patch_size)
        for level, convolution in enumerate(self.convolutions):
            h = tf.nn.leaky_relu(convolution(h), 0.1)
            if level == self.attention_level:
                h = self.attention(h)
        h = tf.reduce_sum(tf.cast(h, tf.float32), [1, 2], keepdims=True)
        projected = self.projection(tf.cast(codes, tf.float32)[:, tf.newaxis, tf.newaxis])
        return (self.weight(h)[..., 0] + tf.reduce_sum(h * projected, -1))[:, 0, 0]
