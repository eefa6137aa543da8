"""The base class of every model of the zoo: a Keras model trained by objectives in nats."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Sequence

import tensorflow as tf

from tfgen.randomness import Seed, as_seed, fold_in
from tfgen.training.averaging import build_optimizer
from tfgen.training.updates import either_in_all_replicas, sum_over_replicas

__all__ = ["GenerativeModel"]

_GRADIENT = "gradient"


class GenerativeModel(tf.keras.Model):
    """A Keras model that is trained by per-example objectives in nats.

    A subclass implements `objective(batch, training)`, which returns a dict of tensors of shape
    [batch], in nats per example. The key "loss" is minimised, the others are reported.

    One step averages "loss" over the *global* batch, sums the gradients over the replicas, clips
    them by their global norm and applies them, so that the same global batch gives the same step
    on one replica and on many. A step whose loss or gradient is not finite is skipped: weights,
    optimizer slots and averages stay as they are, while `step` advances, because `step` is also
    the position in the data. Skipped steps are never hidden: the metric "nonfinite_steps" is their
    number since the start of the training, and `first_nonfinite_term()` names what went wrong
    first.

    All randomness of an objective comes from `noise_seed`, a pure function of (seed, name, step),
    which is what makes resumed training bit-identical. Keras layers that hold random state, such
    as tf.keras.layers.Dropout, break that; draw their noise with tf.random.stateless_uniform.

    An objective may use Python's if and for on tensors, as in Keras. One that does not is traced in
    half of the time as @tf.autograph.experimental.do_not_convert, which those of the zoo are.

    ```python
    class Gaussian(tfgen.GenerativeModel):
        def __init__(self, size):
            super().__init__(seed=1)
            self.mean = tf.Variable(tf.zeros([size]))

        def objective(self, batch, training):
            normal = tfd.MultivariateNormalDiag(self.mean, tf.ones_like(self.mean))
            return {"loss": -normal.log_prob(batch["x"])}

    model = Gaussian(2)
    model.compile(tf.keras.optimizers.Adam(1e-2), clip_norm=1.0)
    batches = tf.data.Dataset.from_tensors({"x": tf.ones([32, 2])}).repeat()
    model.fit(batches, steps_per_epoch=100)
    ```

    Args:
      seed: of all noise of the objectives: an int or a pair of ints.
      name: of the Keras model.
    """

    def __init__(self, seed: Seed = 0, name: Optional[str] = None):
        super().__init__(name=name)
        self.seed = seed
        self.step = _counter("step", 0)
        self.nonfinite_steps = _counter("nonfinite_steps", 0)
        self._first_nonfinite = _counter("first_nonfinite_term", -1)
        self._report = _Report(self.nonfinite_steps)
        self._term_names = _Untracked([])
        self._variables_exist = _Untracked(False)
        self.clip_norm: Optional[float] = None

    def compile(
        self,
        optimizer="adam",
        clip_norm: Optional[float] = None,
        jit_compile: bool = False,
        **kwargs,
    ):
        """Configures training; the rest of the arguments are those of tf.keras.Model.compile.

        Args:
          optimizer: a Keras optimizer or its name; made inside the strategy's scope.
          clip_norm: largest global norm of the gradient of the mean loss; None or 0 clips nothing.
          jit_compile: compiles the objective and its gradient with XLA. The collective operations
            and the optimizer stay outside, so this works under every strategy. XLA knows no
            strings, so the training objective does not see features that are strings. XLA draws
            other noise from the same seed.
        """
        super().compile(optimizer=optimizer, **kwargs)
        self.clip_norm = clip_norm
        function = self._terms_and_gradients
        if jit_compile:
            compiled = tf.function(function, jit_compile=True)

            def function(batch):
                return compiled({n: v for n, v in batch.items() if v.dtype != tf.string})

        self._step_function = _Untracked(function)

    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        """The terms of the training objective, in nats per example; implemented by subclasses.

        Args:
          batch: the features of a batch, each of shape [batch, ...].
          training: whether this is a training step (dropout on, batch norm of the batch).

        Returns:
          A dict of tensors of shape [batch] with the key "loss".
        """
        raise TypeError(
            f"{type(self).__name__} does not implement objective(batch, training). Wanted a method "
            'that returns a dict of tensors of shape [batch] in nats per example, with key "loss".'
        )

    def noise_seed(self, name: str, training: bool) -> tf.Tensor:
        """A seed of shape [2] for one use of randomness in one step, from (seed, name, step).

        When testing, the step is the number of the batch since the start of the evaluation, so
        every evaluation draws the same noise.
        """
        counter = self.step if training else self._test_counter
        return fold_in(as_seed(self.seed), name, int(training), counter)

    def restart(self) -> None:
        """Sets the counters of the training to its start; weights stay as they are."""
        self.step.assign(0)
        self.nonfinite_steps.assign(0)
        self._first_nonfinite.assign(-1)

    def build_training(self, term_names: Sequence[str]) -> None:
        """Makes the variables of metrics and optimizer; the model's own must exist already.

        To be called inside the strategy's scope before a checkpoint is restored. A model with
        several optimizers overrides this.
        """
        self._report.create([*term_names, "gradient_norm"])
        build_optimizer(self.optimizer, self)
        self._variables_exist.value = True

    def train_step(self, batch: Dict[str, tf.Tensor]) -> Dict[str, tf.Tensor]:
        if not self._variables_exist.value:
            # In Keras' own fit the layers make their variables now; the values are not used. Of
            # copies, because bijectors would remember what they made of this batch off the tape.
            self.objective(tf.nest.map_structure(tf.identity, batch), training=False)
        statistics = [
            variable
            for variable in self.non_trainable_variables
            if variable.dtype.is_floating and not variable.trainable
        ]
        before = [tf.identity(variable) for variable in statistics]
        terms, gradients = self._step_function.value(batch)
        self._term_names.value = list(terms)
        with tf.init_scope():
            build_optimizer(self.optimizer, self)

        gradients, variables = zip(
            *[
                (gradient, variable)
                for gradient, variable in zip(gradients, self.trainable_variables)
                if gradient is not None
            ]
        )
        gradients = sum_over_replicas(list(gradients))
        bad = tf.stack(
            [tf.reduce_any(~tf.math.is_finite(terms[name])) for name in _blame_order(terms)]
        )
        bad = sum_over_replicas(tf.cast(bad, tf.int32)) > 0
        norm = tf.linalg.global_norm(gradients)
        finite = ~bad[-1] & tf.math.is_finite(norm)
        if self.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm, use_norm=norm)

        values = {"gradients": gradients, "before": before, "bad": bad}
        if isinstance(self.optimizer, tf.keras.mixed_precision.LossScaleOptimizer):
            # It skips by itself what is not finite, and lowers its scale; an overflow of float16
            # that a lower scale will mend is no fault of the objective and is not counted.
            scale = self.optimizer.loss_scale
            self.optimizer.apply_gradients(
                zip(gradients, variables), skip_gradients_aggregation=True
            )
            values.update(gradients=[], counted=bad[-1] | (scale <= 1.0))

        def apply(values):
            if values["gradients"]:
                self.optimizer.apply_gradients(
                    zip(values["gradients"], variables), skip_gradients_aggregation=True
                )

        def undo_statistics(values):
            for variable, value in zip(statistics, values["before"]):
                variable.assign(value)

        either_in_all_replicas(finite, values, apply, undo_statistics, self._count_nonfinite)
        with tf.control_dependencies([finite]):
            # Only once the batch was there: at the end of the data there is none.
            self.step.assign_add(1)
        return self._report.update({**terms, "gradient_norm": norm}, finite, ["nonfinite_steps"])

    def test_step(self, batch: Dict[str, tf.Tensor]) -> Dict[str, tf.Tensor]:
        return self._report.update(self._checked(self.objective(batch, training=False)))

    def first_nonfinite_term(self) -> Optional[str]:
        """The first term of the objective that was not finite in training, or None.

        Known to a process that has trained the model for a step at least. "gradient" means that
        all terms were finite and the gradient was not; "loss" that the loss alone was not.
        """
        index = int(self._first_nonfinite.numpy())
        if index < 0:
            return None
        names = _blame_order(self._term_names.value)
        return names[index] if index < len(names) else _GRADIENT

    @property
    def metrics(self) -> List[tf.keras.metrics.Metric]:
        return self._report.metrics

    def _checked(self, terms: Any) -> Dict[str, tf.Tensor]:
        if not isinstance(terms, dict) or "loss" not in terms:
            got = sorted(terms) if isinstance(terms, dict) else type(terms).__name__
            raise ValueError(
                f"{type(self).__name__}.objective returned {got}; wanted a dict of "
                'tensors of shape [batch] with the key "loss".'
            )
        for name, value in terms.items():
            if value.shape.rank != 1:
                raise ValueError(
                    f"{type(self).__name__}.objective: the term {name!r} has shape "
                    f"{value.shape}; wanted [batch], one value per example."
                )
        return {name: tf.cast(value, tf.float32) for name, value in terms.items()}

    def _terms_and_gradients(self, batch):
        """The terms [batch] and this replica's share of the gradient of the global mean loss."""
        scaled = isinstance(self.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
        with tf.GradientTape() as tape:
            terms = self._checked(self.objective(batch, training=True))
            loss = tf.nn.compute_average_loss(terms["loss"])
            if scaled:
                loss = self.optimizer.get_scaled_loss(loss)
        variables = self.trainable_variables
        gradients = [
            None if gradient is None else tf.convert_to_tensor(gradient)
            for gradient in tape.gradient(loss, variables)
        ]
        if all(gradient is None for gradient in gradients):
            raise ValueError(
                f"No trainable variable of {type(self).__name__} has a gradient: its "
                f"loss depends on none of its {len(variables)} trainable variables."
            )
        if scaled:
            gradients = self.optimizer.get_unscaled_gradients(gradients)
        return terms, gradients

    def _count_nonfinite(self, values):
        counted = values.get("counted", True)
        bad = tf.concat([values["bad"], [True]], 0)
        first = tf.argmax(tf.cast(bad, tf.int32), output_type=tf.int64)
        known = tf.identity(self._first_nonfinite)
        self._first_nonfinite.assign(tf.where((known < 0) & counted, first, known))
        self.nonfinite_steps.assign_add(tf.cast(counted, tf.int64))


def _counter(name: str, value: int) -> tf.Variable:
    return tf.Variable(
        value,
        trainable=False,
        dtype=tf.int64,
        name=name,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def _blame_order(names: Iterable[str]) -> List[str]:
    """The loss comes last: it is not finite because one of the others is not."""
    return [name for name in names if name != "loss"] + ["loss"]


class _Untracked:
    """Holds a value where Keras must not look for variables and layers."""

    def __init__(self, value):
        self.value = value


class _VariableValue(tf.keras.metrics.Metric):
    """A metric whose result is the value of a variable that somebody else updates."""

    def __init__(self, variable: tf.Variable, name: str):
        super().__init__(name=name, dtype=variable.dtype)
        self._variable = _Untracked(variable)

    def update_state(self):
        """Does nothing: the owner of the variable updates it."""

    def result(self):
        return tf.identity(self._variable.value)

    def reset_state(self):
        """Does nothing: the count runs over the whole training."""


class _Report:
    """One Keras Mean for each reported term, outside the model's checkpoint."""

    def __init__(self, nonfinite_steps: tf.Variable):
        self._nonfinite_steps = nonfinite_steps
        self._means: Dict[str, tf.keras.metrics.Metric] = {}
        self._counts: Dict[str, tf.keras.metrics.Metric] = {}

    @property
    def metrics(self):
        return [*self._means.values(), *self._counts.values()]

    def create(self, names):
        """Makes the metrics that are not there yet; to be called inside the strategy's scope."""
        with tf.init_scope():
            if not self._counts:
                self._counts["nonfinite_steps"] = _VariableValue(
                    self._nonfinite_steps, "nonfinite_steps"
                )
            for name in names:
                if name not in self._means:
                    self._means[name] = tf.keras.metrics.Mean(name=name)

    def update(self, values, finite=None, counts=()):
        """Adds [batch] or scalar values to the means, leaving out those of a skipped step."""
        self.create(values)
        for name, value in values.items():
            weight = None
            if finite is not None:
                value = tf.where(finite, value, tf.zeros_like(value))
                weight = tf.fill(tf.shape(value), tf.cast(finite, tf.float32))
            self._means[name].update_state(value, sample_weight=weight)
        results = {name: self._means[name].result() for name in values}
        return {**results, **{name: self._counts[name].result() for name in counts}}
