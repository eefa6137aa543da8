"""The variants of a study of AGAVE trained alike, over several seeds, and measured."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Sequence

import numpy as np
import tensorflow as tf

from tfgen.data import Source, Splits
from tfgen.metrics import over_seeds
from tfgen.training import (
    RunDirectory,
    compiled,
    fit,
    restore,
    visible,
)
from tfgen.training.callbacks import ImageGrid
from zoo.agave.evaluation import (
    measure_agave,
    measure_guidance,
    measure_importance_bound,
    measure_interpolation,
)
from zoo.agave.model import AGAVE
from zoo.agave.variants import AGAVEStudyConfig, Training, trainings, variant_model

__all__ = ["AGAVEComparison", "collapse_step", "compare_agave", "load_agave", "train_agave"]

# Of the KL, in nats an image: below, the latent code says nothing.
COLLAPSED = 0.1


class AGAVEComparison(NamedTuple):
    """What `compare_agave` found.

    Attributes:
      numbers: flat, as in report.json.
      models: variant -> its model of the first seed.
    """

    numbers: Dict[str, float]
    models: Dict[str, AGAVE]


def train_agave(
    config: AGAVEStudyConfig,
    data: Splits,
    run: RunDirectory,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> None:
    """Trains every phase of `trainings`; those that are finished stay as they are.

    Args:
      config: what and how.
      data: splits with "image".
      run: where the trainings are kept.
      callbacks: of every training.
    """
    done: Dict[str, Training] = {}
    for training in trainings(config):
        model = _make(config, training, training.training.precision)
        # A training that was stopped goes on from its own checkpoint, whatever it started with.
        parts = {}
        for part, phase in (("vae", training.vae), ("pixelcnn", training.pixelcnn)):
            if phase:
                parts[part] = _make(config, done[phase], training.training.precision)
                restore(parts[part], data.train, done[phase].training, run, phase)
        model.start_from(**parts)
        is_main = training.phase == f"{config.main}_{training.seed}"
        fit(
            model,
            data.train,
            training.training,
            run,
            training.phase,
            validation=data.validation,
            callbacks=[*callbacks, *([_pictures(model)] if is_main else [])],
            seed=training.seed,
        )
        done[training.phase] = training


def load_agave(
    config: AGAVEStudyConfig, variant: str, seed: int, source: Source, run: RunDirectory
) -> AGAVE:
    """The trained model of a variant, in float32.

    It is the last checkpoint: the losses of variants are of different weights, and the best one of
    a model that is to collapse might be that where it has not.

    Raises:
      CheckpointError: the training has not begun.
    """
    length = config.dropping if variant == "dropped" else config.training
    training = Training(f"{variant}_{seed}", seed, variant_model(config.model, variant), length)
    model = _make(config, training, "float32")
    restore(model, source, length, run, training.phase)
    return model


def compare_agave(config: AGAVEStudyConfig, data: Splits, run: RunDirectory) -> AGAVEComparison:
    """Measures all variants of a run on the test split.

    Args:
      config: what was trained.
      data: splits with "image".
      run: of `train_agave`.

    Returns:
      The models of the first seed, and numbers: NUMBER_VARIANT, the mean over seeds, of
      `measure_agave`, `measure_importance_bound`, `measure_guidance` and `measure_interpolation`;
      with several seeds their standard deviation NUMBER_VARIANT_std, for "bits_per_dim", "kl" and
      "auxiliary_error"; "bits_per_dim_VARIANT_seed_K"; "collapse_step_dropped", the latest of the
      seeds, or -1 where one has not collapsed; "parameters".

    Raises:
      CheckpointError: a training has not begun.
    """
    numbers: Dict[str, float] = {}
    models: Dict[str, AGAVE] = {}
    for variant in config.variants:
        rows: Dict[int, Dict[str, float]] = {}
        for seed in _seeds(config):
            model = load_agave(config, variant, seed, data.train, run)
            models.setdefault(variant, model)
            rows[seed] = _measure(model, data.test, config, seed)
        numbers.update(over_seeds(rows, f"_{variant}", ("bits_per_dim", "kl", "auxiliary_error")))
    if "dropped" in config.variants:
        steps = [collapse_step(run.history(f"dropped_{seed}")) for seed in _seeds(config)]
        numbers["collapse_step_dropped"] = -1 if -1 in steps else max(steps)
    weights = models[config.main].trainable_variables
    numbers["parameters"] = sum(int(np.prod(variable.shape)) for variable in weights)
    return AGAVEComparison(numbers, models)


def collapse_step(history: Sequence[Dict[str, Any]], threshold: float = COLLAPSED) -> int:
    """The first step from which on the KL of held-out images stays below, or -1.

    Args:
      history: rows of a phase with "step" and "val_kl".
      threshold: nats an image.
    """
    found = -1
    for row in history:
        if row["val_kl"] >= threshold:
            found = -1
        elif found < 0:
            found = row["step"]
    return found


def _measure(model, test, config, seed):
    evaluation = config.evaluation
    return {
        **measure_agave(model, test, evaluation, seed),
        **measure_importance_bound(model, test, evaluation, seed),
        **measure_guidance(model, evaluation, seed),
        **measure_interpolation(model, test, evaluation),
    }


def _seeds(config):
    return range(config.seed, config.seed + config.seeds)


def _pictures(model):
    values = model.config.vae.values
    return ImageGrid(lambda: visible(model.sample(16, seed=0).numpy(), values), "samples")


def _make(config, training, precision):
    return compiled(
        lambda: AGAVE(training.model, seed=training.seed),
        training.training,
        precision,
        training.seed,
        config.beta_1,
        config.beta_2,
    )
