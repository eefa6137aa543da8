"""What a variational autoencoder is, in settings."""

from __future__ import annotations

import dataclasses
from typing import List, Literal, Tuple

from tfgen.training import Config, ConfigError

__all__ = ["LatentPriorConfig", "VAEConfig"]


@dataclasses.dataclass
class LatentPriorConfig(Config):
    """The prior of the top latent.

    Attributes:
      type: standard_normal; mixture, of Gaussians; vamp, the mixture of the posteriors of
        pseudo-inputs; flow, of couplings; channel_autoregressive, the mAR prior, of maps alone.
      components: of the mixture, or pseudo-inputs.
      steps, units: couplings of the flow, and width of their two hidden layers.
      filters, layers: of the mAR prior's ConvLSTM.
    """

    type: Literal["standard_normal", "mixture", "vamp", "flow", "channel_autoregressive"] = (
        "standard_normal"
    )
    components: int = 50
    steps: int = 4
    units: int = 64
    filters: int = 32
    layers: int = 2


@dataclasses.dataclass
class VAEConfig(Config):
    """Architecture and sizes of a variational autoencoder of images.

    The networks work at several resolutions, from the finest to the coarsest: level i is
    strides[i] times smaller than the one before (the first: than the image), and has layers[i]
    stochastic layers, which may be none but at the coarsest. Where a level is a single pixel, its
    latents are vectors and its convolutions dense layers: strides=(image_size,) is a VAE of dense
    networks, strides=(2, 2, image_size / 4) one of convolutions whose top latents are vectors.

    The defaults are the ResNet-VAE with IAF posteriors of Kingma et al. 2016 for CIFAR-10.

    Attributes:
      image_size, channels, values: of the image that is encoded; values is the number of levels
        of a pixel.
      target_size, target_channels, target_values: of the image that is decoded, where it is
        another one; 0 is that of the image that is encoded.
      strides, layers: of each level, see above.
      latent_channels: of every latent of a level; the last entry serves all that follow.
      filters: of all convolutions.
      blocks: residual blocks without latents at the start of every level, on both ways.
      kernel_size: of the convolutions where there is more than one pixel, odd.
      posterior: gaussian; or iaf, one step of an inverse autoregressive flow in every layer.
      flow_layers, flow_filters: hidden masked convolutions of that step, and channels of theirs
        for each channel of the latent.
      likelihood: of the decoded image: discretised_logistic, with one learned scale a channel;
        bernoulli, of two values; gaussian, with one learned scale a channel; or beta, of a
        constant concentration. The last two are densities of the image with uniform noise.
      concentration: of the beta.
      prior: of the top latent. Those below are Gaussian given what is above.
      kl_weight: of the KL term of the loss; 1 is the negative bound.
      kl_warmup_steps: of a linear rise of that weight from 0.
      free_nats: a layer whose KL is smaller than this, in the mean over the batch, feels none.
    """

    image_size: int = 32
    channels: int = 3
    values: int = 256
    target_size: int = 0
    target_channels: int = 0
    target_values: int = 0
    strides: Tuple[int, ...] = (2,)
    layers: Tuple[int, ...] = (20,)
    latent_channels: Tuple[int, ...] = (32,)
    filters: int = 160
    blocks: int = 0
    kernel_size: int = 3
    posterior: Literal["gaussian", "iaf"] = "iaf"
    flow_layers: int = 2
    flow_filters: int = 5
    likelihood: Literal["discretised_logistic", "bernoulli", "gaussian", "beta"] = (
        "discretised_logistic"
    )
    concentration: float = 100.0
    prior: LatentPriorConfig = dataclasses.field(default_factory=LatentPriorConfig)
    kl_weight: float = 1.0
    kl_warmup_steps: int = 0
    free_nats: float = 0.0

    @property
    def image_shape(self) -> List[int]:
        """[H, W, C] of the images that are encoded."""
        return [self.image_size, self.image_size, self.channels]

    @property
    def target_shape(self) -> List[int]:
        """[H, W, C] of the images that are decoded."""
        size = self.target_size or self.image_size
        return [size, size, self.target_channels or self.channels]

    @property
    def levels(self) -> int:
        """Values of a pixel of the images that are decoded."""
        return self.target_values or self.values

    @property
    def has_own_target(self) -> bool:
        """Whether the decoded image is another one than the encoded."""
        return self.target_shape != self.image_shape or self.levels != self.values

    def level_size(self, level: int) -> int:
        """Pixels a side of the maps of a level, 0 being the finest."""
        size = self.image_size
        for stride in self.strides[: level + 1]:
            size //= stride
        return size

    def latent_size(self, level: int) -> int:
        """Channels of the latents of a level."""
        return self.latent_channels[min(level, len(self.latent_channels) - 1)]

    def moment_sizes(self, level: int) -> List[int]:
        """Channels of mean, log-scale and, with a flow, its context, of the latents of a level."""
        latent = self.latent_size(level)
        context = [latent * self.flow_filters] if self.posterior == "iaf" else []
        return [latent, latent, *context]

    def is_top(self, level: int, place: int) -> bool:
        """Whether the stochastic layer at a place of a level, counted from 1, is the top of all."""
        return level == len(self.strides) - 1 and place == 1

    def latent_shapes(self) -> List[List[int]]:
        """Shape of every latent, from the top: [D], or [h, w, c] of a level of several pixels."""
        shapes = []
        for level in reversed(range(len(self.strides))):
            size, channels = self.level_size(level), self.latent_size(level)
            shape = [channels] if size == 1 else [size, size, channels]
            shapes += [shape] * self.layers[level]
        return shapes

    def validate(self):
        """Raises ConfigError where the sizes do not fit."""
        super().validate()
        for name in ("image_size", "channels", "filters", "flow_layers", "flow_filters"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 1 or more.")
        for name in ("target_size", "target_channels", "target_values", "blocks"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 0 or more.")
        for name in ("values", "levels"):
            if not 2 <= getattr(self, name) <= 256:
                raise ConfigError(
                    f"{'target_values' if name == 'levels' else name}: got {getattr(self, name)}; "
                    "wanted 2 to 256 values of a pixel."
                )
        if self.kernel_size % 2 == 0:
            raise ConfigError(f"kernel_size: got {self.kernel_size}; wanted an odd number.")
        self._validate_levels()
        self._validate_parts()

    def _validate_levels(self):
        if not self.strides or len(self.strides) != len(self.layers):
            raise ConfigError(
                f"layers: got {len(self.layers)} for {len(self.strides)} strides; wanted one "
                "number for each level, and one level at least."
            )
        if min(self.strides) < 1 or min(self.layers) < 0 or self.layers[-1] < 1:
            raise ConfigError(
                f"layers: got layers {self.layers} and strides {self.strides}; wanted strides of "
                "1 or more, and a stochastic layer at the coarsest level."
            )
        if not self.latent_channels or min(self.latent_channels) < 1:
            raise ConfigError(f"latent_channels: got {self.latent_channels}; wanted 1 or more.")
        size = self.image_size
        for stride in self.strides:
            if size % stride:
                raise ConfigError(
                    f"strides: got {self.strides} for images of {self.image_size} pixels a side; "
                    f"wanted whole maps, but {size} is no multiple of {stride}."
                )
            size //= stride
        finest, target = self.level_size(0), self.target_shape[0]
        if max(finest, target) % min(finest, target):
            raise ConfigError(
                f"target_size: got {target}; wanted a multiple or a divisor of {finest}, the size "
                "of the finest maps."
            )

    def _validate_parts(self):
        if self.likelihood == "bernoulli" and self.levels != 2:
            raise ConfigError(
                f"likelihood: got bernoulli for {self.levels} values of a pixel; wanted 2 values, "
                "or another likelihood."
            )
        if self.concentration <= 0 or self.kl_weight < 0 or self.free_nats < 0:
            raise ConfigError(
                f"kl_weight, free_nats and concentration: got {self.kl_weight}, {self.free_nats} "
                f"and {self.concentration}; wanted 0 or more, and a positive concentration."
            )
        if self.kl_warmup_steps < 0:
            raise ConfigError(f"kl_warmup_steps: got {self.kl_warmup_steps}; wanted 0 or more.")
        prior, top = self.prior, self.latent_shapes()[0]
        for name in ("components", "steps", "units", "filters", "layers"):
            if getattr(prior, name) < 1:
                raise ConfigError(f"prior.{name}: got {getattr(prior, name)}; wanted 1 or more.")
        if prior.type == "channel_autoregressive" and len(top) == 1:
            raise ConfigError(
                "prior.type: got channel_autoregressive for vectors; wanted another prior, or "
                "strides that leave maps of several pixels."
            )
        if prior.type == "flow" and top[-1] < 2:
            raise ConfigError(
                "prior.type: got flow for latents of one channel; wanted 2 latent_channels."
            )
        if prior.type == "vamp" and self.posterior == "iaf":
            raise ConfigError(
                "prior.type: got vamp with posterior iaf, whose density at other points than its "
                "own draws takes a pass for every number; wanted posterior gaussian."
            )
