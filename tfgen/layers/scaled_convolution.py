"""Convolutions with a bias and a scale for each channel, folded into the kernel."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

from tfgen.bijectors.conditioning import checked_conditioning
from tfgen.initialisation import initialising, standardise

__all__ = ["NormalisedConvolution", "ZeroConvolution"]


class _ScaledConvolution(tf.keras.layers.Layer):
    """(conv(x) + bias) * exp(factor * log_scale), all variables made in the constructor."""

    def __init__(self, input_size, output_size, kernel_size, initializer, **kwargs):
        super().__init__(autocast=False, **kwargs)
        for argument, size in (("input_size", input_size), ("output_size", output_size)):
            if size < 1:
                raise ValueError(f"{argument} is one at least; got {size}.")
        self.input_size = input_size
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.kernel = self._weight(
            "kernel", [kernel_size, kernel_size, input_size, output_size], initializer
        )
        self.bias = self._weight("bias", [output_size])
        self.log_scale = self._weight("log_scale", [output_size])
        self.built = True

    def _weight(self, name, shape, initializer="zeros"):
        # Folding wants full precision: no casts of variables under a mixed policy.
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, experimental_autocast=False
        )

    def _convolve(self, inputs, scale=1.0):
        kernel = tf.cast(self.kernel * scale, inputs.dtype)
        return tf.nn.conv2d(inputs, kernel, strides=1, padding="SAME")

    def get_config(self):
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "output_size": self.output_size,
            "kernel_size": self.kernel_size,
        }


class NormalisedConvolution(_ScaledConvolution):
    """A convolution and an activation normalisation in one.

        y = (conv(x) + W c + bias) * exp(log_scale)

    with a bias and a log-scale for each channel, and an optional conditioning c that enters at
    each position by itself: a map of the size of the image, or one vector for the whole image.
    Within `data_dependent_initialisation` bias and log-scale set themselves so that every channel
    of y has mean 0 and variance 1 on that batch.

    Scale and bias are folded into the kernels and the bias of the convolution: a few thousand
    numbers are multiplied instead of every activation.

    Args:
      input_size: channels of x.
      output_size: channels of y.
      kernel_size: of the convolution, odd.
      conditioning_size: channels of c, None for a layer without.
      **kwargs: name and dtype (or policy), as in every Keras layer.

    Call arguments:
      inputs: [B, H, W, input_size].
      conditioning: [B, conditioning_size] or [B, H, W, conditioning_size].

    Returns:
      y, [B, H, W, output_size], in the compute dtype of the policy.

    #### References
    [1]: D. P. Kingma, P. Dhariwal. Glow: Generative Flow with Invertible 1x1 Convolutions.
         NeurIPS 2018. Section 3.1, and the released code for the kernels, N(0, 0.05^2).
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        kernel_size: int = 3,
        conditioning_size: Optional[int] = None,
        **kwargs,
    ):
        normal = tf.keras.initializers.RandomNormal
        super().__init__(input_size, output_size, kernel_size, normal(stddev=0.05), **kwargs)
        self.conditioning_size = conditioning_size
        self.conditioning_kernel = None
        if conditioning_size is not None:
            self.conditioning_kernel = self._weight(
                "conditioning_kernel", [conditioning_size, output_size], normal(stddev=0.05)
            )

    def call(self, inputs: tf.Tensor, conditioning: Optional[tf.Tensor] = None) -> tf.Tensor:
        inputs = tf.cast(inputs, self.compute_dtype)
        conditioning = checked_conditioning(
            self.name, conditioning, self.conditioning_size, inputs.dtype, "B, (H, W,)"
        )
        if initialising():
            plain = self._linear(inputs, conditioning, 1.0)
            standardise(plain, self.bias, self.log_scale, self.name)
        scale = tf.exp(self.log_scale)
        result = self._linear(inputs, conditioning, scale)
        return tf.nn.bias_add(result, tf.cast(self.bias * scale, result.dtype))

    def _linear(self, inputs, conditioning, scale):
        result = self._convolve(inputs, scale)
        if conditioning is None:
            return result
        added = tf.matmul(conditioning, tf.cast(self.conditioning_kernel * scale, result.dtype))
        return result + (added[:, tf.newaxis, tf.newaxis] if added.shape.rank == 2 else added)

    def get_config(self):
        return {**super().get_config(), "conditioning_size": self.conditioning_size}


class ZeroConvolution(_ScaledConvolution):
    """A convolution that starts at zero: the last layer of networks inside flows and priors.

        y = (conv(x) + bias) * exp(3 log_scale)

    with kernel, bias and log-scale of zeros at first. The factor 3 makes the scales learn faster.

    ```python
    ZeroConvolution(6, 12)(tf.ones([2, 8, 8, 6]))  # [2, 8, 8, 12], zeros
    ```

    Args:
      input_size: channels of x.
      output_size: channels of y.
      kernel_size: of the convolution, odd.
      **kwargs: name and dtype (or policy), as in every Keras layer.

    Call arguments:
      inputs: [B, H, W, input_size].
      conditioning, training, seed: not used; every network inside a flow takes them.

    Returns:
      y, [B, H, W, output_size], in the variable dtype: float32 under a mixed policy.

    #### References
    [1]: D. P. Kingma, P. Dhariwal. Glow: Generative Flow with Invertible 1x1 Convolutions.
         NeurIPS 2018. Section 3.3, and the released code for the scale.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        kernel_size: int = 3,
        **kwargs,
    ):
        super().__init__(input_size, output_size, kernel_size, "zeros", **kwargs)

    def call(
        self, inputs: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> tf.Tensor:
        scale = tf.exp(3.0 * self.log_scale)
        result = self._convolve(tf.cast(inputs, self.compute_dtype), scale)
        return tf.nn.bias_add(tf.cast(result, self.variable_dtype), self.bias * scale)
