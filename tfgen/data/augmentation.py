"""Stateless augmentation of images, for the `transform` of `Source.batches`."""

from __future__ import annotations

from typing import Callable, Dict

import tensorflow as tf

from tfgen.data.stateless import seeded_uniform

__all__ = ["shift_and_flip"]

Features = Dict[str, tf.Tensor]


def shift_and_flip(
    max_shift: int = 3, flip: bool = True
) -> Callable[[Features, tf.Tensor], Features]:
    """Moves each image by some pixels and mirrors half of them.

    With dy, dx uniform on the integers -max_shift ... max_shift and m a fair coin, for an image of
    H rows and W columns

        out[y, x] = image[clip(y + dy, 0, H - 1), clip(x' + dx, 0, W - 1)],
        x' = W - 1 - x if m else x.

    What moves in from outside repeats the nearest row or column of the edge. (A black or a
    reflected border would be other choices; mAR-SCF's shift of up to 3 pixels with a flip on
    CIFAR-10 is stated without its border.) The three numbers are functions of the example's seed,
    that is of (seed, epoch, index).

    ```python
    images = tf.reshape(tf.range(2 * 8 * 8 * 3), [2, 8, 8, 3])
    seeds = tf.constant([[1, 2], [3, 4]])
    features = shift_and_flip(max_shift=3)({"image": images}, seeds)
    ```

    Args:
      max_shift: largest shift along each axis, in pixels; 0 only mirrors.
      flip: whether images are mirrored; not for digits and letters.

    Returns:
      A function of (features with "image" [N, H, W, C], of any type, and seeds int32 [N, 2]) that
      returns the features with other images; all else stays.

    Raises:
      ValueError: a negative shift.
    """
    if max_shift < 0:
        raise ValueError(f"Wanted max_shift >= 0 pixels; got {max_shift}.")

    def transform(features, seeds):
        image = features["image"]
        height, width = tf.shape(image)[1], tf.shape(image)[2]
        numbers = seeded_uniform(seeds, 3)
        shifts = tf.cast(numbers[:, :2] * (2 * max_shift + 1), tf.int32)
        shifts = tf.minimum(shifts, 2 * max_shift) - max_shift
        columns = tf.range(width)[tf.newaxis]
        if flip:
            columns = tf.where(numbers[:, 2:] < 0.5, tf.reverse(columns, [1]), columns)
        rows = tf.clip_by_value(tf.range(height) + shifts[:, :1], 0, height - 1)
        columns = tf.clip_by_value(columns + shifts[:, 1:], 0, width - 1)
        moved = tf.gather(image, rows, axis=1, batch_dims=1)
        moved = tf.gather(moved, columns, axis=2, batch_dims=1)
        return {**features, "image": tf.ensure_shape(moved, image.shape)}

    return transform
