"""fit: train a compiled model on a source, resumably, in one phase of a run."""

from __future__ import annotations

import zlib
from typing import Callable, List, Optional, Sequence, Tuple

import tensorflow as tf
import yaml

from tfgen.data import Source
from tfgen.training.averaging import (
    averaged_weights,
    restart_averages,
    use_averaged_weights,
)
from tfgen.training.callbacks import Hyperparameters, Scalars, SummaryCallback
from tfgen.training.checkpoints import CheckpointError
from tfgen.training.configuration import ConfigError
from tfgen.training.generative_model import GenerativeModel
from tfgen.training.keeper import Keeper, StopSignals, best_variable, phase_checkpoints
from tfgen.training.run_directory import RunDirectory
from tfgen.training.strategy import is_chief, set_determinism
from tfgen.training.training_config import TrainingConfig

__all__ = ["build", "fit", "restore"]


def fit(
    model: GenerativeModel,
    source: Source,
    training: TrainingConfig,
    run: RunDirectory,
    phase: str,
    validation: Optional[Source] = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
    seed: int = 0,
    transform: Optional[Callable] = None,
    verbose: int = 1,
) -> tf.keras.callbacks.History:
    """Trains a compiled model for `training.steps` steps with Keras, resumably.

    Where checkpoints/PHASE/last exists in the run directory, training goes on from there: model,
    optimizer, averages, step and data position are those of the moment it was saved, so a run that
    was killed and started again ends with the weights of one that was not (bit by bit where
    `training.deterministic`). A finished phase is loaded and not trained again. Phases do not
    know of one another: each starts at step 0.

    At the end of each epoch (`training.steps_per_epoch` steps) the validation loss is computed
    with the averaged weights, where there are any, `last` is saved, and `best` where that loss is
    the lowest so far. checkpoints/PHASE/history.jsonl has one line for each epoch.

    After fit, the model holds the weights of the last step, averaged if `training.average_decay`
    is set: those that evaluation and export should use.

    A model with `initialise(batch)` is called with the first batch of a new training, eagerly and
    in the strategy's scope, before the first step (`tfgen.initialisation`).

    Args:
      model: compiled inside the scope of a strategy of `make_strategy`.
      source: training examples; batch k is a pure function of (seed, k).
      training: the settings.
      run: where to write.
      phase: name of this training within the run, and of its directories.
      validation: examples of the validation; whole batches of them are used.
      callbacks: more Keras callbacks, for example those of tfgen.training.callbacks.
      seed: of the data order and of `transform`.
      transform: stateless augmentation, (features, seeds [N, 2]) -> features.
      verbose: 1 for Keras' progress bars, 2 for a line an epoch, 0 for silence.

    Returns:
      The Keras History with the values of all epochs, those before a resume included.

    Raises:
      ConfigError: the settings do not fit the model or the devices.
      CheckpointError: the phase's checkpoint belongs to another model, or cannot be written.
      NonFiniteError: more than `training.max_nonfinite_steps` steps had to be skipped.
      TrainingInterrupted: SIGINT or SIGTERM arrived; `last` holds the step where it stopped.
    """
    _check(model, training)
    strategy = model.distribute_strategy
    set_determinism(training.deterministic)
    _set_random_seed(seed, phase)
    build(model, source, training, transform)
    keeper = Keeper(model, training, run, phase)
    step = keeper.restore()
    if step == 0:
        _initialise(model, source, training, seed, transform)
    history = tf.keras.callbacks.History()
    history.set_model(model)
    if step < training.steps:
        watchers = _watchers(callbacks, training, run, phase, is_chief(strategy))
        # The keeper comes last: when it saves, the others have seen the epoch.
        everything = [_AveragedEvaluation(), history, *watchers, keeper]
        with StopSignals(keeper):
            _train(model, source, training, validation, everything, seed, transform, verbose, step)
    use_averaged_weights(model)
    _set_random_seed(seed, phase)
    return keeper.fill(history)


def _initialise(model, source, training, seed, transform):
    """Data-dependent initialisation from the first batch, where the model has one."""
    if not hasattr(model, "initialise"):
        return
    batch = next(
        iter(source.batches(training.batch_size, seed=seed, shuffle=True, transform=transform))
    )
    with model.distribute_strategy.scope():
        model.initialise(batch)
        restart_averages(model)


def _train(model, source, training, validation, callbacks, seed, transform, verbose, step):
    options = tf.data.Options()
    options.deterministic = True
    # Each worker takes its slice of every global batch, so that two workers see the same global
    # batches as one.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    held_out = _validation_dataset(validation, training, model.distribute_strategy)
    if held_out is not None:
        held_out = held_out.with_options(options)
    for first_epoch, last_epoch, steps in _segments(step, training):
        dataset = source.batches(
            training.batch_size,
            seed=seed,
            shuffle=True,
            repeat=True,
            start_step=step,
            transform=transform,
        )
        model.fit(
            dataset.with_options(options),
            initial_epoch=first_epoch,
            epochs=last_epoch,
            steps_per_epoch=steps,
            validation_data=held_out,
            callbacks=callbacks,
            verbose=verbose,
        )
        step += steps * (last_epoch - first_epoch)


def restore(
    model: GenerativeModel,
    source: Source,
    training: TrainingConfig,
    run: RunDirectory,
    phase: str,
    which: str = "last",
    transform: Optional[Callable] = None,
) -> int:
    """Loads the weights of a phase of a run into a compiled model; returns their step.

    Args:
      model: compiled as it was for `fit`.
      source: any source with the features of the training.
      training: the settings of the training.
      run: the run directory.
      phase: name of the phase.
      which: "last", or "best" by validation loss. The averaged weights are used if there are any.
      transform: that of the training.

    Raises:
      CheckpointError: there is no such checkpoint, or it belongs to another model.
    """
    build(model, source, training, transform)
    checkpoints = phase_checkpoints(model, run, phase, which, best_variable(model))
    step = checkpoints.restore()
    if step is None:
        raise CheckpointError(f"There is no {which} checkpoint of the phase {phase} in {run.path}.")
    use_averaged_weights(model)
    return step


def build(
    model: GenerativeModel,
    source: Source,
    training: TrainingConfig,
    transform: Optional[Callable] = None,
) -> None:
    """Makes all variables of the model, of its metrics and of its optimizers, in scope.

    The objective runs once, on two examples and without training, in cross-replica context, where
    layers make their variables once for all replicas.
    """
    strategy = model.distribute_strategy
    batch = next(iter(source.batches(2, repeat=True, transform=transform)))
    with strategy.scope():
        terms = model.objective(batch, training=False)
        if model.losses:
            raise ConfigError(
                f"{type(model).__name__} has {len(model.losses)} losses of its layers "
                "(regularizers or add_loss), which the training would leave out. Add them to its "
                "objective, or use weight_decay."
            )
        model.build_training(list(terms))


def _set_random_seed(seed: int, phase: str):
    """Makes what is initialised from here on depend on (seed, phase) alone.

    Otherwise the next phase of a resumed run, which trained less, might start elsewhere.
    """
    tf.keras.utils.set_random_seed((int(seed) + zlib.crc32(phase.encode())) % 2**31)


def _watchers(callbacks, training, run, phase, chief):
    """The callbacks that show the training; those that write summaries belong to the chief."""
    if not chief:
        return [callback for callback in callbacks if not isinstance(callback, SummaryCallback)]
    config = training
    if run.config_file.exists():
        config = yaml.safe_load(run.config_file.read_text(encoding="utf-8"))
    watchers = [Scalars(training.log_every_steps), Hyperparameters(config), *callbacks]
    for callback in watchers:
        if isinstance(callback, SummaryCallback) and callback.directory is None:
            callback.directory = run.tensorboard(phase)
    return watchers


def _check(model: GenerativeModel, training: TrainingConfig):
    training.validate()
    if getattr(model, "optimizer", None) is None:
        raise ConfigError(
            f"{type(model).__name__} is not compiled. Call model.compile(optimizer="
            "make_optimizer(training)) inside the strategy's scope before fit."
        )
    replicas = model.distribute_strategy.num_replicas_in_sync
    if training.batch_size % replicas:
        lower = training.batch_size // replicas * replicas
        raise ConfigError(
            f"batch_size: got {training.batch_size} for {replicas} replicas; wanted "
            f"a multiple of {replicas}, for example {lower or replicas} or "
            f"{lower + replicas}."
        )


def _segments(step: int, training: TrainingConfig) -> List[Tuple[int, int, int]]:
    """(first epoch, epoch after the last, steps an epoch) of each call of Keras' fit.

    One call, but for an epoch that a resume enters in its middle and for a shorter last one.
    """
    size, total = training.steps_per_epoch, training.steps
    segments = []
    if step % size:
        epoch = step // size
        stop = min((epoch + 1) * size, total)
        segments.append((epoch, epoch + 1, stop - step))
        step = stop
    if total // size > step // size:
        segments.append((step // size, total // size, size))
        step = total // size * size
    if step < total:
        segments.append((total // size, total // size + 1, total - step))
    return segments


def _validation_dataset(validation, training, strategy):
    if validation is None:
        return None
    count = min(training.validation_examples or validation.count, validation.count)
    replicas = strategy.num_replicas_in_sync
    batch = min(training.batch_size, count // replicas * replicas)
    if not batch:
        raise ConfigError(
            f"The validation source has {count} examples for {replicas} replicas; "
            f"wanted {replicas} or more."
        )
    return validation.batches(batch, repeat=True).take(count // batch)


class _AveragedEvaluation(tf.keras.callbacks.Callback):
    """Validates with the averaged weights."""

    def on_test_begin(self, logs=None):
        self._context = averaged_weights(self.model)
        self._context.__enter__()

    def on_test_end(self, logs=None):
        self._context.__exit__(None, None, None)
