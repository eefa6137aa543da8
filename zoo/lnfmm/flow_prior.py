"""The conditional flow prior of a domain's own latents."""

from __future__ import annotations

import math
from typing import Tuple

import tensorflow as tf

from tfgen.bijectors import conditional_prior_flow
from tfgen.randomness import Seed, as_seed

__all__ = ["FlowPrior", "gaussian_log_prob"]


class FlowPrior(tf.Module):
    """p(z' | z_s): a Gaussian through a flow that is conditioned on the shared code.

        e = f^-1(z' | z_s),   log p(z' | z_s) = log N(e; 0, s^2 I) + log |det de / dz'|

    which is Eq. 4.7, where the log-determinant is that of the map from e to z' and is subtracted.

    ```python
    prior = FlowPrior(4, conditioning_size=6, steps=2, hidden_units=16)
    shared = tf.zeros([3, 6])
    z = prior.sample(shared, count=5, seed=0)  # [3, 5, 4]
    prior.log_prob(z, shared[:, tf.newaxis])  # [3, 5], nats
    ```

    Args:
      size: dimensions of z', two at least.
      conditioning_size: dimensions of z_s.
      steps, hidden_units: of `conditional_prior_flow`.
      base_scale: s.
      excess: added to the log-density for each dimension, which leaves no density unless it is 0.

    #### References
    [1]: S. Mahajan. Multimodal representation learning for diverse synthesis. Thesis, TU
         Darmstadt. Eq. 4.7.
    [2]: S. Mahajan, I. Gurevych, S. Roth. Latent Normalizing Flows for Many-to-Many Cross-Domain
         Mappings. ICLR 2020. Eq. 7 has log p(e) on its left side, and the other sign.
    """

    def __init__(
        self,
        size: int,
        conditioning_size: int,
        steps: int = 16,
        hidden_units: int = 1024,
        base_scale: float = 0.25,
        excess: float = 0.0,
        name: str = "flow_prior",
    ):
        super().__init__(name=name)
        self.size = size
        self.base_scale = base_scale
        self.excess = excess
        self.flow = conditional_prior_flow(size, conditioning_size, steps, hidden_units, name=name)

    def log_prob(self, z, conditioning) -> tf.Tensor:
        """z [..., size], conditioning [..., conditioning_size], broadcasting -> nats [...]."""
        noise, log_det = self.flow.inverse_and_log_det(z, conditioning=conditioning)
        return gaussian_log_prob(noise, self.base_scale) + log_det + self.excess * self.size

    def sample(self, conditioning, count=1, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """Draws for each code: [batch, conditioning_size] -> [batch, count, size].

        Args:
          conditioning: the shared codes.
          count: draws for each, an int or a scalar tensor.
          seed: of the draws.
          temperature: multiplies the base's standard deviation.
        """
        shape = [tf.shape(conditioning)[0], count, self.size]
        noise = self.base_scale * tf.random.stateless_normal(shape, as_seed(seed))
        noise *= tf.cast(temperature, tf.float32)
        return self.transform(noise, conditioning[:, tf.newaxis])[0]

    def transform(self, noise, conditioning) -> Tuple[tf.Tensor, tf.Tensor]:
        """e -> z' and log |det dz' / de|."""
        return self.flow.forward_and_log_det(noise, conditioning=conditioning)


def gaussian_log_prob(offset, scale: float) -> tf.Tensor:
    """log N(offset; 0, scale^2 I), [..., size] -> nats [...]."""
    size = offset.shape[-1]
    return -0.5 * tf.reduce_sum(tf.square(offset / scale), -1) - size * (
        math.log(scale) + 0.5 * math.log(2.0 * math.pi)
    )
