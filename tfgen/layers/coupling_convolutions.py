"""The convolutional network inside couplings of images, as in Glow."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

from tfgen.layers.scaled_convolution import NormalisedConvolution, ZeroConvolution

__all__ = ["CouplingConvolutions"]


class CouplingConvolutions(tf.keras.layers.Layer):
    """Three convolutions, 3x3, 1x1 and 3x3, the first two with activation normalisation.

        h1 = relu((conv3x3(x) + W c + bias1) * exp(log_scale1))
        h2 = relu((conv1x1(h1) + bias2) * exp(log_scale2))
        output = (conv3x3(h2) + bias3) * exp(3 log_scale3)

    with a bias and a log-scale for each channel (`NormalisedConvolution`, `ZeroConvolution`). The
    optional conditioning c is a map of the size of the image or one vector for the whole image.
    The output starts at zero; within `data_dependent_initialisation` what enters each relu is
    standardised on that batch.

    ```python
    network = CouplingConvolutions(input_size=3, output_size=6, filters=32, conditioning_size=2)
    network(tf.zeros([5, 8, 8, 3]), conditioning=tf.ones([5, 2]))  # [5, 8, 8, 6]
    network(tf.zeros([5, 8, 8, 3]), conditioning=tf.ones([5, 8, 8, 2]))  # [5, 8, 8, 6]
    ```

    The convolutions follow the mixed-precision policy; variables and output keep the variable
    dtype, float32 (or float64 for dtype="float64"). All variables exist after construction.

    #### References
    [1]: D. P. Kingma, P. Dhariwal. Glow: Generative Flow with Invertible 1x1 Convolutions.
         NeurIPS 2018. Section 5 and the released code.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        filters: int = 512,
        conditioning_size: Optional[int] = None,
        **kwargs,
    ):
        """Makes the network and its variables.

        Args:
          input_size: channels of the input.
          output_size: channels of the output.
          filters: channels of the two hidden layers. Glow: 512.
          conditioning_size: channels of the conditioning, None for a network without.
          **kwargs: name and dtype (or policy), as in every Keras layer.

        Raises:
          ValueError: a size below one.
        """
        super().__init__(autocast=False, **kwargs)
        self.input_size = input_size
        self.output_size = output_size
        self.filters = filters
        self.conditioning_size = conditioning_size
        policy = self.dtype_policy
        self.first = NormalisedConvolution(
            input_size, filters, 3, conditioning_size, dtype=policy, name="first"
        )
        self.second = NormalisedConvolution(filters, filters, 1, dtype=policy, name="second")
        self.last = ZeroConvolution(filters, output_size, dtype=policy, name="last")
        self.built = True

    def call(
        self,
        inputs: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed=None,
    ) -> tf.Tensor:
        """Output, [B, H, W, output_size].

        Args:
          inputs: [B, H, W, input_size].
          conditioning: [B, conditioning_size] or [B, H, W, conditioning_size]; not read by a
            network without a conditioning_size.
          training, seed: not used, there is no dropout here; every coupling network takes them.

        Raises:
          ValueError: the conditioning is missing, or of another size.
        """
        hidden = tf.nn.relu(self.first(inputs, conditioning=conditioning))
        return self.last(tf.nn.relu(self.second(hidden)))

    def get_config(self):
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "output_size": self.output_size,
            "filters": self.filters,
            "conditioning_size": self.conditioning_size,
        }
