"""Training of a model against a discriminator: two optimizers, two disjoint sets of variables."""

from __future__ import annotations

from typing import Dict, Optional, Sequence, Tuple

import tensorflow as tf

from tfgen import losses
from tfgen.training.configuration import ConfigError
from tfgen.training.generative_model import GenerativeModel
from tfgen.training.updates import either_in_all_replicas, sum_over_replicas

__all__ = ["AdversarialModel"]


class AdversarialModel(GenerativeModel):
    """A GenerativeModel whose objective contains what a discriminator says.

    A step minimises the objective's "loss" over all variables but the discriminator's, as in the
    base class. Then, in every `discriminator_every`-th step, codes are made anew with the moved
    encoders, and the discriminator takes a step on

        -log D(real) - log(1 - D(fake)),

    with respect to its own variables alone. It is a layer that is not trainable in Keras' sense,
    so `trainable_variables`, averages of weights and the first optimizer do not hold it, but
    checkpoints do. `clip_norm` is of the first gradient. An update of the discriminator that is
    not finite is skipped, and counted in "nonfinite_steps".

    A subclass calls `set_discriminator` in its constructor, or trains without a discriminator,
    as the base class does, and implements `real_and_fake`.
    """

    discriminator_terms = ("discriminator_loss", "js_to_prior")
    """Names under which the discriminator's loss, and the bound that it gives on the
    Jensen-Shannon divergence of real and fake, are reported."""

    def __init__(self, seed=0, name: Optional[str] = None):
        super().__init__(seed=seed, name=name)
        self.discriminator: Optional[tf.keras.layers.Layer] = None
        self.discriminator_optimizer: Optional[tf.keras.optimizers.Optimizer] = None
        self.discriminator_every = 1
        self.code_shape: Optional[Tuple[int, int]] = None
        self._gradient_sums: Optional[list] = None

    def set_discriminator(
        self,
        discriminator: tf.keras.layers.Layer,
        code_shape: Tuple[int, int],
        every: int = 1,
        sum_gradients: bool = False,
    ) -> None:
        """Sets the discriminator; once, before training.

        Args:
          discriminator: maps float [N, d] to logits [N] of being real; its variables exist.
          code_shape: (K, d), of what `real_and_fake` returns for an example.
          every: steps of the model for one of the discriminator.
          sum_gradients: whether the gradients of all steps add up, as when nobody sets them to
            zero: a fault of a released code, to measure what it does.
        """
        discriminator.trainable = False
        self.discriminator, self.discriminator_every = discriminator, every
        self.code_shape = tuple(code_shape)
        if sum_gradients:
            self._gradient_sums = [
                tf.Variable(
                    tf.zeros_like(variable),
                    trainable=False,
                    aggregation=tf.VariableAggregation.MEAN,
                )
                for variable in discriminator.weights
            ]

    def real_and_fake(self, batch: Dict[str, tf.Tensor]) -> Tuple[tf.Tensor, tf.Tensor]:
        """What the discriminator tells apart in one training step; implemented by subclasses.

        Returns:
          real and fake, float [batch, K, d] each: K of either for an example.
        """
        raise TypeError(f"{type(self).__name__} does not implement real_and_fake(batch).")

    def compile(self, optimizer="adam", discriminator_optimizer=None, **kwargs):
        """As the base class does, with the discriminator's own optimizer.

        Raises:
          ConfigError: there is a discriminator without an optimizer, one optimizer is to serve
            both, or float16 is asked for.
        """
        super().compile(optimizer=optimizer, **kwargs)
        if self.discriminator is None:
            return
        if discriminator_optimizer is None or discriminator_optimizer is self.optimizer:
            raise ConfigError(
                "The discriminator needs an optimizer of its own. Pass compile(..., "
                "discriminator_optimizer=tf.keras.optimizers.Adam(5e-5, beta_1=0.5))."
            )
        if isinstance(self.optimizer, tf.keras.mixed_precision.LossScaleOptimizer):
            raise ConfigError(
                "precision: got mixed_float16, whose loss scale serves one optimizer; an "
                "adversarial model has two. Wanted mixed_bfloat16 or float32."
            )
        self.discriminator_optimizer = tf.keras.optimizers.get(discriminator_optimizer)

    def build_training(self, term_names: Sequence[str]) -> None:
        if self.discriminator is None:
            super().build_training(term_names)
            return
        super().build_training([*term_names, *self.discriminator_terms])
        self.discriminator_optimizer.build(self.discriminator.weights)

    def train_step(self, batch: Dict[str, tf.Tensor]) -> Dict[str, tf.Tensor]:
        results = super().train_step(batch)
        if self.discriminator is None:
            return results
        return {**results, **self._discriminator_step(batch)}

    def _discriminator_step(self, batch):
        variables = self.discriminator.weights
        with tf.init_scope():
            self.discriminator_optimizer.build(variables)
        # The base class has counted this step already.
        due = self.step % self.discriminator_every == 0
        real, fake = self._real_and_fake_if(due, batch)
        with tf.GradientTape() as tape:
            terms = losses.discriminator_loss(
                *(self._logits(tf.stop_gradient(codes)) for codes in (real, fake))
            )
            loss = tf.nn.compute_average_loss(tf.reduce_mean(terms, 1))
        gradients = sum_over_replicas(tape.gradient(loss, variables))
        finite = tf.math.is_finite(tf.linalg.global_norm(gradients))

        def apply(values):
            self._apply_discriminator_gradients(values["gradients"], variables)

        def count(values):
            self.nonfinite_steps.assign_add(tf.cast(values["due"], tf.int64))

        values = {"gradients": gradients, "due": due}
        either_in_all_replicas(due & finite, values, apply, lambda _: None, count)
        terms = tf.reduce_mean(terms, 1)
        reported = dict(zip(self.discriminator_terms, (terms, losses.jensen_shannon_bound(terms))))
        return self._report.update(reported, due & finite)

    def _real_and_fake_if(self, due, batch):
        """Zeros in the steps that do not need them: encoding costs, discriminating does not."""
        if self.discriminator_every == 1:
            return self.real_and_fake(batch)
        rows = tf.shape(tf.nest.flatten(batch)[0])[0]
        nothing = tf.zeros([rows, *self.code_shape])
        return tf.cond(due, lambda: self.real_and_fake(batch), lambda: (nothing, nothing))

    def _logits(self, codes):
        count, size = codes.shape[1:]
        return tf.reshape(self.discriminator(tf.reshape(codes, [-1, size])), [-1, count])

    def _apply_discriminator_gradients(self, gradients, variables):
        if self._gradient_sums is not None:
            for total, gradient in zip(self._gradient_sums, gradients):
                total.assign_add(gradient)
            gradients = [tf.convert_to_tensor(total) for total in self._gradient_sums]
        self.discriminator_optimizer.apply_gradients(
            zip(gradients, variables), skip_gradients_aggregation=True
        )
