"""Optimizers that keep a running average of the weights, and models seen through it."""

from __future__ import annotations

import contextlib
from typing import Iterator, List, Optional, Sequence

import tensorflow as tf

from tfgen.training.fused_optimizers import FusedAdam, FusedAdamax
from tfgen.training.schedules import learning_rate_schedule
from tfgen.training.training_config import TrainingConfig

__all__ = [
    "AveragingAdam",
    "AveragingAdamax",
    "averaged_weights",
    "build_optimizer",
    "make_optimizer",
    "restart_averages",
    "use_averaged_weights",
]


class _Averaging:
    """What an optimizer of Keras needs, for a running average that is useful from the start."""

    def __init__(
        self, learning_rate=1e-3, average_decay: float = 0.999, name: Optional[str] = None, **kwargs
    ):
        self._average_decay = average_decay
        if name is not None:
            kwargs["name"] = name
        super().__init__(learning_rate, use_ema=True, ema_momentum=average_decay, **kwargs)

    @property
    def ema_momentum(self) -> tf.Tensor:
        """The decay of the average at this step; Keras' update of the average reads it."""
        step = tf.cast(self.iterations, tf.float32)
        return tf.minimum(self._average_decay, (1.0 + step) / (10.0 + step))

    @ema_momentum.setter
    def ema_momentum(self, value: float):
        self._average_decay = value

    @tf.__internal__.tracking.no_automatic_dependency_tracking
    def build_moments(self, moments: Sequence[tf.Variable]) -> None:
        """Keeps an average of these variables too, which are no weights: moments of batch norm.

        Under a strategy each replica averages its own, as it has moments of its own.
        """
        if hasattr(self, "_moments"):
            return
        self._moments = list(moments)
        averages = [
            tf.Variable(
                moment,
                trainable=False,
                name="moment_average",
                synchronization=moment.synchronization,
                aggregation=moment.aggregation,
            )
            for moment in self._moments
        ]
        self._moment_averages = self._track_trackable(
            tf.__internal__.tracking.wrap(averages), "moment_averages"
        )

    def moment_average(self, moment: tf.Variable) -> tf.Variable:
        """The running average of one of the variables of `build_moments`."""
        index = [known is moment for known in self._moments].index(True)
        return self._moment_averages[index]

    @property
    def built(self) -> bool:
        """Whether the averages exist, that is, whether build(variables) was called."""
        return bool(getattr(self, "_model_variables_moving_average", None))

    def average(self, variable: tf.Variable) -> tf.Variable:
        """The running average of one of the variables that this optimizer was built for."""
        index = self._index_dict[self._var_key(variable)]
        return self._model_variables_moving_average[index]

    def _update_model_variables_moving_average(self, var_list):
        # Keras' own asks for the decay twice a variable, and makes its operations each time. And
        # it averages weights before their constraints, which only come after the whole step: the
        # averages of masked kernels would leak through the mask.
        share = 1.0 - self.ema_momentum

        def update(average, variable, constraint):
            value = variable if constraint is None else constraint(tf.identity(variable))
            average.assign_sub(tf.cast(share, average.dtype) * (average - value))

        pairs = [(self.average(v), v, v.constraint) for v in var_list]
        if hasattr(self, "_moments"):
            pairs += [(a, v, None) for a, v in zip(self._moment_averages, self._moments)]
        for average, variable, constraint in pairs:
            self._distribution_strategy.extended.update(
                average, update, args=(variable, constraint), group=False
            )

    def finalize_variable_values(self, var_list):
        """Leaves the weights as they are."""

    def get_config(self):
        config = super().get_config()
        del config["use_ema"], config["ema_momentum"], config["ema_overwrite_frequency"]
        return {**config, "average_decay": self._average_decay}


class AveragingAdam(_Averaging, FusedAdam):
    """Keras' Adam whose exponential moving average of the weights is useful from the start.

    average <- d average + (1 - d) weights after every step, where d = min(average_decay,
    (1 + t) / (10 + t)) at step t, as in tf.train.ExponentialMovingAverage. With the constant decay
    of Keras' `use_ema` the average is little but the initial weights for the first
    1 / (1 - average_decay) steps.

    Keras overwrites the weights with their average at the end of every fit(); this optimizer does
    not, because training may go on. Use `averaged_weights` or `use_averaged_weights`.

    Moments of batch norm are averaged alike (`build_optimizer`): those of the weights of the last
    steps are not those that averaged weights meet.

    Args:
      learning_rate: a float or a schedule.
      average_decay: largest decay of the average, in (0, 1).
      **kwargs: of tf.keras.optimizers.Adam.
    """


class AveragingAdamax(_Averaging, FusedAdamax):
    """Keras' Adamax with the average of `AveragingAdam`."""


def make_optimizer(
    training: TrainingConfig, beta_1: float = 0.9, beta_2: float = 0.999
) -> tf.keras.optimizers.Optimizer:
    """Adam or Adamax as `training` says: schedule, weight decay, parts, averaged weights.

    Make it inside the strategy's scope. Clipping is the model's: compile(clip_norm=...).

    Args:
      training: the settings of the training.
      beta_1, beta_2: decays of the moments of the gradient.
    """
    rate = learning_rate_schedule(training)
    settings = {
        "beta_1": beta_1,
        "beta_2": beta_2,
        "weight_decay": training.weight_decay or None,
    }
    plain, averaging = {
        "adam": (FusedAdam, AveragingAdam),
        "adamax": (FusedAdamax, AveragingAdamax),
    }[training.optimizer]
    if training.average_decay:
        optimizer = averaging(rate, training.average_decay, **settings)
    else:
        optimizer = plain(rate, **settings)
    optimizer.set_parts(
        training.numbers_of_parts("part_rates"), training.numbers_of_parts("part_beta_1")
    )
    return optimizer


def build_optimizer(optimizer: tf.keras.optimizers.Optimizer, model: tf.keras.Model) -> None:
    """Makes an optimizer's variables for a model: of its weights and, if averaged, its moments."""
    optimizer.build(model.trainable_variables)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if isinstance(optimizer, (FusedAdam, FusedAdamax)):
        optimizer.find_parts(model)
    if isinstance(optimizer, _Averaging):
        optimizer.build_moments(_moments(model))


@contextlib.contextmanager
def averaged_weights(model: tf.keras.Model) -> Iterator[None]:
    """The model with its averaged weights and moments of batch norm; on leaving, its own are back.

    Does nothing where the model's optimizer keeps no average.
    """
    pairs = _pairs(model)
    kept = [variable.numpy() for variable, _ in pairs]
    use_averaged_weights(model)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, kept):
            variable.assign(value)


def use_averaged_weights(model: tf.keras.Model) -> None:
    """Overwrites trained weights and moments with their average, where the optimizer keeps one."""
    for variable, average in _pairs(model):
        variable.assign(average.numpy())


def restart_averages(model: tf.keras.Model) -> None:
    """Sets every average to what it is of, as that is now, as after an initialisation."""
    for variable, average in _pairs(model):
        average.assign(variable)


def _pairs(model):
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not isinstance(optimizer, _Averaging) or not optimizer.built:
        return []
    weights = [(variable, optimizer.average(variable)) for variable in model.trainable_variables]
    return weights + [(moment, optimizer.moment_average(moment)) for moment in _moments(model)]


def _moments(model) -> List[tf.Variable]:
    """Moving mean and variance of every batch norm that learns.

    Those of parts that a training leaves out, as a level of a pyramid, are not built.
    """
    layers = [
        layer
        for layer in model.submodules
        if isinstance(layer, tf.keras.layers.BatchNormalization) and layer.trainable and layer.built
    ]
    return [moment for layer in layers for moment in (layer.moving_mean, layer.moving_variance)]
