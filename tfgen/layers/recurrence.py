"""GRU and LSTM as sequences and as single steps of the same weights."""

from __future__ import annotations

from typing import Optional, Tuple

import tensorflow as tf

__all__ = ["Recurrence"]


class Recurrence(tf.keras.layers.Layer):
    """A GRU or an LSTM whose products with the inputs are taken apart from its steps.

    The inputs of all steps are multiplied with the kernel at once (`project`); what is left for
    each step is the product with the state. Formulas and layout of the weights are those of Keras
    and cuDNN:

        gru    z, r = sigmoid(p_z + h U_z + c_z), sigmoid(p_r + h U_r + c_r)
               h <- z h + (1 - z) tanh(p_h + r (h U_h + c_h))            for p = x W + b
        lstm   i, f, o = sigmoid(p_i + h U_i), sigmoid(p_f + h U_f), sigmoid(p_o + h U_o)
               c <- f c + i tanh(p_c + h U_c),  h <- o tanh(c)           for p = x W + b

    Keras' own layers hold four graphs each, with and without cuDNN, forward and backward. That
    makes the signatures of an export several times larger and slower to trace.

    ```python
    recurrence = Recurrence(units=8, cell="lstm")
    x = tf.zeros([2, 5, 3])
    states, last = recurrence(x)  # h of each step [2, 5, 8], (h, c) of the last [2, 8] each
    recurrence.step(recurrence.project(x[:, 0]), recurrence.initial_state(2))  # the first (h, c)
    ```

    Args:
      units: size of the state h.
      cell: "gru" or "lstm".

    Call arguments:
      inputs: float [batch, length, size], to be projected; or what was projected already, with
        `projected=True`, [batch, length, gates * units].
      state: what the first step begins with, a tuple; None for zeros.
      mask: bool [batch, length]; where it is false, the state stays as it is.
      reverse: from the last step to the first. The results are in the order of the inputs.

    Returns:
      h after each step, [batch, length, units], and the state after the last one, (h,) of a GRU or
      (h, c) of an LSTM, [batch, units] each.
    """

    GATES = {"gru": 3, "lstm": 4}

    def __init__(self, units: int, cell: str = "gru", **kwargs):
        super().__init__(**kwargs)
        if cell not in self.GATES:
            raise ValueError(f"cell is one of {', '.join(self.GATES)}; got {cell!r}.")
        self.units = units
        self.cell = cell
        self.state_parts = 2 if cell == "lstm" else 1
        self.projection_size = self.GATES[cell] * units

    def build(self, input_shape):
        wide = self.projection_size
        self.kernel = self.add_weight("kernel", [input_shape[-1], wide])
        self.recurrent_kernel = self.add_weight(
            "recurrent_kernel", [self.units, wide], initializer="orthogonal"
        )
        # The bias of an LSTM's forget gate starts at one: it begins by remembering.
        start = "zeros" if self.cell == "gru" else self._remembering
        shape = [2, wide] if self.cell == "gru" else [wide]
        self.bias = self.add_weight("bias", shape, initializer=start)
        super().build(input_shape)

    def call(
        self,
        inputs,
        state: Optional[tuple] = None,
        mask=None,
        reverse: bool = False,
        projected: bool = False,
    ):
        steps = inputs if projected else self.project(inputs)
        if state is None:
            state = self.initial_state(tf.shape(steps)[0], steps.dtype)
        length = tf.shape(steps)[1]
        # Arrays, because the gradient of an index into a tensor is as large as the tensor.
        given = _array(steps, length)
        masks = None if mask is None else _array(tf.cast(mask, tf.bool)[..., tf.newaxis], length)
        written = tf.TensorArray(steps.dtype, length, element_shape=state[0].shape)

        def advance(index, written, state):
            position = length - 1 - index if reverse else index
            new = self.step(given.read(position), state)
            if masks is not None:
                count = masks.read(position)
                new = tuple(tf.where(count, after, before) for after, before in zip(new, state))
            new = tuple(tf.ensure_shape(after, before.shape) for after, before in zip(new, state))
            return index + 1, written.write(position, new[0]), new

        _, written, state = tf.while_loop(
            lambda index, *_: index < length,
            advance,
            (tf.constant(0), written, tuple(state)),
            maximum_iterations=length,
        )
        states = tf.transpose(written.stack(), [1, 0, 2])
        return tf.ensure_shape(states, [*steps.shape[:2], self.units]), state

    def project(self, x) -> tf.Tensor:
        """p of inputs [..., size], [..., gates * units]."""
        bias = self.bias[0] if self.cell == "gru" else self.bias
        return tf.matmul(x, tf.cast(self.kernel, x.dtype)) + tf.cast(bias, x.dtype)

    def step(self, projected, state: tuple) -> Tuple[tf.Tensor, ...]:
        """The state after one step, from p [batch, gates * units] and the state before it."""
        h = state[0]
        inner = tf.matmul(h, tf.cast(self.recurrent_kernel, h.dtype))
        if self.cell == "gru":
            inner += tf.cast(self.bias[1], h.dtype)
            own, given = tf.split(inner, 3, -1), tf.split(projected, 3, -1)
            z, r = tf.sigmoid(given[0] + own[0]), tf.sigmoid(given[1] + own[1])
            new = tf.tanh(given[2] + r * own[2])
            return (new + z * (h - new),)
        i, f, c, o = tf.split(projected + inner, 4, -1)
        c = tf.sigmoid(f) * state[1] + tf.sigmoid(i) * tf.tanh(c)
        return tf.sigmoid(o) * tf.tanh(c), c

    def initial_state(self, batch_size, dtype=None) -> Tuple[tf.Tensor, ...]:
        """Zeros, a tuple of [batch, units]."""
        zeros = tf.zeros([batch_size, self.units], dtype or self.compute_dtype)
        return (zeros,) * self.state_parts

    def _remembering(self, shape, dtype=None):
        units = self.units
        return tf.concat([tf.zeros([units]), tf.ones([units]), tf.zeros([2 * units])], 0)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "cell": self.cell}


def _array(x, length):
    """[batch, length, ...] as an array of `length` tensors."""
    array = tf.TensorArray(x.dtype, length, element_shape=[x.shape[0], *x.shape[2:]])
    return array.unstack(tf.transpose(x, [1, 0, 2]))
