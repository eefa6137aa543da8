"""Base class of bijectors whose value and log-determinant come out of one evaluation."""

from __future__ import annotations

from typing import Tuple

import tensorflow as tf
import tensorflow_probability as tfp

tfb = tfp.bijectors

__all__ = ["OnePassBijector"]


class OnePassBijector(tfb.Bijector):
    """A tfb.Bijector that is written as two functions.

    A subclass writes

        forward_and_log_det(x, **kwargs) -> (y, log |det dy / dx|)      latent -> data
        inverse_and_log_det(y, **kwargs) -> (x, log |det dx / dy|)      data -> latent

    and gets the rest of tfb.Bijector. Calling these two directly runs each network once and never
    reads TFP's cache, which remembers the results for the same tensor objects also when the
    weights have changed in between.

    As everywhere in TensorFlow Probability, forward generates: it maps noise to data, and a
    likelihood runs inverse_and_log_det. Papers that write their flow from data to noise have the
    two the other way round; each subclass prints both formulas.

    The log-determinant is summed over the event: for events of shape [H, W, C], inputs are
    [B, H, W, C] and log-determinants [B] (or a scalar that broadcasts, where it is the same for
    every example).

    Keyword arguments, all optional, that a flow passes to every bijector of it:
      conditioning: a tensor whose leading axes broadcast with those of the input.
      training: whether dropout is active in the networks.
      seed: of that dropout, an int32 pair (`tfgen.randomness.as_seed`).
    """

    def forward_and_log_det(self, x: tf.Tensor, **kwargs) -> Tuple[tf.Tensor, tf.Tensor]:
        """y = forward(x) and log |det dy / dx|."""
        raise NotImplementedError

    def inverse_and_log_det(self, y: tf.Tensor, **kwargs) -> Tuple[tf.Tensor, tf.Tensor]:
        """x = inverse(y) and log |det dx / dy|."""
        raise NotImplementedError

    def _forward(self, x, **kwargs):
        return self.forward_and_log_det(x, **kwargs)[0]

    def _inverse(self, y, **kwargs):
        return self.inverse_and_log_det(y, **kwargs)[0]

    def _forward_log_det_jacobian(self, x, **kwargs):
        return self.forward_and_log_det(x, **kwargs)[1]

    def _inverse_log_det_jacobian(self, y, **kwargs):
        return self.inverse_and_log_det(y, **kwargs)[1]

    @classmethod
    def _parameter_properties(cls, dtype):
        return {}
