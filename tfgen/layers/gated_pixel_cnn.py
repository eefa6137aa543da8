"""The gated PixelCNN: a stack of the rows above and a stack of the own row."""

from __future__ import annotations

from typing import Any, Dict, Optional

import tensorflow as tf

from tfgen.layers.gated_pixel_cnn_steps import GatedPixelCNNSteps
from tfgen.layers.gated_pixel_layer import GatedPixelLayer
from tfgen.layers.gated_residual import GatedResidual
from tfgen.layers.pixel_conditioning import PixelConditioning, in_full_precision
from tfgen.layers.weight_normalised_convolution import WeightNormalisedConvolution

__all__ = ["GatedPixelCNN"]


class GatedPixelCNN(tf.keras.layers.Layer):
    """Maps whose value at a pixel is a function of the earlier pixels: rows above, and the left.

        v' = conv(v) + V c                   v_next = gate(v')
        h' = conv(h) + conv_1x1(v') + H c    h_next = h + conv_1x1(gate(h'))
        gate([a, b]) = tanh(a) sigmoid(b)

    The vertical stack v sees the rows above, with kernels of (n + 1) / 2 rows and n columns; the
    horizontal stack h the own row to the left, with kernels of one row. The first layer leaves out
    the own row in v and the own pixel in h, and has no residual connection. All channels of a pixel
    see the same; how they depend on each other is up to the distribution.

    The network may be given a class, or an image of the same size whose pixels it may all see. The
    image goes through as many residual blocks without masks as there are layers, each of which a
    layer sees through 1 x 1 convolutions, c. A class has a vector c that all layers take.

    ```python
    network = GatedPixelCNN(3, 100, filters=8, layers=2)
    network(tf.zeros([2, 5, 7, 3]))  # [2, 5, 7, 100]
    ```

    Convolutions are weight-normalised (those of the paper are not) and set themselves within
    `data_dependent_initialisation`. `tfgen.layers.sample_pixels` draws images with it. All
    variables exist after construction.

    #### References
    [1]: A. van den Oord, N. Kalchbrenner, O. Vinyals, L. Espeholt, A. Graves, K. Kavukcuoglu.
         Conditional Image Generation with PixelCNN Decoders. NeurIPS 2016. Eq. 2 to 4, Figure 2.
    [2]: T. Lucas. Ph.D. thesis. Section 3.5, for images that are given.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        filters: int = 128,
        layers: int = 15,
        kernel_size: int = 5,
        first_kernel_size: int = 7,
        classes: Optional[int] = None,
        conditioning_size: Optional[int] = None,
        **kwargs,
    ):
        """Makes the network and its variables.

        Args:
          input_size: channels of the image.
          output_size: channels of the maps.
          filters: channels of both stacks.
          layers: how many, the first included.
          kernel_size: n, odd.
          first_kernel_size: of the first layer, odd and 3 or more.
          classes: number of classes, None for a network without.
          conditioning_size: channels of an image that is given, None for a network without.
          **kwargs: name and dtype (or policy), as in every Keras layer.

        Raises:
          ValueError: no layer, kernels that are not odd, or both classes and an image.
        """
        super().__init__(autocast=False, **kwargs)
        if layers < 1:
            raise ValueError(f"A GatedPixelCNN has one layer at least; got layers={layers}.")
        if kernel_size % 2 == 0 or first_kernel_size % 2 == 0 or first_kernel_size < 3:
            raise ValueError(
                "Kernels are odd, and the first is 3 or more; got "
                f"kernel_size={kernel_size} and first_kernel_size={first_kernel_size}."
            )
        self.input_size = input_size
        self.output_size = output_size
        self.filters = filters
        self.layers = layers
        self.kernel_size = kernel_size
        self.first_kernel_size = first_kernel_size
        self.classes = classes
        self.conditioning_size = conditioning_size
        self.conditioning = None
        conditional = classes is not None or conditioning_size is not None
        if conditional:
            stack = None
            if conditioning_size is not None:
                stack = _ImageStack(filters, layers, dtype=self.dtype_policy)
            self.conditioning = PixelConditioning(
                filters, classes, conditioning_size, stack, dtype=self.dtype_policy
            )
        self.stack = [
            GatedPixelLayer(
                # One channel more, of ones: it tells the zeros outside from those within.
                filters if index else input_size + 1,
                filters,
                kernel_size if index else first_kernel_size,
                first=index == 0,
                conditional=conditional,
                dtype=self.dtype_policy,
            )
            for index in range(layers)
        ]
        self.hidden = WeightNormalisedConvolution(filters, filters, dtype=self.dtype_policy)
        self.head = WeightNormalisedConvolution(filters, output_size, dtype=self.dtype_policy)
        self.built = True

    def call(
        self,
        inputs: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed: Optional[tf.Tensor] = None,
    ) -> tf.Tensor:
        """All pixels of given images at once.

        Args:
          inputs: [B, H, W, input_size], best in [-1, 1].
          conditioning: classes, integers [B], or an image [B, H, W, conditioning_size].
          training, seed: not used, for there is no dropout.

        Returns:
          [B, H, W, output_size] in the variable dtype.
        """
        if inputs.shape[-1] != self.input_size:
            raise ValueError(
                f"{self.name} takes images [B, H, W, {self.input_size}]; got {inputs.shape}."
            )
        given = self.given(conditioning)
        x = tf.cast(inputs, self.compute_dtype)
        v = h = tf.concat([x, tf.ones_like(x[..., :1])], axis=-1)
        for index, layer in enumerate(self.stack):
            v, h = layer(v, h, None if given is None else given[index])
        h = self.hidden(tf.nn.relu(h))
        return tf.cast(self.head(tf.nn.relu(h)), self.variable_dtype)

    def given(self, conditioning) -> Optional[Dict[int, tf.Tensor]]:
        """What each layer takes of the conditioning, or None."""
        if self.conditioning is None:
            if conditioning is not None:
                raise ValueError(
                    f"{self.name} was made without classes and conditioning_size, so pass no "
                    f"conditioning; got one of shape {conditioning.shape}."
                )
            return None
        maps = self.conditioning(conditioning)
        return maps if isinstance(maps, dict) else dict.fromkeys(range(self.layers), maps)

    def steps(self, batch, height: int, width: int, conditioning=None) -> GatedPixelCNNSteps:
        """The network in the order in which an image is drawn, see `sample_pixels`."""
        del height
        given = in_full_precision(self.given(conditioning))
        return GatedPixelCNNSteps(self, batch, width, given)

    def get_config(self):
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "output_size": self.output_size,
            "filters": self.filters,
            "layers": self.layers,
            "kernel_size": self.kernel_size,
            "first_kernel_size": self.first_kernel_size,
            "classes": self.classes,
            "conditioning_size": self.conditioning_size,
        }


class _ImageStack(tf.keras.layers.Layer):
    """Residual blocks without masks: maps -> the last, and a dict of the outputs of all."""

    def __init__(self, filters: int, layers: int, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.blocks = [GatedResidual(filters, dtype=self.dtype_policy) for _ in range(layers)]
        self.built = True

    def call(self, x, training: bool = False, seed: Any = None):
        del training, seed  # There is no dropout.
        outputs = {}
        for index, block in enumerate(self.blocks):
            outputs[index] = x = block(x)
        return x, outputs
