"""Repeated squeezes: an image as a sequence of sub-images, each with a pixel of every block."""

from __future__ import annotations

import tensorflow as tf

from tfgen.bijectors import Squeeze

__all__ = ["join_sub_images", "split_sub_images"]

_SQUEEZE = Squeeze()


def split_sub_images(maps: tf.Tensor, squeezes: int) -> tf.Tensor:
    """[B, H, W, C] floats -> [4^n, B, H / 2^n, W / 2^n, C], n squeezes.

    Sub-image s has the pixels at one place of all blocks of 2^n x 2^n pixels: where s has the
    digits (i_n, j_n), ..., (i_1, j_1), each 0 or 1, the place is in row sum_k 2^(k-1) i_k and in
    column sum_k 2^(k-1) j_k. So each block is gone through quarter by quarter.
    """
    channels = maps.shape[-1]
    for _ in range(squeezes):
        maps, _ = _SQUEEZE.inverse_and_log_det(maps)
    batch = tf.shape(maps)[0] if maps.shape[0] is None else maps.shape[0]
    height, width = maps.shape[1:3]
    maps = tf.reshape(maps, [batch, height, width, 4**squeezes, channels])
    return tf.transpose(maps, [3, 0, 1, 2, 4])


def join_sub_images(sequence: tf.Tensor, squeezes: int) -> tf.Tensor:
    """[4^n, B, h, w, C] floats -> [B, 2^n h, 2^n w, C]: the inverse of `split_sub_images`."""
    steps, _, height, width, channels = sequence.shape
    batch = tf.shape(sequence)[1] if sequence.shape[1] is None else sequence.shape[1]
    maps = tf.transpose(sequence, [1, 2, 3, 0, 4])
    maps = tf.reshape(maps, [batch, height, width, steps * channels])
    for _ in range(squeezes):
        maps, _ = _SQUEEZE.forward_and_log_det(maps)
    return maps
