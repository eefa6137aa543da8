"""Images of independent discretised Laplace variables."""

from __future__ import annotations

import math

import tensorflow as tf

from tfgen.distributions.discretised_bins import nearest_level
from tfgen.distributions.discretised_images import DiscretisedImages

__all__ = ["DiscretisedLaplace"]

# Of log-scales in levels. Beyond it all mass is in one bin, or half of it in each open one.
_LOG_SCALE_BOUND = 40.0
# Ends of the open bins, in scales.
_FAR = 1e9


class DiscretisedLaplace(DiscretisedImages):
    """Integer images [H, W, C] whose entries are independent discretised Laplace variables.

        P(x_i) = F(2 (x_i + 1) / L - 1 - median_i) - F(2 x_i / L - 1 - median_i),

    for levels x_i in 0 .. L - 1, where F(t) is e^(t / s) / 2 for t < 0 and 1 - e^(-t / s) / 2
    else, but 0 at the lower end of the first bin and 1 at the upper end of the last: the
    probabilities add up to one. Away from the edges, log P falls by |x - median| / s: the l1 norm
    of autoencoders, as the likelihood of discrete pixels. The range of an image is [-1, 1]
    whatever L is, as of `DiscretisedLogistic`.

    ```python
    images = DiscretisedLaplace(tf.zeros([5, 8, 8, 3]), log_scales=-2.0)
    x = images.sample(seed=7)  # int32 [5, 8, 8, 3], 0 .. 255
    images.log_prob(x)  # [5], nats
    ```

    #### References
    [1]: S. Mahajan. Multimodal representation learning for diverse synthesis. Thesis, TU
         Darmstadt. Section 4.3: the l1 norm of images.
    """

    def __init__(
        self,
        medians: tf.Tensor,
        log_scales: tf.Tensor,
        levels: int = 256,
        validate_args: bool = False,
        name: str = "DiscretisedLaplace",
    ):
        """Makes the distribution.

        Args:
          medians: [..., H, W, C], in the range [-1, 1].
          log_scales: log s, in the same range; broadcasts to the medians.
          levels: L, 2 to 65536.
          validate_args: whether values are checked to be levels.
          name: name of the distribution.

        Raises:
          ValueError: medians of fewer than three axes, or a number of levels out of range.
        """
        parameters = dict(locals())
        self.medians = tf.cast(medians, tf.float32)
        self.log_scales = tf.cast(log_scales, tf.float32)
        if self.medians.shape.rank is None or self.medians.shape.rank < 3:
            raise ValueError(f"medians are of images [..., H, W, C]; got {self.medians.shape}.")
        channels = self.medians.shape[-1]
        super().__init__(self.medians, 0, levels, channels, validate_args, parameters, name)

    def entry_log_prob(self, value: tf.Tensor) -> tf.Tensor:
        """log P of every entry of images [..., H, W, C]: the same shape, nats."""
        value = tf.cast(value, tf.float32)
        # In levels the bin of x is [x, x + 1]; its ends are counted from the median, in scales.
        slope = tf.exp(
            -tf.clip_by_value(
                self.log_scales + math.log(0.5 * self.levels), -_LOG_SCALE_BOUND, _LOG_SCALE_BOUND
            )
        )
        start = (value - (self.medians + 1.0) * (0.5 * self.levels)) * slope
        first, last = value < 0.5, value > self.levels - 1.5
        end = tf.where(last, _FAR, start + slope)
        start = tf.where(first, -_FAR, start)
        # With the median in the bin, 1 - (e^start + e^-end) / 2; else half of
        # e^-distance (1 - e^-slope), and of e^-distance in the open bins.
        inside = tf.math.expm1(tf.minimum(start, 0.0)) + tf.math.expm1(-tf.maximum(end, 0.0))
        width = tf.where(first | last, 0.0, tf.math.log(-tf.math.expm1(-slope)))
        beside = width - tf.maximum(start, -end)
        mass = tf.where((start < 0.0) & (end > 0.0), tf.math.log(-inside), beside)
        return mass - math.log(2.0)

    def from_noise(self, noise: tf.Tensor, temperature=1.0) -> tf.Tensor:
        """Images of noise that is uniform in (0, 1), [..., H, W, C] -> int32 of that shape."""
        offset = noise - 0.5
        drawn = -tf.sign(offset) * tf.math.log1p(-2.0 * tf.abs(offset))
        drawn *= tf.cast(temperature, drawn.dtype) * tf.exp(self.log_scales)
        return nearest_level(self.medians + drawn, self.levels, self.dtype)

    def _log_prob(self, value):
        return tf.reduce_sum(self.entry_log_prob(value), axis=[-3, -2, -1])
