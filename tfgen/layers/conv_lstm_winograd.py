"""Steps of a convolutional LSTM over large maps, in fewer multiplications."""

from __future__ import annotations

from typing import Optional, Tuple

import tensorflow as tf

from tfgen.layers.conv_lstm import ConvLSTM, State, gate_slices
from tfgen.layers.winograd_convolution import WinogradConvolution

__all__ = ["ConvLSTMWinograd"]

# Below these, plain convolutions take as long or less.
PIXELS = 256
CHANNELS = 64


class ConvLSTMWinograd:
    """The steps of a `ConvLSTM` over maps of a fixed size, one `WinogradConvolution` a layer.

    That of a layer takes its inputs and its state together. Kernels are transformed once for many
    steps, and again when the weights have changed. For CPUs; see `pays`.

    ```python
    recurrence, maps = ConvLSTM(input_channels=8, filters=8, layers=2), tf.ones([3, 16, 16, 8])
    faster = ConvLSTMWinograd(recurrence, height=16, width=16)
    hidden, state = faster.step(maps)  # [3, 16, 16, 8]
    hidden, state = faster.step(maps, state)
    ```

    Args:
      recurrence: whose steps these are, with kernels of 3x3, no dilation and no context.
      height, width: of the maps.
    """

    def __init__(self, recurrence: ConvLSTM, height: int, width: int):
        if not self.can(recurrence):
            raise ValueError(
                "ConvLSTMWinograd takes a ConvLSTM of float32 with kernels of 3x3, no dilation "
                f"and no context; {recurrence.name} has kernel_size={recurrence.kernel_size}, "
                f"dilation={recurrence.dilation}, "
                f"context_channels={recurrence.context_channels} and {recurrence.compute_dtype}."
            )
        self._recurrence = recurrence
        self._layers = []
        for index in range(recurrence.layers):
            kernels = [recurrence.input_kernels[index], recurrence.state_kernels[index]]
            convolution = WinogradConvolution(tf.concat(kernels, 2), height, width)
            peepholes = tf.unstack(recurrence.peepholes[index]) if recurrence.peephole else []
            self._layers.append((convolution, recurrence.biases[index], peepholes))

    @staticmethod
    def can(recurrence: ConvLSTM) -> bool:
        """Whether this is for such a recurrence."""
        shape = recurrence.kernel_size, recurrence.dilation, recurrence.context_channels
        return shape == (3, 1, None) and recurrence.compute_dtype in ("float32", "float64")

    @classmethod
    def pays(cls, recurrence: ConvLSTM, height: int, width: int) -> bool:
        """Whether steps take less time so: on a CPU, with large enough maps and many channels."""
        large = height * width >= PIXELS and recurrence.filters >= CHANNELS
        return large and cls.can(recurrence) and not tf.config.list_physical_devices("GPU")

    def step(self, inputs: tf.Tensor, state: Optional[State] = None) -> Tuple[tf.Tensor, State]:
        """One step of the whole stack, as `ConvLSTM.step`."""
        if state is None:
            return self._recurrence.step(inputs)
        hidden, new_state = inputs, []
        for (convolution, bias, peepholes), (before, cell) in zip(self._layers, state):
            gates = tf.nn.bias_add(convolution(tf.concat([hidden, before], -1)), bias)
            new_state.append(self._recurrence.cell(gate_slices(gates), cell, peepholes))
            hidden = new_state[-1][0]
        return hidden, tuple(new_state)
