"""Convolutions with normalised weights, of a whole neighbourhood or of earlier pixels alone."""

from __future__ import annotations

from typing import Sequence, Union

import numpy as np
import tensorflow as tf

from tfgen.initialisation import initialising, standardise
from tfgen.layers.frozen_convolution import FrozenConvolution

__all__ = ["WeightNormalisedConvolution", "concat_elu"]

CONTEXTS = ("all", "above", "before")


class WeightNormalisedConvolution(tf.keras.layers.Layer):
    """A convolution whose kernel has a direction and a length of its own for each output.

        y = exp(log_scale) (conv(x; v / |v|) + bias)

    with |v| over all axes of the kernel but the last. The output at a pixel sees, of a kernel of
    h rows and w columns,

        context="all"     the neighbourhood around it
        context="above"   its own row and the h - 1 rows above it, in (w - 1) / 2 columns to the
                          left and to the right
        context="before"  its own row and the h - 1 rows above it, in its own column and the w - 1
                          to the left

    and with `strict` no longer its own row ("above") or column ("before"): everything moves one
    row up or one column to the left. Outside of the image there are zeros. With strides of 2 the
    output at (i, j) is that at (2 i, 2 j) without.

    Within `data_dependent_initialisation` bias and log-scale set themselves so that every channel
    of y has mean 0 and standard deviation `initial_scale` on that batch. (tfa's WeightNormalization
    would set itself in the first call, whichever it is, inside a graph or not.)

    ```python
    convolution = WeightNormalisedConvolution(3, 8, kernel_size=(2, 3), context="above")
    convolution(tf.ones([2, 6, 5, 3]))  # [2, 6, 5, 8]
    ```

    #### References
    [1]: T. Salimans, D. P. Kingma. Weight Normalization. NeurIPS 2016. Sections 2 and 3.
    [2]: A. van den Oord et al. Conditional Image Generation with PixelCNN Decoders. NeurIPS 2016.
         Section 2.2, for contexts by shifts instead of masks.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        kernel_size: Union[int, Sequence[int]] = 1,
        strides: int = 1,
        context: str = "all",
        strict: bool = False,
        initial_scale: float = 1.0,
        **kwargs,
    ):
        """Makes the layer and its variables.

        Args:
          input_size: channels of x.
          output_size: channels of y.
          kernel_size: rows and columns, or one number for both.
          strides: in both directions.
          context: "all", "above" or "before".
          strict: whether the own row or column is left out.
          initial_scale: standard deviation of y after the initialisation.
          **kwargs: name and dtype (or policy), as in every Keras layer.

        Raises:
          ValueError: an unknown context, or a kernel that has no middle where it needs one.
        """
        super().__init__(autocast=False, **kwargs)
        height, width = np.broadcast_to(kernel_size, [2]).tolist()
        if context not in CONTEXTS:
            raise ValueError(f"context is one of {', '.join(CONTEXTS)}; got {context!r}.")
        even = width % 2 == 0 and context != "before" or height % 2 == 0 and context == "all"
        if even or (strict and context == "all"):
            raise ValueError(
                f"A kernel of {height} x {width} (strict={strict}) does not fit context "
                f"{context!r}: sides that reach both ways are odd, and 'all' is never strict."
            )
        self.input_size = input_size
        self.output_size = output_size
        self.kernel_size = (height, width)
        self.strides = strides
        self.context = context
        self.strict = strict
        self.initial_scale = initial_scale
        self.direction = self._weight(
            "direction",
            [height, width, input_size, output_size],
            tf.keras.initializers.RandomNormal(stddev=0.05),
        )
        self.bias = self._weight("bias", [output_size], "zeros")
        log_scale = tf.keras.initializers.Constant(np.log(initial_scale))
        self.log_scale = self._weight("log_scale", [output_size], log_scale)
        self.built = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[B, H, W, input_size] -> [B, H / strides, W / strides, output_size]."""
        inputs = self._padded(tf.cast(inputs, self.compute_dtype))
        if initialising():
            plain = self._convolve(inputs, self._kernel(1.0))
            standardise(plain, self.bias, self.log_scale, self.name)
            self.log_scale.assign(self.log_scale + float(np.log(self.initial_scale)))
        scale = tf.exp(self.log_scale)
        result = self._convolve(inputs, self._kernel(scale))
        return tf.nn.bias_add(result, tf.cast(self.bias * scale, result.dtype))

    def frozen(self) -> FrozenConvolution:
        """The layer with its kernel computed once, for rows and pixels one after the other."""
        scale = tf.exp(self.log_scale)
        return FrozenConvolution(
            tf.convert_to_tensor(self._kernel(scale)),
            self.bias * scale,
            self.strides,
            self.context == "above",
            self.strict,
        )

    def _kernel(self, scale):
        return tf.nn.l2_normalize(self.direction, axis=[0, 1, 2]) * scale

    def _convolve(self, inputs, kernel):
        return tf.nn.conv2d(inputs, tf.cast(kernel, inputs.dtype), self.strides, "VALID")

    def _padded(self, x):
        """x with zeros around, so that a plain convolution of it sees the context."""
        height, width = self.kernel_size
        if self.context == "all":
            return tf.pad(x, [[0, 0], [height // 2] * 2, [width // 2] * 2, [0, 0]])
        up, left, right = height - 1, width // 2, width // 2
        if self.context == "before":
            left, right = width - 1, 0
        if self.strict and self.context == "above":
            x, up = x[:, :-1], up + 1
        elif self.strict:
            x, left = x[:, :, :-1], left + 1
        return tf.pad(x, [[0, 0], [up, 0], [left, right], [0, 0]])

    def _weight(self, name, shape, initializer):
        # Normalisation wants full precision: no casts of variables under a mixed policy.
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, experimental_autocast=False
        )

    def get_config(self):
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "output_size": self.output_size,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "context": self.context,
            "strict": self.strict,
            "initial_scale": self.initial_scale,
        }


def concat_elu(x: tf.Tensor) -> tf.Tensor:
    """[elu(x), elu(-x)] along the last axis, which gets twice as long.

    #### References
    [1]: W. Shang et al. Understanding and Improving Convolutional Neural Networks via Concatenated
         Rectified Linear Units. ICML 2016, with ELU in place of ReLU as in PixelCNN++.
    """
    return tf.nn.elu(tf.concat([x, -x], axis=-1))
