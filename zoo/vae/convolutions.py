"""The convolutions that the networks of a VAE are made of, at any size down to one pixel."""

from __future__ import annotations

from typing import List

import tensorflow as tf

from tfgen.layers import GatedResidual, WeightNormalisedConvolution
from zoo.vae.config import VAEConfig

__all__ = ["Grow", "Shrink", "convolution", "residual_blocks"]


def convolution(
    inputs: int, outputs: int, config: VAEConfig, size: int, initial_scale: float = 1.0, strides=1
) -> WeightNormalisedConvolution:
    """A convolution of maps of a size; of a single pixel it is a dense layer."""
    return WeightNormalisedConvolution(
        inputs, outputs, _kernel(config, size), strides, initial_scale=initial_scale
    )


def residual_blocks(config: VAEConfig, size: int) -> List[GatedResidual]:
    """The residual blocks without latents of a level of a size."""
    return [
        GatedResidual(config.filters, kernel_size=_kernel(config, size))
        for _ in range(config.blocks)
    ]


class Shrink(tf.keras.layers.Layer):
    """[B, H, W, inputs] -> [B, H / stride, W / stride, outputs].

    A convolution with strides where its kernel is larger than these, else one of whole patches.

    Args:
      inputs, outputs: channels.
      stride: factor; 1 is a plain convolution.
      config: for the kernel size.
      size: H.
      initial_scale: standard deviation of the outputs after the initialisation.
    """

    def __init__(
        self, inputs, outputs, stride, config: VAEConfig, size, initial_scale=1.0, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        self.patch = stride if stride >= _kernel(config, size) and stride > 1 else 1
        if self.patch > 1:
            inputs, stride, size = inputs * stride**2, 1, 1
        self.convolution = convolution(inputs, outputs, config, size, initial_scale, stride)
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        if self.patch > 1:
            x = tf.nn.space_to_depth(x, self.patch)
        return self.convolution(x)


class Grow(tf.keras.layers.Layer):
    """[B, h, w, inputs] -> [B, factor h, factor w, outputs]: each pixel becomes a patch.

    Args:
      inputs, outputs: channels.
      factor: 1 is a plain convolution.
      config: for the kernel size.
      size: h.
      initial_scale: standard deviation of the outputs after the initialisation.
    """

    def __init__(
        self, inputs, outputs, factor, config: VAEConfig, size, initial_scale=1.0, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        self.factor = factor
        self.convolution = convolution(inputs, outputs * factor**2, config, size, initial_scale)
        self.built = True

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = self.convolution(x)
        return tf.nn.depth_to_space(x, self.factor) if self.factor > 1 else x


def _kernel(config, size):
    return config.kernel_size if size > 1 else 1
