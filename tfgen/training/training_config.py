"""The settings of one training, the same for every model."""

from __future__ import annotations

import dataclasses
from typing import Dict, List, Literal, Optional

from tfgen.training.configuration import Config, ConfigError

__all__ = ["ScheduleConfig", "TrainingConfig"]


@dataclasses.dataclass
class ScheduleConfig(Config):
    """How the learning rate moves over the steps; TrainingConfig.learning_rate is its peak.

    Attributes:
      type: constant, cosine (down to `end_factor`), polynomial (of degree `power`, down to
        `end_factor`), exponential (times `decay_rate` every `decay_steps`), or stepwise (times
        `factors[i]` from step `boundaries[i]` on).
      warmup_steps: linear rise from 0 over this many steps, in front of any type.
      decay_steps: length of the decay; None is all of the training's steps.
      decay_rate: of the exponential type.
      end_factor: last learning rate, as a fraction of the peak.
      power: of the polynomial type.
      boundaries: steps at which the stepwise type changes.
      factors: fraction of the peak from each boundary on; as many as boundaries.
    """

    type: Literal["constant", "cosine", "polynomial", "exponential", "stepwise"] = "constant"
    warmup_steps: int = 0
    decay_steps: Optional[int] = None
    decay_rate: float = 0.96
    end_factor: float = 0.0
    power: float = 1.0
    boundaries: List[int] = dataclasses.field(default_factory=list)
    factors: List[float] = dataclasses.field(default_factory=list)

    def validate(self):
        """Raises ConfigError where the settings do not fit together."""
        super().validate()
        if self.warmup_steps < 0:
            raise ConfigError(f"warmup_steps: got {self.warmup_steps}; wanted 0 or more.")
        if self.decay_steps is not None and self.decay_steps < 1:
            raise ConfigError(f"decay_steps: got {self.decay_steps}; wanted 1 or more, or null.")
        if self.type == "stepwise" and (
            not self.boundaries or len(self.boundaries) != len(self.factors)
        ):
            raise ConfigError(
                f"factors: got {len(self.factors)} for {len(self.boundaries)} "
                "boundaries; wanted one factor for each boundary, at least one."
            )


@dataclasses.dataclass
class TrainingConfig(Config):
    """One training: how long, how fast, on what, and how often it reports.

    Attributes:
      steps: optimizer steps of the whole training.
      batch_size: examples in a global batch, over all replicas.
      optimizer: adam or adamax.
      learning_rate: peak learning rate of the optimizer.
      schedule: how the learning rate moves.
      part_rates: factors of the learning rate of parts of the model, by the names of its
        attributes, as [image_encoder=0.1]; weight decay keeps the rate of the whole.
      part_beta_1: what parts have in place of the optimizer's beta_1, written alike.
      steps_per_epoch: steps between two reports, validations and checkpoints.
      clip_norm: largest global norm of the gradient; 0 clips nothing.
      weight_decay: decoupled weight decay; 0 is none.
      average_decay: decay of the average of the weights that evaluation and export use; 0 keeps
        no average.
      max_nonfinite_steps: the training stops when it had to skip more steps than this.
      checkpoint_every_epochs: epochs between two checkpoints.
      strategy: mirrored, multi_worker (from TF_CONFIG), tpu or one_device.
      precision: float32, mixed_bfloat16, mixed_float16, or auto (what the device is good at).
      jit_compile: compile the objective and its gradient with XLA; measure first.
      deterministic: bit-identical results, also after a resume, at some cost of speed on GPUs.
      validation_examples: first examples of the validation source to use; 0 uses all.
      log_every_steps: steps between two points of TensorBoard's curves.
    """

    steps: int = 10_000
    batch_size: int = 32
    optimizer: Literal["adam", "adamax"] = "adam"
    learning_rate: float = 1e-3
    schedule: ScheduleConfig = dataclasses.field(default_factory=ScheduleConfig)
    part_rates: List[str] = dataclasses.field(default_factory=list)
    part_beta_1: List[str] = dataclasses.field(default_factory=list)
    steps_per_epoch: int = 1000
    clip_norm: float = 0.0
    weight_decay: float = 0.0
    average_decay: float = 0.0
    max_nonfinite_steps: int = 20
    checkpoint_every_epochs: int = 1
    strategy: Literal["mirrored", "multi_worker", "tpu", "one_device"] = "mirrored"
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    jit_compile: bool = False
    deterministic: bool = True
    validation_examples: int = 0
    log_every_steps: int = 50

    def validate(self):
        """Raises ConfigError where a value is out of range."""
        super().validate()
        for name in (
            "steps",
            "batch_size",
            "steps_per_epoch",
            "checkpoint_every_epochs",
            "log_every_steps",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 1 or more.")
        for name in ("clip_norm", "weight_decay", "max_nonfinite_steps", "validation_examples"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}: got {getattr(self, name)}; wanted 0 or more.")
        for name, factor in self.numbers_of_parts("part_rates").items():
            if not factor > 0:
                raise ConfigError(f"part_rates: got {factor} for {name}; wanted more than 0.")
        for name, beta in self.numbers_of_parts("part_beta_1").items():
            if not 0 <= beta < 1:
                raise ConfigError(f"part_beta_1: got {beta} for {name}; wanted 0 up to below 1.")
        if self.learning_rate <= 0:
            raise ConfigError(f"learning_rate: got {self.learning_rate}; wanted more than 0.")
        if not 0 <= self.average_decay < 1:
            raise ConfigError(
                f"average_decay: got {self.average_decay}; wanted 0 (no average) up to below 1."
            )

    def numbers_of_parts(self, setting: str) -> Dict[str, float]:
        """part -> number, of `part_rates` or `part_beta_1`.

        Raises:
          ConfigError: an entry is not part=number.
        """
        numbers = {}
        for entry in getattr(self, setting):
            name, _, number = entry.partition("=")
            try:
                numbers[name.strip()] = float(number)
            except ValueError:
                raise ConfigError(
                    f"{setting}: got {entry!r}; wanted part=number, as image_encoder=0.1."
                ) from None
        return numbers
