"""What a PixelPyramids model is, in settings."""

from __future__ import annotations

import dataclasses
import math
from typing import List, Literal, Optional, Tuple

from tfgen.training import Config, ConfigError

__all__ = ["CoarsestConfig", "PixelPyramidsConfig"]


@dataclasses.dataclass
class CoarsestConfig(Config):
    """The autoregressive model of the coarsest image, a PixelCNN++.

    Attributes:
      filters: channels of its layers.
      blocks: residual layers at each of its resolutions.
      resolutions: how many resolutions it works at. One is right for 4x4 pixels.
      components: logistic distributions of the mixture of a pixel.
      dropout: in its residual layers, in training.
    """

    filters: int = 96
    blocks: int = 5
    resolutions: int = 1
    components: int = 10
    dropout: float = 0.0


@dataclasses.dataclass
class PixelPyramidsConfig(Config):
    """Architecture and sizes.

    Levels are numbered from the finest, 1, to the coarsest fine component, L; the coarsest image
    counts as level L + 1 where a level is named.

    Attributes:
      image_size, channels, bits: of the images: square, with values 0 .. 2^bits - 1.
      coarsest_size: side of the coarsest image; L = 2 log2(image_size / coarsest_size).
      modulo_difference: without, the rows and columns that are left out are modelled as they are.
      shift: cyclic shift of the fine components; null is half of the range, and none where there
        is no modulo difference.
      kept: which row or column of each pair goes to the coarse image.
      squeezes: n of each level from the finest: its fine component is drawn in 4^n sub-images,
        one after the other. The last entry serves all levels that follow. 0 draws all pixels at
        once. Levels too small for n squeezes have as many as they can.
      u_net_filters: channels of the first block of every U-Net.
      u_net_depth: halvings in a U-Net: of level i there are min(max(L - i, 1), u_net_depth). At the
        paper's sizes 256 pixels take 171 M parameters so; the released code has 167 M.
      norm_momentum: of the moving moments of the U-Nets' batch norm; short trainings want less.
      features: channels of the U-Nets' results.
      filters, layers, kernel_size: of the ConvLSTMs.
      components: logistic distributions of the mixture of a pixel of a fine component.
      smallest_scale: of a logistic, in levels: see `tfgen.distributions.parameters_from_channels`.
      coarsest: the model of the coarsest image.
      trained_level: 0 trains all levels together; 1 .. L + 1 trains one of them alone, and the
        training holds no other.
      patch_size: 0 trains whole levels. Otherwise the levels 1 .. patch_levels are trained and
        validated on random patches, of patch_size x patch_size pixels of the fine component or of
        as many as it has. `log_prob` is of whole images always.
      patch_levels: see patch_size.
      recompute: compute the gates of the ConvLSTMs again for the gradient; less memory, more time.
      as_released: measure and draw with the faults of the released code: batch norm uses the
        moments of each batch, in evaluation too, there is no cyclic shift, and the temperature
        does not reach the choice of the component.
    """

    image_size: int = 64
    channels: int = 3
    bits: int = 8
    coarsest_size: int = 4
    modulo_difference: bool = True
    shift: Optional[int] = None
    kept: Literal["first", "second"] = "second"
    squeezes: Tuple[int, ...] = (2,)
    u_net_filters: int = 64
    u_net_depth: int = 4
    norm_momentum: float = 0.99
    features: int = 100
    filters: int = 128
    layers: int = 2
    kernel_size: int = 3
    components: int = 10
    smallest_scale: float = 0.117
    coarsest: CoarsestConfig = dataclasses.field(default_factory=CoarsestConfig)
    trained_level: int = 0
    patch_size: int = 0
    patch_levels: int = 3
    recompute: bool = False
    as_released: bool = False

    @property
    def levels(self) -> int:
        """L, the number of fine components."""
        return 2 * round(math.log2(self.image_size / self.coarsest_size))

    @property
    def values(self) -> int:
        """2^bits."""
        return 2**self.bits

    @property
    def cyclic_shift(self) -> Optional[int]:
        """The shift that the pyramid is made with; None is the pyramid's own choice."""
        # The released code shifts images of 5 bits by 128, a multiple of 32, and those of 8 bits,
        # the faces of 1024 pixels, not at all.
        return 0 if self.as_released else self.shift

    def level_shapes(self) -> List[Tuple[int, int]]:
        """Height and width of F_1 .. F_L."""
        return [
            (self.image_size >> ((i + 1) // 2), self.image_size >> (i // 2))
            for i in range(1, self.levels + 1)
        ]

    def level_squeezes(self) -> List[int]:
        """n of the levels 1 .. L, no more than their sizes allow."""
        return [
            min(self.squeezes[min(index, len(self.squeezes) - 1)], _halvings(*shape))
            for index, shape in enumerate(self.level_shapes())
        ]

    def level_depths(self) -> List[int]:
        """Halvings in the U-Nets of the levels 1 .. L."""
        return [
            min(max(self.levels - level, 1), self.u_net_depth)
            for level in range(1, self.levels + 1)
        ]

    def validate(self):
        """Raises ConfigError where the sizes do not fit."""
        super().validate()
        positive = (
            *("channels", "coarsest_size", "u_net_depth", "features", "filters", "layers"),
            *("components", "patch_levels"),
        )
        for name in positive:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 1 or more.")
        if not 0.0 <= self.norm_momentum < 1.0:
            raise ConfigError(
                f"norm_momentum: got {self.norm_momentum}; wanted 0 or more, below 1."
            )
        if not self.smallest_scale > 0.0:
            raise ConfigError(f"smallest_scale: got {self.smallest_scale}; wanted more than 0.")
        if not 1 <= self.bits <= 8:
            raise ConfigError(f"bits: got {self.bits}; wanted 1 to 8, as images are bytes.")
        size = self.coarsest_size
        while 0 < size < self.image_size:
            size *= 2
        if size != self.image_size or self.image_size == self.coarsest_size:
            raise ConfigError(
                f"image_size: got {self.image_size}; wanted coarsest_size = {self.coarsest_size} "
                "times 2, 4, 8 ..."
            )
        if not self.squeezes or min(self.squeezes) < 0:
            raise ConfigError(
                f"squeezes: got {list(self.squeezes)}; wanted one number or more, each 0 or more."
            )
        if self.shift is not None and not 0 <= self.shift < self.values:
            raise ConfigError(f"shift: got {self.shift}; wanted 0 .. {self.values - 1}, or null.")
        if not 0 <= self.trained_level <= self.levels + 1:
            raise ConfigError(
                f"trained_level: got {self.trained_level}; wanted 0 (all levels together), a level "
                f"1 .. {self.levels}, or {self.levels + 1}, the coarsest image."
            )
        self._check_patches()

    def _check_patches(self):
        if not self.patch_size:
            return
        squeezed = 2 ** max(self.level_squeezes()[: self.patch_levels])
        if self.patch_size < squeezed or self.patch_size % squeezed:
            raise ConfigError(
                f"patch_size: got {self.patch_size}; wanted 0 or a multiple of {squeezed}, which "
                "the levels can squeeze."
            )


def _halvings(height: int, width: int) -> int:
    """How often both sides can be halved."""
    count = 0
    while height % 2 == 0 and width % 2 == 0:
        height, width, count = height // 2, width // 2, count + 1
    return count
