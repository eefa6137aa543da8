"""Toy densities: normalised, agree with their samples and with independent formulas."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from tfgen.data import TOY_NAMES, toy, toy_entropy, toy_log_prob

SMOOTH = [name for name in TOY_NAMES if name != "checkerboard"]


def points(source, count, **settings):
    return next(iter(source.batches(count, **settings)))["point"].numpy()


def grid(cells, reach=6.0):
    """Midpoints [cells, cells, 2] of a grid over [-reach, reach]^2, and a cell's area."""
    step = 2 * reach / cells
    axis = (np.arange(cells) + 0.5) * step - reach
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), -1), step**2


@pytest.mark.parametrize("name", TOY_NAMES)
def test_densities_integrate_to_one(name):
    # The checkerboard's squares are unions of cells, and the others are smooth: both are exact.
    where, area = grid(180)
    total = np.sum(np.exp(toy_log_prob(name, where).numpy())) * area
    assert abs(total - 1.0) < 1e-9


@pytest.mark.parametrize("name", TOY_NAMES)
def test_samples_agree_with_the_density(name):
    """Chi-squared over the cells of a grid in which five or more samples are expected."""
    sample = points(toy(name, test=40000, seed=5).test, 40000)
    cells, fine = 30, 6 if name == "two_moons" else 8
    where, area = grid(cells * fine)
    density = np.exp(toy_log_prob(name, where.reshape(-1, 2)).numpy()) * area * len(sample)
    expected = density.reshape(cells, fine, cells, fine).sum((1, 3))
    edges = np.linspace(-6, 6, cells + 1)
    found, _, _ = np.histogram2d(*sample.T.astype(np.float64), bins=[edges, edges])
    assert found.sum() == len(sample)
    many = expected >= 5
    rest = expected[~many].sum(), found[~many].sum()
    statistic = np.sum((found[many] - expected[many]) ** 2 / expected[many])
    statistic += (rest[1] - rest[0]) ** 2 / max(rest[0], 5.0)
    assert stats.chi2.sf(statistic, many.sum()) > 1e-4
    assert many.sum() > 60


def test_two_moons_is_the_integral_over_its_arcs():
    for x in ([-1.0, 1.5], [0.3, -0.2], [1.0, -2.2], [2.0, 1.0], [-3.4, 0.1]):
        total = 0.0
        for sign in (1, -1):

            def arc(t, sign=sign, x=x):
                centre = sign * np.array([2 * np.cos(t) - 1, 2 * np.sin(t) - 0.5])
                return math.exp(-np.sum((x - centre) ** 2) / 0.08) / (2 * math.pi * 0.04)

            value, _ = integrate.quad(arc, 0, math.pi, epsabs=0, epsrel=1e-11, limit=400)
            total += value / math.pi / 2
        found = toy_log_prob("two_moons", np.array(x)).numpy()
        assert abs(found - math.log(total)) < 1e-9


def test_rings_are_blurred_circles():
    angles = (np.arange(4000) + 0.5) / 4000 * 2 * np.pi
    circle = np.stack([np.cos(angles), np.sin(angles)], -1)
    for x in ([0.0, 0.0], [0.02, 0.01], [1.1, 0.0], [-1.2, 0.9], [2.0, 3.4]):
        density = np.mean(
            [
                np.exp(-np.sum((x - radius * circle) ** 2, -1) / 0.02) / (2 * np.pi * 0.01)
                for radius in (1, 2, 3, 4)
            ]
        )
        assert abs(toy_log_prob("rings", np.array(x)).numpy() - math.log(density)) < 1e-9


def test_eight_gaussians_and_checkerboard_at_known_points():
    at_centre = -math.log(8 * 2 * math.pi * 0.09)
    assert abs(toy_log_prob("eight_gaussians", [3.0, 0.0]).numpy() - at_centre) < 1e-5
    where = [[0.5, 1.9], [1.0, -1.0], [-0.1, -0.1], [3.9, 3.9], [-2.1, 2.1], [4.1, 4.1], [0.5, 5]]
    dark = [True, False, True, True, False, False, False]
    wanted = np.where(dark, -math.log(32), -np.inf)
    np.testing.assert_allclose(toy_log_prob("checkerboard", np.array(where)), wanted)


def test_checkerboard_fills_its_squares_to_the_edges_and_no_further():
    sample = points(toy("checkerboard").test, 100000)
    assert np.all(np.isfinite(toy_log_prob("checkerboard", sample)))
    inside = sample % 2.0
    assert inside.min() > 0 and inside.min() < 1e-3 and inside.max() > 2 - 1e-3


@pytest.mark.parametrize("name", TOY_NAMES)
def test_entropy_is_the_held_out_loss_of_the_truth(name):
    splits = toy(name, test=20000)
    losses = -toy_log_prob(name, points(splits.test, 20000)).numpy()
    error = losses.std() / math.sqrt(20000)
    assert abs(losses.mean() - toy_entropy(name)) < 4 * error + 1e-6
    assert splits.description["entropy"] == toy_entropy(name)
    json.dumps(splits.description)


def test_entropies_of_closed_form():
    assert toy_entropy("checkerboard") == pytest.approx(math.log(32), abs=1e-15)
    # The Gaussians hardly overlap: log 8 and the entropy of one, but for 0.0025 nats (the
    # neighbours' means are 7.65 standard deviations apart).
    apart = math.log(8) + math.log(2 * math.pi * math.e * 0.09)
    assert 0 < apart - toy_entropy("eight_gaussians") < 0.003


@pytest.mark.parametrize("name", SMOOTH)
def test_entropy_against_another_rule(name):
    """Midpoints of another grid; the integrand is analytic, so both converge quickly."""
    where, area = grid(170)
    log_prob = toy_log_prob(name, where).numpy()
    wanted = -np.sum(np.exp(log_prob) * log_prob) * area
    assert abs(toy_entropy(name) - wanted) < 1e-6


@pytest.mark.parametrize("name", TOY_NAMES)
def test_float32_agrees_with_float64_and_shapes_are_kept(name):
    sample = points(toy(name).train, 600).reshape(20, 30, 2)
    single, double = toy_log_prob(name, sample), toy_log_prob(name, sample.astype(np.float64))
    assert single.shape == (20, 30) and single.dtype == tf.float32 and double.dtype == tf.float64
    np.testing.assert_allclose(single, double, atol=2e-4)


def test_gradient_is_finite_at_the_centre():
    x = tf.zeros([1, 2], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = toy_log_prob("rings", x)
    np.testing.assert_allclose(tape.gradient(value, x), 0.0, atol=1e-6)


def test_points_are_functions_of_seed_split_and_index():
    splits = toy("rings", train=50, validation=50, test=50, seed=2)
    train = points(splits.train, 50)
    np.testing.assert_array_equal(points(toy("rings", train=900, seed=2).train, 50), train)
    late = points(splits.train, 10, start_step=2)
    np.testing.assert_array_equal(late, train[20:30])
    others = [points(splits.validation, 50), points(splits.test, 50)]
    others.append(points(toy("rings", train=50, seed=3).train, 50))
    others.append(points(toy("two_moons", train=50, seed=2).train, 50))
    assert all(not np.any(other == train) for other in others)


def test_unknown_names_are_told():
    for call in (lambda: toy("moons"), lambda: toy_log_prob("moons", [0.0, 0.0])):
        with pytest.raises(ValueError, match="two_moons, rings, .*; got 'moons'"):
            call()
