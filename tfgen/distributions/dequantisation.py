"""From discrete pixels to a density and back: uniform and variational dequantisation."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import tensorflow as tf

from tfgen.bijectors import OnePassBijector
from tfgen.randomness import Seed, example_normal, example_uniform, fold_in

__all__ = ["UniformDequantisation", "VariationalDequantisation"]


class UniformDequantisation(tf.Module):
    """Noise u ~ U[0, 1) for discrete pixels.

    For a density p over y = x + u and pixels x in {0, ..., levels - 1},

        log P(x) = log E_u[p(x + u)]  >=  E_u[log p(x + u)]

    so that the mean log-density is a lower bound in nats of the discrete data, and the logarithm
    of the mean of several draws a tighter one.

    ```python
    noise, log_q = UniformDequantisation().sample_and_log_prob(tf.zeros([2, 4, 4, 3]), seed=1)
    # [2, 4, 4, 3] in [0, 1), and log q(u | x) = 0, [2]
    ```

    #### References
    [1]: L. Theis, A. van den Oord, M. Bethge. A note on the evaluation of generative models.
         ICLR 2016. Section 3.1.
    """

    def sample_and_log_prob(
        self, x: tf.Tensor, seed: Seed, training: bool = False
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """u, shaped as x [B, H, W, C], and log q(u | x) = 0, [B]."""
        x = tf.convert_to_tensor(x)
        del training
        noise = example_uniform(seed, tf.shape(x)[0], x.shape[1:], dtype=x.dtype)
        return noise, tf.zeros(tf.shape(x)[:1], x.dtype)


class VariationalDequantisation(tf.Module):
    """Noise u ~ q(u | x) from a conditional flow, learned with the density of x + u.

        e ~ N(0, I),   u = sigmoid(f(e; c(x))),   log P(x) >= E_q[log p(x + u) - log q(u | x)]

    The bound is tight where q is the posterior of the noise. f is any bijector of images with a
    `conditioning`; c is a network of the pixels, scaled to [-0.5, 0.5).

    Args:
      flow: its forward maps noise to logits of u, given `conditioning`.
      context: layer from pixels [B, H, W, C] to the conditioning map, called as
        context(x, training=..., seed=...); None hands the flow the scaled pixels.
      levels: number of values of a pixel.

    #### References
    [1]: J. Ho, X. Chen, A. Srinivas, Y. Duan, P. Abbeel. Flow++. ICML 2019. Section 3.1.
    """

    def __init__(self, flow: OnePassBijector, context=None, levels: int = 256, name=None):
        super().__init__(name=name)
        self.flow = flow
        self.context = context
        self.levels = levels

    def sample_and_log_prob(
        self, x: tf.Tensor, seed: Seed, training: bool = False
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """u in (0, 1), up to rounding, shaped as x [B, H, W, C], and log q(u | x), nats [B]."""
        x = tf.convert_to_tensor(x)
        axes = list(range(1, x.shape.rank))
        conditioning = x / self.levels - 0.5
        dropout = fold_in(seed, "dropout")
        if self.context is not None:
            conditioning = self.context(conditioning, training=training, seed=dropout)
        noise = example_normal(fold_in(seed, "noise"), tf.shape(x)[0], x.shape[1:], dtype=x.dtype)
        log_q = -0.5 * tf.reduce_sum(tf.square(noise) + np.log(2.0 * np.pi), axes)
        logits, log_det = self.flow.forward_and_log_det(
            noise, conditioning=conditioning, training=training, seed=dropout
        )
        log_slope = tf.math.log_sigmoid(logits) + tf.math.log_sigmoid(-logits)
        return tf.sigmoid(logits), log_q - log_det - tf.reduce_sum(log_slope, axes)
