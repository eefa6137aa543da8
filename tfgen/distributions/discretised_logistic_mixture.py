"""Images whose pixels are mixtures of discretised logistics, with dependent channels."""

from __future__ import annotations

import math
from typing import Dict, Optional

import tensorflow as tf

from tfgen.distributions.discretised_bins import (
    bin_log_mass,
    draw_level,
    interval_masses,
    level_centres,
)
from tfgen.distributions.discretised_images import DiscretisedImages

__all__ = ["DiscretisedLogisticMixture", "mixture_channels", "parameters_from_channels"]

# With 256 levels the log-scale in [-1, 1] is then -7 or more, as in PixelCNN++.
_SMALLEST_SCALE = 128.0 * math.exp(-7.0)


class DiscretisedLogisticMixture(DiscretisedImages):
    """Integer images [H, W, C] whose pixels are mixtures of K discretised logistics.

        P(x) = prod over pixels of sum_k pi_k prod_c P_ck(x_c | x_1 .. x_{c-1})
        P_ck(x_c | ...) = F((2 (x_c + 1) / L - 1 - m_ck) / s_ck) - F((2 x_c / L - 1 - m_ck) / s_ck)
        m_ck = mean_ck + sum_{j < c} coefficient_cjk v_j,   v_j = (2 x_j + 1) / L - 1

    for levels x_c in 0 .. L - 1, with pi = softmax(logits) and F(t) = 1 / (1 + exp(-t)), but 0 at
    the lower end of the first bin and 1 at the upper end of the last: the probabilities add up to
    one. All channels of a pixel are of the same component. In colour images green depends
    linearly on red, and blue on red and green. Means and scales are in the range [-1, 1] of the
    image, whatever L is.

    ```python
    outputs = tf.zeros([5, 8, 8, mixture_channels(channels=3, mixtures=10)])  # of a network
    parameters = parameters_from_channels(outputs, channels=3, mixtures=10, levels=256)
    images = DiscretisedLogisticMixture(**parameters, levels=256)
    x = images.sample(seed=7)  # int32 [5, 8, 8, 3], 0 .. 255
    images.log_prob(x)  # [5], nats
    images.sample(2, seed=7, temperature=0.8)  # [2, 5, 8, 8, 3]
    ```

    Values may be of any integer or float type; they are checked with `validate_args` alone.
    `temperature` multiplies the scales and divides the logits: at 0 a pixel is the mean of its
    most probable component. Samples depend on the seed alone: inside a replica of a distribution
    strategy the noise of the global batch is drawn and the replica's share is taken.

    Log-probabilities are computed in float32, without cancellation (`bin_log_mass`). In samples
    later channels depend on earlier ones after rounding, as in `log_prob`.

    #### References
    [1]: T. Salimans, A. Karpathy, X. Chen, D. P. Kingma. PixelCNN++. ICLR 2017. Eq. 2 and 3. Its
         released code takes levels to 2 x / 255 - 1 instead of the middles of equal bins.
    [2]: S. Mahajan, S. Roth. PixelPyramids. ICCV 2021. Eq. 7, without open bins at the edges.
    """

    def __init__(
        self,
        logits: tf.Tensor,
        means: tf.Tensor,
        log_scales: tf.Tensor,
        coefficients: Optional[tf.Tensor] = None,
        levels: int = 256,
        validate_args: bool = False,
        name: str = "DiscretisedLogisticMixture",
    ):
        """Makes the distribution.

        Args:
          logits: [..., H, W, K].
          means: [..., H, W, C, K].
          log_scales: [..., H, W, C, K].
          coefficients: [..., H, W, C (C - 1) / 2, K], in the order (2, 1), (3, 1), (3, 2), ... of
            (channel, earlier channel), the first being 1. None makes channels independent given
            the component.
          levels: L, 2 to 65536.
          validate_args: whether values are checked to be levels.
          name: name of the distribution.

        Raises:
          ValueError: shapes that do not belong together, or a number of levels out of range.
        """
        parameters = dict(locals())
        self.logits = tf.cast(logits, tf.float32)
        self.means = tf.cast(means, tf.float32)
        self.log_scales = tf.cast(log_scales, tf.float32)
        self.coefficients = None if coefficients is None else tf.cast(coefficients, tf.float32)
        self._check_shapes()
        channels, mixtures = self.means.shape[-2:]
        super().__init__(
            self.means, 1, levels, mixtures + channels, validate_args, parameters, name
        )

    def means_given(self, value: tf.Tensor) -> tf.Tensor:
        """Means m of the channels of images, each given the channels before: [..., H, W, C, K].

        Args:
          value: [..., H, W, C].
        """
        if self.coefficients is None:
            return self.means
        earlier = tf.unstack(level_centres(value, self.levels)[..., tf.newaxis], axis=-2)
        coefficients = tf.unstack(self.coefficients, axis=-2)
        shifts = [self._shift(channel, earlier, coefficients) for channel in range(1, len(earlier))]
        return self.means + tf.stack([tf.zeros_like(shifts[0]), *shifts], axis=-2)

    def pixel_log_prob(self, value: tf.Tensor) -> tf.Tensor:
        """log P of every pixel of images [..., H, W, C]: [..., H, W], nats."""
        value = tf.cast(value, tf.float32)
        means = self.means_given(value)
        mass = bin_log_mass(value[..., tf.newaxis], means, self.log_scales, self.levels)
        log_weights = tf.nn.log_softmax(self.logits)
        return tf.reduce_logsumexp(log_weights + tf.reduce_sum(mass, axis=-2), axis=-1)

    def interval_table(
        self, value: tf.Tensor, channel, start: tf.Tensor, width, count: int
    ) -> tf.Tensor:
        """Probabilities of intervals of levels of a channel, given the channels before it.

            P(start + j w <= x_c < start + (j + 1) w | x_1 .. x_{c-1})       j = 0 .. count - 1
                = sum_k w_k P_ck(start + j w <= x_c < ... | x_1 .. x_{c-1}),
            w_k = pi_k prod_{j < c} P_jk(x_j | ...) / their sum over k

        Args:
          value: [..., H, W, C], of which the channels before this one are read.
          channel: c, an int or a scalar tensor, from 0.
          start: the first level, [..., H, W].
          width: w, levels in an interval, an int or a scalar tensor.
          count: how many intervals. Levels that there are not have probability 0.

        Returns:
          [..., H, W, count].
        """
        value = tf.cast(value, tf.float32)
        means = self.means_given(value)
        mass = bin_log_mass(value[..., tf.newaxis], means, self.log_scales, self.levels)
        earlier = (tf.range(means.shape[-2]) < channel)[:, tf.newaxis]
        mass = tf.reduce_sum(tf.where(earlier, mass, tf.zeros_like(mass)), axis=-2)
        weights = tf.nn.softmax(self.logits + mass)
        masses = interval_masses(
            tf.cast(start, tf.float32)[..., tf.newaxis],
            tf.cast(width, tf.float32),
            count,
            tf.gather(means, channel, axis=-2),
            tf.gather(self.log_scales, channel, axis=-2),
            self.levels,
        )
        return tf.reduce_sum(weights[..., tf.newaxis] * masses, axis=-2)

    def from_noise(self, noise: tf.Tensor, temperature=1.0) -> tf.Tensor:
        """Images of noise that is uniform in (0, 1).

        Args:
          noise: [..., H, W, K + C]: K numbers choose the component, the others draw the channels.
          temperature: see the class.

        Returns:
          int32 [..., H, W, C].
        """
        temperature = tf.cast(temperature, tf.float32)
        channels, mixtures = self.means.shape[-2:]
        gumbel = -tf.math.log(-tf.math.log(noise[..., :mixtures]))
        chosen = tf.argmax(self.logits + temperature * gumbel, axis=-1)
        mask = tf.one_hot(chosen, mixtures)[..., tf.newaxis, :]

        def select(parameter):
            return None if parameter is None else tf.reduce_sum(mask * parameter, axis=-1)

        means = tf.unstack(select(self.means), axis=-1)
        log_scales = tf.unstack(select(self.log_scales), axis=-1)
        coefficients = select(self.coefficients)
        if coefficients is not None:
            coefficients = tf.unstack(coefficients, axis=-1)
        drawn, centres = [], []
        for channel in range(channels):
            mean = means[channel]
            if coefficients is not None and channel:
                mean += self._shift(channel, centres, coefficients)
            uniform = noise[..., mixtures + channel]
            drawn.append(draw_level(uniform, mean, log_scales[channel], self.levels, temperature))
            centres.append(level_centres(drawn[-1], self.levels))
        return tf.cast(tf.stack(drawn, axis=-1), self.dtype)

    def _shift(self, channel, centres, coefficients):
        """What earlier channels add to the mean of one that is not the first."""
        first = channel * (channel - 1) // 2
        terms = [coefficients[first + earlier] * centres[earlier] for earlier in range(channel)]
        return sum(terms[1:], terms[0])

    def _check_shapes(self):
        shape = self.means.shape
        if shape.rank is None or shape.rank < 4 or None in shape[-2:]:
            raise ValueError(f"means are [..., H, W, C, K]; got shape {shape}.")
        channels, mixtures = shape[-2:]
        pairs = channels * (channels - 1) // 2
        wanted = {
            "logits": shape[:-2].concatenate(mixtures),
            "log_scales": shape,
            "coefficients": shape[:-2].concatenate([pairs, mixtures]),
        }
        for name, expected in wanted.items():
            parameter = getattr(self, name)
            if name == "coefficients" and (parameter is None or channels == 1):
                self.coefficients = parameter if channels > 1 else None
            elif not parameter.shape.is_compatible_with(expected):
                raise ValueError(
                    f"{name} of {channels} channels and {mixtures} components, with means {shape}, "
                    f"have shape {expected}; got {parameter.shape}."
                )

    def _log_prob(self, value):
        return tf.reduce_sum(self.pixel_log_prob(value), axis=[-2, -1])


def mixture_channels(channels: int, mixtures: int) -> int:
    """How many channels a network's output has for `parameters_from_channels`.

    K logits, K C means and as many log-scales, K C (C - 1) / 2 coefficients: 10 K for red, green
    and blue, 3 K for grey.
    """
    return mixtures * (1 + 2 * channels + channels * (channels - 1) // 2)


def parameters_from_channels(
    outputs: tf.Tensor,
    channels: int,
    mixtures: int,
    levels: int = 256,
    smallest_scale: float = _SMALLEST_SCALE,
) -> Dict[str, tf.Tensor]:
    """Cuts the outputs of a network into the parameters of `DiscretisedLogisticMixture`.

    Coefficients pass a tanh. Scales have a lower bound, without which the gradients of pixels that
    were thought certain grow without limit.

    Args:
      outputs: [..., H, W, mixture_channels(channels, mixtures)].
      channels: C, of the image.
      mixtures: K.
      levels: L, of the image.
      smallest_scale: of a logistic, in levels. The bound of PixelCNN++, 0.117, makes an entry that
        is neither the first nor the last level cost 0.04 bits or more.

    Returns:
      logits, means, log_scales and, where C > 1, coefficients, in float32.

    Raises:
      ValueError: another number of outputs.
    """
    wanted = mixture_channels(channels, mixtures)
    if outputs.shape[-1] != wanted:
        raise ValueError(
            f"Mixtures of {mixtures} logistics over {channels} channels take {wanted} outputs a "
            f"pixel; got shape {outputs.shape}."
        )
    outputs = tf.cast(outputs, tf.float32)
    pairs = channels * (channels - 1) // 2
    sizes = [mixtures, channels * mixtures, channels * mixtures, pairs * mixtures]
    logits, means, log_scales, coefficients = tf.split(outputs, sizes, axis=-1)

    def by_component(maps, count):
        return tf.reshape(maps, tf.concat([tf.shape(maps)[:-1], [count, mixtures]], 0))

    smallest = math.log(smallest_scale * 2.0 / levels)
    parameters = {
        "logits": logits,
        "means": by_component(means, channels),
        "log_scales": tf.maximum(by_component(log_scales, channels), smallest),
    }
    if pairs:
        parameters["coefficients"] = tf.tanh(by_component(coefficients, pairs))
    return parameters
