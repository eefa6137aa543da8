"""Activation normalisation: an affine map of each channel that sets itself from data."""

from __future__ import annotations

from typing import Tuple

import tensorflow as tf

from tfgen.bijectors.channel_bijector import ChannelBijector
from tfgen.initialisation import initialising, standardise

__all__ = ["ActNorm"]


class ActNorm(ChannelBijector):
    """A shift and a scale for each channel, set so that the first batch is standardised.

        inverse (data -> latent):  x = (y + bias) * exp(log_scale)
        forward (latent -> data):  y = x * exp(-log_scale) - bias
        inverse log-determinant:   H W sum_c log_scale_c      (H W = 1 for vectors)

    A new ActNorm is the identity. Inside `tfgen.initialisation.data_dependent_initialisation`,
    inverse_and_log_det first sets bias = -mean and log_scale = -log(standard deviation) of each
    channel over batch and positions of its input. A channel that is constant there keeps scale 1:
    its spread is not known, and 1 / 0 would be no better guess.

    ```python
    norm = ActNorm(channels=12)
    with tfgen.initialisation.data_dependent_initialisation():
        x, log_det = norm.inverse_and_log_det(tf.random.normal([16, 8, 8, 12], mean=3.0))
    # x has mean 0 and variance 1 in every channel; log_det: [16]
    ```

    Shapes: [..., H, W, C] with event_ndims=3, [..., C] with event_ndims=1; log-determinants [...],
    in nats.

    #### References
    [1]: D. Kingma, P. Dhariwal. Glow: Generative Flow with Invertible 1x1 Convolutions. NeurIPS
         2018. Section 3.1 and Table 1.
    """

    def __init__(
        self,
        channels: int,
        event_ndims: int = 3,
        dtype=tf.float32,
        validate_args: bool = False,
        name: str = "act_norm",
    ):
        """Makes the map and its variables.

        Args:
          channels: C.
          event_ndims: 3 for images [H, W, C], 1 for vectors [C].
          dtype: float32 or float64; kept under any mixed-precision policy.
          validate_args: as in every tfb.Bijector.
          name: name of the bijector.

        Raises:
          ValueError: no channels, or an event_ndims that is neither 1 nor 3.
        """
        super().__init__(channels, event_ndims, name, dtype, validate_args)
        self.bias = tf.Variable(tf.zeros([channels], self.dtype), name="bias")
        self.log_scale = tf.Variable(tf.zeros([channels], self.dtype), name="log_scale")

    def forward_and_log_det(
        self, x: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """y = x exp(-log_scale) - bias, and log |det dy / dx|, [...]."""
        x = self._checked(x)
        log_det = self._log_det(x, -tf.reduce_sum(self.log_scale))
        return x * tf.exp(-self.log_scale) - self.bias, log_det

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """x = (y + bias) exp(log_scale), and log |det dx / dy|, [...]."""
        y = self._checked(y)
        if initialising():
            standardise(y, self.bias, self.log_scale, self.name)
        log_det = self._log_det(y, tf.reduce_sum(self.log_scale))
        return (y + self.bias) * tf.exp(self.log_scale), log_det
