"""Settings of LNFMM and of the conditional VAEs that it is compared with."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from tfgen.training import Config, ConfigError

__all__ = ["CaptionNetworkConfig", "ConditionalVAEConfig", "LNFMMConfig", "LNFMMWeights"]


@dataclasses.dataclass
class CaptionNetworkConfig(Config):
    """Sizes of the encoders and decoders of images and texts.

    The defaults are those of the thesis (App. B.1), or the released code's where it is silent.

    Attributes:
      image_input: "pixels", read by convolutions, or "features", vectors of a fixed network such
        as VGG-16 in the batch's feature "features".
      image_size: pixels a side.
      feature_size, feature_units: of the vectors, and of the hidden layer that reads them.
      image_width: channels at the finest resolution of the convolutions; they double with each
        halving, up to 8 times as many.
      coarsest: positions a side of the map between convolutions and vectors.
      patch_size: pixels a side that become channels at the image's edge of the networks; 2 is
        about four times cheaper than 1.
      attention_size: the decoder has a self-attention at this resolution; 0 has none.
      word_embedding, text_state, text_layers: of the bidirectional GRU that reads texts.
      decoder_embedding, decoder_state: of the LSTM that writes them.
      word_dropout, embedding_dropout: of that LSTM, in training.
    """

    image_input: Literal["pixels", "features"] = "pixels"
    image_size: int = 64
    feature_size: int = 4096
    feature_units: int = 2048
    image_width: int = 32
    coarsest: int = 4
    patch_size: int = 1
    attention_size: int = 32
    word_embedding: int = 300
    text_state: int = 1024
    text_layers: int = 2
    decoder_embedding: int = 512
    decoder_state: int = 512
    word_dropout: float = 0.8
    embedding_dropout: float = 0.5

    def validate(self):
        """Raises ConfigError where the image cannot be halved down to the coarsest map."""
        super().validate()
        sizes = self.resolutions
        if sizes[0] != self.coarsest:
            raise ConfigError(
                f"image_size: got {self.image_size} with patches of {self.patch_size} and a "
                f"coarsest map of {self.coarsest}; wanted patch_size * coarsest * 2^n, for example "
                f"{self.patch_size * self.coarsest * 8}."
            )
        if self.attention_size and self.attention_size not in sizes:
            raise ConfigError(
                f"attention_size: got {self.attention_size}; wanted 0 or one of the decoder's "
                f"resolutions, {', '.join(map(str, sizes))}."
            )

    @property
    def input_name(self) -> str:
        """The feature of a batch that the image encoder reads."""
        return "image" if self.image_input == "pixels" else "features"

    @property
    def resolutions(self) -> list:
        """Positions a side of the maps, the coarsest first."""
        sizes = [self.image_size // self.patch_size]
        while sizes[-1] > self.coarsest and sizes[-1] % 2 == 0:
            sizes.append(sizes[-1] // 2)
        return sizes[::-1] if self.image_size % self.patch_size == 0 else [0]


@dataclasses.dataclass
class LNFMMWeights(Config):
    """Weights of the terms of the loss, each term in nats per example (Eq. 4.10).

    The texts leave them out. The defaults are the released code's for captioning, whose negative
    log-likelihoods are in bits per dimension and whose images have the l1 norm of pixels in
    (-1, 1), as weights of nats with `LNFMMConfig.pixel_scale` as it is by default.

    Attributes:
      alignment: lambda_1, of the KL between the shared code of the image and that of its text.
      text_prior: lambda_2, of KL(q(z'_t | x_t) || p(z'_t | z_s)).
      image_prior: lambda_3, of KL(q(z'_v | x_v) || p(z'_v | z_s)).
      text: lambda_4, of the text's log-likelihood given its own code.
      image: lambda_5, of the image's log-likelihood given its own code.
      crossed_text: of the text's log-likelihood given the shared code of its image.
      crossed_image: of the image's log-likelihood given the shared code of its text.
      adversarial: of -log D of the image that is decoded from its own code; 0 has no discriminator.
        The released code has 500.
    """

    alignment: float = 1000.0 / (992 * math.log(2.0))
    text_prior: float = 5000.0 / (32 * math.log(2.0))
    image_prior: float = 200.0 / (64 * math.log(2.0))
    text: float = 0.6
    image: float = 2.0
    crossed_text: float = 0.6
    crossed_image: float = 0.15
    adversarial: float = 0.0

    def validate(self):
        """Raises ConfigError for a weight below zero."""
        super().validate()
        for field in dataclasses.fields(self):
            if getattr(self, field.name) < 0:
                raise ConfigError(f"{field.name}: got {getattr(self, field.name)}; wanted >= 0.")


@dataclasses.dataclass
class LNFMMConfig(Config):
    """What an LNFMM is and how it is trained.

    Attributes:
      variant: "lnfmm"; "mse", without an alignment flow, so that the shared codes are pulled
        together as they are (LNFMM-MSE); "txt", with a generative model of texts alone (LNFMM-TXT):
        no image-specific latents, z_v = z_s, and no image decoder. Whether that one stays is not
        stated in the definition; "a generative model only for texts" in the discussion says no.
      shared_size, text_size, image_size: dimensions of z_s, z'_t and z'_v.
      shared_scale, text_scale, image_scale: standard deviations of the posteriors of the three,
        those of the noise that the released code adds to its codes.
      alignment_scale: standard deviation with which the shared code of a text tells that of its
        image; a caption leaves much of an image open.
      base_scale: standard deviation of the Gaussian that the flow priors start from.
      pixel_scale: of the Laplace distribution of pixels in (0, 1), s. The released loss, 20 times
        the l1 norm of pixels in (-1, 1), has the slope of any s with weights.image = 40 s.
      kl_warmup_steps: the weights of the priors' KLs rise linearly from 0 over them.
      alignment_steps, alignment_units: of the flow between the shared codes.
      text_prior_steps, text_prior_units, image_prior_steps, image_prior_units: of the flow priors.
      discriminator_width: channels of the discriminator of images at its finest resolution.
      as_released: makes the two faults of the released code: the distance between the shared
        codes is left out of the loss, where the carried code is drawn to N(0, base_scale^2)
        instead; and each Gaussian log-density of a flow is too large by its variance a dimension.
        Images then have the l1 norm, which is no likelihood of pixels.
        Not of variant "mse", which is that distance.
      beams: of the search that writes a text once its latents are drawn; 1 takes the likeliest
        word at each step.
      weights: of the loss.
      networks: sizes.
    """

    variant: Literal["lnfmm", "mse", "txt"] = "lnfmm"
    shared_size: int = 992
    text_size: int = 32
    image_size: int = 64
    shared_scale: float = 0.05
    text_scale: float = math.sqrt(0.05**2 + 0.10**2)
    image_scale: float = 0.05
    alignment_scale: float = 0.25
    base_scale: float = 0.25
    pixel_scale: float = 0.05
    kl_warmup_steps: int = 0
    alignment_steps: int = 12
    alignment_units: int = 1024
    text_prior_steps: int = 16
    text_prior_units: int = 1024
    image_prior_steps: int = 16
    image_prior_units: int = 512
    discriminator_width: int = 32
    as_released: bool = False
    beams: int = 2
    weights: LNFMMWeights = dataclasses.field(default_factory=LNFMMWeights)
    networks: CaptionNetworkConfig = dataclasses.field(default_factory=CaptionNetworkConfig)

    def validate(self):
        """Raises ConfigError for sizes or scales out of range, and mse as released."""
        super().validate()
        for name in ("shared_size", "text_size", "image_size"):
            if getattr(self, name) < 2:
                raise ConfigError(
                    f"{name}: got {getattr(self, name)}; wanted 2 or more, as a coupling "
                    "transforms one half of the dimensions given the other."
                )
        for name in (
            "shared_scale",
            "text_scale",
            "image_scale",
            "alignment_scale",
            "base_scale",
            "pixel_scale",
        ):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted more than 0.")
        if self.beams < 1:
            raise ConfigError(f"beams: got {self.beams}; wanted 1 or more.")
        if self.as_released and self.variant == "mse":
            raise ConfigError(
                "as_released: got True with variant=mse; wanted False, as the released loss leaves "
                "out the distance that is all of LNFMM-MSE's alignment."
            )


@dataclasses.dataclass
class ConditionalVAEConfig(Config):
    """A conditional VAE of captions, a baseline.

    Attributes:
      prior: "gaussian", one Gaussian whose mean and scale come from the image (CVAE); "additive",
        one whose mean is that of the image's objects (AG-CVAE).
      latent_size: of z.
      code_size: of the image's code, which the text decoder sees beside z.
      objects: of the additive prior, the number of kinds of objects.
      prior_scale: of the additive prior, its standard deviation.
      kl_weight: of the KL in the loss.
      kl_warmup_steps: that weight rises linearly from 0 over them.
      beams: as of `LNFMMConfig`.
      networks: sizes; the image decoder's are not used.
    """

    prior: Literal["gaussian", "additive"] = "gaussian"
    latent_size: int = 32
    code_size: int = 992
    objects: int = 80
    prior_scale: float = 0.1
    kl_weight: float = 1.0
    kl_warmup_steps: int = 0
    beams: int = 2
    networks: CaptionNetworkConfig = dataclasses.field(default_factory=CaptionNetworkConfig)

    def validate(self):
        """Raises ConfigError where a number is out of range."""
        super().validate()
        for name in ("latent_size", "code_size", "objects", "beams"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 1 or more.")
        if not self.prior_scale > 0:
            raise ConfigError(f"prior_scale: got {self.prior_scale}; wanted more than 0.")
