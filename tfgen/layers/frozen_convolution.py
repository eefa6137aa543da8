"""Convolutions over earlier pixels, row by row and pixel by pixel."""

from __future__ import annotations

import tensorflow as tf

__all__ = ["FrozenConvolution", "zeros_array"]


class FrozenConvolution:
    """What a causal convolution adds up, in the order in which an image is drawn.

    A convolution of context "above" gives a whole row at once, from rows above (`row`). One of
    context "before" gives one pixel at a time: the share of rows above is computed for the whole
    row when it begins (`share_of_above`), and that of the own row as a product of the matrix
    `here` and the inputs of the last columns.

    It holds tensors, and lives as long as the graph or the call that made it.

    Args:
      kernel: [h, w, input channels, output channels].
      bias: [output channels].
      strides: of the convolution.
      above: whether the context is "above"; else it is "before".
      strict: whether the own row ("above") or column ("before") is left out.
    """

    def __init__(self, kernel: tf.Tensor, bias: tf.Tensor, strides: int, above: bool, strict: bool):
        self.height, self.width, self.input_size, self.output_size = kernel.shape
        self.kernel = kernel
        self.bias = bias
        self.strides = strides
        self.above = above
        self.strict = strict

    @property
    def here(self) -> tf.Tensor:
        """[w input channels, output channels], for the w columns up to the newest."""
        return tf.reshape(self.kernel[-1], [self.width * self.input_size, self.output_size])

    def each(self, x: tf.Tensor) -> tf.Tensor:
        """A convolution of 1 x 1: [..., input channels] -> [..., output channels]."""
        return tf.tensordot(x, self.here, 1) + self.bias

    def row(self, window: tf.Tensor) -> tf.Tensor:
        """One row of outputs of a convolution of context "above".

        Args:
          window: [B, h, W, input channels], the rows that it sees (without its own, if strict).

        Returns:
          [B, W / strides, output channels].
        """
        edge = self.width // 2
        return self._rows(window, self.kernel, [edge, edge]) + self.bias

    def share_of_above(self, rows: tf.Tensor) -> tf.Tensor:
        """The share of the rows above, and the bias, in a row of context "before".

        Args:
          rows: [B, h - 1, W, input channels].

        Returns:
          [B, W / strides, output channels]; [output channels], the bias, for a kernel of one row.
        """
        if self.height == 1:
            return self.bias
        if self.strict:
            rows = rows[:, :, :-1]
        edges = [self.width - 1 + int(self.strict), 0]
        return self._rows(rows, self.kernel[:-1], edges) + self.bias

    def _rows(self, window, kernel, edges):
        window = tf.pad(window, [[0, 0], [0, 0], edges, [0, 0]])
        return tf.nn.conv2d(window, kernel, [1, self.strides], "VALID")[:, 0]


def zeros_array(shape) -> tf.TensorArray:
    """Zeros [n, B, C] as an array whose n entries can be read and replaced again and again."""
    array = tf.TensorArray(
        tf.float32, shape[0], clear_after_read=False, element_shape=[None, shape[2]]
    )
    return array.unstack(tf.zeros(shape))
