"""A stack of convolutional LSTMs over maps, in one pass or step by step."""

from __future__ import annotations

import functools
from typing import List, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.layers.single_channel_convolution import single_channel_convolution

__all__ = ["ConvLSTM", "gate_slices"]

# Graphs of up to as many steps are unrolled: their gradients take 10 to 15 per cent less time than
# those of tf.while_loop. Longer ones would be slow to trace and large to export: at 48 steps and 3
# layers the gradient has 8300 nodes unrolled and 600 in a loop, 2.7 s to trace against 0.6 s.
UNROLLED_STEPS = 16

State = Sequence[Tuple[tf.Tensor, tf.Tensor]]


class ConvLSTM(tf.keras.layers.Layer):
    """LSTMs whose products are convolutions (*), with or without peepholes, one upon the other.

        i_t = sigmoid(W_xi * X_t + W_hi * H_{t-1} + w_ci o C_{t-1} + b_i)
        f_t = sigmoid(W_xf * X_t + W_hf * H_{t-1} + w_cf o C_{t-1} + b_f)
        C_t = f_t o C_{t-1} + i_t o tanh(W_xc * X_t + W_hc * H_{t-1} + b_c)
        o_t = sigmoid(W_xo * X_t + W_ho * H_{t-1} + w_co o C_t + b_o)
        H_t = o_t o tanh(C_t)

    X_t is the input of the first layer, and H_t of the layer below for the others; H_0 = C_0 = 0.
    The peephole weights w_c are one number a filter, so that the same weights serve any image
    size (the paper leaves their shape open); `peephole=False` omits them.

    An input that is the same at every step, the context, has a kernel of its own in the first
    layer: W_x * [X_t, R] = W_xx * X_t + W_xr * R, where the second term is computed once.

    ```python
    recurrence = ConvLSTM(input_channels=1, filters=8, layers=2)
    sequence = tf.zeros([3, 5, 16, 16, 1])  # [B, T, H, W, C]
    outputs = recurrence(sequence)  # [3, 5, 16, 16, 8]

    state = None  # or recurrence.initial_state(batch=3, height=16, width=16)
    for t in range(5):
        output, state = recurrence.step(sequence[:, t], state)  # outputs[:, t], [3, 16, 16, 8]
    ```

    The pass over a given sequence runs layer by layer, so that the convolution of a layer's
    inputs is one for all steps and only that of its state is repeated. A dilated convolution is
    a plain one on each of dilation^2 sub-lattices of the map, which never meet within the stack;
    so maps whose sides are multiples of the dilation are taken apart once, and joined at the end.

    Kernels start as Glorot uniform (inputs) and orthogonal (states), peepholes at 0, and biases at
    0 but that of the forget gate, at `forget_bias`. All variables exist after construction, in
    float32 (or the dtype asked for) under any mixed-precision policy, which decides the dtype of
    the computation and of the outputs.

    #### References
    [1]: X. Shi et al. Convolutional LSTM Network. NeurIPS 2015. Eq. 3.
    [2]: S. Mahajan. Ph.D. thesis. Eq. 2.12.
    """

    def __init__(
        self,
        input_channels: int,
        filters: int = 32,
        layers: int = 3,
        kernel_size: int = 3,
        dilation: int = 1,
        peephole: bool = True,
        context_channels: Optional[int] = None,
        recompute: bool = False,
        forget_bias: float = 1.0,
        **kwargs,
    ):
        """Makes the stack and its variables.

        Args:
          input_channels: C, channels of the input at each step.
          filters: channels of the states and outputs of each layer.
          layers: how many, one at least.
          kernel_size: of all convolutions, odd.
          dilation: of all convolutions.
          peephole: whether the gates see the cell.
          context_channels: of an input that is the same at every step; None is without.
          recompute: of a pass over a sequence, keep the outputs of each layer alone and compute
            its gates and cells again for the gradient: less memory and more time.
          forget_bias: what the bias of the forget gate starts at.
          **kwargs: name and dtype, as in every Keras layer.

        Raises:
          ValueError: no layer, or an even kernel size.
        """
        super().__init__(**kwargs)
        if layers < 1:
            raise ValueError(f"A ConvLSTM has one layer at least; got layers={layers}.")
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is odd, so that it has a middle; got {kernel_size}.")
        self.input_channels = input_channels
        self.filters = filters
        self.layers = layers
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.peephole = peephole
        self.context_channels = context_channels
        self.recompute = recompute
        self.forget_bias = forget_bias

        def kernel(name, channels, initializer):
            shape = [kernel_size, kernel_size, channels, 4 * filters]
            return self.add_weight(name=name, shape=shape, initializer=initializer)

        def bias(shape, dtype):
            return tf.constant(np.repeat([0.0, forget_bias, 0.0, 0.0], filters), dtype, shape)

        below = [input_channels] + [filters] * (layers - 1)
        # The four gates of each lie one after the other in the last axis: i, f, c, o.
        self.input_kernels = [
            kernel(f"input_kernel_{index}", channels, tf.keras.initializers.GlorotUniform())
            for index, channels in enumerate(below)
        ]
        self.state_kernels = [
            kernel(f"state_kernel_{index}", filters, tf.keras.initializers.Orthogonal())
            for index in range(layers)
        ]
        self.biases = [
            self.add_weight(name=f"bias_{index}", shape=[4 * filters], initializer=bias)
            for index in range(layers)
        ]
        self.peepholes = [
            self.add_weight(name=f"peephole_{index}", shape=[3, filters], initializer="zeros")
            for index in range(layers if peephole else 0)
        ]
        self.context_kernel = None
        if context_channels is not None:
            glorot = tf.keras.initializers.GlorotUniform()
            self.context_kernel = kernel("context_kernel", context_channels, glorot)
        self.built = True

    def call(
        self, sequence: tf.Tensor, context: Optional[tf.Tensor] = None, time_major: bool = False
    ) -> tf.Tensor:
        """Outputs of the last layer at every step of a given sequence.

        Args:
          sequence: [B, T, H, W, C], T static.
          context: [B, H, W, context_channels], given exactly when the stack was made for one.
          time_major: whether sequence and outputs are [T, B, H, W, ...], which saves copies.

        Returns:
          [B, T, H, W, filters].
        """
        self._check("inputs", sequence, self.input_channels)
        if sequence.shape[0 if time_major else 1] is None:
            raise ValueError(
                f"{self.name} wants a static number of steps; got a sequence {sequence.shape}."
            )
        if not time_major:
            sequence = tf.transpose(sequence, [1, 0, 2, 3, 4])
        sides = _sizes(sequence)[2:4]
        hidden = self._apart(tf.cast(sequence, self.compute_dtype))
        context_gates = self.context_gates(context)
        for index in range(self.layers):
            # Arguments rather than captured: what is recomputed has gradients for those alone.
            inputs = [hidden] if index or context is None else [hidden, context_gates]
            run = functools.partial(self._layer, index, sides)
            hidden = (tf.recompute_grad(run) if self.recompute else run)(*inputs)
        outputs = self._together(hidden, sides)
        return outputs if time_major else tf.transpose(outputs, [1, 0, 2, 3, 4])

    def step(
        self,
        inputs: tf.Tensor,
        state: Optional[State] = None,
        context_gates: Optional[tf.Tensor] = None,
    ) -> Tuple[tf.Tensor, State]:
        """One step of the whole stack.

        Args:
          inputs: [B, H, W, C].
          state: of the step before. None is the first step, which starts from zeros and saves the
            convolutions of the state.
          context_gates: what `context_gates(context)` returned, where the stack has a context.

        Returns:
          outputs [B, H, W, filters] and the new state, a (H, C) pair a layer.
        """
        self._check("inputs", inputs, self.input_channels)
        gates = None if self.context_channels is None else 4 * self.filters
        self._check("context_gates", context_gates, gates)
        sides = _sizes(inputs)[1:3]
        hidden = tf.cast(inputs, self.compute_dtype)
        apart = self._factor(sides) > 1
        if apart:
            hidden = self._apart(hidden[tf.newaxis])[0]
        new_state = []
        for index in range(self.layers):
            before = None if state is None else state[index]
            gates = self._input_gates(index, hidden, context_gates, sides)
            after = self._advance(gates, before, self._state_weights(index), sides, gate_slices)
            new_state.append(after)
            hidden = after[0]
        if apart:
            hidden = self._together(hidden[tf.newaxis], sides)[0]
        return hidden, tuple(new_state)

    def initial_state(self, batch, height: int, width: int) -> State:
        """The state of zeros before the first step on maps [batch, height, width, C].

        In maps taken apart (see above), the sub-lattices lie along the batch axis.
        """
        factor = self._factor([height, width])
        shape = [factor**2 * batch, height // factor, width // factor, self.filters]
        return tuple((tf.zeros(shape, self.compute_dtype),) * 2 for _ in range(self.layers))

    def context_gates(self, context: Optional[tf.Tensor]) -> Optional[tf.Tensor]:
        """What the context adds to the gates of the first layer at each step, its bias included.

        Args:
          context: [B, H, W, context_channels], or None where the stack is without.

        Returns:
          a tensor for `step`, in the layout of the state, or None.
        """
        self._check("context", context, self.context_channels)
        if context is None:
            return None
        maps = self._apart(tf.cast(context, self.compute_dtype)[tf.newaxis])[0]
        return self._convolve(maps, self.context_kernel, _sizes(context)[1:3], self.biases[0])

    def get_config(self):
        return {
            **super().get_config(),
            "input_channels": self.input_channels,
            "filters": self.filters,
            "layers": self.layers,
            "kernel_size": self.kernel_size,
            "dilation": self.dilation,
            "peephole": self.peephole,
            "context_channels": self.context_channels,
            "recompute": self.recompute,
            "forget_bias": self.forget_bias,
        }

    def _check(self, name, maps, channels):
        if channels != (None if maps is None else maps.shape[-1]):
            wanted = "none" if channels is None else f"maps of {channels} channels"
            got = "none" if maps is None else f"shape {maps.shape}"
            raise ValueError(f"{self.name}, as {name}, takes {wanted}; got {got}.")

    def _input_gates(self, index, maps, context_gates, sides):
        """Share of a layer's inputs [..., B, H, W, C] in its gates [..., B, H, W, 4 filters]."""
        with_context = index == 0 and context_gates is not None
        bias = None if with_context else self.biases[index]
        if maps.shape.rank == 4:
            gates = self._convolve(maps, self.input_kernels[index], sides, bias)
        else:
            steps, batch, *rest = _sizes(maps)
            folded = tf.reshape(maps, [steps * batch, *rest])
            if maps.shape[-1] == 1:
                kernel = tf.cast(self.input_kernels[index], maps.dtype)
                bias = None if bias is None else tf.cast(bias, maps.dtype)
                dilation = self.dilation // self._factor(sides)
                gates = single_channel_convolution(folded, kernel, bias, dilation)
            else:
                gates = self._convolve(folded, self.input_kernels[index], sides, bias)
            gates = tf.reshape(gates, [steps, batch, *rest[:-1], 4 * self.filters])
        return gates + context_gates if with_context else gates

    def _layer(self, index, sides, maps, context_gates=None):
        """Inputs [T, B, H, W, C] of a layer -> H [T, B, H, W, filters]."""
        return self._run_layer(index, self._input_gates(index, maps, context_gates, sides), sides)

    def _run_layer(self, index, gates, sides):
        """Inputs' share of the gates [T, B, H, W, 4 filters] -> H [T, B, H, W, filters]."""
        weights = self._state_weights(index)
        steps = gates.shape[0]
        if steps <= UNROLLED_STEPS:
            state, outputs = None, []
            for row in tf.unstack(gates):
                state = self._advance(row, state, weights, sides)
                outputs.append(state[0])
            return tf.stack(outputs)

        rows = tf.TensorArray(gates.dtype, steps).unstack(gates)
        state = self._advance(gates[0], None, weights, sides)
        shape = state[0].shape
        outputs = tf.TensorArray(gates.dtype, steps, element_shape=shape).write(0, state[0])

        def body(time, state, outputs):
            state = self._advance(rows.read(time), state, weights, sides)
            return time + 1, state, outputs.write(time, state[0])

        _, _, outputs = tf.while_loop(
            lambda time, *_: time < steps,
            body,
            (1, state, outputs),
            maximum_iterations=steps - 1,
        )
        return tf.ensure_shape(outputs.stack(), [steps, *shape])

    def _advance(self, gates, state, weights, sides, split=None) -> Tuple[tf.Tensor, tf.Tensor]:
        """(H_t, C_t) from the inputs' share of the gates and (H_{t-1}, C_{t-1})."""
        kernel, peepholes = weights
        if state is not None:
            gates += self._convolve(state[0], kernel, sides)
        gates = (split or _split)(gates)
        return self.cell(gates, None if state is None else state[1], peepholes)

    @staticmethod
    def cell(
        gates: Sequence[tf.Tensor], cell: Optional[tf.Tensor], peepholes: Sequence[tf.Tensor]
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """(H_t, C_t) from the gates i, f, c, o and C_{t-1}; None is C_0.

        The peepholes w_ci, w_cf and w_co broadcast with the cell; there may be none.
        """
        i, f, c, o = gates
        if cell is None:
            cell = tf.sigmoid(i) * tf.tanh(c)
        else:
            if peepholes:
                i += peepholes[0] * cell
                f += peepholes[1] * cell
            cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(c)
        if peepholes:
            o += peepholes[2] * cell
        return tf.sigmoid(o) * tf.tanh(cell), cell

    def _state_weights(self, index) -> Tuple[tf.Tensor, List[tf.Tensor]]:
        """The state kernel, and w_ci, w_cf, w_co or nothing."""
        peepholes = []
        if self.peephole:
            peepholes = tf.unstack(tf.cast(self.peepholes[index], self.compute_dtype))
        return tf.cast(self.state_kernels[index], self.compute_dtype), peepholes

    def _convolve(self, maps, kernel, sides, bias=None):
        """Convolution of maps that `_apart` may have taken apart."""
        kernel = tf.cast(kernel, self.compute_dtype)
        dilation = self.dilation // self._factor(sides)
        # The data format is told, for without it eager second derivatives fail.
        maps = tf.nn.convolution(
            maps, kernel, padding="SAME", data_format="NHWC", dilations=dilation
        )
        return maps if bias is None else tf.nn.bias_add(maps, tf.cast(bias, maps.dtype))

    def _factor(self, sides) -> int:
        """Into how many sub-lattices along each side maps of such sides are taken apart."""
        divisible = all(isinstance(side, int) and side % self.dilation == 0 for side in sides)
        return self.dilation if divisible else 1

    def _apart(self, maps):
        """[T, B, H, W, C] -> [T, factor^2 B, H / factor, W / factor, C]."""
        steps, batch, height, width, channels = _sizes(maps)
        d = self._factor([height, width])
        if d == 1:
            return maps
        maps = tf.reshape(maps, [steps, batch, height // d, d, width // d, d, channels])
        maps = tf.transpose(maps, [0, 3, 5, 1, 2, 4, 6])
        return tf.reshape(maps, [steps, d * d * batch, height // d, width // d, channels])

    def _together(self, maps, sides):
        """The inverse of `_apart`."""
        d = self._factor(sides)
        if d == 1:
            return maps
        steps, batch, height, width, channels = _sizes(maps)
        maps = tf.reshape(maps, [steps, d, d, batch // (d * d), height, width, channels])
        maps = tf.transpose(maps, [0, 3, 4, 1, 5, 2, 6])
        return tf.reshape(maps, [steps, batch // (d * d), height * d, width * d, channels])


def _split(gates) -> Sequence[tf.Tensor]:
    """The four gates; the gradient joins theirs."""
    return tf.split(gates, 4, axis=-1)


def gate_slices(gates) -> Sequence[tf.Tensor]:
    """The four gates in half the time, but not its gradient, which adds four maps of all gates."""
    size = gates.shape[-1] // 4
    return [gates[..., start : start + size] for start in range(0, 4 * size, size)]


def _sizes(tensor) -> list:
    """The shape as a list of ints and, where an axis is not static, scalar tensors."""
    return [
        tf.shape(tensor)[axis] if size is None else size for axis, size in enumerate(tensor.shape)
    ]
