"""A VQ-VAE from one or several seeds: its codebook, then its prior; trained and measured."""

from __future__ import annotations

import dataclasses
from typing import Dict, Sequence, Tuple

import numpy as np

from tfgen.data import Source, Splits
from tfgen.metrics import over_seeds, sampling_seconds
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
from zoo.vae.evaluation import VAEEvaluationConfig, measure_vq_vae
from zoo.vae.vq_autoencoder import VQAutoencoder
from zoo.vae.vq_config import VQVAEConfig
from zoo.vae.vq_vae import VQVAE

__all__ = ["VQStudyConfig", "load_vq_vae", "measure_vq_vaes", "train_vq_vaes"]


@dataclasses.dataclass
class VQStudyConfig(Config):
    """Trainings of one VQ-VAE.

    Attributes:
      recipe, preset: names.
      seed: of the first training; the others follow it.
      seeds: how many trainings.
      model: the VQ-VAE.
      training: of the autoencoder and its codebook.
      prior_training: of the PixelCNN of the codes, afterwards.
      evaluation: of the bound.
    """

    recipe: str = ""
    preset: str = "paper"
    seed: int = 0
    seeds: int = 1
    model: VQVAEConfig = dataclasses.field(default_factory=VQVAEConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    prior_training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    evaluation: VAEEvaluationConfig = dataclasses.field(default_factory=VAEEvaluationConfig)

    def validate(self):
        """Raises ConfigError where nothing would be trained, or averages would not fit."""
        super().validate()
        if self.seeds < 1:
            raise ConfigError(f"seeds: got {self.seeds}; wanted 1 or more.")
        if self.training.average_decay:
            raise ConfigError(
                f"training.average_decay: got {self.training.average_decay}; wanted 0, for the "
                "codebook belongs to the weights of the moment, and not to their average."
            )


def train_vq_vaes(
    config: VQStudyConfig, data: Splits, run: RunDirectory, callbacks: Sequence = ()
) -> None:
    """Trains autoencoder and codebook, then the prior of the codes, from every seed."""
    for seed in _seeds(config):
        _train(config, seed, data, run, callbacks)


def measure_vq_vaes(
    config: VQStudyConfig, data: Splits, run: RunDirectory
) -> Tuple[Dict[str, float], VQVAE]:
    """Measures the trainings of a run on the test split.

    Returns:
      The numbers of `measure_vq_vae`, means over the seeds, with "bits_per_dim_std" where there
      are several, "bits_per_dim_seed_K", "parameters" of autoencoder and prior, and
      "seconds_per_image" of sampling a batch of 16; and the model of the first seed.

    Raises:
      CheckpointError: a training has not begun.
    """
    rows, first = {}, None
    for seed in _seeds(config):
        model = load_vq_vae(config, seed, data.train, run)
        first = first or model
        rows[seed] = measure_vq_vae(model, data.test, config.evaluation, seed)
    numbers = over_seeds(rows)
    for part, variables in (
        ("parameters_prior", first.network.trainable_variables),
        ("parameters", [v for v in first.variables if v.dtype.is_floating]),
    ):
        numbers[part] = sum(int(np.prod(variable.shape)) for variable in variables)
    numbers["seconds_per_image"] = sampling_seconds(first)
    return numbers, first


def load_vq_vae(config: VQStudyConfig, seed: int, source: Source, run: RunDirectory) -> VQVAE:
    """The model of the best validation loss of its second phase, in float32."""
    model = _make_prior(config, seed, "float32")
    restore(model, source, config.prior_training, run, f"prior_{seed}", which="best")
    return model


def _train(config, seed, data, run, callbacks):
    autoencoder = _make_autoencoder(config, seed, config.training.precision)
    values = config.model.values
    fit(
        autoencoder,
        data.train,
        config.training,
        run,
        f"codebook_{seed}",
        validation=data.validation,
        callbacks=callbacks,
        seed=seed,
    )
    restore(autoencoder, data.train, config.training, run, f"codebook_{seed}", which="best")
    model = _make_prior(config, seed, config.prior_training.precision)
    model.autoencoder.set_weights(autoencoder.get_weights())
    pictures = ImageGrid(lambda: visible(model.sample(16, seed=0).numpy(), values), "samples")
    fit(
        model,
        data.train,
        config.prior_training,
        run,
        f"prior_{seed}",
        validation=data.validation,
        callbacks=[pictures, *callbacks],
        seed=seed,
    )


def _make_autoencoder(config, seed, precision):
    return compiled(
        lambda: VQAutoencoder(config.model, seed=seed), config.training, precision, seed
    )


def _make_prior(config, seed, precision):
    """The model of the second phase, around an autoencoder without an optimizer."""
    return compiled(
        lambda: VQVAE(VQAutoencoder(config.model, seed=seed), seed=seed),
        config.prior_training,
        precision,
        seed,
    )


def _seeds(config):
    return range(config.seed, config.seed + config.seeds)
