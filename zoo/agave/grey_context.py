"""A PixelCNN that sees of the earlier pixels only how bright they are."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

from tfgen.layers.frozen_convolution import zeros_array
from zoo.agave.auxiliary import luma

__all__ = ["GreyContext"]


class GreyContext(tf.keras.layers.Layer):
    """A causal network of colour images of which it sees the grey values alone.

        outputs_i = network(grey(x_<i), c)

    This restricts a decoder: colours of earlier pixels have to come from the conditioning. How the
    channels of one pixel depend on each other stays up to the distribution.

    Args:
      network: a `PixelCNNPlusPlus` or `GatedPixelCNN` of colour images; one of its settings, but
        of one channel, is made.

    #### References
    [1]: X. Chen et al. Variational Lossy Autoencoder. ICLR 2017. Section 4.3.
    """

    def __init__(self, network: tf.keras.layers.Layer, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.input_size = network.input_size
        self.network = type(network).from_config({**network.get_config(), "input_size": 1})
        self.built = True

    def call(
        self,
        inputs: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed: Optional[tf.Tensor] = None,
    ) -> tf.Tensor:
        return self.network(luma(inputs), conditioning=conditioning, training=training, seed=seed)

    def steps(self, batch, height: int, width: int, conditioning=None) -> "_GreySteps":
        """The network in the order in which an image is drawn, see `sample_pixels`."""
        steps = self.network.steps(batch, height, width, conditioning)
        return _GreySteps(steps, [width, batch, self.input_size])


class _GreySteps:
    """Steps that show a network grey pixels and keep the colours of the row."""

    def __init__(self, steps, row_shape):
        self._steps = steps
        self._row_shape = row_shape

    def initial(self):
        rows, pixels = self._steps.initial()
        return rows, (pixels, zeros_array(self._row_shape))

    def start_row(self, row, row_state, pixel_state):
        return self._steps.start_row(row, row_state, pixel_state[0])

    def pixel(self, row, column, row_state, pixel_state):
        outputs, pixels = self._steps.pixel(row, column, row_state, pixel_state[0])
        return outputs, (pixels, pixel_state[1])

    def put(self, column, pixel, pixel_state):
        pixels, colours = pixel_state
        return self._steps.put(column, luma(pixel), pixels), colours.write(column, pixel)

    def drawn_row(self, pixel_state):
        return pixel_state[1].stack()
