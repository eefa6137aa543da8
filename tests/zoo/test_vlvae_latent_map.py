"""Densities on a grid against closed forms and brute force; what a latent map says of them."""

import collections
import itertools
import math
import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from scipy import stats

from tests.zoo.vlvae_toy import TEXTS, toy_vlvae
from tfgen.data import array_source
from tfgen.distributions import aggregate_log_prob
from tfgen.losses import gaussian_kl
from zoo.vlvae import (
    DATA_ENTROPY,
    Fits,
    LatentGrid,
    densest_region,
    grid_kl,
    hole_mass,
    make_latent_map,
)
from zoo.vlvae.latent_grid import normalised

tfd = tfp.distributions
RADIUS = math.sqrt(-2.0 * math.log(0.01))  # of the disc that holds 99 % of N(0, I) in the plane


@pytest.fixture(scope="module")
def grid():
    return LatentGrid((0.5, -0.25), 8.0, 200)


def normal_mass(grid, mean, scale):
    return grid.normal_mixture(np.array([mean], float), np.array([scale], float))[0]


def normal_log_density(mean, scale):
    return tfd.MultivariateNormalDiag(tf.constant(mean), tf.constant(scale)).log_prob


# Densities on the grid.


def test_cells_of_a_mixture_of_gaussians_add_up_to_its_moments(grid):
    mean = np.array([[1.0, -2.0], [0.0, 3.0], [-1.46, 0.03]])
    scale = np.array([[0.5, 1.0], [1.0, 0.5], [0.001, 0.001]])  # the last lies within a cell
    mass, outside = grid.normal_mixture(mean, scale, block=2)
    assert mass.sum() == pytest.approx(1.0) and abs(outside) < 1e-6
    first, second = (0.5 * (edges[1:] + edges[:-1]) for edges in grid.edges)
    # First axis z_1, second axis z_2; a cell is 0.08 wide.
    assert mass.sum(1) @ first == pytest.approx(mean[:, 0].mean(), abs=0.03)
    assert mass.sum(0) @ second == pytest.approx(mean[:, 1].mean(), abs=0.03)
    assert mass.max() == pytest.approx(1 / 3, abs=1e-3)


def test_mass_outside_the_square_is_told(grid):
    edge = grid.edges[0, -1]
    mass, outside = grid.normal_mixture(np.array([[edge, 0.0]]), np.array([[0.3, 0.3]]))
    assert outside == pytest.approx(0.5, abs=1e-9) and mass.sum() == pytest.approx(1.0)


def test_midpoint_rule_agrees_with_exact_cells_and_integrates_to_one(grid):
    mean, scale = [[1.0, -1.0], [-2.0, 0.5]], [[0.5, 0.8], [1.0, 0.4]]
    log_mass = grid.evaluate(
        lambda z: aggregate_log_prob(z, tf.constant(mean), tf.constant(scale)), block=7000
    )
    assert np.exp(log_mass).sum() == pytest.approx(1.0, abs=1e-5)
    exact, _ = grid.normal_mixture(np.array(mean), np.array(scale))
    # The rule's error is h^2 / 24 times the second derivatives.
    np.testing.assert_allclose(np.exp(log_mass), exact, atol=2e-3 * exact.max())


def test_several_densities_at_once_keep_their_order(grid):
    means = tf.constant([[0.0, 0.0], [3.0, -2.0]])
    both = tfd.MultivariateNormalDiag(means, tf.ones_like(means))
    values = grid.evaluate(lambda z: both.log_prob(z[:, tf.newaxis]))
    assert values.shape == (2, 200, 200)
    for log_mass, mean in zip(values, means.numpy()):
        np.testing.assert_allclose(
            log_mass, grid.evaluate(normal_log_density(mean, [1.0, 1.0])), atol=1e-4
        )
        peak = np.unravel_index(log_mass.argmax(), log_mass.shape)
        centre = [grid.edges[axis, peak[axis]] + 0.04 for axis in (0, 1)]
        np.testing.assert_allclose(centre, mean, atol=0.041)


def test_square_holds_the_prior_and_the_posteriors():
    random = np.random.RandomState(0)
    mean = random.normal([3.0, 0.0], [2.0, 0.1], [5000, 2])
    grid = LatentGrid.around(mean, np.full([5000, 2], 0.5), 64)
    assert grid.normal_mixture(mean, np.full([5000, 2], 0.5))[1] < 1e-3
    assert grid.normal_mixture(np.zeros([1, 2]), np.ones([1, 2]))[1] < 2e-4
    np.testing.assert_allclose(np.diff(grid.edges).std(), 0.0, atol=1e-12)


# Regions and divergences.


def test_densest_region_of_a_gaussian_is_a_disc(grid):
    mass = normal_mass(grid, [0.0, 0.0], [1.0, 1.0])
    region = densest_region(mass, 0.99)
    radii = np.linalg.norm(grid.points, axis=1).reshape(region.shape)
    assert radii[region].max() < RADIUS + 0.06 and radii[~region].min() > RADIUS - 0.06
    assert region.sum() * grid.cell_area == pytest.approx(math.pi * RADIUS**2, rel=0.01)


@pytest.mark.parametrize("distance", [0.0, 1.0, 2.5])
def test_hole_mass_of_a_shifted_gaussian(grid, distance):
    aggregate = normal_mass(grid, [0.0, 0.0], [1.0, 1.0])
    mass = normal_mass(grid, [0.6 * distance, 0.8 * distance], [1.0, 1.0])
    wanted = stats.ncx2.sf(RADIUS**2, 2, distance**2) if distance else 0.01
    assert hole_mass(mass, aggregate) == pytest.approx(wanted, abs=3e-3)


def test_divergence_of_gaussians_is_the_closed_form(grid):
    q, p = ([0.5, -0.5], [0.5, 0.7]), ([0.0, 1.0], [1.0, 0.8])
    found = grid_kl(normal_mass(grid, *q), normalised(grid.evaluate(normal_log_density(*p))))
    assert found == pytest.approx(float(gaussian_kl(*map(tf.constant, (*q, *p)))), abs=2e-3)
    assert grid_kl(normal_mass(grid, *q), np.log(normal_mass(grid, *q) + 1e-300)) == 0.0


# The true posterior.


@pytest.fixture(scope="module")
def vlvae():
    return toy_vlvae(latent_size=2)


def test_true_posterior_is_proportional_to_likelihood_times_prior(vlvae):
    grid = LatentGrid((0.0, 0.0), 5.0, 40)
    words = vlvae.vocabulary.encode(TEXTS[:3])
    found = grid.true_posterior(vlvae, words)
    np.testing.assert_allclose(np.exp(found).sum((1, 2)), 1.0, rtol=1e-9)
    z = tf.constant(grid.points[[0, 777, 1234]])
    for k in range(3):
        joint = vlvae.text_log_prob(z, tf.repeat(words[k : k + 1], 3, axis=0))
        joint += vlvae.prior().log_prob(z)
        values = found[k].reshape(-1)[[0, 777, 1234]]
        np.testing.assert_allclose(np.diff(values), np.diff(joint), atol=1e-4)
    assert np.abs(found[0] - found[1]).max() > 0.1  # the texts differ in this model


def test_true_posteriors_of_all_texts_are_parts_of_the_prior(vlvae):
    """sum_y p(y) p(z|y) = p(z), summed over every pair of words."""
    grid = LatentGrid((0.0, 0.0), 5.0, 40)
    words = tf.constant(list(itertools.product(range(5), repeat=2)), tf.int32)
    prior = normalised(grid.evaluate(vlvae.prior().log_prob))
    posteriors = np.exp(grid.true_posterior(vlvae, words))
    z = tf.constant(grid.points)
    p_y = [
        np.exp(vlvae.text_log_prob(z, tf.repeat(words[k : k + 1], len(z), axis=0)))
        @ np.exp(prior).reshape(-1)
        for k in range(25)
    ]
    assert sum(p_y) == pytest.approx(1.0, abs=1e-4)
    np.testing.assert_allclose(np.tensordot(p_y, posteriors, 1), np.exp(prior), rtol=1e-3)


def test_a_text_decoder_that_does_not_listen_leaves_the_prior():
    vlvae = toy_vlvae(latent_size=2)
    kernel = vlvae.shared_decoder.network.last.kernel
    kernel.assign(tf.zeros_like(kernel))
    grid = LatentGrid((0.0, 0.0), 6.0, 50)
    prior = normalised(grid.evaluate(vlvae.prior().log_prob))
    for log_mass in grid.true_posterior(vlvae, vlvae.vocabulary.encode(TEXTS)):
        np.testing.assert_allclose(log_mass, prior, atol=1e-4)


# The map.


class Exact:
    """The aggregate of each text, or of all, as a density: what a perfect fit would be."""

    def __init__(self, mean, scale, words):
        self.mean, self.scale, self.words = mean, scale, words

    def log_prob(self, z, words=None):
        if words is None:
            return aggregate_log_prob(z, self.mean, self.scale)
        columns = []
        for k in range(words.shape[0]):
            rows = np.flatnonzero((self.words == words.numpy()[k]).all(1))
            columns.append(aggregate_log_prob(z[:, k], self.mean[rows], self.scale[rows]))
        return tf.stack(columns, -1)


@pytest.fixture(scope="module")
def posteriors(vlvae):
    words = vlvae.vocabulary.encode([TEXTS[i % 2] for i in range(400)]).numpy()
    random = np.random.RandomState(1)
    mean = random.normal(np.where(words[:, 1:] == words[0, 1], 2.0, -2.0), 0.7, [400, 2])
    return {
        "posterior_mean": mean.astype(np.float32),
        "posterior_scale": np.full([400, 2], 0.4, np.float32),
        "words": words,
    }


def make_map(vlvae, posteriors, texts=TEXTS[:2]):
    exact = Exact(*posteriors.values())
    far = types.SimpleNamespace(
        log_prob=lambda z, words: -50.0 * tf.reduce_sum((z - [0.0, 5.0]) ** 2, -1)
    )
    part = {name: values[200:] for name, values in posteriors.items()}
    fits = Fits(far, exact, exact, array_source(posteriors))
    return make_latent_map(vlvae, fits, array_source(part), texts, cells=120)


def test_a_perfect_fit_has_no_holes_and_a_misplaced_one_is_all_hole(vlvae, posteriors):
    numbers = make_map(vlvae, posteriors).numbers()
    for text in ("small_red", "small_green"):
        assert numbers[f"kl_q_agg_{text}"] == pytest.approx(0.0, abs=2e-3)
        assert numbers[f"hole_mass_q_agg_{text}"] == pytest.approx(0.01, abs=2e-3)
        assert numbers[f"hole_mass_q_true_{text}"] > 0.99
        assert numbers[f"kl_q_true_{text}"] > 100.0
        assert 0.0 < numbers[f"hole_mass_held_out_{text}"] < 0.03
    pair = [numbers[f"hole_mass_true_posterior_small_{c}"] for c in ("red", "green")]
    assert numbers["hole_mass_true_posterior"] == pytest.approx(np.mean(pair))
    # The texts' codes lie at (2, 2) and (-2, -2), the prior between them.
    assert numbers["hole_mass_prior"] > 0.05 and numbers["kl_prior"] > 0.5
    assert numbers["kl_aggregate_prior"] == pytest.approx(0.0, abs=2e-3)
    assert numbers["integral_q_agg"] == pytest.approx(1.0, abs=1e-3)
    assert numbers["posterior_scale"] == pytest.approx(0.4)
    assert numbers["aggregate_off_grid"] < 1e-3


def test_aggregates_are_those_of_their_texts(vlvae, posteriors):
    drawn = make_map(vlvae, posteriors, TEXTS[:2][::-1])
    centres = [grid_mean(drawn.grid, mass) for mass in drawn.aggregates]
    np.testing.assert_allclose(centres, [[-2, -2], [2, 2]], atol=0.15)
    np.testing.assert_allclose(drawn.aggregates.mean(0), drawn.aggregate, atol=1e-7)


def grid_mean(grid, mass):
    return (mass.reshape(-1, 1) * grid.points).sum(0)


def test_what_cannot_be_mapped_is_explained(vlvae, posteriors):
    with pytest.raises(ValueError, match=r"None of 400 images has the text 'large blue'"):
        make_map(vlvae, posteriors, [TEXTS[0], "large blue"])
    with pytest.raises(ValueError, match="latent size of 2; got 4"):
        make_latent_map(toy_vlvae(), None, None, TEXTS)


# What the image leaves open in a sentence of Two Objects.


def entropy(weights):
    weights = np.array(list(weights)) / sum(weights)
    return float(-(weights * np.log(weights)).sum())


def test_entropies_of_the_data_by_enumeration():
    """All pairs of objects; A is left of and in front of B, as in any other image by symmetry."""
    kinds = list(itertools.product(range(2), range(8), range(2), range(3)))
    totals = collections.Counter()
    for a, b in itertools.product(kinds, repeat=2):
        sentences = [
            (*first, relation)
            for first, relations in ((a, ("left", "front")), (b, ("right", "behind")))
            for relation in relations
        ]
        for place, name in ((0, "first_size"), (1, "first_colour"), (4, "relation")):
            groups = collections.defaultdict(collections.Counter)
            for sentence in sentences:
                groups[sentence[:place]][sentence[place]] += 1
            totals[name] += sum(
                sum(group.values()) / 4 * entropy(group.values()) for group in groups.values()
            )
    for name, total in totals.items():
        assert total / len(kinds) ** 2 == pytest.approx(DATA_ENTROPY[name])
