"""What an AGAVE is, in settings."""

from __future__ import annotations

import dataclasses
from typing import Literal

from tfgen.training import Config, ConfigError
from zoo.pixelcnn import PixelCNNConfig
from zoo.vae import VAEConfig

__all__ = ["AGAVEConfig", "PixelDecoderConfig"]


@dataclasses.dataclass
class PixelDecoderConfig(Config):
    """The conditional PixelCNN of an AGAVE; the images' sizes are those of the VAE.

    Attributes:
      architecture: plus_plus, PixelCNN++, or gated, the gated PixelCNN.
      filters: of the network.
      mixtures: logistics of a pixel.
      residual_layers, resolutions, dropout: of PixelCNN++, see `PixelCNNConfig`.
      layers, kernel_size: of the gated PixelCNN.
      context: what a pixel sees of the earlier ones: their colour, or grey, how bright they are,
        which is one of the restricted decoders. The other has few layers.
    """

    architecture: Literal["plus_plus", "gated"] = "plus_plus"
    filters: int = 160
    mixtures: int = 10
    residual_layers: int = 5
    resolutions: int = 3
    dropout: float = 0.5
    layers: int = 15
    kernel_size: int = 5
    context: Literal["colour", "grey"] = "colour"


@dataclasses.dataclass
class AGAVEConfig(Config):
    """A VAE of auxiliary images, and a PixelCNN of the images that is given what the VAE decodes.

    The auxiliary image y is the VAE's target: vae.target_values = b are its colour levels,
    vae.target_size its side and vae.target_channels = 1 makes it grey; zeros leave it the image.

    Attributes:
      vae: with the images' sizes; its kl_weight is lambda of Eq. 3.13.
      decoder: the PixelCNN.
      auxiliary_loss: Eq. 3.13 with it; without, the naive hybrid of Eq. 3.6 where lambda is 1.
      trained_part: both; or vae or pixelcnn alone, for pre-training. The PixelCNN is given a grey
        image then, zero in [-1, 1].
    """

    vae: VAEConfig = dataclasses.field(default_factory=lambda: VAEConfig(kl_weight=12.0))
    decoder: PixelDecoderConfig = dataclasses.field(default_factory=PixelDecoderConfig)
    auxiliary_loss: bool = True
    trained_part: Literal["both", "vae", "pixelcnn"] = "both"

    def validate(self):
        """Raises ConfigError where the sizes do not fit."""
        super().validate()
        vae = self.vae
        vae.validate()
        self.pixel_cnn().validate()
        if vae.likelihood != "discretised_logistic":
            raise ConfigError(
                f"vae.likelihood: got {vae.likelihood!r}; wanted 'discretised_logistic', whose "
                "means the PixelCNN is given."
            )
        size, _, channels = vae.target_shape
        if size > vae.image_size or vae.image_size % size:
            raise ConfigError(
                f"vae.target_size: got {size}; wanted a divisor of the images' size, "
                f"{vae.image_size}, or 0 for that size."
            )
        if channels not in (1, vae.channels):
            raise ConfigError(
                f"vae.target_channels: got {channels}; wanted 1 for grey images, or 0 for the "
                f"{vae.channels} of the image."
            )
        if vae.levels > vae.values:
            raise ConfigError(
                f"vae.target_values: got {vae.levels}; wanted {vae.values} levels or fewer, or 0 "
                "for those of the image."
            )
        if vae.kl_warmup_steps or vae.free_nats:
            raise ConfigError(
                f"vae: got kl_warmup_steps={vae.kl_warmup_steps} and free_nats={vae.free_nats}; "
                "wanted 0 for both: the auxiliary loss is there in their place."
            )
        if not self.auxiliary_loss and self.trained_part == "vae":
            raise ConfigError(
                "auxiliary_loss: got false with trained_part='vae', which is trained by nothing "
                "else; wanted true."
            )

    def pixel_cnn(self) -> PixelCNNConfig:
        """The PixelCNN, given an image with the channels of the auxiliary one."""
        settings = self.decoder.as_dict()
        del settings["context"]
        return PixelCNNConfig(
            image_size=self.vae.image_size,
            channels=self.vae.channels,
            values=self.vae.values,
            conditioning_channels=self.vae.target_shape[-1],
            **settings,
        )
