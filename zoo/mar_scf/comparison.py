"""The same flow with a Gaussian and with the mAR prior, trained alike, over several seeds."""

from __future__ import annotations

import dataclasses
import statistics
import time
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data import Source, Splits
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
from zoo.flows import FlowConfig, FlowEvaluationConfig, ImageFlow, measure_flow

__all__ = [
    "Comparison",
    "ComparisonConfig",
    "compare",
    "load_flow",
    "sequential_steps",
    "train_flow",
    "train_flows",
]

PRIORS = {"gaussian": "gaussian", "mar": "channel_autoregressive"}


@dataclasses.dataclass
class ComparisonConfig(Config):
    """One comparison of priors.

    Attributes:
      recipe, preset: names.
      seed: of the first training; the others follow it.
      seeds: trainings of each prior.
      priors: which are trained, of "gaussian" and "mar"; the last one is exported.
      model: the flow. Its prior's type is set to each of the two in turn.
      training: of every one.
      evaluation: of the likelihood.
    """

    recipe: str = ""
    preset: str = "paper"
    seed: int = 0
    seeds: int = 1
    priors: Tuple[str, ...] = ("gaussian", "mar")
    model: FlowConfig = dataclasses.field(default_factory=FlowConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    evaluation: FlowEvaluationConfig = dataclasses.field(default_factory=FlowEvaluationConfig)

    def validate(self):
        """Raises ConfigError where nothing would be trained."""
        super().validate()
        if self.seeds < 1:
            raise ConfigError(f"seeds: got {self.seeds}; wanted 1 or more.")
        wrong = not self.priors or len(set(self.priors)) < len(self.priors)
        if wrong or not set(self.priors) <= set(PRIORS):
            raise ConfigError(
                f"priors: got {list(self.priors)}; wanted one or both of {', '.join(PRIORS)}."
            )


class Comparison(NamedTuple):
    """What `compare` found.

    Attributes:
      numbers: flat, as in report.json.
      flows: prior -> its flow of the first seed.
    """

    numbers: Dict[str, float]
    flows: Dict[str, ImageFlow]


def train_flows(
    config: ComparisonConfig,
    data: Splits,
    run: RunDirectory,
    transform: Optional[Callable] = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> None:
    """Trains a flow with each prior from each seed; those that are finished stay as they are.

    The two flows of a seed see the same batches, in the same order, for as many steps.

    Args:
      config: what and how.
      data: splits with "image".
      run: where the trainings are kept.
      transform: augmentation of the training images.
      callbacks: of every training.
    """
    for seed in _seeds(config):
        for prior in config.priors:
            train_flow(config, prior, seed, data, run, transform, callbacks)


def compare(config: ComparisonConfig, data: Splits, run: RunDirectory) -> Comparison:
    """Measures all flows of a run on the test split: of each, the best on the validation split.

    Args:
      config: what was trained.
      data: splits with "image".
      run: of `train_flows`.

    Returns:
      The flows of the first seed, and numbers: "bits_per_dim_PRIOR" (mean over the seeds),
      "bits_per_dim_PRIOR_std", "bits_per_dim_PRIOR_seed_K", "bits_per_dim_PRIOR_level_K",
      "parameters_PRIOR", "nonfinite_samples_PRIOR" (a share of samples); with both priors
      "bits_per_dim_difference" (Gaussian minus mAR of the same seed) and its "_std", "_min",
      "parameter_overhead" (a fraction), "sampling_time_ratio" (mAR over Gaussian, batches of 32).

    Raises:
      CheckpointError: a training has not begun.
    """
    rows: Dict[str, List[Mapping[str, float]]] = {prior: [] for prior in config.priors}
    flows: Dict[str, ImageFlow] = {}
    for seed in _seeds(config):
        for prior in config.priors:
            model = load_flow(config, prior, seed, data.train, run)
            rows[prior].append(measure_flow(model, data.test, config.evaluation, seed))
            flows.setdefault(prior, model)
    numbers: Dict[str, float] = {}
    for prior, measured in rows.items():
        for name in measured[0]:
            values = [row[name] for row in measured]
            key = name.replace("bits_per_dim", f"bits_per_dim_{prior}").replace(
                "nats", f"nats_{prior}"
            )
            numbers[key] = statistics.mean(values)
            if name == "bits_per_dim":
                numbers[f"{key}_std"] = statistics.stdev(values) if len(values) > 1 else 0.0
                for seed, value in zip(_seeds(config), values):
                    numbers[f"{key}_seed_{seed}"] = value
    for prior, model in flows.items():
        numbers[f"parameters_{prior}"] = _parameters(model)
        numbers[f"nonfinite_samples_{prior}"] = _nonfinite_samples(model)
    if len(flows) == 2:
        differences = [
            a["bits_per_dim"] - b["bits_per_dim"] for a, b in zip(*(rows[p] for p in PRIORS))
        ]
        numbers["bits_per_dim_difference"] = statistics.mean(differences)
        numbers["bits_per_dim_difference_min"] = min(differences)
        numbers["bits_per_dim_difference_std"] = (
            statistics.stdev(differences) if len(differences) > 1 else 0.0
        )
        overhead = numbers["parameters_mar"] / numbers["parameters_gaussian"] - 1.0
        numbers["parameter_overhead"] = overhead
        numbers["sampling_time_ratio"] = _sampling_ratio(flows["mar"], flows["gaussian"])
    return Comparison(numbers, flows)


def train_flow(
    config: ComparisonConfig,
    prior: str,
    seed: int,
    data: Splits,
    run: RunDirectory,
    transform: Optional[Callable] = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> tf.keras.callbacks.History:
    """One training, phase "PRIOR_SEED" of the run."""
    model = _make(config, prior, seed, config.training.precision)
    values = config.model.values
    pictures = ImageGrid(lambda: visible(model.sample(16, seed=0).numpy(), values), "samples")
    return fit(
        model,
        data.train,
        config.training,
        run,
        f"{prior}_{seed}",
        validation=data.validation,
        callbacks=[pictures, *callbacks],
        seed=seed,
        transform=transform,
    )


def load_flow(
    config: ComparisonConfig, prior: str, seed: int, source: Source, run: RunDirectory
) -> ImageFlow:
    """The checkpoint of a training with the best validation loss, in float32."""
    model = _make(config, prior, seed, "float32")
    restore(model, source, config.training, run, f"{prior}_{seed}", which="best")
    return model


def sequential_steps(model: ImageFlow) -> int:
    """Steps of sampling that wait for one another: a channel of a latent each.

    C (3 2^n - 2) where all n levels halve an image of C channels. A Gaussian prior draws a latent
    in one step. The layers of the flow are not counted.

    #### References
    [1]: Bhattacharyya et al. 2020. Lemmas 1 and 2 (6.4.1 and 6.4.2 of the thesis).
    """
    return sum(getattr(prior, "sequential_steps", 1) for prior in model.density.priors)


def _seeds(config):
    return range(config.seed, config.seed + config.seeds)


def _make(config, prior, seed, precision):
    prior = dataclasses.replace(config.model.prior, type=PRIORS[prior])
    settings = dataclasses.replace(config.model, prior=prior)
    return compiled(lambda: ImageFlow(settings, seed=seed), config.training, precision, seed)


def _parameters(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def _nonfinite_samples(model, count=64):
    """Share of samples with a pixel that is not finite before it is rounded."""
    finite = tf.math.is_finite(model.density.sample(count, seed=0))
    return float(1.0 - np.mean(tf.reduce_all(finite, axis=[1, 2, 3])))


def _sampling_ratio(model, other, count=32, repeats=7):
    """Median time of a batch of samples over that of another model, in turn; 32 as in Table 6.2."""
    functions = [
        tf.function(lambda seed, m=m: m.sample(count, seed), autograph=False)
        for m in (model, other)
    ]
    times = [[], []]
    for repeat in range(repeats + 1):
        for function, seconds in zip(functions, times):
            start = time.perf_counter()
            function(tf.constant([repeat, 0])).numpy()
            if repeat:  # The first call traces.
                seconds.append(time.perf_counter() - start)
    return statistics.median(times[0]) / statistics.median(times[1])
