"""The residual block of PixelCNN++, on whole images, rows or pixels."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

import tensorflow as tf

from tfgen.layers.dropout import StatelessDropout
from tfgen.layers.weight_normalised_convolution import WeightNormalisedConvolution, concat_elu

__all__ = ["FrozenGatedResidual", "GatedResidual"]


class GatedResidual(tf.keras.layers.Layer):
    """x + a * sigmoid(b), where two convolutions make a and b of x and of other inputs.

        h = conv_1(e(x)) + V [e(s_1), e(s_2), ...]
        a, b = conv_2(dropout(e(h))) + W c
        y = x + a * sigmoid(b),   e(t) = [elu(t), elu(-t)]

    for sides s_i (skip connections, the other stream of a PixelCNN++) and a conditioning c, both of
    which enter at their own pixel through products V and W. All convolutions are weight-normalised,
    and see the context that the block was made for.

    ```python
    block = GatedResidual(filters=8, context="before", kernel_size=2, side_sizes=(8,))
    x, side = tf.zeros([2, 4, 4, 8]), tf.zeros([2, 4, 4, 8])
    block(x, sides=[side])  # [2, 4, 4, 8]
    ```

    #### References
    [1]: T. Salimans, A. Karpathy, X. Chen, D. P. Kingma. PixelCNN++. ICLR 2017. Section 2.
    [2]: A. van den Oord et al. Conditional Image Generation with PixelCNN Decoders. NeurIPS 2016.
         Eq. 2 and 4.
    """

    def __init__(
        self,
        filters: int,
        context: str = "all",
        kernel_size=3,
        side_sizes: Sequence[int] = (),
        conditioning_size: Optional[int] = None,
        dropout: float = 0.0,
        **kwargs,
    ):
        """Makes the block and its variables.

        Args:
          filters: channels of x and y.
          context, kernel_size: of both convolutions (`WeightNormalisedConvolution`).
          side_sizes: channels of each side.
          conditioning_size: channels of c, None for a block without.
          dropout: share of the inputs of the second convolution that are set to zero in training.
          **kwargs: name and dtype (or policy), as in every Keras layer.
        """
        super().__init__(autocast=False, **kwargs)
        self.filters = filters
        self.context = context
        self.kernel_size = kernel_size
        self.side_sizes = tuple(side_sizes)
        self.conditioning_size = conditioning_size

        def convolution(inputs, outputs, *sizes, **settings):
            return WeightNormalisedConvolution(
                inputs, outputs, *sizes, dtype=self.dtype_policy, **settings
            )

        self.first = convolution(2 * filters, filters, kernel_size, context=context)
        self.second = convolution(
            2 * filters, 2 * filters, kernel_size, context=context, initial_scale=0.1
        )
        self.side = self.conditional = None
        if self.side_sizes:
            self.side = convolution(2 * sum(self.side_sizes), filters)
        if conditioning_size is not None:
            self.conditional = convolution(conditioning_size, 2 * filters, initial_scale=0.1)
        self.dropout = StatelessDropout(dropout)
        self.built = True

    def call(
        self,
        x: tf.Tensor,
        sides: Sequence[tf.Tensor] = (),
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed: Optional[tf.Tensor] = None,
    ) -> tf.Tensor:
        """[B, H, W, filters] of the same shape.

        Args:
          x: [B, H, W, filters].
          sides: [B, H, W, size] each.
          conditioning: [B, H, W, conditioning_size], or [B, 1, 1, conditioning_size].
          training: whether units are dropped.
          seed: of the dropout, not read otherwise.
        """
        h = self.first(concat_elu(x))
        if self.side is not None:
            h += self.side(tf.concat([concat_elu(side) for side in sides], axis=-1))
        h = self.dropout(concat_elu(h), seed=seed, training=training)
        h = self.second(h)
        if self.conditional is not None:
            h += self.conditional(conditioning)
        return x + _gate(h)

    def frozen(self) -> "FrozenGatedResidual":
        """The block with its kernels computed once, for rows and pixels one after the other."""
        return FrozenGatedResidual(self)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "context": self.context,
            "kernel_size": self.kernel_size,
            "side_sizes": self.side_sizes,
            "conditioning_size": self.conditioning_size,
            "dropout": self.dropout.rate,
        }


class RowMemory(NamedTuple):
    """Inputs of both convolutions of a block in the rows above, [B, h - 1, W, 2 filters] each."""

    first: tf.Tensor
    second: tf.Tensor


class FrozenGatedResidual:
    """A `GatedResidual` of causal context in the order in which an image is drawn.

    A block of context "above" is computed row by row (`row`), one of context "before" pixel by
    pixel (`pixel`), after `prepare` has computed for a whole row what is known when it begins: the
    share of the rows above, of the sides that are known and of the conditioning.

    The last of the sides of a block of context "before" is known pixel by pixel alone if the block
    has two of them: a skip connection of its own stream.

    Its kernels have two rows, and two columns if they are of context "before".
    """

    def __init__(self, block: GatedResidual):
        self.first = block.first.frozen()
        self.second = block.second.frozen()
        self.filters = block.filters
        self.side_sizes = block.side_sizes
        self.side_matrix = self.conditional_matrix = None
        bias = self.second.bias
        if block.side is not None:
            side = block.side.frozen()
            self.side_matrix = side.here
            self.first.bias += side.bias
        if block.conditional is not None:
            conditional = block.conditional.frozen()
            self.conditional_matrix = conditional.here
            self.second.bias = bias + conditional.bias
        if not self.first.above:
            known = 2 * self.side_sizes[0] if self.side_sizes else 0
            self._known_matrix = self.side_matrix[:known] if known else None
            parts = [self.first.here]
            self.has_skip = len(self.side_sizes) > 1
            if self.has_skip:
                parts.append(self.side_matrix[known:])
            self._first_matrix = tf.concat(parts, axis=0)
            self._second_matrix = self.second.here

    @property
    def record_size(self) -> int:
        """Numbers of a pixel that pixels to the right and below need, see `pixel`."""
        return 4 * self.filters

    @property
    def context_size(self) -> int:
        """Numbers of a pixel that `prepare` computes."""
        return 3 * self.filters

    def empty_memory(self, batch, width: int) -> RowMemory:
        """The memory of `row` before the first row."""
        zeros = tf.zeros([batch, self.first.height - 1, width, 2 * self.filters])
        return RowMemory(zeros, zeros)

    def row(
        self,
        x: tf.Tensor,
        memory: RowMemory,
        sides: Sequence[tf.Tensor] = (),
        conditioning: Optional[tf.Tensor] = None,
    ) -> Tuple[tf.Tensor, RowMemory]:
        """One row of a block of context "above".

        Args:
          x: [B, W, filters].
          memory: of the row before.
          sides: [B, W, size] each.
          conditioning: [B, W or 1, conditioning_size].

        Returns:
          y, [B, W, filters], and the memory for the next row.
        """
        first = tf.concat([memory.first, concat_elu(x)[:, tf.newaxis]], axis=1)
        h = self.first.row(first)
        if self.side_matrix is not None:
            h += _product([concat_elu(side) for side in sides], self.side_matrix)
        second = tf.concat([memory.second, concat_elu(h)[:, tf.newaxis]], axis=1)
        h = self.second.row(second)
        if self.conditional_matrix is not None:
            h += _product([conditioning], self.conditional_matrix)
        return x + _gate(h), RowMemory(first[:, 1:], second[:, 1:])

    def prepare(
        self,
        above: tf.Tensor,
        side: Optional[tf.Tensor] = None,
        conditioning: Optional[tf.Tensor] = None,
    ) -> tf.Tensor:
        """What is known of a row of a block of context "before" when it begins.

        Args:
          above: records of the row above, [B, W, record_size]; zeros at the first row.
          side: the first side, [B, W, size], where the block has one.
          conditioning: [B, W or 1, conditioning_size].

        Returns:
          [B, W, context_size], for `pixel`.
        """
        above = above[:, tf.newaxis]
        first = self.first.share_of_above(above[..., : 2 * self.filters])
        second = self.second.share_of_above(above[..., 2 * self.filters :])
        if self._known_matrix is not None:
            first += _product([concat_elu(side)], self._known_matrix)
        if self.conditional_matrix is not None:
            second += _product([conditioning], self.conditional_matrix)
        return tf.concat([first, second], axis=-1)

    def pixel(
        self, x: tf.Tensor, left: tf.Tensor, context: tf.Tensor, skip: Optional[tf.Tensor] = None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """One pixel of a block of context "before".

        Args:
          x: [B, filters].
          left: record of the pixel to the left, [B, record_size]; zeros in the first column.
          context: of this pixel, from `prepare`, [B, context_size].
          skip: the second side, [B, size], where the block has one.

        Returns:
          y, [B, filters], and the record of this pixel: the inputs of both convolutions.
        """
        first_left, second_left = tf.split(left, 2, axis=-1)
        first = concat_elu(x)
        inputs = [first_left, first]
        if self.has_skip:
            inputs.append(concat_elu(skip))
        h = tf.matmul(tf.concat(inputs, axis=-1), self._first_matrix) + context[:, : self.filters]
        second = concat_elu(h)
        h = tf.matmul(tf.concat([second_left, second], axis=-1), self._second_matrix)
        y = x + _gate(h + context[:, self.filters :])
        return y, tf.concat([first, second], axis=-1)


def _gate(h: tf.Tensor) -> tf.Tensor:
    """[a, b] -> a * sigmoid(b)."""
    a, b = tf.split(h, 2, axis=-1)
    return a * tf.sigmoid(b)


def _product(parts: List[tf.Tensor], matrix: tf.Tensor) -> tf.Tensor:
    """The product of the parts, [..., sizes] joined, and a matrix [sum of sizes, outputs]."""
    return tf.tensordot(tf.concat(parts, axis=-1), matrix, 1)
