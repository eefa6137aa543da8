"""Networks between images and vectors."""

from __future__ import annotations

import math

import tensorflow as tf

from zoo.lnfmm.config import CaptionNetworkConfig

__all__ = ["FeatureEncoder", "ImageDecoder", "ImageEncoder", "SelfAttention", "channel_widths"]

_MOST_GROUPS = 8
_MOST_WIDTHS = 8


class ImageEncoder(tf.keras.layers.Layer):
    """Images float [batch, H, W, 3] in (0, 1) -> codes float32 [batch, output_size].

    A 3x3 convolution, then 4x4 convolutions of stride 2 down to the coarsest map, each with group
    normalisation and swish, flattened, linear.

    Args:
      config: sizes.
      output_size: of the codes.
    """

    def __init__(self, config: CaptionNetworkConfig, output_size: int, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = config.patch_size
        widths = channel_widths(config, config.image_width)[::-1]
        self.convolutions = [tf.keras.layers.Conv2D(widths[0], 3, padding="same")]
        self.convolutions += [
            tf.keras.layers.Conv2D(width, 4, 2, padding="same") for width in widths[1:]
        ]
        self.normalisations = [_normalisation(width) for width in widths]
        self.flatten = tf.keras.layers.Flatten()
        self.linear = tf.keras.layers.Dense(output_size, dtype="float32")

    def call(self, images):
        h = 2.0 * tf.cast(images, self.compute_dtype) - 1.0
        if self.patch_size > 1:
            h = tf.nn.space_to_depth(h, self.patch_size)
        for convolution, normalisation in zip(self.convolutions, self.normalisations):
            h = tf.nn.swish(normalisation(convolution(h)))
        return self.linear(self.flatten(h))


class FeatureEncoder(tf.keras.layers.Layer):
    """Vectors of a fixed network, [batch, feature_size] -> codes float32 [batch, output_size].

    A dense layer with ReLU and a linear one (App. B.1).

    Args:
      config: sizes.
      output_size: of the codes.
    """

    def __init__(self, config: CaptionNetworkConfig, output_size: int, **kwargs):
        super().__init__(**kwargs)
        self.hidden = tf.keras.layers.Dense(config.feature_units, activation="relu")
        self.linear = tf.keras.layers.Dense(output_size, dtype="float32")

    def call(self, features):
        return self.linear(self.hidden(features))


class ImageDecoder(tf.keras.layers.Layer):
    """Codes float [batch, size] -> pixel logits, float32 [batch, H, W, 3].

    Linear to the coarsest map, then upsampling 3x3 convolutions with group normalisation and
    swish, a self-attention on the way, and a last 3x3 convolution.

    Args:
      config: sizes.

    #### References
    [1]: H. Zhang, I. Goodfellow, D. Metaxas, A. Odena. Self-Attention Generative Adversarial
         Networks. ICML 2019: the attention; its norms need large batches.
    """

    def __init__(self, config: CaptionNetworkConfig, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = config.patch_size
        sizes, widths = config.resolutions, channel_widths(config, config.image_width)
        self.linear = tf.keras.layers.Dense(sizes[0] ** 2 * widths[0])
        self.reshape = tf.keras.layers.Reshape([sizes[0], sizes[0], widths[0]])
        self.upsample = tf.keras.layers.UpSampling2D()
        self.convolutions = [tf.keras.layers.Conv2D(w, 3, padding="same") for w in widths]
        self.normalisations = [_normalisation(width) for width in widths]
        # The level after which the attention stands.
        self.attention_level = -1
        if config.attention_size:
            self.attention_level = sizes.index(config.attention_size)
            self.attention = SelfAttention(widths[self.attention_level])
        self.last = tf.keras.layers.Conv2D(3 * config.patch_size**2, 3, padding="same")

    def call(self, code):
        h = self.reshape(self.linear(tf.cast(code, self.compute_dtype)))
        for level, (convolution, norm) in enumerate(zip(self.convolutions, self.normalisations)):
            h = tf.nn.swish(norm(convolution(self.upsample(h) if level else h)))
            if level == self.attention_level:
                h = self.attention(h)
        logits = tf.cast(self.last(h), tf.float32)
        return tf.nn.depth_to_space(logits, self.patch_size) if self.patch_size > 1 else logits


class SelfAttention(tf.keras.layers.Layer):
    """y = x + gamma * conv1x1(attention over all positions of x), gamma starting at 0.

    Queries and keys have an eighth of the channels, values a half; keys and values are pooled over
    2x2 positions.

    Args:
      filters: channels of x, [batch, H, W, filters], H and W even.

    #### References
    [1]: H. Zhang et al. Self-Attention Generative Adversarial Networks. ICML 2019. Section 3.
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        small, half = max(filters // 8, 1), max(filters // 2, 1)
        self.query = tf.keras.layers.Conv2D(small, 1, use_bias=False)
        self.key = tf.keras.layers.Conv2D(small, 1, use_bias=False)
        self.value = tf.keras.layers.Conv2D(half, 1, use_bias=False)
        self.output_layer = tf.keras.layers.Conv2D(filters, 1, use_bias=False)
        self.gamma = self.add_weight(name="attention_weight", shape=[], initializer="zeros")

    def call(self, x):
        def rows(map_):
            return tf.reshape(map_, [tf.shape(map_)[0], -1, map_.shape[-1]])

        keys, values = (tf.nn.max_pool2d(f(x), 2, 2, "VALID") for f in (self.key, self.value))
        scores = tf.matmul(rows(self.query(x)), rows(keys), transpose_b=True)
        mixed = tf.matmul(tf.nn.softmax(scores), rows(values))
        mixed = tf.reshape(mixed, [-1, x.shape[1], x.shape[2], values.shape[-1]])
        return x + self.gamma * self.output_layer(mixed)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


def channel_widths(config: CaptionNetworkConfig, finest: int) -> list:
    """Channels of each resolution, those of the coarsest first.

    Args:
      config: the resolutions.
      finest: channels of the finest one; they double with each halving, up to 8 times as many.
    """
    levels = len(config.resolutions)
    return [finest * min(2**k, _MOST_WIDTHS) for k in reversed(range(levels))]


def _normalisation(width: int) -> tf.keras.layers.Layer:
    # Of groups, so that nothing depends on the other images of a batch, and a map keeps the
    # differences between the levels of its channels, which instance normalisation takes away.
    return tf.keras.layers.GroupNormalization(math.gcd(width, _MOST_GROUPS))
