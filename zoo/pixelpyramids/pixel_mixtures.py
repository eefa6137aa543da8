"""The mixtures of logistics that pixels of PixelPyramids are drawn from."""

from __future__ import annotations

import tensorflow as tf

from tfgen.distributions import (
    DiscretisedLogisticMixture,
    mixture_channels,
    parameters_from_channels,
)
from tfgen.randomness import Seed
from zoo.pixelpyramids.config import PixelPyramidsConfig

__all__ = ["PixelMixtures"]


class PixelMixtures:
    """What outputs of a network mean: a `DiscretisedLogisticMixture` for each pixel.

    The temperature of draws multiplies the scales of the logistics and the noise that chooses the
    component. With config.as_released it multiplies the scales alone, as in the released code.

    Args:
      config: of the images.
      components: logistics of a pixel.
    """

    def __init__(self, config: PixelPyramidsConfig, components: int):
        self.channels = config.channels
        self.values = config.values
        self.components = components
        self.smallest_scale = config.smallest_scale
        self.scales_alone = config.as_released

    @property
    def parameters(self) -> int:
        """How many outputs a pixel takes."""
        return mixture_channels(self.channels, self.components)

    @property
    def noise_size(self) -> int:
        """How many numbers of noise a pixel takes."""
        return self.components + self.channels

    def distribution(self, outputs: tf.Tensor) -> DiscretisedLogisticMixture:
        """The distribution of integer images [..., H, W, C] of outputs [..., H, W, parameters]."""
        return self._mixture(outputs, 1.0)

    def sample(self, outputs: tf.Tensor, seed: Seed, temperature=1.0) -> tf.Tensor:
        """A draw of that distribution: int32 [..., H, W, C]."""
        mixture, temperature = self._at(outputs, temperature)
        return mixture.sample(seed=seed, temperature=temperature)

    def from_noise(self, outputs: tf.Tensor, noise: tf.Tensor, temperature=1.0) -> tf.Tensor:
        """The draw of noise in (0, 1), [..., H, W, noise_size]: int32 [..., H, W, C]."""
        mixture, temperature = self._at(outputs, temperature)
        return mixture.from_noise(noise, temperature)

    def _at(self, outputs, temperature):
        """The mixture to draw from, and at which temperature."""
        if self.scales_alone:
            return self._mixture(outputs, temperature), 1.0
        return self._mixture(outputs, 1.0), temperature

    def _mixture(self, outputs, factor):
        settings = parameters_from_channels(
            outputs, self.channels, self.components, self.values, self.smallest_scale
        )
        # As good as 0 is 1e-20, whose logarithm is finite.
        settings["log_scales"] += tf.math.log(tf.maximum(tf.cast(factor, tf.float32), 1e-20))
        return DiscretisedLogisticMixture(**settings, levels=self.values)
