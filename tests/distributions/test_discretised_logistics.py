"""Discretised logistics: exact sums, exact arithmetic in the tails, samples, dependent channels."""

import decimal
import itertools

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.distributions import (
    DiscretisedLogistic,
    DiscretisedLogisticMixture,
    level_centres,
    mixture_channels,
    nearest_level,
    parameters_from_channels,
)
from tfgen.distributions.discretised_bins import bin_log_mass
from tfgen.metrics import bits_per_dim

tfd = tfp.distributions


def mixture(shape, channels, mixtures, levels, seed=0, spread=1.0, **settings):
    """A distribution of images of this shape, [..., H, W], with parameters from a network."""
    outputs = [*shape, mixture_channels(channels, mixtures)]
    outputs = spread * np.random.RandomState(seed).normal(size=outputs).astype(np.float32)
    parameters = parameters_from_channels(tf.constant(outputs), channels, mixtures, levels)
    return DiscretisedLogisticMixture(**parameters, levels=levels, **settings)


def every_image(shape, levels):
    values = itertools.product(range(levels), repeat=int(np.prod(shape)))
    return np.array(list(values)).reshape([-1, *shape])


class TestSums:
    @pytest.mark.parametrize(
        ("height", "width", "channels", "levels"),
        [(2, 2, 1, 2), (2, 2, 1, 4), (2, 2, 3, 2), (1, 2, 3, 4), (1, 1, 4, 5)],
    )
    def test_all_images_of_a_tiny_space(self, height, width, channels, levels):
        images = every_image([height, width, channels], levels)
        for spread in (0.5, 3.0):
            distribution = mixture([height, width], channels, 3, levels, spread=spread)
            total = np.exp(distribution.log_prob(images).numpy().astype(np.float64)).sum()
            assert total == pytest.approx(1.0, abs=3e-6)
            plain = DiscretisedLogistic(
                distribution.means[..., 0], distribution.log_scales[0, 0, :, 0], levels
            )
            total = np.exp(plain.log_prob(images).numpy().astype(np.float64)).sum()
            assert total == pytest.approx(1.0, abs=3e-6)

    @pytest.mark.parametrize("levels", [2, 17, 256, 65536])
    def test_all_levels_at_any_mean_and_scale(self, levels):
        means = np.array([0.0, 0.123, -1.0, 1.0, 0.999, -3.7, 50.0, 1e6], np.float32)
        log_scales = np.array([-80.0, -20.0, -9.0, -3.0, 0.0, 4.0, 30.0, 90.0], np.float32)
        value = np.arange(levels, dtype=np.float32)[:, None, None]
        masses = bin_log_mass(value, means[:, None], log_scales, levels).numpy()
        assert np.isfinite(masses).all() and masses.max() <= 1e-6
        total = np.exp(masses.astype(np.float64)).sum(0)
        np.testing.assert_allclose(total, 1.0, atol=3e-5)


def exact_log_mass(value, mean, log_scale, levels):
    """In decimal arithmetic of 80 digits, as F(b) - F(a)."""
    with decimal.localcontext() as context:
        context.prec, context.Emin, context.Emax = 80, -(10**12), 10**12
        mean, log_scale = decimal.Decimal(float(mean)), decimal.Decimal(float(log_scale))
        slope = (-log_scale).exp()

        def odds(end):
            return (-(decimal.Decimal(2 * int(end)) / levels - 1 - mean) * slope).exp()

        upper = decimal.Decimal(0) if value == levels - 1 else odds(value + 1)
        if value == 0:
            return float((1 / (1 + upper)).ln())
        lower = odds(value)
        return float(((lower - upper) / (1 + lower) / (1 + upper)).ln())


@pytest.mark.parametrize("levels", [2, 32, 256, 65536])
def test_mass_equals_decimal_arithmetic_far_out_and_at_extreme_scales(levels):
    values = np.unique([0, 1, levels // 3, levels // 2, levels - 2, levels - 1])
    means = np.array([-0.4375, 0.0, 0.99609375, -1.0, 7.0, -300.0], np.float32)
    log_scales = np.array([-9.0, -7.0, -4.0, -1.0, 0.5, 6.0, 20.0], np.float32)
    grid = list(itertools.product(values, means, log_scales))
    got = bin_log_mass(*(np.array(axis, np.float32) for axis in zip(*grid)), levels).numpy()
    expected = np.array([exact_log_mass(*point, levels) for point in grid])
    # A log-scale of 20 has an error of 1e-6 in float32 by itself.
    np.testing.assert_allclose(got, expected, rtol=4e-6, atol=4e-6)


def test_mixture_equals_a_float64_reference_at_extreme_parameters():
    random = np.random.RandomState(3)
    shape, channels, mixtures, levels = [40, 1], 3, 4, 256
    logits = 30.0 * random.normal(size=[*shape, mixtures])
    means = 3.0 * random.normal(size=[*shape, channels, mixtures])
    log_scales = 6.0 * random.normal(size=[*shape, channels, mixtures])
    coefficients = random.normal(size=[*shape, 3, mixtures])
    parameters = [a.astype(np.float32) for a in (logits, means, log_scales, coefficients)]
    x = random.randint(0, levels, [*shape, channels])
    got = DiscretisedLogisticMixture(*parameters, levels=levels).pixel_log_prob(x).numpy()
    logits, means, log_scales, coefficients = (a.astype(np.float64) for a in parameters)
    centres = (2 * x + 1) / levels - 1
    for i in range(shape[0]):
        terms = []
        for k in range(mixtures):
            total = logits[i, 0, k] - np.logaddexp.reduce(logits[i, 0])
            for c, earlier in ((0, []), (1, [0]), (2, [1, 2])):
                mean = means[i, 0, c, k]
                for j, place in enumerate(earlier):
                    mean += coefficients[i, 0, place, k] * centres[i, 0, j]
                total += exact_log_mass(x[i, 0, c], mean, log_scales[i, 0, c, k], levels)
            terms.append(total)
        assert got[i, 0] == pytest.approx(np.logaddexp.reduce(terms), rel=1e-5, abs=1e-4)


def test_gradients_are_finite_at_extremes_and_right_where_they_are_tame():
    values = np.array([0.0, 3.0, 255.0, 128.0, 17.0], np.float32)
    for mean, log_scale in itertools.product([-40.0, 0.0, 0.5, 1e4], [-60.0, -7.0, 0.0, 60.0]):
        parameters = [tf.fill([5], mean), tf.fill([5], log_scale)]
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            mass = bin_log_mass(values, *parameters, 256)
        for gradient in tape.gradient(mass, parameters):
            assert np.isfinite(gradient).all(), (mean, log_scale)
    mean, log_scale = tf.fill([5], 0.3), tf.fill([5], -2.5)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([mean, log_scale])
        mass = bin_log_mass(values, mean, log_scale, 256)
    for parameter, by in ((mean, (1e-5, 0.0)), (log_scale, (0.0, 1e-5))):
        slopes = [
            (
                exact_log_mass(value, mean[0] + by[0], log_scale[0] + by[1], 256)
                - exact_log_mass(value, mean[0] - by[0], log_scale[0] - by[1], 256)
            )
            / 2e-5
            for value in values.astype(int).tolist()
        ]
        # The float32 sums mean + 1e-5 are off by up to 3e-8.
        np.testing.assert_allclose(tape.gradient(mass, parameter), slopes, rtol=5e-3, atol=2e-3)


class TestFormulas:
    def test_equation_3_17_away_from_the_edges(self):
        levels, c = 16, 16
        byte, mean, scale = np.array([20, 100, 131, 239]), 120.0, 9.0

        def cdf(v):
            return 1 / (1 + np.exp(-(v - mean) / scale))

        expected = cdf(c + c * (byte // c)) - cdf(c * (byte // c))
        x = (byte // c).reshape([2, 2, 1])
        means = tf.fill([2, 2, 1], mean / 128 - 1)
        plain = DiscretisedLogistic(means, [np.log(scale / 128)], levels)
        np.testing.assert_allclose(np.exp(plain.entry_log_prob(x)).ravel(), expected, rtol=1e-5)
        np.testing.assert_allclose(plain.log_prob(x), np.log(expected).sum(), rtol=1e-5)

    def test_equals_a_quantised_logistic_of_tfp(self):
        levels = 8
        logistic = tfd.Logistic(np.float64(3.1), 1.7)
        # tfd's level n has the interval (n - 1, n].
        quantised = tfd.QuantizedDistribution(logistic, low=1.0, high=8.0)
        x = np.arange(levels).reshape([1, levels, 1])
        plain = DiscretisedLogistic(tf.fill([1, levels, 1], 3.1 / 4 - 1), [np.log(1.7 / 4)], levels)
        expected = quantised.log_prob(x.astype(np.float64) + 1)
        np.testing.assert_allclose(plain.entry_log_prob(x), expected, rtol=1e-5)

    @pytest.mark.parametrize("levels", [2, 17, 256])
    def test_equal_probabilities_are_exactly_log2_of_the_levels(self, levels):
        """A mixture of as many components as levels, each within a bin of its own."""
        images = np.random.RandomState(0).randint(0, levels, [5, 4, 4, 1])
        means = tf.broadcast_to(level_centres(np.arange(levels), levels), [4, 4, 1, levels])
        distribution = DiscretisedLogisticMixture(
            tf.zeros([4, 4, levels]), means, tf.fill(means.shape, -30.0), levels=levels
        )
        bits = bits_per_dim(distribution.log_prob(images), 16, 1.0)
        np.testing.assert_allclose(bits, np.full(5, np.log2(levels)), rtol=1e-6)

    @pytest.mark.parametrize("levels", [2, 17, 256, 65536])
    def test_centres_are_in_their_own_bins(self, levels):
        value = np.arange(levels)
        centres = level_centres(value, levels)
        np.testing.assert_array_equal(nearest_level(centres, levels), value)
        np.testing.assert_allclose(centres, (value + 0.5) / levels * 2 - 1, atol=1e-7)
        np.testing.assert_array_equal(nearest_level([-9.0, 9.0], levels), [0, levels - 1])


def test_channels_depend_on_earlier_ones_alone():
    distribution = mixture([1, 1], 4, 2, 16, spread=0.8)
    x = tf.constant([[[3.0, 7.0, 11.0, 2.0]]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        means = distribution.means_given(x)
    slopes = tape.jacobian(means, x)[0, 0, :, :, 0, 0]  # [channel, component, channel of x]
    for channel, earlier in itertools.product(range(4), range(4)):
        if earlier < channel:
            place = channel * (channel - 1) // 2 + earlier
            expected = distribution.coefficients[0, 0, place] * 2 / 16
            np.testing.assert_allclose(slopes[channel, :, earlier], expected, rtol=1e-5)
            assert np.abs(expected).max() > 1e-3
        else:
            np.testing.assert_array_equal(slopes[channel, :, earlier], 0.0)


class TestSamples:
    def test_frequencies_are_the_probabilities(self):
        """Chi-square over the 27 values of a pixel of three channels and three levels."""
        distribution = mixture([1, 1], 3, 2, 3, seed=4, spread=0.7)
        probabilities = np.exp(distribution.log_prob(every_image([1, 1, 3], 3)))
        drawn = distribution.sample(20_000, seed=1).numpy().reshape([-1, 3])
        assert drawn.dtype == np.int32
        counts = np.bincount(drawn @ [9, 3, 1], minlength=27)
        expected = probabilities.astype(np.float64)
        expected *= len(drawn) / expected.sum()
        assert expected.min() > 5
        assert scipy.stats.chisquare(counts, expected).pvalue > 0.01

    def test_frequencies_of_independent_entries(self):
        plain = DiscretisedLogistic(tf.constant([[[0.2, -0.9]]]), [-1.0, -0.5], 4)
        drawn = plain.sample(20_000, seed=1).numpy()[:, 0, 0]
        for channel in (0, 1):
            x = np.stack([np.full(4, 0), np.arange(4)][:: 1 if channel else -1], -1)
            expected = np.exp(plain.entry_log_prob(x[:, None, None]))[:, 0, 0, channel]
            counts = np.bincount(drawn[:, channel], minlength=4)
            expected = expected.astype(np.float64)
            expected *= len(drawn) / expected.sum()
            assert scipy.stats.chisquare(counts, expected).pvalue > 0.01

    def test_temperature_zero_is_the_mean_of_the_most_probable_component(self):
        distribution = mixture([5, 3, 3], 2, 4, 256, spread=0.3)
        drawn = distribution.sample(seed=3, temperature=0.0).numpy()
        best = np.argmax(distribution.logits, -1)
        means = np.take_along_axis(distribution.means.numpy(), best[..., None, None], -1)[..., 0]
        coefficient = np.take_along_axis(
            distribution.coefficients.numpy()[..., 0, :], best[..., None], -1
        )[..., 0]
        first = np.floor((means[..., 0] + 1) * 128)
        np.testing.assert_array_equal(drawn[..., 0], first)
        second = means[..., 1] + coefficient * ((2 * first + 1) / 256 - 1)
        second = np.floor((second + 1) * 128)
        assert np.abs(drawn[..., 1] - second).max() <= 1  # rounding of a float on an edge
        assert (drawn[..., 1] == second).mean() > 0.9
        cold = distribution.sample(200, seed=3, temperature=0.2).numpy()
        assert 0 < cold.std(0).mean() < distribution.sample(200, seed=3).numpy().std(0).mean() / 2

    @pytest.mark.parametrize("kind", ["mixture", "plain"])
    def test_seed_decides_in_eager_mode_and_in_a_graph_of_unknown_batch(self, kind):
        outputs = tf.constant(np.random.RandomState(0).normal(size=[3, 2, 2, 20]), tf.float32)

        def make(outputs):
            if kind == "plain":
                return DiscretisedLogistic(outputs[..., :3], [-1.0, 0.0, -2.0], 16)
            return DiscretisedLogisticMixture(
                **parameters_from_channels(outputs, 3, 2, 16), levels=16
            )

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 2, 2, 20]),
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([2], tf.int32),
            ]
        )
        def graph(outputs, count, seed):
            return make(outputs).sample(count, seed=seed)

        drawn = make(outputs).sample(4, seed=(7, 0)).numpy()
        assert drawn.shape == (4, 3, 2, 2, 3)
        np.testing.assert_array_equal(graph(outputs, 4, [7, 0]), drawn)
        np.testing.assert_array_equal(make(outputs).sample(4, seed=7), drawn)
        assert (make(outputs).sample(4, seed=8).numpy() != drawn).any()
        # A smaller batch leaves what the first ones get.
        np.testing.assert_array_equal(make(outputs[:2]).sample(4, seed=7), drawn[:, :2])
        assert make(outputs).sample(seed=7).shape == [3, 2, 2, 3]
        assert make(outputs[0]).sample(5, seed=7).shape == [5, 2, 2, 3]
        log_prob = make(outputs).log_prob(drawn)
        assert log_prob.shape == [4, 3]
        rows = [make(outputs[i]).log_prob(drawn[:, i]) for i in range(3)]
        np.testing.assert_allclose(log_prob, np.stack(rows, 1), rtol=1e-6)


class TestDistribution:
    def test_types_of_values_shapes_and_copies(self):
        distribution = mixture([4, 2, 3], 3, 2, 256)
        assert distribution.event_shape == [2, 3, 3] and distribution.batch_shape == [4]
        assert list(distribution.event_shape_tensor()) == [2, 3, 3]
        x = np.random.RandomState(0).randint(0, 256, [4, 2, 3, 3])
        expected = distribution.log_prob(tf.constant(x, tf.int32))
        for dtype in (tf.uint8, tf.float32, tf.int64):
            np.testing.assert_array_equal(distribution.log_prob(tf.cast(x, dtype)), expected)
        np.testing.assert_array_equal(distribution.copy().log_prob(x), expected)
        total = tfd.Independent(distribution, 1).log_prob(x)
        np.testing.assert_allclose(total, tf.reduce_sum(expected), rtol=1e-6)
        pixels = distribution.pixel_log_prob(x)
        np.testing.assert_allclose(tf.reduce_sum(pixels, [1, 2]), expected, rtol=1e-6)

    def test_values_are_checked_if_asked(self):
        distribution = mixture([1, 1], 1, 2, 4, validate_args=True)
        distribution.log_prob([[[3]]])
        for wrong in (4.0, -1.0, 1.5):
            with pytest.raises(tf.errors.InvalidArgumentError, match="whole numbers 0 .. 3"):
                distribution.log_prob(tf.fill([1, 1, 1], wrong))

    def test_scales_have_a_lower_bound(self):
        outputs = tf.fill([1, 1, mixture_channels(3, 2)], -99.0)
        parameters = parameters_from_channels(outputs, 3, 2)
        np.testing.assert_allclose(parameters["log_scales"], -7.0, rtol=1e-6)
        parameters = parameters_from_channels(outputs, 3, 2, levels=32, smallest_scale=0.01)
        np.testing.assert_allclose(parameters["log_scales"], np.log(0.01 / 16), rtol=1e-6)
        assert mixture_channels(3, 10) == 100 and mixture_channels(1, 10) == 30

    def test_errors(self):
        with pytest.raises(ValueError, match="take 20 outputs a pixel; got shape .1, 1, 19"):
            parameters_from_channels(tf.zeros([1, 1, 19]), 3, 2)
        with pytest.raises(ValueError, match="2 to 65536 levels; got levels=1"):
            DiscretisedLogistic(tf.zeros([1, 1, 1]), [0.0], levels=1)
        with pytest.raises(ValueError, match=r"images \[..., H, W, C\]; got \(1, 1\)"):
            DiscretisedLogistic(tf.zeros([1, 1]), [0.0])
        good = parameters_from_channels(tf.zeros([2, 2, 20]), 3, 2)
        with pytest.raises(ValueError, match="logits of 3 channels and 2 components"):
            DiscretisedLogisticMixture(**{**good, "logits": tf.zeros([2, 2, 3])})
        with pytest.raises(ValueError, match=r"have shape \(2, 2, 3, 2\); got \(2, 2, 2, 2\)"):
            DiscretisedLogisticMixture(**{**good, "coefficients": tf.zeros([2, 2, 2, 2])})
        with pytest.raises(ValueError, match="means are .* got shape"):
            DiscretisedLogisticMixture(**{**good, "means": tf.zeros([2, 2])})
