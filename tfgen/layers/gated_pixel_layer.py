"""One layer of the gated PixelCNN."""

from __future__ import annotations

from typing import Tuple

import tensorflow as tf

from tfgen.layers.weight_normalised_convolution import WeightNormalisedConvolution

__all__ = ["GatedPixelLayer", "gate"]


class GatedPixelLayer(tf.keras.layers.Layer):
    """One layer of both stacks of a `GatedPixelCNN`: (v, h, c) -> (v, h).

    Args:
      input_size: channels of v and h.
      filters: channels of the results, and of c.
      kernel_size: n, odd.
      first: whether it leaves out the own row and pixel, and has no residual connection.
      conditional: whether it takes a conditioning c.
      **kwargs: name and dtype (or policy), as in every Keras layer.
    """

    def __init__(
        self,
        input_size: int,
        filters: int,
        kernel_size: int,
        first: bool,
        conditional: bool,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.is_first = first
        reach = (kernel_size - 1) // 2 if first else (kernel_size + 1) // 2

        def convolution(inputs, outputs, *sizes, **settings):
            return WeightNormalisedConvolution(
                inputs, outputs, *sizes, dtype=self.dtype_policy, **settings
            )

        twice = 2 * filters
        self.vertical = convolution(
            input_size, twice, (reach, kernel_size), context="above", strict=first
        )
        self.horizontal = convolution(input_size, twice, (1, reach), context="before", strict=first)
        self.link = convolution(twice, twice)
        self.output_layer = convolution(filters, filters, initial_scale=1.0 if first else 0.1)
        self.given = [convolution(filters, twice) for _ in range(2 if conditional else 0)]
        self.built = True

    def call(self, v, h, given=None) -> Tuple[tf.Tensor, tf.Tensor]:
        vertical = self.vertical(v)
        if self.given:
            vertical += self.given[0](given)
        horizontal = self.horizontal(h) + self.link(vertical)
        if self.given:
            horizontal += self.given[1](given)
        result = self.output_layer(gate(horizontal))
        return gate(vertical), result if self.is_first else h + result


def gate(h: tf.Tensor) -> tf.Tensor:
    """[a, b] -> tanh(a) sigmoid(b)."""
    a, b = tf.split(h, 2, axis=-1)
    return tf.tanh(a) * tf.sigmoid(b)
