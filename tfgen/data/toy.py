"""Densities in the plane that are known exactly, to see what a density model learns."""

from __future__ import annotations

import functools
import math
from typing import Tuple

import numpy as np
import tensorflow as tf

from tfgen.data.source import Source, Splits
from tfgen.data.stateless import example_seeds, seeded_uniform
from tfgen.randomness import fold_in

__all__ = ["TOY_NAMES", "toy", "toy_entropy", "toy_log_prob"]

TOY_NAMES: Tuple[str, ...] = ("two_moons", "rings", "checkerboard", "eight_gaussians")

_MOON_RADIUS, _MOON_STD, _MOON_CENTRE = 2.0, 0.2, (-1.0, -0.5)
_RING_RADII, _RING_STD = (1.0, 2.0, 3.0, 4.0), 0.1
_GAUSSIAN_RADIUS, _GAUSSIAN_STD = 3.0, 0.3
_SQUARES = 8
_HALF_SIDE = 4.0
# Nodes of a Gauss-Legendre rule over a moon's arc: two standard deviations of the noise are 0.2
# rad, the nodes at most 0.06 rad apart, which leaves an error of about 1e-15 near the arc.
_NODES = 80
_STDS = {"two_moons": _MOON_STD, "rings": _RING_STD, "eight_gaussians": _GAUSSIAN_STD}
_REACH = 5.5


def toy(
    name: str,
    train: int = 1000000,
    validation: int = 10000,
    test: int = 100000,
    seed: int = 0,
) -> Splits:
    """Points of a density in the plane, whose logarithm `toy_log_prob` knows.

    With theta uniform and eps a standard normal vector,

        two_moons        (-1, -1/2) + 2 (cos theta, sin theta) + 0.2 eps, theta in [0, pi], or
                         this turned by half a turn about the origin (the moons of scikit-learn,
                         centred and twice as large);
        rings            R (cos theta, sin theta) + 0.1 eps, R one of 1, 2, 3, 4;
        checkerboard     uniform on 8 of the 16 squares of side 2 in [-4, 4]^2: those of
                         floor(x / 2) + floor(y / 2) even;
        eight_gaussians  3 (cos k pi/4, sin k pi/4) + 0.3 eps, k one of 0 ... 7.

    Every choice is made with equal probabilities. Points are made when they are asked for, as
    functions of (seed, split, index), so that a million of them cost no memory.

    ```python
    splits = toy("rings")
    points = next(iter(splits.test.batches(1000)))["point"]
    nats = -tf.reduce_mean(toy_log_prob("rings", points))      # about toy_entropy("rings")
    ```

    Args:
      name: one of `TOY_NAMES`.
      train, validation, test: numbers of points.
      seed: of the points.

    Returns:
      Splits with the feature "point" float32 [2]; the description has the entropy, in nats, which
      is the least expected held-out loss of any model.

    Raises:
      ValueError: an unknown name.
    """
    _check(name)
    draw = {
        "two_moons": _draw_moons,
        "rings": _draw_rings,
        "checkerboard": _draw_squares,
        "eight_gaussians": _draw_gaussians,
    }[name]

    def source(split, count):
        stream = fold_in(seed, "toy", name, split)

        def load(indices):
            seeds = example_seeds(stream, tf.zeros_like(indices), indices)
            # In float64: the last bit of a cosine depends on its place in the batch, and a point
            # is to be a function of its index alone.
            points = draw(tf.cast(seeded_uniform(seeds, 4), tf.float64))
            return {"point": tf.cast(points, tf.float32)}

        return Source(count, load, {"point": tf.TensorSpec([2], tf.float32)})

    counts = {"train": train, "validation": validation, "test": test}
    return Splits(
        **{split: source(split, count) for split, count in counts.items()},
        description={
            "name": f"toy_{name}",
            "density": name,
            "point_shape": [2],
            "entropy": toy_entropy(name),
            "counts": counts,
            "seed": seed,
        },
    )


def toy_log_prob(name: str, points: tf.Tensor) -> tf.Tensor:
    """The logarithm of a density of `toy`, in nats.

    A ring is a circle blurred by a Gaussian: with r = |x| its density is
    exp(-(r^2 + R^2) / (2 s^2)) I0(r R / s^2) / (2 pi s^2). That of a blurred half circle is an
    integral over the angle, taken by a Gauss-Legendre rule that is exact to the last digits of
    float64 where the density is above 1e-10 or so. The others are closed forms.

    Args:
      name: one of `TOY_NAMES`.
      points: float32 or float64 [..., 2].

    Returns:
      [...]; -infinity off the squares of "checkerboard".

    Raises:
      ValueError: an unknown name.
    """
    _check(name)
    points = tf.convert_to_tensor(points)
    if name == "checkerboard":
        x, y = tf.unstack(tf.math.floor(points / 2.0), axis=-1)
        dark = tf.equal(tf.math.floormod(x + y, 2.0), 0.0)
        # The outermost edges x = 4 and y = 4 belong to no square.
        inside = dark & tf.reduce_all((points >= -_HALF_SIDE) & (points < _HALF_SIDE), -1)
        level = tf.fill(tf.shape(x), tf.constant(-math.log(4.0 * _SQUARES), points.dtype))
        return tf.where(inside, level, tf.constant(-np.inf, points.dtype))
    if name == "rings":
        radii, variance = tf.constant(_RING_RADII, points.dtype), _RING_STD**2
        # Not tf.norm, whose gradient at the origin is not a number.
        squares = tf.reduce_sum(points**2, -1, keepdims=True)
        distances = tf.sqrt(tf.maximum(squares, np.finfo(np.float32).tiny))
        blurred = -0.5 * (distances - radii) ** 2 / variance
        logs = blurred + tf.math.log(tf.math.bessel_i0e(distances * radii / variance))
        constant = math.log(2.0 * math.pi * variance * len(_RING_RADII))
        return tf.reduce_logsumexp(logs, -1) - constant
    if name == "eight_gaussians":
        return _mixture(points, _gaussian_centres(), np.full(8, 1 / 8), _GAUSSIAN_STD)
    return _mixture(points, *_moon_nodes(), _MOON_STD)


@functools.lru_cache(maxsize=None)
def toy_entropy(name: str) -> float:
    """The entropy of a density of `toy`, in nats: what the best model of it loses on average.

    log 32 for "checkerboard"; for the others the trapezium rule on a grid three times as fine
    as the standard deviation of the noise, which for such smooth densities is exact to about 1e-9.

    Args:
      name: one of `TOY_NAMES`.

    Raises:
      ValueError: an unknown name.
    """
    _check(name)
    if name == "checkerboard":
        return math.log(4.0 * _SQUARES)
    steps = math.ceil(2.0 * _REACH / (_STDS[name] / 3.0))
    axis = np.linspace(-_REACH, _REACH, steps + 1)
    total = 0.0
    for column in np.array_split(axis, 16):  # not all at once, for the memory's sake
        points = np.stack(np.meshgrid(column, axis, indexing="ij"), -1)
        log_prob = toy_log_prob(name, points).numpy()
        total -= np.sum(np.exp(log_prob) * log_prob)
    return float(total * (axis[1] - axis[0]) ** 2)


def _mixture(points, centres, weights, std) -> tf.Tensor:
    """Log-density of a mixture of round Gaussians at `centres` [K, 2]."""
    centres = tf.constant(centres, points.dtype)
    # Axis by axis: a sum over a last axis of two is slow.
    squares = (points[..., :1] - centres[:, 0]) ** 2 + (points[..., 1:] - centres[:, 1]) ** 2
    logs = -0.5 * squares / std**2 + tf.constant(np.log(weights), points.dtype)
    return tf.reduce_logsumexp(logs, -1) - math.log(2.0 * math.pi * std**2)


def _gaussian_centres() -> np.ndarray:
    angles = np.arange(8) * np.pi / 4
    return _GAUSSIAN_RADIUS * np.stack([np.cos(angles), np.sin(angles)], -1)


def _moon_nodes():
    """Places on both arcs [2 K, 2] and their weights [2 K], which sum to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    angles = np.pi / 2 * (nodes + 1)
    arc = _MOON_CENTRE + _MOON_RADIUS * np.stack([np.cos(angles), np.sin(angles)], -1)
    return np.concatenate([arc, -arc]), np.concatenate([weights, weights]) / 4


def _draw_moons(numbers):
    moon = _MOON_RADIUS * _on_circle(numbers[:, 1] / 2) + _MOON_CENTRE
    moon = tf.where(numbers[:, :1] < 0.5, moon, -moon)
    return moon + _MOON_STD * _normals(numbers[:, 2:])


def _draw_rings(numbers):
    radii = tf.gather(
        tf.constant(_RING_RADII, tf.float64), _choose(numbers[:, 0], len(_RING_RADII))
    )
    ring = radii[:, tf.newaxis] * _on_circle(numbers[:, 1])
    return ring + _RING_STD * _normals(numbers[:, 2:])


def _draw_gaussians(numbers):
    centres = tf.constant(_gaussian_centres(), tf.float64)
    chosen = tf.gather(centres, _choose(numbers[:, 0], 8))
    return chosen + _GAUSSIAN_STD * _normals(numbers[:, 2:])


def _draw_squares(numbers):
    row = _choose(numbers[:, 0], 4) - 2
    column = 2 * _choose(numbers[:, 1], 2) - 2
    column += tf.math.floormod(row, 2)
    corners = tf.cast(tf.stack([column, row], -1), tf.float64)
    # Midpoints of 2^20 cells: exact in float32, so that none is rounded over a square's edge.
    inside = (tf.math.floor(numbers[:, 2:] * 2.0**20) + 0.5) * 2.0**-20
    return 2.0 * (corners + inside)


def _choose(numbers, count):
    return tf.minimum(tf.cast(numbers * count, tf.int32), count - 1)


def _on_circle(turns):
    angles = 2.0 * math.pi * turns
    return tf.stack([tf.cos(angles), tf.sin(angles)], -1)


def _normals(numbers):
    """Two standard normals [N, 2] from two uniforms, by Box and Muller's transform."""
    radii = tf.sqrt(-2.0 * tf.math.log(1.0 - numbers[:, :1]))
    return radii * _on_circle(numbers[:, 1])


def _check(name) -> None:
    if name not in TOY_NAMES:
        raise ValueError(f"Wanted one of {', '.join(TOY_NAMES)}; got {name!r}.")
