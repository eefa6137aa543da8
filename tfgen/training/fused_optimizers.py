"""Keras' Adam and Adamax with one operation for each variable."""

from __future__ import annotations

import functools
from typing import Mapping

import tensorflow as tf

from tfgen.training.configuration import ConfigError

__all__ = ["FusedAdam", "FusedAdamax"]


class _Fused:
    """What Adam and Adamax share: the scalars of a step are computed once for all variables that
    have the same, and parts of a model may have a learning rate and a beta_1 of their own.
    """

    @tf.__internal__.tracking.no_automatic_dependency_tracking
    def set_parts(self, rates: Mapping[str, float], beta_1: Mapping[str, float]) -> None:
        """Gives parts of a model settings of their own, by the names of its attributes.

        Args:
          rates: part -> factor of the learning rate.
          beta_1: part -> what it has in place of the optimizer's beta_1.
        """
        self._parts = {
            name: (rates.get(name, 1.0), beta_1.get(name, self.beta_1))
            for name in {**rates, **beta_1}
        }

    @tf.__internal__.tracking.no_automatic_dependency_tracking
    def find_parts(self, model: tf.keras.Model) -> None:
        """Looks up the weights of the parts; those of the model exist already.

        Raises:
          ConfigError: the model has no such part with weights.
        """
        self._part_of = {}
        for name, settings in getattr(self, "_parts", {}).items():
            weights = getattr(getattr(model, name, None), "trainable_variables", [])
            if not weights:
                raise ConfigError(
                    f"part_rates, part_beta_1: {type(model).__name__} has no part {name!r} with "
                    f"weights; wanted one of {', '.join(_parts_with_weights(model))}."
                )
            self._part_of.update({self._var_key(weight): settings for weight in weights})

    def _distributed_apply_gradients_fn(self, distribution, grads_and_vars, **kwargs):
        steps = tf.cast(self.iterations + 1, tf.float64)

        @functools.lru_cache(maxsize=None)
        def scalars(dtype, factor, beta_1):
            powers = tf.pow(tf.constant([beta_1, self.beta_2], tf.float64), steps)
            values = {
                "beta1_power": tf.cast(powers[0], dtype),
                "lr": tf.cast(self.learning_rate, dtype) * tf.constant(factor, dtype),
                # tf.cast would round numbers of Python to float32 first.
                "beta1": tf.constant(beta_1, dtype),
                "beta2": tf.constant(self.beta_2, dtype),
                "epsilon": tf.constant(self.epsilon, dtype),
            }
            return values, tf.cast(powers[1], dtype)

        self._scalars_of = scalars
        try:
            super()._distributed_apply_gradients_fn(distribution, grads_and_vars, **kwargs)
        finally:
            # Tensors of a graph that ends here.
            self._scalars_of = None

    def _scalars(self, variable):
        """The operation's scalars in the variable's dtype, beta_2^t, and which slots are its."""
        key = self._var_key(variable)
        part = getattr(self, "_part_of", {}).get(key, (1.0, self.beta_1))
        return (*self._scalars_of(variable.dtype, *part), self._index_dict[key])


class FusedAdam(_Fused, tf.keras.optimizers.Adam):
    """tf.keras.optimizers.Adam whose update of a variable is one operation, ResourceApplyAdam.

    Keras writes an update out in some fifteen operations, each of which passes over the variable;
    for models of many small variables their overhead is a large part of a step, and of the time
    that it takes to trace one. The formula, the slots and the checkpoints are the same:

        m <- beta_1 m + (1 - beta_1) g
        v <- beta_2 v + (1 - beta_2) g^2
        w <- w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Gradients are dense tensors. `amsgrad` is left to Keras' own.

    #### References
    [1]: D. P. Kingma, J. Ba. Adam: A Method for Stochastic Optimization. ICLR 2015.
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        """One update of one variable, given its gradient."""
        scalars, power, index = self._scalars(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].handle,
            v=self._velocities[index].handle,
            beta2_power=power,
            grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
            **scalars,
        )


class FusedAdamax(_Fused, tf.keras.optimizers.Adamax):
    """tf.keras.optimizers.Adamax whose update is one operation, ResourceApplyAdaMax.

        m <- beta_1 m + (1 - beta_1) g
        u <- max(beta_2 u, |g|)
        w <- w - rate / (1 - beta_1^t) m / (u + epsilon)

    #### References
    [1]: D. P. Kingma, J. Ba. Adam: A Method for Stochastic Optimization. ICLR 2015, Sec. 7.1.
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        """One update of one variable, given its gradient."""
        scalars, _, index = self._scalars(variable)
        tf.raw_ops.ResourceApplyAdaMax(
            var=variable.handle,
            m=self._m[index].handle,
            v=self._u[index].handle,
            grad=tf.cast(tf.convert_to_tensor(gradient), variable.dtype),
            **scalars,
        )


def _parts_with_weights(model):
    """Attributes of a model that have weights."""
    return sorted(
        name
        for name, value in vars(model).items()
        if not name.startswith("_") and getattr(value, "trainable_variables", None)
    )
