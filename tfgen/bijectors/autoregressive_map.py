"""The inverse autoregressive flow of maps: pixel after pixel, channel after channel."""

from __future__ import annotations

from typing import Any, Tuple

import tensorflow as tf

from tfgen.bijectors.channel_bijector import ChannelBijector
from tfgen.bijectors.conditioning import checked_conditioning

__all__ = ["AutoregressiveMap"]


class AutoregressiveMap(ChannelBijector):
    """Each entry of a map is scaled and shifted by functions of the entries before it.

        forward (noise -> sample), one pass:  z_d = (u_d - shift_d) exp(-log_scale_d)
        inverse, H W C passes:                u_d = z_d exp(log_scale_d) + shift_d
        log |det dz / du| = -sum_d log_scale_d,   log_scale = bound tanh(raw / bound)

    where shift_d and raw_d are functions of u_1 .. u_{d-1} and of a conditioning map. Entries are
    in the order of reading, the channels of a pixel one after the other; a vector is a map of one
    pixel. It is a posterior that is evaluated at its own samples, q(z) = q(u) / |det dz / du|.
    `MaskedAutoregressive` is the same for vectors [..., D] with dense networks of its own.

    ```python
    from tfgen.layers import MaskedConvolutions

    flow = AutoregressiveMap(4, MaskedConvolutions(channels=4, factor=2))
    u, c = tf.zeros([3, 5, 5, 4]), tf.zeros([3, 5, 5, 8])
    z, log_det = flow.forward_and_log_det(u, conditioning=c)  # [3, 5, 5, 4], [3]
    flow.inverse(z, conditioning=c)  # u again, in 100 passes
    ```

    Args:
      channels: C.
      network: called as network(u, conditioning=c) -> shift, raw, [B, H, W, C] each, of which each
        entry sees the earlier ones of u alone; its conditioning_size is the size of c's last axis.
      log_scale_bound: the largest absolute log-scale, positive.
      name: name of the bijector.

    #### References
    [1]: D. Kingma, T. Salimans, R. Jozefowicz, X. Chen, I. Sutskever, M. Welling. Improving
         Variational Inference with Inverse Autoregressive Flow. NeurIPS 2016. Eq. 5 and 10.
    """

    def __init__(
        self,
        channels: int,
        network: Any,
        log_scale_bound: float = 2.0,
        validate_args: bool = False,
        name: str = "autoregressive_map",
    ):
        super().__init__(channels, 3, name, network.variable_dtype, validate_args)
        if not log_scale_bound > 0:
            raise ValueError(f"log_scale_bound is positive; got {log_scale_bound}.")
        self.network = network
        self.log_scale_bound = log_scale_bound

    def forward_and_log_det(
        self, x: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """z [B, H, W, C] of noise x, and log |det dz / dx|, [B]."""
        x, conditioning = self._checked(x), self._checked_conditioning(conditioning)
        shift, log_scale = self._shift_and_log_scale(x, conditioning)
        return (x - shift) * tf.exp(-log_scale), -tf.reduce_sum(log_scale, [-3, -2, -1])

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Noise [B, H, W, C] of z = y, and log |det dx / dy|, [B]."""
        y, conditioning = self._checked(y), self._checked_conditioning(conditioning)

        def refine(step, x):
            shift, log_scale = self._shift_and_log_scale(x, conditioning)
            return step + 1, y * tf.exp(log_scale) + shift

        # After pass d the first d entries are right.
        passes = tf.reduce_prod(tf.shape(y)[-3:])
        _, x = tf.while_loop(lambda step, _: step < passes, refine, (0, tf.zeros_like(y)))
        _, log_scale = self._shift_and_log_scale(x, conditioning)
        return x, tf.reduce_sum(log_scale, [-3, -2, -1])

    def _checked_conditioning(self, conditioning):
        size = self.network.conditioning_size
        return checked_conditioning(self.name, conditioning, size, self.dtype, "B, H, W")

    def _shift_and_log_scale(self, x, conditioning):
        shift, raw = self.network(x, conditioning=conditioning)
        return shift, self.log_scale_bound * tf.tanh(raw / self.log_scale_bound)
