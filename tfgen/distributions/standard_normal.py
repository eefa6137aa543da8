"""The standard normal distribution of latents of any shape."""

from __future__ import annotations

from typing import Sequence

from tfgen.distributions.latent_prior import LatentPrior, diagonal_log_prob
from tfgen.randomness import example_normal

__all__ = ["StandardNormal"]


class StandardNormal(LatentPrior):
    """N(0, I) of vectors or maps, whose draws have a temperature.

    ```python
    prior = StandardNormal([4, 4, 2])
    prior.log_prob(tf.zeros([3, 4, 4, 2]))  # [3], nats
    prior.sample(3, seed=1, temperature=0.8)  # [3, 4, 4, 2]
    ```

    Args:
      event_shape: of a latent.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        validate_args: bool = False,
        name: str = "StandardNormal",
    ):
        parameters = dict(locals())
        super().__init__(event_shape, True, validate_args, parameters, name)

    def draw(self, count, seed, temperature):
        return temperature * example_normal(seed, count, self.latent_shape)

    def _log_prob(self, value):
        return diagonal_log_prob(value, 0.0, 0.0, self._axes())
