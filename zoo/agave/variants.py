"""The trainings of a study of AGAVE: weights of the KL, auxiliary images, baselines."""

from __future__ import annotations

import dataclasses
import re
from typing import Iterator, NamedTuple, Tuple

from tfgen.training import Config, ConfigError, TrainingConfig
from zoo.agave.config import AGAVEConfig
from zoo.agave.evaluation import AGAVEEvaluationConfig

__all__ = ["AGAVEStudyConfig", "Training", "trainings", "variant_model"]

_PATTERNS = (
    "lambda_K (weight K of the KL), levels_B (B colour levels), size_S (S pixels a side), grey_B "
    "(grey, of B levels), naive, dropped, few_layers, grey_context"
)


@dataclasses.dataclass
class AGAVEStudyConfig(Config):
    """One study.

    The VAE and the PixelCNN are pre-trained apart, once for all variants of a seed that share
    them, and then trained together for each variant. Variants without auxiliary loss start from
    the pre-trained PixelCNN and a VAE that was not trained.

    Attributes:
      recipe, preset: names.
      seed: of the first training; the others follow it.
      seeds: trainings of each variant.
      variants: lambda_K, weight K of the KL; levels_B, size_S and grey_B, auxiliary images of B
        colours, of side S, grey with B levels; naive, without the auxiliary loss; dropped, the main
        variant trained on without it; few_layers and grey_context, naive with a restricted decoder.
        The main variant, lambda_K of the model's own weight, is exported.
      model: of the main variant.
      pretraining: of the VAE, with weight 1 of the KL, and of the PixelCNN.
      training: of every variant.
      dropping: of the variant dropped, after its training.
      beta_1, beta_2: of every optimizer.
      evaluation: of every variant.
    """

    recipe: str = ""
    preset: str = "paper"
    seed: int = 0
    seeds: int = 1
    variants: Tuple[str, ...] = ("lambda_12",)
    model: AGAVEConfig = dataclasses.field(default_factory=AGAVEConfig)
    pretraining: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    dropping: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    beta_1: float = 0.9
    beta_2: float = 0.999
    evaluation: AGAVEEvaluationConfig = dataclasses.field(default_factory=AGAVEEvaluationConfig)

    def validate(self):
        """Raises ConfigError where nothing would be trained, or not what is asked for."""
        super().validate()
        if self.seeds < 1:
            raise ConfigError(f"seeds: got {self.seeds}; wanted 1 or more.")
        if self.model.trained_part != "both" or not self.model.auxiliary_loss:
            raise ConfigError(
                f"model: got trained_part={self.model.trained_part!r} and auxiliary_loss="
                f"{self.model.auxiliary_loss}; wanted 'both' and true, which a study sets for "
                "each of its trainings."
            )
        if self.main not in self.variants or len(set(self.variants)) < len(self.variants):
            raise ConfigError(
                f"variants: got {list(self.variants)}; wanted each once, and among them "
                f"{self.main}, the main one by model.vae.kl_weight."
            )
        # Before the first training, not hours later where a variant's turn comes.
        for variant in self.variants:
            try:
                variant_model(self.model, variant).validate()
            except ConfigError as error:
                raise ConfigError(f"The model of variant {variant}: {error}") from error

    @property
    def main(self) -> str:
        """Name of the main variant."""
        return f"lambda_{self.model.vae.kl_weight:g}"


class Training(NamedTuple):
    """One phase of a study.

    Attributes:
      phase: its name within the run.
      seed: of everything in it.
      model: what is trained.
      training: how.
      vae, pixelcnn: phases whose VAE and PixelCNN it starts with, "" for none.
    """

    phase: str
    seed: int
    model: AGAVEConfig
    training: TrainingConfig
    vae: str = ""
    pixelcnn: str = ""


def variant_model(model: AGAVEConfig, variant: str) -> AGAVEConfig:
    """The model of a variant.

    Raises:
      ConfigError: there is no such variant.
    """
    matched = re.fullmatch(r"(lambda|levels|size|grey)_(\d+(?:\.\d+)?)", variant)
    if matched:
        kind, number = matched.groups()
        if kind == "lambda":
            changes = {"kl_weight": float(number)}
        elif "." in number:
            raise ConfigError(f"variants: got {variant!r}; wanted a whole number in it.")
        else:
            changes = {
                "levels": {"target_values": int(number)},
                "size": {"target_size": int(number)},
                "grey": {"target_channels": 1, "target_values": int(number)},
            }[kind]
        return dataclasses.replace(model, vae=dataclasses.replace(model.vae, **changes))
    if variant not in ("naive", "dropped", "few_layers", "grey_context"):
        raise ConfigError(f"variants: got {variant!r}; wanted some of {_PATTERNS}.")
    decoder = model.decoder
    if variant == "few_layers":
        few = {"residual_layers": 1, "resolutions": 1, "layers": 1, "kernel_size": 3}
        decoder = dataclasses.replace(decoder, **few)
    elif variant == "grey_context":
        decoder = dataclasses.replace(decoder, context="grey")
    vae = dataclasses.replace(model.vae, kl_weight=1.0)
    return dataclasses.replace(model, vae=vae, decoder=decoder, auxiliary_loss=False)


def trainings(config: AGAVEStudyConfig) -> Iterator[Training]:
    """All phases of a study in an order in which each finds what it starts with.

    Those of pre-training do not depend on each other, nor do the variants on one another, but for
    dropped on the main one.
    """
    for seed in range(config.seed, config.seed + config.seeds):
        known = set()
        for variant in sorted(config.variants, key=lambda name: name == "dropped"):
            for training in _phases(config, variant, seed):
                if training.phase not in known:
                    known.add(training.phase)
                    yield training


def _phases(config, variant, seed):
    """What is trained for a variant, in order; the last is the variant itself."""
    model = variant_model(config.model, variant)
    if variant == "dropped":
        main = f"{config.main}_{seed}"
        yield Training(f"dropped_{seed}", seed, model, config.dropping, main, main)
        return
    decoder = variant if variant in ("few_layers", "grey_context") else "full"
    size, _, channels = model.vae.target_shape
    pixelcnn = f"pixelcnn_{decoder}_{channels}_{seed}"
    alone = dataclasses.replace(model, auxiliary_loss=True, trained_part="pixelcnn")
    yield Training(pixelcnn, seed, alone, config.pretraining)
    vae = ""
    if model.auxiliary_loss:
        vae = f"vae_{size}_{channels}_{model.vae.levels}_{seed}"
        alone = dataclasses.replace(
            model, trained_part="vae", vae=dataclasses.replace(model.vae, kl_weight=1.0)
        )
        yield Training(vae, seed, alone, config.pretraining)
    yield Training(f"{variant}_{seed}", seed, model, config.training, vae, pixelcnn)
