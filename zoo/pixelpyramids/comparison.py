"""PixelPyramids and its ablations, trained alike, over several seeds."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.bijectors import PairedPyramid
from tfgen.data import Source, Splits
from tfgen.metrics import over_seeds
from tfgen.training import (
    Checkpoints,
    Config,
    ConfigError,
    RunDirectory,
    TrainingConfig,
    build,
    compiled,
    fit,
    restore,
    visible,
)
from tfgen.training.callbacks import ImageGrid
from zoo.pixelpyramids.config import PixelPyramidsConfig
from zoo.pixelpyramids.evaluation import (
    PyramidEvaluationConfig,
    measure_entropies,
    measure_pixelpyramids,
)
from zoo.pixelpyramids.model import PixelPyramids

__all__ = [
    "VARIANTS",
    "PyramidComparison",
    "PyramidStudyConfig",
    "compare_variants",
    "load_variant",
    "shown_samples",
    "train_variants",
]

# Table 7.4: name -> what differs from the model as it is configured.
VARIANTS: Dict[str, Dict[str, Any]] = {
    "full": {},
    "no_modulo_difference": {"modulo_difference": False},
    "squeezes_0": {"squeezes": (0,)},
    "squeezes_1": {"squeezes": (1,)},
    "squeezes_3": {"squeezes": (3,)},
}


@dataclasses.dataclass
class PyramidStudyConfig(Config):
    """One study: the model and its ablations.

    With model.as_released, averaged weights are not used, and samples are drawn at temperature
    0.1, of the logistic noise alone, and cleaned up, as the released code does.

    Attributes:
      recipe, preset: names.
      seed: of the first training; the others follow it. Patches lie where this seed puts them in
        all of them.
      seeds: trainings of each variant.
      variants: which are trained, of those of Table 7.4; the first one is drawn from and exported.
      levels_apart: trains the levels of a variant one after the other, as phases of their own,
        instead of together. Levels share no weights and no gradients, but together they share the
        norm by which gradients are clipped and the step of the best checkpoint.
      beta_1, beta_2: of Adam.
      model: the full model.
      training: of every one.
      evaluation: of every one.
    """

    recipe: str = ""
    preset: str = "paper"
    seed: int = 0
    seeds: int = 1
    variants: Tuple[str, ...] = tuple(VARIANTS)
    levels_apart: bool = False
    beta_1: float = 0.95
    beta_2: float = 0.9995
    model: PixelPyramidsConfig = dataclasses.field(default_factory=PixelPyramidsConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    evaluation: PyramidEvaluationConfig = dataclasses.field(default_factory=PyramidEvaluationConfig)

    def validate(self):
        """Raises ConfigError where nothing would be trained, or not what is asked for."""
        super().validate()
        if self.seeds < 1:
            raise ConfigError(f"seeds: got {self.seeds}; wanted 1 or more.")
        wrong = not self.variants or len(set(self.variants)) < len(self.variants)
        if wrong or not set(self.variants) <= set(VARIANTS):
            raise ConfigError(
                f"variants: got {list(self.variants)}; wanted one or more of {', '.join(VARIANTS)}."
            )
        for variant in self.variants:
            try:
                self.variant_model(variant).validate()
            except ConfigError as error:
                raise ConfigError(f"The model of variant {variant}: {error}") from error
        if self.model.trained_level:
            raise ConfigError(
                f"model.trained_level: got {self.model.trained_level}; wanted 0, for a study "
                "measures whole models. levels_apart=true trains the levels one by one."
            )
        if self.training.optimizer != "adam" or self.training.weight_decay:
            raise ConfigError(
                f"training: got {self.training.optimizer} with weight_decay="
                f"{self.training.weight_decay}; wanted adam without, as PixelPyramids are trained."
            )

    def variant_model(self, variant: str) -> PixelPyramidsConfig:
        """The model of one of the variants."""
        return dataclasses.replace(self.model, **VARIANTS[variant])

    @property
    def temperature(self) -> float:
        """Of what is drawn."""
        return 0.1 if self.model.as_released else self.evaluation.temperature


class PyramidComparison(NamedTuple):
    """What `compare_variants` found.

    Attributes:
      numbers: flat, as in report.json.
      models: variant -> its model of the first seed.
    """

    numbers: Dict[str, float]
    models: Dict[str, PixelPyramids]


def train_variants(
    config: PyramidStudyConfig,
    data: Splits,
    run: RunDirectory,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> None:
    """Trains every variant from every seed; phases that are finished stay as they are.

    The variants of a seed see the same batches, in the same order, for as many steps. Phases are
    called VARIANT_SEED, or VARIANT_SEED_level_K where levels are trained apart. TensorBoard shows
    samples of the first variant.

    Args:
      config: what and how.
      data: splits with "image".
      run: where the trainings are kept.
      callbacks: of every training.
    """
    for variant in config.variants:
        for level in _levels(config):
            # One model of all seeds: its graph is slower to trace than the training of a study.
            model, shown = None, []
            for seed in _seeds(config):
                fresh = _make(config, variant, seed, level, config.training.precision)
                # Now, as `fit` would make some of the weights from another seed.
                build(fresh, data.train, config.training)
                if model is None:
                    model = fresh
                    if variant == config.variants[0] and not level:
                        shown = [_pictures(model, config)]
                else:
                    _take_over(model, fresh)
                fit(
                    model,
                    data.train,
                    config.training,
                    run,
                    _phase(config, variant, seed, level),
                    validation=data.validation,
                    callbacks=[*shown, *callbacks],
                    seed=seed,
                )


def load_variant(
    config: PyramidStudyConfig,
    variant: str,
    seed: int,
    source: Source,
    run: RunDirectory,
    model: Optional[PixelPyramids] = None,
) -> PixelPyramids:
    """A trained variant: of every phase the checkpoint with the best validation loss, in float32.

    Args:
      config, variant, seed: which.
      source: any source with "image".
      run: of `train_variants`.
      model: one that this function returned for another seed takes the weights; None makes one.

    Raises:
      CheckpointError: a phase of it has not begun.
    """
    if model is None:
        model = _make(config, variant, seed, 0, "float32")
    if not config.levels_apart:
        phase = _phase(config, variant, seed, 0)
        restore(model, source, config.training, run, phase, which="best")
        return model
    build(model, source, config.training)
    for level in _levels(config):
        part = _make(config, variant, seed, level, "float32")
        phase = _phase(config, variant, seed, level)
        restore(part, source, config.training, run, phase, which="best")
        _layer(model, level).set_weights(_layer(part, level).get_weights())
    return model


def compare_variants(
    config: PyramidStudyConfig, data: Splits, run: RunDirectory
) -> PyramidComparison:
    """Measures all trainings of a run on the test split.

    Args:
      config: what was trained.
      data: splits with "image".
      run: of `train_variants`.

    Returns:
      The models of the first seed, and numbers: for each VARIANT "bits_per_dim_VARIANT" (mean over
      seeds), "bits_per_dim_VARIANT_std" where there are several, "bits_per_dim_VARIANT_seed_K", the
      other numbers of `measure_pixelpyramids` as NUMBER_VARIANT (means), "parameters_VARIANT",
      "sequential_steps_VARIANT", and, where the full model was trained, "excess_VARIANT" (bits/dim
      above the full model of the same seed) and "excess_VARIANT_min"; the entropies of
      `measure_entropies`, of differences modulo 2^b.

    Raises:
      CheckpointError: a training has not begun.
    """
    rows: Dict[str, Dict[int, Dict[str, float]]] = {variant: {} for variant in config.variants}
    models: Dict[str, PixelPyramids] = {}
    for variant in config.variants:
        # The first seed comes last, and stays in the model.
        for seed in reversed(_seeds(config)):
            model = load_variant(config, variant, seed, data.train, run, models.get(variant))
            rows[variant][seed] = measure_pixelpyramids(model, data.test, config.evaluation)
            models[variant] = model
    numbers: Dict[str, float] = {}
    for variant, measured in rows.items():
        numbers.update(over_seeds(measured, f"_{variant}"))
        weights = models[variant].trainable_variables
        numbers[f"parameters_{variant}"] = sum(int(np.prod(v.shape)) for v in weights)
        numbers[f"sequential_steps_{variant}"] = models[variant].sequential_steps
        if "full" in rows and variant != "full":
            excess = [
                row["bits_per_dim"] - rows["full"][seed]["bits_per_dim"]
                for seed, row in measured.items()
            ]
            numbers[f"excess_{variant}"] = statistics.mean(excess)
            numbers[f"excess_{variant}_min"] = min(excess)
    pyramid = PairedPyramid(config.model.levels, bits=config.model.bits, kept=config.model.kept)
    numbers.update(measure_entropies(pyramid, data.test, config.evaluation))
    return PyramidComparison(numbers, models)


def shown_samples(model: PixelPyramids, most: int) -> int:
    """How many samples are drawn for a picture: `most`, or as few as 4 of large images.

    A map of the finest level takes 64 channels: at 1024x1024 pixels, 130 MB an image.
    """
    return min(most, max(4, 2**21 // model.config.image_size**2))


def _seeds(config):
    return range(config.seed, config.seed + config.seeds)


def _levels(config):
    """What is trained by itself; level 0 is all of them."""
    return range(1, config.model.levels + 2) if config.levels_apart else (0,)


def _phase(config, variant, seed, level):
    return f"{variant}_{seed}_level_{level}" if level else f"{variant}_{seed}"


def _layer(model, level):
    return model.coarsest if level > len(model.levels) else model.levels[level - 1]


def _make(config, variant, seed, level, precision):
    settings = dataclasses.replace(config.variant_model(variant), trained_level=level)
    training = config.training
    if config.model.as_released:
        training = dataclasses.replace(training, average_decay=0.0)
    return compiled(
        lambda: PixelPyramids(settings, seed=config.seed),
        training,
        precision,
        seed,
        config.beta_1,
        config.beta_2,
    )


def _take_over(model, fresh):
    """Gives a model that was trained the state of one that was not."""
    with tempfile.TemporaryDirectory() as directory:
        Checkpoints(directory, model=fresh).save(0)
        Checkpoints(directory, model=model).restore()


def _pictures(model, config):
    count, temperature = shown_samples(model, 16), config.temperature
    sample = tf.function(lambda: model.sample(count, 0, temperature), autograph=False)
    return ImageGrid(lambda: visible(sample().numpy(), config.model.values), "samples")
