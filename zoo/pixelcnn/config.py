"""What a PixelCNN is, in settings."""

from __future__ import annotations

import dataclasses
from typing import Literal

from tfgen.training import Config, ConfigError

__all__ = ["PixelCNNConfig"]


@dataclasses.dataclass
class PixelCNNConfig(Config):
    """Architecture and sizes of an autoregressive model of images.

    Attributes:
      image_size, channels: of the images.
      values: number of values of a pixel: 256, or 17 for digits.
      architecture: plus_plus, PixelCNN++, or gated, the gated PixelCNN.
      filters: of the network.
      mixtures: logistics of a pixel.
      classes: of images with labels; 0 is a model without.
      conditioning_channels: of an image that is given; 0 is a model without.
      residual_layers, resolutions, dropout: of PixelCNN++: blocks in a row, sizes, each half of
        that before, and dropout of all blocks.
      layers, kernel_size: of the gated PixelCNN.
    """

    image_size: int = 32
    channels: int = 3
    values: int = 256
    architecture: Literal["plus_plus", "gated"] = "plus_plus"
    filters: int = 160
    mixtures: int = 10
    classes: int = 0
    conditioning_channels: int = 0
    residual_layers: int = 5
    resolutions: int = 3
    dropout: float = 0.5
    layers: int = 15
    kernel_size: int = 5

    def validate(self):
        """Raises ConfigError where the sizes do not fit."""
        super().validate()
        names = ("image_size", "channels", "filters", "mixtures", "residual_layers", "resolutions")
        for name in (*names, "layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 1 or more.")
        if not 2 <= self.values <= 256:
            raise ConfigError(f"values: got {self.values}; wanted 2 to 256 values of a pixel.")
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"dropout: got {self.dropout}; wanted 0 or more, below 1.")
        if self.classes and self.conditioning_channels:
            raise ConfigError(
                f"classes: got {self.classes} and conditioning_channels "
                f"{self.conditioning_channels}; wanted one of them at most."
            )
        divisor = 2 ** (self.resolutions - 1)
        if self.architecture == "plus_plus" and self.image_size % divisor:
            raise ConfigError(
                f"image_size: got {self.image_size}, of which {self.resolutions} resolutions are "
                f"not whole; wanted a multiple of {divisor}, or fewer resolutions."
            )
        if self.architecture == "gated" and self.kernel_size % 2 == 0:
            raise ConfigError(f"kernel_size: got {self.kernel_size}; wanted an odd number.")
