"""Pixels that are mixtures of discretised logistics, told digit by digit."""

from __future__ import annotations

import tensorflow as tf

from tfgen.distributions import DiscretisedLogisticMixture, mixture_channels

__all__ = ["MixtureDigits"]

# Of a digit before the sum is made 1: a digit follows one that float32 gives no probability.
_SMALLEST = 1e-37


class MixtureDigits:
    """The digits of pixels, and their probabilities under a `DiscretisedLogisticMixture`.

    A channel of L > 16 levels is told in two digits, 16 a + b, and one of fewer in one. The first
    digit is an interval of 16 levels, so that two tables of 16 numbers serve where one of L would
    take many times as long. The digits of a pixel are those of red, of green given red, and of
    blue given both.

    ```python
    digits = MixtureDigits(channels=3, components=10, values=256)
    digits.split(tf.constant([[18, 0, 255]], tf.uint8))  # [[1, 2, 0, 0, 15, 15]]
    ```

    Args:
      channels, components: of the mixture.
      values: L, 2 to 256.

    Attributes:
      alphabet: how many values a digit has.
      count: digits of a pixel.
      parameters: numbers of a pixel in a packed mixture.
    """

    def __init__(self, channels: int, components: int, values: int):
        self._channels = channels
        self._components = components
        self._values = values
        self._places = 1 if values <= 16 else 2
        self.alphabet = values if values <= 16 else 16
        self.count = channels * self._places
        self.parameters = mixture_channels(channels, components)
        specs = [
            tf.TensorSpec([None, self.parameters], tf.float32),
            tf.TensorSpec([None, self.count], tf.uint8),
            tf.TensorSpec([], tf.int32),
        ]
        # One function that all steps call, so that an export holds it once.
        self._compiled = tf.function(self._table, input_signature=specs, autograph=False)

    def split(self, pixels: tf.Tensor) -> tf.Tensor:
        """uint8 [..., C] -> digits uint8 [..., count]."""
        if self._places == 1:
            return pixels
        digits = tf.stack([pixels // 16, pixels % 16], axis=-1)
        return tf.reshape(digits, tf.concat([tf.shape(pixels)[:-1], [self.count]], 0))

    def join(self, digits: tf.Tensor) -> tf.Tensor:
        """The inverse of `split`."""
        return digits if self._places == 1 else 16 * digits[..., ::2] + digits[..., 1::2]

    def pack(self, mixture: DiscretisedLogisticMixture) -> tf.Tensor:
        """The parameters of the mixtures of pixels [..., C] as [..., parameters]."""
        parts = [mixture.logits, mixture.means, mixture.log_scales]
        if mixture.coefficients is not None:
            parts.append(mixture.coefficients)
        shape = tf.shape(mixture.logits)[:-1]
        return tf.concat([tf.reshape(x, tf.concat([shape, [-1]], 0)) for x in parts], axis=-1)

    def table(self, packed: tf.Tensor, told: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        """Probabilities of a digit given those before it.

        Args:
          packed: [B, n, parameters], from `pack`, of n pixels.
          told: digits uint8 [B, n, count]; those before this one are read.
          index: of the digit, int32 [].

        Returns:
          [B, n, alphabet].
        """
        pixels = tf.shape(told)[1]
        table = self._compiled(
            tf.reshape(packed, [-1, self.parameters]), tf.reshape(told, [-1, self.count]), index
        )
        return tf.reshape(table, [-1, pixels, self.alphabet])

    def _table(self, packed, told, index):
        channels, components = self._channels, self._components
        pairs = channels * (channels - 1) // 2
        sizes = [components, channels * components, channels * components, pairs * components]
        logits, *rest = tf.split(packed, sizes, axis=-1)
        means, log_scales, coefficients = (
            tf.reshape(part, [-1, 1, 1, size // components, components])
            for part, size in zip(rest, sizes[1:])
        )
        mixture = DiscretisedLogisticMixture(
            logits[:, tf.newaxis, tf.newaxis],
            means,
            log_scales,
            coefficients if pairs else None,
            levels=self._values,
        )
        pixels = self.join(told)[:, tf.newaxis, tf.newaxis]
        channel, place = index // self._places, index % self._places
        start = tf.zeros_like(pixels[..., 0])
        width = 1
        if self._places == 2:
            first = tf.gather(pixels, channel, axis=-1) // 16 * 16
            start = tf.where(place == 0, start, first)
            width = tf.where(place == 0, 16, 1)
        table = mixture.interval_table(pixels, channel, start, width, self.alphabet)
        table = tf.reshape(table, [-1, self.alphabet]) + _SMALLEST
        return table / tf.reduce_sum(table, axis=-1, keepdims=True)
