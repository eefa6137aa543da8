"""The variational mixture of posteriors as a prior of latents."""

from __future__ import annotations

import math
from typing import Any, Sequence

import numpy as np
import tensorflow as tf

from tfgen.distributions.gaussian_mixture import MixtureOfGaussians

__all__ = ["VampPrior"]


class VampPrior(MixtureOfGaussians):
    """The average posterior of K learned pseudo-inputs.

        p(z) = 1/K sum_k q(z | u_k),   q(z | u) = N(z; mean(u), diag(scale(u))^2)

    with the encoder q of the VAE itself, which learns from both ends. Pseudo-inputs have the shape
    of data and are kept in [-1, 1], where the encoder expects them; the gradient passes that clip,
    so that a pixel at the edge finds its way back.

    ```python
    class Encoder(tf.keras.layers.Layer):
        def call(self, images):  # [K, H, W, C] -> mean and scale of Gaussians, [K, D] each
            mean = tf.reduce_mean(images, [1, 2])
            return mean, tf.ones_like(mean)

    prior = VampPrior([3], Encoder(), input_shape=[8, 8, 3], pseudo_inputs=10)
    prior.log_prob(tf.zeros([5, 3]))  # [5], nats
    prior.set_pseudo_inputs(tf.zeros([5, 8, 8, 3]))  # images of the data, again and again
    ```

    #### References
    [1]: J. Tomczak, M. Welling. VAE with a VampPrior. AISTATS 2018. Eq. 9.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        encoder: Any,
        input_shape: Sequence[int],
        pseudo_inputs: int = 500,
        seed: int = 0,
        validate_args: bool = False,
        name: str = "VampPrior",
    ):
        """Makes the prior and its pseudo-inputs.

        Args:
          event_shape: of a latent.
          encoder: a Keras layer, called with inputs [K, *input_shape], whose result is mean and
            scale (a standard deviation) of the posteriors, [K, *event_shape] each.
          input_shape: of an input of the encoder.
          pseudo_inputs: K.
          seed: of the first pseudo-inputs, N(0, 0.25^2).
          validate_args: as in every tfd.Distribution.
          name: name of the distribution.

        Raises:
          ValueError: no pseudo-input.
        """
        parameters = dict(locals())
        if pseudo_inputs < 1:
            raise ValueError(f"A VampPrior has one pseudo-input at least; got {pseudo_inputs}.")
        super().__init__(event_shape, False, validate_args, parameters, name)
        self.encoder = encoder
        values = np.random.RandomState(seed).normal(size=[pseudo_inputs, *input_shape], scale=0.25)
        self.pseudo_inputs = tf.Variable(tf.cast(values, tf.float32), name="pseudo_inputs")

    def set_pseudo_inputs(self, inputs: tf.Tensor) -> None:
        """Starts from data, [N, *input_shape] in [-1, 1]: the first K, or all of them in turn."""
        chosen = tf.range(self.pseudo_inputs.shape[0]) % tf.shape(inputs)[0]
        self.pseudo_inputs.assign(tf.gather(inputs, chosen))

    def components(self):
        raw = self.pseudo_inputs
        inputs = raw + tf.stop_gradient(tf.clip_by_value(raw, -1.0, 1.0) - raw)
        means, scales = self.encoder(inputs)
        count = self.pseudo_inputs.shape[0]
        return tf.fill([count], -math.log(count)), means, tf.math.log(scales)
