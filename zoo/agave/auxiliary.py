"""Auxiliary images: what of an image its latent code has to tell."""

from __future__ import annotations

import tensorflow as tf

from tfgen.distributions import level_centres, nearest_level
from zoo.vae import VAEConfig

__all__ = ["auxiliary_image", "luma", "upsample"]

# Of red, green and blue in the brightness of a pixel (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


def auxiliary_image(images: tf.Tensor, config: VAEConfig) -> tf.Tensor:
    """The auxiliary image y of an image x: fewer colours, fewer pixels, grey, or x itself.

    Pixels are taken as the middles of their bins in [-1, 1], averaged over colours and over blocks
    of pixels where y has less of these, and told by the level of b in whose bin they lie. Of a byte
    and b levels that is floor(x / c), c = 256 / b, as in Eq. 3.17 of [1].

    Args:
      images: [batch, H, W, C], 0 .. values - 1.
      config: with the sizes of both.

    Returns:
      int32 [batch, *config.target_shape], 0 .. config.levels - 1.

    #### References
    [1]: T. Lucas. Ph.D. thesis. Sections 3.3.1 and 3.4.5.
    """
    size, _, channels = config.target_shape
    points = level_centres(images, config.values)
    if channels < config.channels:
        points = luma(points)
    block = config.image_size // size
    if block > 1:
        points = tf.nn.avg_pool2d(points, block, block, "VALID")
    return nearest_level(points, config.levels)


def luma(points: tf.Tensor) -> tf.Tensor:
    """Brightness of pixels [..., C], C = 1 or 3: [..., 1]."""
    if points.shape[-1] == 1:
        return points
    return tf.reduce_sum(points * _LUMA, axis=-1, keepdims=True)


def upsample(maps: tf.Tensor, image_size: int) -> tf.Tensor:
    """Every pixel as a block, so that [batch, h, w, C] becomes [batch, H, W, C]."""
    factor = image_size // maps.shape[1]
    if factor == 1:
        return maps
    return tf.repeat(tf.repeat(maps, factor, axis=1), factor, axis=2)
