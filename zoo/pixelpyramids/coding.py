"""PixelPyramids in the order in which a codec tells an image, from coarse to fine."""

from __future__ import annotations

from typing import Callable, List, Sequence

import tensorflow as tf

from tfgen.codec import MixtureDigits
from zoo.pixelpyramids.coarsest import CoarsestImage
from zoo.pixelpyramids.fine_level import FineLevel
from zoo.pixelpyramids.sub_images import join_sub_images, split_sub_images

__all__ = ["PyramidCoder"]


class PyramidCoder:
    """A `tfgen.codec.SymbolCoder` of a `PixelPyramids` model.

    The symbols of an image are the digits (`tfgen.codec.MixtureDigits`) of the numbers of its
    pyramid: the coarsest image pixel by pixel, then F_L .. F_1, each sub-image by sub-image. A part
    is the coarsest image or a level; a step is one digit of a pixel, or of all pixels of a
    sub-image. Features and states of a level stay in the coder's state, so that a sub-image costs
    what it costs in a sample.

    Args:
      model: a `PixelPyramids` whose coarsest image is a `CoarsestImage`.
    """

    def __init__(self, model):
        config = model.config
        self._pyramid = model.pyramid
        self.image_shape: List[int] = model.image_shape
        self.values = config.values
        digits = MixtureDigits(config.channels, config.coarsest.components, config.values)
        self.alphabet = digits.alphabet
        self.parts: List = [_CoarsestPart(model.coarsest, digits)]
        # What the first parts make up, I_L of one part, I_0 of all; a function for each, which the
        # next ones call, so that an export holds it once.
        self._images = [_compiled(self.parts[0].maps, self.parts[0].size)]
        digits = MixtureDigits(config.channels, config.components, config.values)
        for number in range(config.levels, 0, -1):
            level, shape = model.levels[number - 1], config.level_shapes()[number - 1]
            coarse = self._images[-1]
            part = _FinePart(level, shape, digits, coarse, config.as_released)
            self.parts.append(part)
            self._images.append(self._joined(part, coarse, number))

    def symbols(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 [B, H, W, C] -> uint8 [B, N], N digits."""
        maps = self._pyramid.inverse_and_log_det(images)[0]
        parts = [part.symbols(map_) for part, map_ in zip(self.parts, maps)]
        return tf.concat(parts, axis=1)

    def images(self, symbols: tf.Tensor) -> tf.Tensor:
        """uint8 [B, N] -> uint8 [B, H, W, C]."""
        return self._images[-1](symbols)

    def _joined(self, part, coarse, number):
        """The function of symbols up to a part that gives I_{i-1}; i is the number."""
        before = sum(earlier.size for earlier in self.parts[:-1])

        def join(symbols):
            fine = part.maps(symbols[:, before:])
            return self._pyramid.join(coarse(symbols[:, :before]), fine, number)

        return _compiled(join, before + part.size)


def _compiled(function: Callable, size: int):
    specs = [tf.TensorSpec([None, size], tf.uint8)]
    return tf.function(function, input_signature=specs, autograph=False)


class _CoarsestPart:
    """I_L: the network sees all of so small an image, once for every pixel.

    The state of a step is the packed mixture of its pixel.
    """

    def __init__(self, coarsest: CoarsestImage, digits: MixtureDigits):
        self._coarsest = coarsest
        self._digits = digits
        self._side = coarsest.size
        self.size = self._side**2 * digits.count

    def symbols(self, maps):
        return tf.reshape(self._digits.split(maps), [-1, self.size])

    def maps(self, symbols):
        digits = tf.reshape(symbols, [-1, self._side, self._side, self._digits.count])
        return self._digits.join(digits)

    def table(self, symbols, step, state):
        pixel, digit = step // self._digits.count, step % self._digits.count

        def next_pixel():
            packed = self._digits.pack(self._coarsest.distribution(self.maps(symbols)))
            return packed[:, pixel // self._side, pixel % self._side]

        state = tf.cond(digit > 0, lambda: state, next_pixel)
        told = tf.reshape(symbols, [-1, self._side**2, self._digits.count])
        here = told[:, pixel, tf.newaxis]
        return self._digits.table(state[:, tf.newaxis], here, digit), state


class _FinePart:
    """F_i given I_i.

    The state of a step is [packed mixtures of the sub-image, state of the ConvLSTM, features of all
    sub-images].
    """

    def __init__(
        self,
        level: FineLevel,
        shape: Sequence[int],
        digits: MixtureDigits,
        coarse: Callable[[tf.Tensor], tf.Tensor],
        batch_statistics: bool,
    ):
        self._level = level
        self._digits = digits
        self._coarse = coarse
        self._statistics = batch_statistics
        side = 2**level.squeezes
        self._maps = [shape[0] // side, shape[1] // side]
        self._pixels = self._maps[0] * self._maps[1]
        self.size = shape[0] * shape[1] * digits.count

    def symbols(self, maps):
        # Squeezes work on floats, which hold these integers exactly.
        sequence = tf.cast(self._digits.split(maps), tf.float32)
        sequence = split_sub_images(sequence, self._level.squeezes)
        sequence = tf.transpose(sequence, [1, 0, 4, 2, 3])
        return tf.cast(tf.reshape(sequence, [-1, self.size]), tf.uint8)

    def maps(self, symbols):
        shape = [-1, self._level.sequential_steps, self._digits.count, *self._maps]
        sequence = tf.transpose(tf.reshape(symbols, shape), [1, 0, 3, 4, 2])
        sequence = tf.cast(self._digits.join(sequence), tf.float32)
        return tf.cast(join_sub_images(sequence, self._level.squeezes), tf.uint8)

    def table(self, symbols, step, state):
        level, digits = self._level, self._digits
        index, digit = step // digits.count, step % digits.count
        told = tf.reshape(
            symbols[:, -self.size :], [-1, level.sequential_steps, digits.count, self._pixels]
        )

        def begin():
            coarse = self._coarse(symbols[:, : -self.size])
            features = level.features(coarse, False, self._statistics)
            outputs, hidden = level.step(features[0], None, None)
            return self._pack(outputs, hidden, tf.transpose(features, [1, 0, 2, 3, 4]))

        def go_on():
            hidden, features = self._unpack(state)
            previous = digits.join(tf.transpose(told[:, index - 1], [0, 2, 1]))
            previous = tf.reshape(previous, [-1, *self._maps, level.channels])
            outputs, hidden = level.step(features[:, index], previous, hidden)
            return self._pack(outputs, hidden, features)

        case = tf.where(digit > 0, 2, tf.where(index > 0, 1, 0))
        state = tf.switch_case(case, [begin, go_on, lambda: state])
        packed = tf.reshape(
            state[:, : self._pixels * digits.parameters], [-1, self._pixels, digits.parameters]
        )
        here = tf.transpose(told[:, index], [0, 2, 1])
        return digits.table(packed, here, digit), state

    def _pack(self, outputs, hidden, features):
        parts = [self._digits.pack(self._level.distribution(outputs))]
        parts += [*tf.nest.flatten(hidden), features]
        count = tf.shape(outputs)[0]
        return tf.concat([tf.cast(tf.reshape(x, [count, -1]), tf.float32) for x in parts], axis=1)

    def _unpack(self, state):
        """State of the ConvLSTM and features [B, 4^n, h, w, features]."""
        level, pixels = self._level, self._pixels
        filters, layers = level.recurrence.filters, level.recurrence.layers
        features = level.recurrence.input_channels - level.channels
        sizes = [self._digits.parameters * pixels, *[filters * pixels] * (2 * layers)]
        sizes.append(level.sequential_steps * pixels * features)
        _, *hidden, maps = tf.split(state, sizes, axis=1)
        dtype = level.compute_dtype
        hidden = [tf.cast(tf.reshape(h, [-1, *self._maps, filters]), dtype) for h in hidden]
        maps = tf.reshape(maps, [-1, level.sequential_steps, *self._maps, features])
        return tuple(zip(hidden[::2], hidden[1::2])), tf.cast(maps, dtype)
