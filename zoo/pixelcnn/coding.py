"""A PixelCNN in the order in which a codec tells an image: pixel by pixel, channel by channel."""

from __future__ import annotations

from typing import Callable, List, Tuple

import tensorflow as tf

from tfgen.codec import MixtureDigits
from tfgen.distributions import DiscretisedLogisticMixture
from zoo.pixelcnn.config import PixelCNNConfig

__all__ = ["PixelCNNCoder"]


class PixelCNNCoder:
    """A `tfgen.codec.SymbolCoder` of a PixelCNN without classes and conditioning, of one part.

    A step is one digit of a pixel (`tfgen.codec.MixtureDigits`). What the network keeps of earlier
    rows and pixels, as in `tfgen.layers.sample_pixels`, is the coder's state, so that a pixel costs
    what it costs in a sample, and the copying of the state.

    Args:
      network: a `PixelCNNPlusPlus` or `GatedPixelCNN`.
      mixture: outputs [B, 1, 1, P] of the network -> the distribution of a pixel.
      inputs: pixels [B, C], uint8 -> as the network takes them.
      config: sizes.
    """

    def __init__(
        self,
        network: tf.keras.layers.Layer,
        mixture: Callable[[tf.Tensor], DiscretisedLogisticMixture],
        inputs: Callable[[tf.Tensor], tf.Tensor],
        config: PixelCNNConfig,
    ):
        self._network = network
        self._mixture = mixture
        self._inputs = inputs
        self._size = config.image_size
        self._digits = MixtureDigits(config.channels, config.mixtures, config.values)
        self.values = config.values
        self.alphabet = self._digits.alphabet
        self.image_shape: List[int] = [self._size, self._size, config.channels]
        self.size = self._size**2 * self._digits.count
        self.parts = [self]
        # Of every tensor and array of the state: its shape without the batch, and the batch's axis.
        one, two = (
            [_as_tensor(leaf).shape.as_list() for leaf in tf.nest.flatten(self._initial(batch))]
            for batch in (1, 2)
        )
        self._layout = []
        for shape, other in zip(one, two):
            axis = [size != larger for size, larger in zip(shape, other)].index(True)
            self._layout.append((axis, shape[:axis] + shape[axis + 1 :]))

    def symbols(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 [B, H, W, C] -> uint8 [B, N], N digits."""
        return tf.reshape(self._digits.split(images), [-1, self.size])

    def images(self, symbols: tf.Tensor) -> tf.Tensor:
        """uint8 [B, N] -> uint8 [B, H, W, C]."""
        shape = [-1, *self.image_shape[:2], self._digits.count]
        return self._digits.join(tf.reshape(symbols, shape))

    def table(
        self, symbols: tf.Tensor, step: tf.Tensor, state: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Probabilities of the digit of a step, see `tfgen.codec.SymbolPart`.

        The state is [packed mixture of the pixel, state of the network after it].
        """
        digits = self._digits
        told = tf.reshape(symbols, [-1, self._size**2, digits.count])
        index, digit = step // digits.count, step % digits.count
        state = tf.cond(
            digit > 0,
            lambda: state,
            lambda: self._next_pixel(digits.join(told), index, state),
        )
        packed = tf.reshape(state[:, : digits.parameters], [-1, 1, digits.parameters])
        return digits.table(packed, told[:, index, tf.newaxis], digit), state

    def _next_pixel(self, pixels, index, state):
        """The state of a pixel from that of the one before, which is told by now and enters it."""
        row, column = index // self._size, index % self._size
        steps = self._steps(tf.shape(pixels)[0])
        before = tf.cond(
            index > 0,
            lambda: state[:, self._digits.parameters :],
            lambda: self._pack(steps.initial()),
        )
        row_state, pixel_state = self._unpack(before, steps.initial())

        def put():
            told = self._inputs(pixels[:, index - 1])
            return steps.put((index - 1) % self._size, told, pixel_state)

        pixel_state = tf.cond(index > 0, put, lambda: pixel_state)
        row_state = tf.cond(
            column > 0,
            lambda: row_state,
            lambda: steps.start_row(row, row_state, pixel_state),
        )
        outputs, pixel_state = steps.pixel(row, column, row_state, pixel_state)
        mixture = self._mixture(outputs[:, tf.newaxis, tf.newaxis])
        packed = tf.reshape(self._digits.pack(mixture), [-1, self._digits.parameters])
        return tf.concat([packed, self._pack((row_state, pixel_state))], axis=1)

    def _steps(self, batch):
        return self._network.steps(batch, self._size, self._size, None)

    def _initial(self, batch):
        return self._steps(batch).initial()

    def _pack(self, states):
        """The states of rows and of pixels as [B, numbers]."""
        flat = []
        for leaf, (axis, shape) in zip(tf.nest.flatten(states), self._layout):
            tensor = _moved(_as_tensor(leaf), axis, 0, len(shape) + 1)
            flat.append(
                tf.reshape(tensor, [tf.shape(tensor)[0], tf.TensorShape(shape).num_elements()])
            )
        return tf.concat(flat, axis=1)

    def _unpack(self, packed, like):
        """The states of [B, numbers], in the structure of others."""
        sizes = [tf.TensorShape(shape).num_elements() for _, shape in self._layout]
        leaves = []
        parts = tf.split(packed, sizes, axis=1)
        for part, leaf, (axis, shape) in zip(parts, tf.nest.flatten(like), self._layout):
            tensor = _moved(tf.reshape(part, [-1, *shape]), 0, axis, len(shape) + 1)
            leaves.append(leaf.unstack(tensor) if isinstance(leaf, tf.TensorArray) else tensor)
        return tf.nest.pack_sequence_as(like, leaves)


def _as_tensor(leaf):
    return leaf.stack() if isinstance(leaf, tf.TensorArray) else leaf


def _moved(tensor, source, target, rank):
    """The tensor with one of its axes at another place."""
    axes = [axis for axis in range(rank) if axis != source]
    axes.insert(target, source)
    return tf.transpose(tensor, axes)
