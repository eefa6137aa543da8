"""VAEs that differ in their prior, trained alike, over several seeds."""

from __future__ import annotations

import dataclasses
from typing import Callable, Dict, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data import Source, Splits
from tfgen.metrics import over_seeds
from tfgen.training import (
    Config,
    ConfigError,
    RunDirectory,
    TrainingConfig,
    compiled,
    fit,
    restore,
    visible,
)
from tfgen.training.callbacks import ImageGrid
from zoo.vae.config import VAEConfig
from zoo.vae.evaluation import VAEEvaluationConfig, measure_vae
from zoo.vae.model import VAE

__all__ = ["PriorStudyConfig", "compare_priors", "load_vae", "phase_of", "train_priors"]

LATENTS = ("vectors", "maps")


@dataclasses.dataclass
class PriorStudyConfig(Config):
    """One comparison of priors.

    Attributes:
      recipe, preset: names.
      seed: of the first training; the others follow it.
      seeds: trainings of each variant.
      variants: which are trained: vectors_PRIOR or maps_PRIOR, with the priors of
        `LatentPriorConfig.type`. The first is what the others are compared with, the last one is
        exported.
      vectors, maps: the VAE of either kind. Its prior's type is set to that of each variant.
      training: of every one.
      evaluation: of the bounds.
    """

    recipe: str = ""
    preset: str = "paper"
    seed: int = 0
    seeds: int = 1
    variants: Tuple[str, ...] = ("vectors_standard_normal",)
    vectors: VAEConfig = dataclasses.field(default_factory=VAEConfig)
    maps: VAEConfig = dataclasses.field(default_factory=VAEConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    evaluation: VAEEvaluationConfig = dataclasses.field(default_factory=VAEEvaluationConfig)

    def model_of(self, variant: str) -> VAEConfig:
        """The VAE of a variant."""
        latents, _, prior = variant.partition("_")
        if latents not in LATENTS or not prior:
            raise ConfigError(
                f"variants: got {variant!r}; wanted vectors_ or maps_ and the type of a prior, as "
                "in vectors_vamp."
            )
        base = self.vectors if latents == "vectors" else self.maps
        config = dataclasses.replace(base, prior=dataclasses.replace(base.prior, type=prior))
        config.validate()
        return config

    def validate(self):
        """Raises ConfigError where nothing would be trained, or a variant is no model."""
        super().validate()
        if self.seeds < 1:
            raise ConfigError(f"seeds: got {self.seeds}; wanted 1 or more.")
        if not self.variants or len(set(self.variants)) < len(self.variants):
            raise ConfigError(
                f"variants: got {list(self.variants)}; wanted one or more, once each."
            )
        for variant in self.variants:
            self.model_of(variant)


def train_priors(
    config: PriorStudyConfig,
    data: Splits,
    run: RunDirectory,
    transform: Optional[Callable] = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> None:
    """Trains every variant from every seed; those that are finished stay as they are.

    All variants of a seed see the same batches, in the same order, for as many steps.

    Args:
      config: what and how.
      data: splits with "image".
      run: where the trainings are kept.
      transform: augmentation of the training images.
      callbacks: of every training.
    """
    for seed in _seeds(config):
        for variant in config.variants:
            model = _make(config, variant, seed, config.training.precision)
            values = model.config.levels
            pictures = ImageGrid(
                lambda m=model, v=values: visible(m.sample(16, seed=0).numpy(), v), "samples"
            )
            fit(
                model,
                data.train,
                config.training,
                run,
                phase_of(variant, seed),
                validation=data.validation,
                callbacks=[pictures, *callbacks],
                seed=seed,
                transform=transform,
            )


def compare_priors(
    config: PriorStudyConfig, data: Splits, run: RunDirectory
) -> Tuple[Dict[str, float], Dict[str, VAE]]:
    """Measures all VAEs of a run on the test split: of each, the best on the validation split.

    Args:
      config: what was trained.
      data: splits with "image".
      run: of `train_priors`.

    Returns:
      Flat numbers, each of `measure_vae` with the variant behind its name: the mean over the
      seeds, with several seeds also its standard deviation ("_std"), and "bits_per_dim" of every
      seed ("_seed_K"); "gain_VARIANT", bits/dim below the first variant of the same seed, and
      "gain_VARIANT_std"; "parameters_VARIANT". And variant -> VAE of the first seed.

    Raises:
      CheckpointError: a training has not begun.
    """
    rows: Dict[str, Dict[int, Dict[str, float]]] = {variant: {} for variant in config.variants}
    models: Dict[str, VAE] = {}
    for seed in _seeds(config):
        for variant in config.variants:
            model = load_vae(config, variant, seed, data.train, run)
            rows[variant][seed] = measure_vae(model, data.test, config.evaluation, seed)
            models.setdefault(variant, model)
    numbers: Dict[str, float] = {}
    first = rows[config.variants[0]]
    for variant, measured in rows.items():
        numbers.update(over_seeds(measured, f"_{variant}", spread=None))
        if variant != config.variants[0]:
            gains = {
                seed: {"gain": first[seed]["bits_per_dim"] - row["bits_per_dim"]}
                for seed, row in measured.items()
            }
            numbers.update(over_seeds(gains, f"_{variant}", spread=None))
        variables = models[variant].trainable_variables
        numbers[f"parameters_{variant}"] = sum(int(np.prod(v.shape)) for v in variables)
    return numbers, models


def load_vae(
    config: PriorStudyConfig, variant: str, seed: int, source: Source, run: RunDirectory
) -> VAE:
    """The checkpoint of a training with the best validation loss, in float32."""
    model = _make(config, variant, seed, "float32")
    restore(model, source, config.training, run, phase_of(variant, seed), which="best")
    return model


def phase_of(variant: str, seed: int) -> str:
    """The name of a training within its run."""
    return f"{variant}_{seed}"


def _seeds(config):
    return range(config.seed, config.seed + config.seeds)


def _make(config, variant, seed, precision):
    settings = config.model_of(variant)
    return compiled(lambda: VAE(settings, seed=seed), config.training, precision, seed)
