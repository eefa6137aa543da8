"""A PixelCNN from one or several seeds: trained and measured."""

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
from zoo.pixelcnn.config import PixelCNNConfig
from zoo.pixelcnn.evaluation import PixelCNNEvaluationConfig, measure_pixel_cnn
from zoo.pixelcnn.model import PixelCNN

__all__ = ["StudyConfig", "load_pixel_cnn", "measure_pixel_cnns", "train_pixel_cnns"]


@dataclasses.dataclass
class StudyConfig(Config):
    """Trainings of one model.

    Attributes:
      recipe, preset: names.
      seed: of the first training; the others follow it.
      seeds: how many trainings.
      model: the PixelCNN.
      training: of every one.
      beta_1, beta_2: of its optimizer.
      evaluation: of the likelihood.
    """

    recipe: str = ""
    preset: str = "paper"
    seed: int = 0
    seeds: int = 1
    model: PixelCNNConfig = dataclasses.field(default_factory=PixelCNNConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    beta_1: float = 0.9
    beta_2: float = 0.999
    evaluation: PixelCNNEvaluationConfig = dataclasses.field(
        default_factory=PixelCNNEvaluationConfig
    )

    def validate(self):
        """Raises ConfigError where nothing would be trained."""
        super().validate()
        if self.seeds < 1:
            raise ConfigError(f"seeds: got {self.seeds}; wanted 1 or more.")
        for name in ("beta_1", "beta_2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 0 or more, below 1.")

    def checkpoint(self) -> str:
        """Which checkpoint of a training is measured, "best" or "last" (`tfgen.training.restore`).

        "best" is by the validation loss; where the test images validate, "last" keeps the test
        from choosing.
        """
        return "best"


def train_pixel_cnns(
    config: StudyConfig, data: Splits, run: RunDirectory, callbacks: Sequence = ()
) -> None:
    """Trains a PixelCNN from every seed, on data.train; data.validation chooses the best."""
    for seed in _seeds(config):
        _train(config, seed, data, run, callbacks)


def measure_pixel_cnns(
    config: StudyConfig, data: Splits, run: RunDirectory
) -> Tuple[Dict[str, float], PixelCNN]:
    """Measures the trainings of a run on the test split, see `StudyConfig.checkpoint`.

    Returns:
      "bits_per_dim" (mean over the seeds), "bits_per_dim_std" (over the seeds, with more than one),
      "bits_per_dim_seed_K", "bits_per_dim_standard_error" (over images, mean of the seeds),
      "nats", "parameters", and "seconds_per_image" of sampling a batch of 16; and the model of the
      first seed.

    Raises:
      CheckpointError: a training has not begun.
    """
    rows, first = {}, None
    for seed in _seeds(config):
        model = load_pixel_cnn(config, seed, data.train, run)
        first = first or model
        rows[seed] = measure_pixel_cnn(model, data.test, config.evaluation)
    numbers = over_seeds(rows)
    numbers["parameters"] = sum(int(np.prod(v.shape)) for v in first.trainable_variables)
    numbers["seconds_per_image"] = sampling_seconds(first)
    return numbers, first


def load_pixel_cnn(config: StudyConfig, seed: int, source: Source, run: RunDirectory) -> PixelCNN:
    """The checkpoint of a training that `StudyConfig.checkpoint` names, in float32."""
    model = _make(config, seed, "float32")
    restore(model, source, config.training, run, _phase(seed), which=config.checkpoint())
    return model


def _train(config, seed, data, run, callbacks):
    model = _make(config, seed, config.training.precision)
    values = config.model.values
    pictures = ImageGrid(lambda: visible(model.sample(16, seed=0).numpy(), values), "samples")
    fit(
        model,
        data.train,
        config.training,
        run,
        _phase(seed),
        validation=data.validation,
        callbacks=[pictures, *callbacks],
        seed=seed,
    )


def _make(config, seed, precision):
    return compiled(
        lambda: PixelCNN(config.model, seed=seed),
        config.training,
        precision,
        seed,
        config.beta_1,
        config.beta_2,
    )


def _phase(seed):
    return f"seed_{seed}"


def _seeds(config):
    return range(config.seed, config.seed + config.seeds)
