"""What a VQ-VAE is, in settings."""

from __future__ import annotations

import dataclasses
from typing import List, Literal, Tuple

from tfgen.training import Config, ConfigError

__all__ = ["VQVAEConfig"]


@dataclasses.dataclass
class VQVAEConfig(Config):
    """Architecture and sizes of a vector-quantised autoencoder and of the prior of its codes.

    The defaults are those of van den Oord et al. 2017 for CIFAR-10: maps of 8 x 8 codes of 512,
    two residual blocks of 256 filters, a commitment of 0.25.

    Attributes:
      image_size, channels, values: of the images; values is the number of levels of a pixel.
      strides: of the encoder's levels; their product is the side of the patch of a code.
      filters, blocks, kernel_size: of the convolutions, and residual blocks at every level.
      codes, code_size: entries of the codebook and numbers in one.
      decay, restart_below: of the codebook, see `tfgen.layers.VectorQuantiser`.
      commitment: beta, the weight of the distance of features to their entries.
      likelihood, concentration: of the images, see `zoo.vae.Likelihood`.
      prior_filters, prior_layers, prior_kernel_size: of the gated PixelCNN of the codes.
    """

    image_size: int = 32
    channels: int = 3
    values: int = 256
    strides: Tuple[int, ...] = (2, 2)
    filters: int = 256
    blocks: int = 2
    kernel_size: int = 3
    codes: int = 512
    code_size: int = 64
    decay: float = 0.99
    restart_below: float = 0.0
    commitment: float = 0.25
    likelihood: Literal["discretised_logistic", "bernoulli", "gaussian", "beta"] = (
        "discretised_logistic"
    )
    concentration: float = 100.0
    prior_filters: int = 128
    prior_layers: int = 15
    prior_kernel_size: int = 5

    @property
    def image_shape(self) -> List[int]:
        """[H, W, C] of the images."""
        return [self.image_size, self.image_size, self.channels]

    @property
    def target_shape(self) -> List[int]:
        """[H, W, C] of the decoded images, which are the same."""
        return self.image_shape

    @property
    def levels(self) -> int:
        """Values of a pixel."""
        return self.values

    @property
    def code_side(self) -> int:
        """Codes in a row of an image."""
        return self.level_size(len(self.strides) - 1)

    def level_size(self, level: int) -> int:
        """Pixels a side of the maps of a level, 0 being the finest."""
        size = self.image_size
        for stride in self.strides[: level + 1]:
            size //= stride
        return size

    def validate(self):
        """Raises ConfigError where the sizes do not fit."""
        super().validate()
        names = ("image_size", "channels", "filters", "code_size", "prior_filters", "prior_layers")
        for name in names:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 1 or more.")
        if not 2 <= self.values <= 256:
            raise ConfigError(f"values: got {self.values}; wanted 2 to 256 values of a pixel.")
        if self.likelihood == "bernoulli" and self.values != 2:
            raise ConfigError(
                f"likelihood: got bernoulli for {self.values} values of a pixel; wanted 2 values, "
                "or another likelihood."
            )
        if self.codes < 2:
            raise ConfigError(f"codes: got {self.codes}; wanted 2 or more.")
        if not 0.0 <= self.decay < 1.0:
            raise ConfigError(f"decay: got {self.decay}; wanted 0 or more, below 1.")
        for name in ("commitment", "restart_below", "blocks"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 0 or more.")
        if self.concentration <= 0:
            raise ConfigError(f"concentration: got {self.concentration}; wanted more than 0.")
        for name in ("kernel_size", "prior_kernel_size"):
            if getattr(self, name) % 2 == 0:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted an odd number.")
        size = self.image_size
        for stride in self.strides:
            if stride < 1 or size % stride:
                raise ConfigError(
                    f"strides: got {self.strides} for images of {self.image_size} pixels a side; "
                    "wanted strides of 1 or more that leave whole maps."
                )
            size //= stride
        if not self.strides:
            raise ConfigError("strides: got none; wanted one at least.")
