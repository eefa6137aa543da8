"""The gated PixelCNN in the order in which an image is drawn."""

from __future__ import annotations

from typing import Any, Tuple

import tensorflow as tf

from tfgen.layers.frozen_convolution import zeros_array
from tfgen.layers.gated_pixel_layer import gate

__all__ = ["GatedPixelCNNSteps"]


class GatedPixelCNNSteps:
    """The network for images of one width, row by row and pixel by pixel (`sample_pixels`).

    At the start of a row the vertical stack is computed for the row, with its share in the
    horizontal one. A pixel then takes two products of a vector and a matrix for each layer.

    Args:
      network: a `GatedPixelCNN`.
      batch, width: of the images.
      given: maps of the conditioning for each layer, or None.
    """

    def __init__(self, network, batch, width: int, given):
        self._batch = batch
        self._width = width
        self._input_size = network.input_size
        self._filters = network.filters
        self._layers = [_FrozenLayer(layer) for layer in network.stack]
        self._hidden = network.hidden.frozen()
        self._head = network.head.frozen()
        self._given = given
        # How many pixels to the left the first layer and the others see.
        self._first_reach = self._layers[0].horizontal.width
        self._reach = self._layers[-1].horizontal.width - 1 if len(self._layers) > 1 else 0

    def initial(self) -> Tuple[Any, Any]:
        """The states before the first row: of rows, and of pixels.

        Of rows: the rows that each layer of the vertical stack still sees, and the contexts of the
        pixels of the row, [W, B, channels]. Of pixels: the drawn ones, and the inputs of the
        layers of the horizontal stack at them, with zeros to the left of the first.
        """
        windows = []
        for index, layer in enumerate(self._layers):
            rows = layer.vertical.height - int(index > 0)
            shape = [self._batch, rows, self._width, layer.vertical.input_size]
            windows.append(tf.zeros(shape))
        contexts = tf.zeros([self._width, self._batch, 2 * self._filters * len(self._layers)])
        inputs = zeros_array([self._first_reach + self._width, self._batch, self._input_size + 1])
        records = ()
        if self._reach:
            channels = self._filters * (len(self._layers) - 1)
            records = zeros_array([self._reach + self._width, self._batch, channels])
        return (tuple(windows), contexts), (inputs, records)

    def start_row(self, row: tf.Tensor, row_state, pixel_state):
        """The row state for this row, from the states after the row above."""
        windows, _ = row_state
        newest = pixel_state[0].stack()[self._first_reach :]
        x = tf.transpose(newest, [1, 0, 2])
        kept, contexts = [], []
        for index, layer in enumerate(self._layers):
            given = None if self._given is None else _row_of(self._given[index], row)
            window = tf.concat([windows[index], x[:, tf.newaxis]], axis=1)
            # The first layer does not see its own row; what is newest is the row above.
            x, context = layer.row(window[:, 1:] if index == 0 else window, given)
            kept.append(window[:, 1:])
            contexts.append(context)
        contexts = tf.transpose(tf.concat(contexts, axis=-1), [1, 0, 2])
        return tuple(kept), contexts

    def pixel(self, row: tf.Tensor, column: tf.Tensor, row_state, pixel_state):
        """Outputs [B, output size] at a pixel, and the pixel state after it."""
        del row
        inputs, records = pixel_state
        contexts = tf.split(row_state[1][column], len(self._layers), axis=-1)
        first = [inputs.read(column + offset) for offset in range(self._first_reach)]
        left = [
            tf.split(records.read(column + offset), len(self._layers) - 1, axis=-1)
            for offset in range(self._reach)
        ]
        h = self._layers[0].pixel(first, contexts[0])
        record = []
        for index, layer in enumerate(self._layers[1:]):
            record.append(h)
            h += layer.pixel([pixel[index] for pixel in left] + [h], contexts[1 + index])
        if self._reach:
            records = records.write(column + self._reach, tf.concat(record, axis=-1))
        h = tf.matmul(tf.nn.relu(h), self._hidden.here) + self._hidden.bias
        outputs = tf.matmul(tf.nn.relu(h), self._head.here) + self._head.bias
        return outputs, (inputs, records)

    def put(self, column: tf.Tensor, pixel: tf.Tensor, pixel_state):
        """The pixel state with a drawn pixel, [B, input size]."""
        inputs, records = pixel_state
        pixel = tf.concat([pixel, tf.ones_like(pixel[:, :1])], axis=-1)
        return inputs.write(column + self._first_reach, pixel), records

    def drawn_row(self, pixel_state) -> tf.Tensor:
        """Pixels of the row that is drawn, [W, B, input size]."""
        return pixel_state[0].stack()[self._first_reach :, :, :-1]


class _FrozenLayer:
    """A `GatedPixelLayer` with its kernels computed once."""

    def __init__(self, layer):
        self.vertical = layer.vertical.frozen()
        self.horizontal = layer.horizontal.frozen()
        self._link = layer.link.frozen()
        self._output = layer.output_layer.frozen()
        self._given = [convolution.frozen() for convolution in layer.given]

    def row(self, window, given):
        """v, [B, W, filters], and what is known of h', [B, W, 2 filters]."""
        vertical = self.vertical.row(window)
        if self._given:
            vertical += self._given[0].each(given)
        context = self._link.each(vertical) + self.horizontal.bias
        if self._given:
            context += self._given[1].each(given)
        return gate(vertical), context

    def pixel(self, inputs, context):
        """conv_1x1(gate(h')) of inputs at the pixels that it sees, [B, channels] each."""
        h = tf.matmul(tf.concat(inputs, axis=-1), self.horizontal.here) + context
        return tf.matmul(gate(h), self._output.here) + self._output.bias


def _row_of(maps, row):
    return maps[:, 0] if maps.shape[1] == 1 else maps[:, row]
