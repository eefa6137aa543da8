"""What an image flow is, in settings."""

from __future__ import annotations

import dataclasses
from typing import Literal, Optional, Tuple

from tfgen.training import Config, ConfigError

__all__ = ["FlowConfig", "PriorConfig"]


@dataclasses.dataclass
class PriorConfig(Config):
    """The prior of every latent.

    Attributes:
      type: gaussian, N(0, I); conditional_gaussian, with moments from one convolution of the half
        that goes on (Glow); channel_autoregressive, the mAR prior.
      filters, layers: of the mAR prior's ConvLSTM.
      kernel_sizes, dilations: of the ConvLSTM of each level; the last entry serves all that
        follow.
      peephole: whether the gates see the cell (mAR-SCF, Eq. 2.12 of the thesis).
    """

    type: Literal["gaussian", "conditional_gaussian", "channel_autoregressive"] = "gaussian"
    filters: int = 32
    layers: int = 3
    kernel_sizes: Tuple[int, ...] = (5, 5, 3)
    dilations: Tuple[int, ...] = (2, 1, 1)
    peephole: bool = True


@dataclasses.dataclass
class FlowConfig(Config):
    """Architecture and sizes of a flow of images.

    Attributes:
      image_size, channels: of the images, padding included.
      padding: pixels of value 0 put around smaller images on each side. The likelihood is then that
        of the picture with its padding, over the picture's own dimensions: a lower bound on that of
        the picture, less by what the flow spends on padding of other values.
      values: number of values of a pixel: 256, or 17 for digits.
      architecture: which bijectors a level is made of, and whether levels split (`make_flow`).
      coupling: additive, affine (scales sigmoid(r + 2), which can be as small as they like),
        bounded_affine (scales of exp(-2) to exp(2)) or mixture_cdf, in "glow" and
        "flow_plus_plus"; NICE and Real NVP have their own.
      levels: how often latents are split off, the last ones counted. Each level halves the image.
      squeezes: of "glow", how many levels halve the image, the first ones; null is all. The others
        keep height and width, so that 28x28 pixels = 4 (7x7) have three levels without padding.
      steps: coupling layers of a level; in "glow" each with ActNorm and 1x1 convolution.
      filters: of the coupling networks.
      blocks, heads, components, dropout: of mixture-CDF couplings and their networks.
      prior: of the latents.
      dequantisation: uniform, or variational with a conditional flow of its own.
      dequantisation_steps: couplings of that flow.
      recompute: compute activations again for the gradient instead of keeping them.
    """

    image_size: int = 32
    channels: int = 3
    padding: int = 0
    values: int = 256
    architecture: Literal["nice", "real_nvp", "glow", "flow_plus_plus"] = "glow"
    coupling: Literal["additive", "affine", "bounded_affine", "mixture_cdf"] = "affine"
    levels: int = 3
    squeezes: Optional[int] = None
    steps: int = 32
    filters: int = 512
    blocks: int = 10
    heads: int = 4
    components: int = 32
    dropout: float = 0.2
    prior: PriorConfig = dataclasses.field(default_factory=PriorConfig)
    dequantisation: Literal["uniform", "variational"] = "uniform"
    dequantisation_steps: int = 4
    recompute: bool = False

    def validate(self):
        """Raises ConfigError where the sizes do not fit."""
        super().validate()
        for name in ("channels", "levels", "steps", "filters", "blocks", "components"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 1 or more.")
        if self.values < 2:
            raise ConfigError(f"values: got {self.values}; wanted 2 or more values of a pixel.")
        if self.squeezes is not None and (
            self.architecture != "glow" or not 1 <= self.squeezes <= self.levels
        ):
            raise ConfigError(
                f"squeezes: got {self.squeezes} for {self.levels} levels of {self.architecture}; "
                "wanted 1 to the number of levels, of glow, or null."
            )
        halved = self.levels if self.squeezes is None else self.squeezes
        if self.image_size < 1 or self.image_size % 2**halved:
            raise ConfigError(
                f"image_size: got {self.image_size}, which {halved} levels cannot halve; wanted a "
                f"multiple of {2**halved} (fewer squeezes, fewer levels, or padding)."
            )
