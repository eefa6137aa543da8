"""Keras' Adam and Adamax with one operation for each variable."""

from __future__ import annotations

import functools

import tensorflow as tf

__all__ = ["FusedAdam", "FusedAdamax"]


class _Fused:
    """What Adam and Adamax share: the scalars of a step are computed once for all variables."""

    def _distributed_apply_gradients_fn(self, distribution, grads_and_vars, **kwargs):
        betas = tf.constant([self.beta_1, self.beta_2], tf.float64)
        powers = tf.pow(betas, tf.cast(self.iterations + 1, tf.float64))

        @functools.lru_cache(maxsize=None)
        def scalars(dtype):
            values = {
                "beta1_power": tf.cast(powers[0], dtype),
                "lr": tf.cast(self.learning_rate, dtype),
                # tf.cast would round numbers of Python to float32 first.
                "beta1": tf.constant(self.beta_1, dtype),
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
        return (*self._scalars_of(variable.dtype), self._index_dict[self._var_key(variable)])


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
