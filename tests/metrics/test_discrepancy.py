"""MMD against loops and the closed form for Gaussians."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.metrics import discrepancy_to_normal, maximum_mean_discrepancy


def test_mmd_by_hand():
    """x = 0, 2 and y = 1, 5 in one dimension, imq of scale 1: k = 2 / (2 + gap^2).

    Within x k(2) = 1/3, within y k(4) = 1/9, across k(1), k(5), k(1), k(3) = 2/3, 2/27, 2/3, 2/11.
    """
    expected = 1 / 3 + 1 / 9 - 2 * (2 / 3 + 2 / 27 + 2 / 3 + 2 / 11) / 4
    got = maximum_mean_discrepancy([[0.0], [2.0]], [[1.0], [5.0]], scales=[1.0])
    assert float(got) == pytest.approx(expected, rel=1e-6)
    expected = sum(np.exp(-np.array([4, 16]) / 2)) - 2 * np.exp(-np.array([1, 25, 1, 9]) / 2).mean()
    got = maximum_mean_discrepancy([[0.0], [2.0]], [[1.0], [5.0]], "rbf", scales=[1.0])
    assert float(got) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
@pytest.mark.parametrize("block", [1, 7, 1024])
def test_mmd_is_its_definition_for_any_block(kernel, block):
    random = np.random.RandomState(0)
    x, y = random.normal(size=[13, 3]), random.normal(size=[9, 3]) * 2 + 1
    scales = (0.3, 1.0, 4.0)

    def mean(a, b, same):
        squares = np.square(a[:, None] - b).sum(-1)
        widths = [2 * 3 * s**2 for s in scales]
        values = [w / (w + squares) if kernel == "imq" else np.exp(-squares / w) for w in widths]
        return np.mean(values, axis=0)[~np.eye(len(a), dtype=bool) if same else ...].mean()

    expected = mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)
    got = maximum_mean_discrepancy(x, y, kernel, scales, block)
    assert got.dtype == tf.float64
    assert float(got) == pytest.approx(expected, rel=1e-10)
    got = maximum_mean_discrepancy(
        1e4 + x.astype(np.float32), 1e4 + y.astype(np.float32), kernel, scales, block
    )
    assert float(got) == pytest.approx(expected, abs=2e-3)


def gaussian_mmd(mean, variance, size):
    """MMD^2 of N(mean, variance I) to N(0, I), rbf of scale 1.

    For z ~ N(m, v I) in D dimensions, E exp(-|z|^2 / C) = (C / (C + 2v))^(D/2)
    exp(-|m|^2 / (C + 2v)), and the difference of two samples is such a z.
    """
    width = 2.0 * size

    def expected(m, v):
        return (width / (width + 2 * v)) ** (size / 2) * np.exp(-size * m**2 / (width + 2 * v))

    return expected(0, 2 * variance) + expected(0, 2) - 2 * expected(mean, 1 + variance)


def test_mmd_to_the_prior_has_its_closed_form_for_gaussians():
    for mean, variance in ((0.0, 1.0), (0.5, 1.0), (0.0, 0.3)):
        noise = tf.random.stateless_normal([3000, 4], [1, 2], dtype=tf.float64)
        codes = mean + noise * variance**0.5
        got = float(discrepancy_to_normal(codes, seed=3, samples=3000, kernel="rbf", scales=[1.0]))
        assert got == pytest.approx(gaussian_mmd(mean, variance, 4), abs=2e-3)
    assert gaussian_mmd(0.5, 1.0, 4) > 0.02


def test_estimate_has_no_bias():
    """Over 300 pairs of sets of 5 samples of one distribution the mean is 0 within 4 errors."""
    pairs = np.random.RandomState(0).normal(size=[300, 2, 5, 2])
    mmd = tf.function(lambda pair: maximum_mean_discrepancy(pair[0], pair[1]))
    values = np.array([mmd(tf.constant(pair)) for pair in pairs])
    assert abs(values.mean()) < 4 * values.std() / 300**0.5
    assert values.min() < 0


def test_gradient_pulls_the_samples_to_the_prior():
    prior = tf.random.stateless_normal([200, 2], [1, 2])
    codes = tf.Variable(tf.random.stateless_normal([200, 2], [3, 4]) + 1.0)

    @tf.function
    def value_and_gradient():
        with tf.GradientTape() as tape:
            value = maximum_mean_discrepancy(codes, prior)
        return value, tape.gradient(value, codes)

    value, gradient = value_and_gradient()
    assert gradient.dtype == tf.float32
    assert np.mean(gradient) > 0
    codes.assign_sub(50.0 * gradient)
    assert float(value_and_gradient()[0]) < 0.9 * float(value)


def test_same_seed_same_prior():
    codes = tf.random.stateless_normal([50, 3], [1, 2])
    got = [float(discrepancy_to_normal(codes, seed, samples=40)) for seed in (1, 1, 2)]
    assert got[0] == got[1] != got[2]


def test_sets_that_do_not_fit_are_refused():
    points = tf.zeros([4, 2])
    with pytest.raises(ValueError, match=r"\(4, 2\) and \(4, 3\)"):
        maximum_mean_discrepancy(points, tf.zeros([4, 3]))
    with pytest.raises(ValueError, match="two or more"):
        maximum_mean_discrepancy(points, points[:1])
    with pytest.raises(ValueError, match="imq, rbf; got 'linear'"):
        maximum_mean_discrepancy(points, points, "linear")
    with pytest.raises(ValueError, match="positive"):
        maximum_mean_discrepancy(points, points, scales=[1.0, 0.0])
