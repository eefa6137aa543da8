"""Convolutions that are autoregressive over pixels and channels, and the network of a flow."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import tensorflow as tf

from tfgen.layers.frozen_convolution import FrozenConvolution
from tfgen.layers.weight_normalised_convolution import WeightNormalisedConvolution

__all__ = ["MaskedConvolution", "MaskedConvolutions"]


class MaskedConvolution(WeightNormalisedConvolution):
    """A convolution whose output for a channel of a pixel sees earlier ones alone.

    The channels of its maps are in groups, one for each channel of the image z whose order counts.
    Earlier are all groups of the rows above and of the pixels to the left, and the groups before
    the own one of the own pixel; with `strict=False` the own group too. A network whose first
    layer is strict and whose others are not is autoregressive in z; of a single pixel and with a
    kernel of 1 it is a MADE.

    ```python
    convolution = MaskedConvolution(groups=4, input_factor=1, output_factor=8, strict=True)
    convolution(tf.ones([2, 6, 6, 4]))  # [2, 6, 6, 32]
    ```

    Weights are normalised after the mask. See `WeightNormalisedConvolution` for the rest.

    #### References
    [1]: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu. Pixel Recurrent Neural Networks. ICML
         2016. Section 3.4.
    [2]: M. Germain, K. Gregor, I. Murray, H. Larochelle. MADE. ICML 2015. Section 3.
    """

    def __init__(
        self,
        groups: int,
        input_factor: int,
        output_factor: int,
        kernel_size: int = 3,
        strict: bool = False,
        initial_scale: float = 1.0,
        **kwargs,
    ):
        """Makes the layer and its variables.

        Args:
          groups: channels of z.
          input_factor, output_factor: channels of input and output for each of these; those of a
            group are neighbours.
          kernel_size: odd.
          strict: whether the own group is left out.
          initial_scale: standard deviation of the output after the initialisation.
          **kwargs: name and dtype (or policy), as in every Keras layer.
        """
        super().__init__(
            groups * input_factor,
            groups * output_factor,
            kernel_size,
            initial_scale=initial_scale,
            **kwargs,
        )
        self.groups = groups
        self.input_factor = input_factor
        self.output_factor = output_factor
        self.strict = strict
        middle = kernel_size // 2
        mask = np.zeros(self.direction.shape, np.float32)
        mask[:middle] = mask[middle, :middle] = 1.0
        ahead = np.repeat(np.arange(groups), output_factor)
        behind = np.repeat(np.arange(groups), input_factor)[:, np.newaxis]
        mask[middle, middle] = behind < ahead if strict else behind <= ahead
        self._mask = mask

    def frozen(self) -> FrozenConvolution:
        raise TypeError(f"{self.name} works on whole images, not pixel by pixel.")

    def _kernel(self, scale):
        return tf.nn.l2_normalize(self.direction * self._mask, axis=[0, 1, 2]) * scale

    def get_config(self):
        return {
            **tf.keras.layers.Layer.get_config(self),
            "groups": self.groups,
            "input_factor": self.input_factor,
            "output_factor": self.output_factor,
            "kernel_size": self.kernel_size[0],
            "strict": self.strict,
            "initial_scale": self.initial_scale,
        }


class MaskedConvolutions(tf.keras.layers.Layer):
    """Two numbers for every channel of every pixel of z, from the earlier ones and a context.

        h_1 = elu(masked(z) + c),   h_k = elu(masked(h_{k-1})),   a, b = masked(h_n)

    Every masked convolution (`MaskedConvolution`) sees earlier pixels and channels alone, the
    first without the own one. The context c enters at each pixel as it is: what it is made of may
    see all pixels.

    ```python
    network = MaskedConvolutions(channels=4, factor=8)
    a, b = network(tf.zeros([2, 6, 6, 4]), conditioning=tf.zeros([2, 6, 6, 32]))  # [2, 6, 6, 4]
    ```

    Args:
      channels: of z.
      factor: channels of the hidden layers and of the context for each channel of z.
      layers: hidden layers, n.
      kernel_size: odd; 1 for vectors, which are images of one pixel.
      **kwargs: name and dtype (or policy), as in every Keras layer.

    Call arguments:
      inputs: z, [B, H, W, channels].
      conditioning: c, [B, H, W, channels * factor].
      training, seed: not used, for there is no dropout.

    Returns:
      a, b: [B, H, W, channels] each in the variable dtype, near 0 at first.

    #### References
    [1]: D. Kingma, T. Salimans, R. Jozefowicz, X. Chen, I. Sutskever, M. Welling. Improving
         Variational Inference with Inverse Autoregressive Flow. NeurIPS 2016. Appendix C.
    """

    def __init__(
        self, channels: int, factor: int = 5, layers: int = 2, kernel_size: int = 3, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        if layers < 1:
            raise ValueError(f"A network has one hidden layer at least; got layers={layers}.")
        self.channels = channels
        self.conditioning_size = channels * factor
        self.factor = factor
        self.layers = layers
        self.kernel_size = kernel_size
        policy = {"dtype": self.dtype_policy}
        self.hidden = [
            MaskedConvolution(
                channels, factor if index else 1, factor, kernel_size, strict=index == 0, **policy
            )
            for index in range(layers)
        ]
        self.head = MaskedConvolution(channels, factor, 2, kernel_size, initial_scale=0.1, **policy)
        self.built = True

    def call(
        self, inputs: tf.Tensor, conditioning: tf.Tensor, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        h = inputs
        for index, layer in enumerate(self.hidden):
            h = layer(h)
            h = tf.nn.elu(h if index else h + tf.cast(conditioning, h.dtype))
        outputs = tf.cast(self.head(h), self.variable_dtype)
        return outputs[..., ::2], outputs[..., 1::2]

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "factor": self.factor,
            "layers": self.layers,
            "kernel_size": self.kernel_size,
        }
