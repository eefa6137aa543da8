"""Steps of a convolutional LSTM over small maps, as matrix products."""

from __future__ import annotations

from typing import Optional, Tuple

import tensorflow as tf

from tfgen.layers.conv_lstm import ConvLSTM, State

__all__ = ["ConvLSTMMatrices"]


class ConvLSTMMatrices:
    """The steps of a `ConvLSTM` over maps of a fixed size: one matrix product a layer.

    A map is a row, [C, H, W] flattened: so a share of its channels, as each gate is, is a slice.
    The matrices grow with the square of the maps, and products of them with maps take a fraction
    of the time of convolutions where both are small: 4x4 maps of 8 filters half of it. They are
    made once for many steps, and again when the weights have changed.

    ```python
    recurrence, maps = ConvLSTM(input_channels=1, filters=8, layers=2), tf.ones([3, 4, 4, 1])
    matrices = ConvLSTMMatrices(recurrence, height=4, width=4)
    hidden, state = matrices.step(tf.reshape(maps, [3, 16]))  # [3, 8 * 16], as [3, 8, 4, 4]
    hidden, state = matrices.step(tf.reshape(maps, [3, 16]), state)
    ```
    """

    def __init__(
        self,
        recurrence: ConvLSTM,
        height: int,
        width: int,
        context: Optional[tf.Tensor] = None,
    ):
        """Makes the matrices.

        Args:
          recurrence: whose steps these are.
          height, width: of the maps.
          context: [B, H, W, context_channels], given exactly when the recurrence was made for one.
        """
        self._dtype = recurrence.compute_dtype
        self._shape = [height, width]
        self._cell = recurrence.cell
        self._layers, self._inputs = [], []

        def spread(weights):
            """One number a channel -> one a pixel, in the layout of the gates."""
            return tf.repeat(tf.cast(weights, self._dtype), height * width, axis=-1)

        for index in range(recurrence.layers):
            kernels = recurrence.input_kernels[index], recurrence.state_kernels[index]
            parts = [self.convolution(kernel, recurrence.dilation) for kernel in kernels]
            bias = spread(recurrence.biases[index])
            if index == 0 and context is not None:
                maps = tf.transpose(tf.cast(context, self._dtype), [0, 3, 1, 2])
                matrix = self.convolution(recurrence.context_kernel, recurrence.dilation)
                bias += tf.matmul(tf.reshape(maps, [-1, matrix.shape[0]]), matrix)
            peepholes = []
            if recurrence.peephole:
                peepholes = tf.unstack(spread(recurrence.peepholes[index]))
            self._layers.append((tf.concat(parts, 0), bias, peepholes))
            self._inputs.append(parts[0].shape[0])

    def convolution(self, kernel: tf.Tensor, dilation: int = 1) -> tf.Tensor:
        """A convolution of such maps, with padding "SAME", as the matrix that it is.

        Args:
          kernel: [size, size, C, channels].
          dilation: of the convolution.

        Returns:
          [C H W, channels H W]: maps [N, C, H, W], each a row, times the matrix are the results
          [N, channels, H, W], each a row.
        """
        channels = kernel.shape[2]
        pixels = self._shape[0] * self._shape[1]
        basis = tf.reshape(tf.eye(channels * pixels, dtype=self._dtype), [-1, channels, pixels])
        basis = tf.reshape(tf.transpose(basis, [0, 2, 1]), [-1, *self._shape, channels])
        # The data format is told, for without it eager second derivatives fail.
        maps = tf.nn.convolution(
            basis,
            tf.cast(kernel, self._dtype),
            padding="SAME",
            data_format="NHWC",
            dilations=dilation,
        )
        return tf.reshape(tf.transpose(maps, [0, 3, 1, 2]), [channels * pixels, -1])

    def step(self, inputs: tf.Tensor, state: Optional[State] = None) -> Tuple[tf.Tensor, State]:
        """One step of the whole stack.

        Args:
          inputs: maps [B, C, H, W], each a row: [B, C H W].
          state: of the step before; None is the first step.

        Returns:
          outputs [B, filters H W], maps [filters, H, W] a row, and the new state.
        """
        hidden, new_state = inputs, []
        for index, (matrix, bias, peepholes) in enumerate(self._layers):
            if state is None:
                gates = tf.matmul(hidden, matrix[: self._inputs[index]])
            else:
                gates = tf.matmul(tf.concat([hidden, state[index][0]], 1), matrix)
            cell = None if state is None else state[index][1]
            gates = tf.split(gates + bias, 4, axis=-1)
            new_state.append(self._cell(gates, cell, peepholes))
            hidden = new_state[-1][0]
        return hidden, tuple(new_state)
