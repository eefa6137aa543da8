"""Mixtures of diagonal Gaussians as priors of latents."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.distributions.latent_prior import LatentPrior, diagonal_log_prob
from tfgen.randomness import example_normal, example_uniform, fold_in

__all__ = ["GaussianMixture", "MixtureOfGaussians"]


class MixtureOfGaussians(LatentPrior):
    """Base class of mixtures of K diagonal Gaussians, of vectors or maps.

        p(z) = sum_k w_k N(z; mean_k, diag(exp(log_scale_k))^2)

    A subclass writes `components()`. Draws choose a component by a uniform number each and add
    noise, whose standard deviation alone the temperature multiplies: at 0 a draw is the mean of a
    component.
    """

    def components(self) -> Tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """log w [K], which sum to one, mean and log_scale [K, *event shape]."""
        raise NotImplementedError

    def draw(self, count, seed, temperature):
        log_weights, means, log_scales = self.components()
        uniform = example_uniform(fold_in(seed, "component"), count, [1])
        before = tf.cumsum(tf.exp(log_weights))[:-1]
        chosen = tf.reduce_sum(tf.cast(uniform >= before, tf.int32), axis=-1)
        noise = temperature * example_normal(fold_in(seed, "noise"), count, self.latent_shape)
        return tf.gather(means, chosen) + tf.exp(tf.gather(log_scales, chosen)) * noise

    def _log_prob(self, value):
        log_weights, means, log_scales = self.components()
        axes = self._axes()
        value = tf.expand_dims(value, axes[0] - 1)
        joint = log_weights + diagonal_log_prob(value, means, log_scales, axes)
        return tf.reduce_logsumexp(joint, axis=-1)


class GaussianMixture(MixtureOfGaussians):
    """A mixture whose weights, means and scales are learned.

    Weights start equal, scales at 1 and means at draws from N(0, spread^2).

    ```python
    prior = GaussianMixture([8], components=10)
    prior.log_prob(tf.zeros([3, 8]))  # [3], nats
    prior.sample(5, seed=1)  # [5, 8]
    ```
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        components: int = 50,
        spread: float = 1.0,
        seed: int = 0,
        validate_args: bool = False,
        name: str = "GaussianMixture",
    ):
        """Makes the mixture and its variables.

        Args:
          event_shape: of a latent.
          components: K.
          spread: standard deviation of the means at first.
          seed: of these.
          validate_args: as in every tfd.Distribution.
          name: name of the distribution.

        Raises:
          ValueError: no component.
        """
        parameters = dict(locals())
        if components < 1:
            raise ValueError(f"A mixture has one component at least; got {components}.")
        super().__init__(event_shape, False, validate_args, parameters, name)
        shape = [components, *self.latent_shape]
        means = np.random.RandomState(seed).normal(size=shape) * spread
        self.logits = tf.Variable(tf.zeros([components]), name="logits")
        self.means = tf.Variable(tf.cast(means, tf.float32), name="means")
        self.log_scales = tf.Variable(tf.zeros(shape), name="log_scales")

    def components(self):
        return tf.nn.log_softmax(self.logits), self.means, self.log_scales
