"""Convolution of maps of one channel, with a gradient that is fast for them."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

__all__ = ["single_channel_convolution"]


def single_channel_convolution(
    maps: tf.Tensor, kernel: tf.Tensor, bias: Optional[tf.Tensor] = None, dilation: int = 1
) -> tf.Tensor:
    """tf.nn.convolution of maps of one channel, with padding "SAME", plus a bias or not.

    The gradient by the maps is written out: one matrix product gives what each tap of the kernel
    sends back, and these maps are added, each moved to where it came from. TensorFlow's own
    (oneDNN on CPUs) is a convolution whose result has a single channel, for which it takes up to
    five times as long.

    Args:
      maps: [N, H, W, 1].
      kernel: [size, size, 1, channels], of odd size.
      bias: [channels] or None.
      dilation: of the convolution.

    Returns:
      [N, H, W, channels].
    """
    weights = [kernel] if bias is None else [kernel, bias]

    def convolve(maps, kernel, *bias):
        # The data format is told, for without it eager second derivatives fail.
        outputs = tf.nn.convolution(
            maps, kernel, padding="SAME", data_format="NHWC", dilations=dilation
        )
        return tf.nn.bias_add(outputs, *bias) if bias else outputs

    @tf.custom_gradient
    def run(maps, *weights):
        def gradient(upstream):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                # Its value is not used, and graphs do not compute it.
                outputs = convolve(maps, *weights)
            of_weights = tape.gradient(outputs, weights, upstream)
            return _maps_gradient(upstream, weights[0], dilation), *of_weights

        return convolve(maps, *weights), gradient

    return run(maps, *weights)


def _maps_gradient(upstream, kernel, dilation):
    """[N, H, W, channels] -> [N, H, W, 1]."""
    size, channels = kernel.shape[0], kernel.shape[-1]
    taps = tf.reshape(kernel, [size * size, channels])
    parts = tf.matmul(taps, tf.reshape(upstream, [-1, channels]), transpose_b=True)
    batch, height, width = tf.unstack(tf.shape(upstream)[:3])
    parts = tf.reshape(parts, [size * size, batch, height, width])
    margin = dilation * (size // 2)
    parts = tf.unstack(tf.pad(parts, [[0, 0], [0, 0], [margin, margin], [margin, margin]]))
    # A tap that looks to the right sends back to the left: the last comes first.
    starts = [dilation * place for place in reversed(range(size))]
    places = [(top, left) for top in starts for left in starts]
    moved = [
        part[:, top : top + height, left : left + width] for part, (top, left) in zip(parts, places)
    ]
    gradient = tf.add_n(moved)[..., tf.newaxis]
    return tf.ensure_shape(gradient, [*upstream.shape[:3], 1])
