"""Logistic distributions over levels: the range [-1, 1] cut into bins of equal width.

Level x of L has the bin [2 x / L - 1, 2 (x + 1) / L - 1]; the first is open to the left and the
last to the right. Means and log-scales are in this range whatever L is, so that a picture's means
stay what they are when its colours get fewer.
"""

from __future__ import annotations

import math
from typing import Sequence

import tensorflow as tf

from tfgen.randomness import Seed, example_uniform

__all__ = [
    "bin_log_mass",
    "draw_level",
    "image_noise",
    "interval_masses",
    "level_centres",
    "nearest_level",
]

# Of log-scales in levels. Beyond it all mass is in one bin, or half of it in each open one.
_LOG_SCALE_BOUND = 40.0


def level_centres(value: tf.Tensor, levels: int, dtype=tf.float32) -> tf.Tensor:
    """Middles of the bins, (2 x + 1) / L - 1, of levels x in 0 .. L - 1 of any type."""
    return (2.0 * tf.cast(value, dtype) + (1.0 - levels)) / levels


def nearest_level(points: tf.Tensor, levels: int, dtype=tf.int32) -> tf.Tensor:
    """The level in whose bin a point lies; undoes `level_centres`."""
    points = tf.convert_to_tensor(points, dtype_hint=tf.float32)
    return _level_at((points + 1.0) * (0.5 * levels), levels, dtype)


def bin_log_mass(
    value: tf.Tensor, means: tf.Tensor, log_scales: tf.Tensor, levels: int
) -> tf.Tensor:
    """log P(x) of levels under logistic distributions, in nats.

        P(x) = F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)),   F(t) = 1 / (1 + exp(-t))

    for the ends a < b of the bin less the mean, over the scale. The product has no cancellation:
    its logarithm is right to rounding also far out in the tails, and for scales much larger and
    much smaller than a bin. F(-a) = 1 in the first bin, and F(b) = 1 in the last.

    Ends are counted in levels, where they are whole numbers, so that the end of a bin is exactly
    the start of the next one, and the masses of all levels add up to one.

    Args:
      value: levels as floats; broadcasts with the others.
      means, log_scales: in the range [-1, 1].
      levels: L.
    """
    mean, log_scale = _in_levels(means, log_scales, levels)
    slope = tf.exp(-log_scale)
    first, last = value < 0.5, value > levels - 1.5
    zero = tf.zeros([], mean.dtype)
    before_end = tf.math.log_sigmoid((value + 1.0 - mean) * slope)
    after_start = tf.math.log_sigmoid((mean - value) * slope)
    width = tf.math.log(-tf.math.expm1(-slope))
    return (
        tf.where(last, zero, before_end)
        + tf.where(first, zero, after_start)
        + tf.where(first | last, zero, width)
    )


def interval_masses(
    start: tf.Tensor, width, count: int, means: tf.Tensor, log_scales: tf.Tensor, levels: int
) -> tf.Tensor:
    """P(start + j w <= x < start + (j + 1) w) of `count` intervals of levels: [..., count].

    By the product of `bin_log_mass`, of which an interval is a wider bin. Levels that there are not
    have probability 0.

    Args:
      start: the first level, as floats; broadcasts with the means.
      width: w, a float.
      count: how many intervals.
      means, log_scales: [...], in the range [-1, 1].
      levels: L.
    """
    mean, log_scale = _in_levels(means, log_scales, levels)
    slope = tf.exp(-log_scale)[..., tf.newaxis]
    ends = start[..., tf.newaxis] + width * tf.range(count + 1.0)
    distance = (ends - mean[..., tf.newaxis]) * slope
    first, last = ends[..., :-1] < 0.5, ends[..., 1:] > levels - 0.5
    one = tf.ones([], mean.dtype)
    before_end = tf.where(last, one, tf.sigmoid(distance[..., 1:]))
    after_start = tf.where(first, one, tf.sigmoid(-distance[..., :-1]))
    inner = tf.where(first | last, one, -tf.math.expm1(-width * slope))
    masses = before_end * after_start * inner
    return tf.where(ends[..., :-1] > levels - 0.5, tf.zeros_like(masses), masses)


def draw_level(
    uniform: tf.Tensor, means: tf.Tensor, log_scales: tf.Tensor, levels: int, temperature=1.0
) -> tf.Tensor:
    """Levels, as floats, into whose bins draws of logistic distributions fall.

    Args:
      uniform: noise in (0, 1).
      means, log_scales: in the range [-1, 1].
      levels: L.
      temperature: multiplies the scales; at 0 the level is that of the mean.
    """
    mean, log_scale = _in_levels(means, log_scales, levels)
    noise = tf.math.log(uniform) - tf.math.log1p(-uniform)
    noise *= tf.cast(temperature, noise.dtype)
    return _level_at(mean + tf.exp(log_scale) * noise, levels, noise.dtype)


def image_noise(seed: Seed, count, shape: Sequence[int]) -> tf.Tensor:
    """Uniform noise in (0, 1), symmetric about 1/2: [count, *shape], the same on any replicas."""
    uniform = example_uniform(seed, count, shape)
    # Multiples of 2^-23 in [0, 1), moved to the middles of their intervals.
    return uniform + 2.0**-24


def _in_levels(means, log_scales, levels):
    """Mean and log-scale counted in levels, where bin x is [x, x + 1]."""
    log_scale = log_scales + math.log(0.5 * levels)
    log_scale = tf.clip_by_value(log_scale, -_LOG_SCALE_BOUND, _LOG_SCALE_BOUND)
    return (means + 1.0) * (0.5 * levels), log_scale


def _level_at(position, levels, dtype):
    return tf.cast(tf.clip_by_value(tf.floor(position), 0.0, levels - 1.0), dtype)
