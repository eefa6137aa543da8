"""Densities of a two-dimensional z on a grid: true posteriors, aggregates, and where they part."""

from __future__ import annotations

import dataclasses
from typing import Callable, Tuple

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp, ndtr

from zoo.vlvae.model import VLVAE

__all__ = ["LatentGrid", "densest_region", "grid_kl", "hole_mass", "region_level"]


@dataclasses.dataclass(frozen=True)
class LatentGrid:
    """A square of the z-plane, cut into cells x cells equal squares.

    Densities are held as the probabilities of the cells, arrays [..., cells, cells] whose last two
    axes are z_1 and z_2 and which sum to 1 over them.

    Attributes:
      centre: of the square.
      half_width: half of its side.
      cells: cells a side.
    """

    centre: Tuple[float, float]
    half_width: float
    cells: int = 256

    @classmethod
    def around(
        cls, mean: np.ndarray, scale: np.ndarray, cells: int = 256, reach: float = 4.0
    ) -> "LatentGrid":
        """A square that holds N(0, I) and Gaussian posteriors up to `reach` standard deviations.

        One posterior in a thousand may stick out on each side, so that a few stragglers do not
        make the cells coarse.

        Args:
          mean, scale: [N, 2] of the posteriors.
          cells: cells a side.
          reach: standard deviations.
        """
        lower = np.minimum(np.quantile(mean - reach * scale, 0.001, axis=0), -reach)
        upper = np.maximum(np.quantile(mean + reach * scale, 0.999, axis=0), reach)
        centre = 0.5 * (lower + upper)
        return cls((float(centre[0]), float(centre[1])), float(np.max(upper - lower) / 2), cells)

    @property
    def edges(self) -> np.ndarray:
        """float64 [2, cells + 1]: where the cells end along z_1 and z_2."""
        steps = np.linspace(-self.half_width, self.half_width, self.cells + 1)
        return np.asarray(self.centre)[:, np.newaxis] + steps

    @property
    def points(self) -> np.ndarray:
        """float32 [cells * cells, 2]: the centres of the cells, z_2 varying fastest."""
        centres = 0.5 * (self.edges[:, 1:] + self.edges[:, :-1])
        return np.stack(np.meshgrid(*centres, indexing="ij"), -1).reshape(-1, 2).astype(np.float32)

    @property
    def cell_area(self) -> float:
        return (2.0 * self.half_width / self.cells) ** 2

    def evaluate(self, log_density: Callable, block: int = 8192) -> np.ndarray:
        """log-probabilities of the cells under a density, by the midpoint rule: not normalised.

        Args:
          log_density: z [points, 2] -> log-densities [points] or [points, K], nats.
          block: points at once.

        Returns:
          float64 [cells, cells] or [K, cells, cells]; the sum of its exponentials is the integral
          of the density over the square.
        """
        points = self.points
        function = tf.function(log_density, reduce_retracing=True, autograph=False)
        parts = [
            np.asarray(function(tf.constant(points[start : start + block])), np.float64)
            for start in range(0, len(points), block)
        ]
        values = np.moveaxis(np.concatenate(parts), 0, -1)
        values = values.reshape(*values.shape[:-1], self.cells, self.cells)
        return values + np.log(self.cell_area)

    def normal_mixture(
        self, mean: np.ndarray, scale: np.ndarray, block: int = 4096
    ) -> Tuple[np.ndarray, float]:
        """Probabilities of the cells under an equal mixture of diagonal Gaussians, exactly.

        A cell's probability under N(m, diag(s^2)) is a product of differences of the normal
        distribution function, so Gaussians that are narrower than a cell are no trouble.

        Args:
          mean, scale: [N, 2].
          block: Gaussians at once.

        Returns:
          float64 [cells, cells], normalised, and the probability that lies outside the square.
        """
        mass = np.zeros([self.cells, self.cells])
        for start in range(0, len(mean), block):
            some = slice(start, start + block)
            first, second = (
                np.diff(ndtr((self.edges[axis] - mean[some, axis, None]) / scale[some, axis, None]))
                for axis in (0, 1)
            )
            mass += first.T @ second
        inside = mass.sum() / len(mean)
        return mass / mass.sum(), float(1.0 - inside)

    def true_posterior(self, vlvae: VLVAE, words) -> np.ndarray:
        """log p(z|y) = log p(y|z) + log p(z) - log p(y) of each cell, by Bayes' rule.

        p(y) is the sum over the grid. Nothing is learned or sampled: this is what a text posterior
        would be if it were fitted to the model perfectly.

        Args:
          vlvae: with a latent size of 2.
          words: int32 [K, length], the texts.

        Returns:
          float64 [K, cells, cells], log-probabilities, normalised.
        """
        words = tf.convert_to_tensor(words)
        texts = words.shape[0]

        def log_joint(z):
            every_text = tf.tile(words, [tf.shape(z)[0], 1])
            log_p_text = vlvae.text_log_prob(tf.repeat(z, texts, axis=0), every_text)
            return tf.reshape(log_p_text, [-1, texts]) + vlvae.prior().log_prob(z)[:, tf.newaxis]

        return normalised(self.evaluate(log_joint))


def normalised(log_mass: np.ndarray) -> np.ndarray:
    """Log-probabilities that sum to 1 over the last two axes."""
    return log_mass - logsumexp(log_mass, axis=(-2, -1), keepdims=True)


def region_level(mass: np.ndarray, share: float) -> float:
    """The smallest probability of a cell in the smallest region that holds `share` of the mass."""
    ordered = np.sort(mass, axis=None)[::-1]
    last = np.searchsorted(np.cumsum(ordered), share * ordered.sum())
    return float(ordered[min(last, ordered.size - 1)])


def densest_region(mass: np.ndarray, share: float = 0.99) -> np.ndarray:
    """bool [cells, cells]: the smallest region that holds `share` of the mass of a density."""
    return mass >= region_level(mass, share)


def hole_mass(mass: np.ndarray, aggregate: np.ndarray, share: float = 0.99) -> float:
    """The probability that a density puts where an aggregate posterior has next to none.

    Args:
      mass: [cells, cells], of the density.
      aggregate: [cells, cells].
      share: of the aggregate's own mass in the region that does not count as a hole; so the
        aggregate itself scores 1 - share at most.

    Returns:
      In [0, 1]: what of `mass` lies outside `densest_region(aggregate, share)`.
    """
    return float(mass[~densest_region(aggregate, share)].sum())


def grid_kl(mass: np.ndarray, log_other: np.ndarray) -> float:
    """KL(q || p) of two densities on the same grid, nats.

    It is that of the cells' probabilities: the divergence of the densities, less what they differ
    within cells.

    Args:
      mass: [cells, cells], probabilities under q.
      log_other: [cells, cells], log-probabilities under p.
    """
    some = mass > 0
    return float(np.sum(mass[some] * (np.log(mass[some]) - log_other[some])))
