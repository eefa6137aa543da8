"""What a model of aligned embeddings is, in settings, and the variants of the paper."""

from __future__ import annotations

import dataclasses
from typing import Dict, Literal, Optional, Tuple, get_args

from tfgen.training import Config, ConfigError

__all__ = [
    "HINGE_WEIGHTS",
    "ImagePathConfig",
    "JWAEConfig",
    "MSE_WEIGHTS",
    "TextPathConfig",
    "Variant",
    "as_variant",
]

# (lambda_1, lambda_2, lambda_3) of the thesis, Sec. 3.5. Eq. 3.1 adds the hinge up over the pairs
# of a batch, and so does the release, where the other terms are means. Ours are means, all of them:
# the hinge weighs as much against the others when these have their weights over the batch's pairs.
MSE_WEIGHTS = (1.0, 1.0, 0.2)
HINGE_WEIGHTS = (0.5 / 128, 0.005 / 128, 0.01 / 128)

Variant = Literal["jwae_mse", "jwae_mh", "mse", "mh_sum", "mh_max", "vae_mh", "mmd_mse"]

# Supervised loss, regulariser, and whether the codes are decoded.
_VARIANTS: Dict[str, Tuple[str, str, bool]] = {
    "jwae_mse": ("mse", "adversarial", True),
    "jwae_mh": ("hinge", "adversarial", True),
    "mse": ("mse", "none", True),
    "mh_sum": ("hinge", "none", False),
    "mh_max": ("hinge", "none", False),
    "vae_mh": ("hinge", "vae", True),
    "mmd_mse": ("mse", "mmd", True),
}


@dataclasses.dataclass
class ImagePathConfig(Config):
    """Image encoder and decoder.

    Attributes:
      type: "vectors", features of another network, or "pixels", images themselves.
      size: of the vectors. 2048 of a ResNet-152, 4096 of a VGG-19.
      image_size: pixels a side of the images.
      patch_size: pixels a side that become channels at the images' edge of the networks.
      width: channels of the first convolution; doubled by each downsampling.
      downsamplings: convolutions of stride 2, and their mirror images.
      encoder_units, decoder_units: hidden fully connected layers, with ReLU.
      norm: of the reconstruction's error, "l1" or "l2", summed over the dimensions.
    """

    type: Literal["vectors", "pixels"] = "vectors"
    size: int = 2048
    image_size: int = 64
    patch_size: int = 4
    width: int = 32
    downsamplings: int = 2
    encoder_units: Tuple[int, ...] = (2048,)
    decoder_units: Tuple[int, ...] = (2048,)
    norm: Literal["l1", "l2"] = "l1"

    def validate(self):
        """Raises ConfigError where the images do not fit the networks."""
        super().validate()
        multiple = self.patch_size * 2**self.downsamplings
        if self.type == "pixels" and (self.image_size < 1 or self.image_size % multiple):
            raise ConfigError(
                f"image_size: got {self.image_size}, which patches of {self.patch_size} and "
                f"{self.downsamplings} downsamplings cannot divide; wanted a multiple of "
                f"{multiple}."
            )


@dataclasses.dataclass
class TextPathConfig(Config):
    """Text encoder and decoder.

    Attributes:
      type: "words", recurrent networks over sentences, or "vectors", fully connected networks
        over vectors of sentences, such as the mean of word2vec.
      size: of the vectors; 300 for word2vec.
      embedding_size: of the words.
      encoder_state: of the bidirectional GRU, per direction.
      encoder_layers: of the GRU: two in the paper's text, one in its appendix and in the release.
      decoder_state: of the GRU decoder, which starts from the code (Eq. 3.5).
      word_dropout: share of previous words hidden from the decoder in training.
      encoder_units, decoder_units: hidden layers of the networks over vectors.
    """

    type: Literal["words", "vectors"] = "words"
    size: int = 300
    embedding_size: int = 300
    encoder_state: int = 1024
    encoder_layers: int = 1
    decoder_state: int = 2048
    word_dropout: float = 0.2
    encoder_units: Tuple[int, ...] = (1024,)
    decoder_units: Tuple[int, ...] = (1024,)


@dataclasses.dataclass
class JWAEConfig(Config):
    """Two autoencoders whose codes meet; the defaults are jWAE-MH on ResNet features and words.

    Where the paper is silent the values are those of the released code: the margin, the sum over
    negatives, the L1 norm, the code size, the slope, the discriminator's pace.

    Attributes:
      code_size: d, of both code spaces.
      image, text: the two paths.
      supervision: of the pairs: "mse" (Eq. 3.7) or "hinge" (Eq. 3.1).
      negatives: of the hinge: "sum" or "max" (VSE++).
      margin: of the hinge.
      regulariser: "adversarial" (Gaussian codes by one discriminator), "vae" (a Gaussian
        posterior for each example), "mmd" (between the codes of images and texts) or "none".
      image_weight, text_weight: lambda_1 and lambda_2, of the reconstructions; with both 0 there
        are no decoders.
      regulariser_weight: lambda_3 = lambda_4.
      discriminator_units: hidden layers of the discriminator.
      leaky_slope: of its ReLUs.
      discriminator_every: steps of the encoders for one of the discriminator.
      as_released: train the adversarial term with the two faults of the released code: codes are
        scaled to length 1, though the prior is N(0, I), and the discriminator's gradients add up
        over all its steps.
    """

    code_size: int = 1024
    image: ImagePathConfig = dataclasses.field(default_factory=ImagePathConfig)
    text: TextPathConfig = dataclasses.field(default_factory=TextPathConfig)
    supervision: Literal["mse", "hinge"] = "hinge"
    negatives: Literal["sum", "max"] = "sum"
    margin: float = 0.2
    regulariser: Literal["adversarial", "vae", "mmd", "none"] = "adversarial"
    image_weight: float = HINGE_WEIGHTS[0]
    text_weight: float = HINGE_WEIGHTS[1]
    regulariser_weight: float = HINGE_WEIGHTS[2]
    discriminator_units: Tuple[int, ...] = (256, 256)
    leaky_slope: float = 0.01
    discriminator_every: int = 3
    as_released: bool = False

    @property
    def image_feature(self) -> str:
        """Name of the images in a batch."""
        return "image" if self.image.type == "pixels" else "features"

    @property
    def text_feature(self) -> str:
        """Name of the texts in a batch."""
        return "words" if self.text.type == "words" else "text_vector"

    @property
    def learns_from_unpaired(self) -> bool:
        """Whether an image or a text without partner changes anything."""
        return self.regulariser != "none" or self.image_weight > 0 or self.text_weight > 0

    def validate(self):
        """Raises ConfigError where the settings do not fit together."""
        super().validate()
        self.image.validate()
        self.text.validate()
        for name in ("code_size", "discriminator_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 1 or more.")
        for name in ("image_weight", "text_weight", "regulariser_weight", "margin"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 0 or more.")
        if self.as_released and self.regulariser != "adversarial":
            raise ConfigError(
                "as_released: got true, which means faults of the adversarial term; wanted "
                f"regulariser 'adversarial', got {self.regulariser!r}."
            )


def as_variant(
    config: JWAEConfig,
    variant: Variant,
    mse_weights: Optional[Tuple[float, float, float]] = None,
    hinge_weights: Optional[Tuple[float, float, float]] = None,
) -> JWAEConfig:
    """The same networks trained as one of the paper's methods (Secs. 3.5, A.1).

    | variant | supervised | regulariser | decoders |
    |---|---|---|---|
    | jwae_mse, jwae_mh | MSE, hinge | adversarial | yes |
    | mse | MSE | none | yes |
    | mh_sum, mh_max | hinge | none | no |
    | vae_mh | hinge | KL of each posterior | yes |
    | mmd_mse | MSE | MMD of the two codes | yes |

    mh_max is VSE++. The other variants with a hinge have the negatives of `config`. `as_released`
    stays set in the adversarial variants alone: the others have no term that it could change.

    Args:
      config: sizes and everything that variants have in common.
      variant: the method.
      mse_weights, hinge_weights: (lambda_1, lambda_2, lambda_3) of the variants with either
        supervised loss, with all terms as means; None takes the paper's at 128 pairs a batch.

    Raises:
      ConfigError: there is no such variant.
    """
    if variant not in get_args(Variant):
        raise ConfigError(f"variant: got {variant!r}; wanted one of {get_args(Variant)}.")
    supervision, regulariser, decoded = _VARIANTS[variant]
    if supervision == "mse":
        weights = mse_weights or MSE_WEIGHTS
    else:
        weights = hinge_weights or HINGE_WEIGHTS
    negatives = variant[3:] if variant in ("mh_sum", "mh_max") else config.negatives
    return dataclasses.replace(
        config,
        supervision=supervision,
        regulariser=regulariser,
        negatives=negatives,
        image_weight=weights[0] if decoded else 0.0,
        text_weight=weights[1] if decoded else 0.0,
        regulariser_weight=weights[2],
        as_released=config.as_released and regulariser == "adversarial",
    )
