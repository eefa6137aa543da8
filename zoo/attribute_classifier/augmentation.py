"""What the classifier must not mind: mirror images, shifts, blur, noise, brightness."""

from __future__ import annotations

from typing import Dict

import tensorflow as tf

from tfgen.data import seeded_uniform

__all__ = ["augment", "mirror", "mirrored", "vary_images"]

_MIRRORED_ROLES = (1, 0, 2, 3, 4)
_DRAWS = 6


def mirror(features: Dict[str, tf.Tensor], chosen: tf.Tensor) -> Dict[str, tf.Tensor]:
    """Mirrors the chosen (bool [B]) images; 'left' and 'right' change places."""
    images, roles = features["image"], features["roles"]
    swapped = tf.gather(roles, _MIRRORED_ROLES, axis=1)
    return {
        "image": tf.where(chosen[:, None, None, None], tf.reverse(images, [2]), images),
        "roles": tf.where(chosen[:, None, None], swapped, roles),
    }


def augment(features: Dict[str, tf.Tensor], seeds: tf.Tensor) -> Dict[str, tf.Tensor]:
    """A random variation of each image, a function of its seed; half of them are mirrored.

    Args:
      features: "image" uint8 [B, S, S, 3], "roles" int32 [B, 5, 4].
      seeds: int32 [B, 2].

    Returns:
      "image" float32 [B, S, S, 3] in [0, 1], "roles".
    """
    features = mirror(features, mirrored(seeds))
    return {**features, "image": vary_images(features["image"], seeds)}


def mirrored(seeds: tf.Tensor) -> tf.Tensor:
    """Which images to mirror, bool [B]."""
    return seeded_uniform(seeds, _DRAWS)[:, 0] < 0.5


def vary_images(images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    """Shifts, blurs, brightens and disturbs each image a little, a function of its seed.

    Samples of a VAE are blurred and a little noisy; a classifier that has only seen crisp images
    would judge them by their flaws. Images smaller than the network's are also met this way.

    Args:
      images: uint8 [B, S, S, 3].
      seeds: int32 [B, 2].

    Returns:
      float32 [B, S, S, 3] in [0, 1].
    """
    size = images.shape[1]
    u = seeded_uniform(seeds, _DRAWS)
    images = tf.cast(images, tf.float32) / 255.0

    reach = size // 20
    shifts = tf.cast(tf.floor(u[:, 1:3] * (2 * reach + 1)), tf.int32) - reach
    places = tf.clip_by_value(tf.range(size)[None, None] + shifts[..., None], 0, size - 1)
    images = tf.gather(images, places[:, 0], axis=1, batch_dims=1)
    images = tf.gather(images, places[:, 1], axis=2, batch_dims=1)

    def through(smaller):
        small = tf.image.resize(images, [smaller, smaller], antialias=True)
        return tf.image.resize(small, [size, size])

    kind = u[:, 3, None, None, None]
    images = tf.where(kind < 0.3, through(size // 2), images)
    images = tf.where(kind < 0.1, through(3 * size // 8), images)
    images = images * (0.92 + 0.16 * u[:, 4, None, None, None])
    noise = seeded_uniform(seeds + [[0, 1]], size * size * 3)
    noise = tf.reshape(noise, [-1, size, size, 3]) - 0.5
    strength = 0.15 * tf.square(u[:, 5, None, None, None])
    return tf.clip_by_value(images + strength * noise, 0.0, 1.0)
