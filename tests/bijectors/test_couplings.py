"""Couplings against formulas written out in numpy, and the numerical inverse of the mixture."""

import decimal
import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from tests.perturbation import perturb
from tfgen.bijectors import (
    AdditiveCoupling,
    AffineCoupling,
    BijectorSequence,
    Coupling,
    DenseCouplingNetwork,
    MixtureCDFCoupling,
    inverse_mixture_logit,
    logistic_mixture,
    mixture_logit,
)
from tfgen.layers import CouplingConvolutions


class Linear(tf.keras.layers.Layer):
    """A network that a test can write out: kernel and bias, the same at every position."""

    def __init__(self, input_size, output_size):
        super().__init__(dtype="float64")
        random = np.random.RandomState(7)
        self.kernel = tf.Variable(0.4 * random.normal(size=[input_size, output_size]))
        self.bias = tf.Variable(0.5 * random.normal(size=[output_size]))

    def call(self, inputs, conditioning=None, training=False, seed=None):
        return tf.tensordot(inputs, self.kernel, 1) + self.bias


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


def free_entries(shape, split, swap):
    """The positions that a coupling transforms, as the definitions say, entry by entry."""
    chosen = []
    for position in itertools.product(*(range(size) for size in shape)):
        channel = position[-1]
        free = {
            "halves": channel >= shape[-1] // 2,
            "alternating": channel % 2 == 1,
            "checkerboard": sum(position[:-1]) % 2 == 1,
        }[split]
        if free != swap:
            chosen.append(position)
    return chosen


SPLITS = [
    ([5], "halves"),
    ([5], "alternating"),
    ([3, 4, 3], "halves"),
    ([3, 4, 3], "alternating"),
    ([3, 4, 2], "checkerboard"),
    ([1, 2, 1], "checkerboard"),
]


@pytest.mark.parametrize(("shape", "split"), SPLITS)
@pytest.mark.parametrize("swap", [False, True])
class TestSplits:
    def make(self, shape, split, swap):
        return AffineCoupling(
            shape[-1], Linear, split, swap, event_ndims=len(shape), dtype=tf.float64
        )

    def test_free_entries_change_and_given_ones_do_not(self, shape, split, swap):
        y = np.random.RandomState(1).normal(size=[2, *shape])
        for direction in ("forward", "inverse"):
            x = getattr(self.make(shape, split, swap), direction)(tf.constant(y)).numpy()
            free = np.zeros(shape, bool)
            for position in free_entries(shape, split, swap):
                free[position] = True
            np.testing.assert_array_equal(x[:, ~free], y[:, ~free])
            assert (np.abs(x - y)[:, free] > 1e-6).all()

    def test_an_output_depends_on_its_own_entry_and_on_given_ones(self, shape, split, swap):
        coupling = self.make(shape, split, swap)
        y = tf.constant(np.random.RandomState(1).normal(size=[1, *shape]))
        with tf.GradientTape() as tape:
            tape.watch(y)
            x = coupling.inverse_and_log_det(y)[0]
        size = int(np.prod(shape))
        jacobian = tf.reshape(tape.jacobian(x, y), [size, size]).numpy()
        free = [np.ravel_multi_index(p, shape) for p in free_entries(shape, split, swap)]
        given = [index for index in range(size) if index not in free]
        np.testing.assert_array_equal(jacobian[given], np.eye(size)[given])
        among_free = jacobian[np.ix_(free, free)]
        np.testing.assert_array_equal(among_free, np.diag(np.diag(among_free)))
        if split != "checkerboard":  # There, this network sees the zeros at its own pixel.
            assert np.abs(jacobian[np.ix_(free, given)]).max() > 0.01


@pytest.mark.parametrize("swap", [False, True])
def test_in_a_checkerboard_pixels_depend_on_their_neighbours(swap):
    tf.random.set_seed(1)
    coupling = AffineCoupling(
        2,
        lambda *sizes: CouplingConvolutions(*sizes, filters=16, dtype="float64"),
        "checkerboard",
        swap,
        dtype=tf.float64,
    )
    perturb(coupling)
    y = tf.constant(np.random.RandomState(1).normal(size=[1, 7, 8, 2]))
    with tf.GradientTape() as tape:
        tape.watch(y)
        x = coupling.inverse_and_log_det(y)[0]
    jacobian = tape.jacobian(x, y).numpy()[0, :, :, :, 0]
    row, column = 3, 3 if swap else 4  # a free pixel in the middle
    reach = np.abs(jacobian[row, column]).max((0, 3))
    for i, j in itertools.product(range(7), range(8)):
        given = (i + j) % 2 != (row + column) % 2
        distance = max(abs(i - row), abs(j - column))
        if distance and not (given and distance <= 2):  # two 3x3 convolutions
            assert reach[i, j] == 0.0, (i, j)
        elif distance < 2:
            assert reach[i, j] > 1e-6, (i, j)


def expected_map(coupling, y, split, swap, entry):
    """x and log |det dx / dy| of one example: `entry(value, outputs of its network)` for each."""
    shape = y.shape
    free = free_entries(shape, split, swap)
    given = np.array(y)
    if split == "checkerboard":
        for position in free:
            given[position] = 0.0
    else:
        channels = sorted({p[-1] for p in np.ndindex(*shape)} - {p[-1] for p in free})
        given = given[..., channels]
    outputs = given @ coupling.network.kernel.numpy() + coupling.network.bias.numpy()
    order = sorted({p[-1] for p in free})
    x, log_det = np.array(y), 0.0
    for position in free:
        at = position[:-1]
        x[position], log_slope = entry(y[position], outputs[at], order.index(position[-1]))
        log_det += log_slope
    return x, log_det


def check_against_numpy(coupling, shape, split, swap, entry):
    y = np.random.RandomState(3).normal(size=[3, *shape])
    x, log_det = coupling.inverse_and_log_det(tf.constant(y))
    for row in range(3):
        expected_x, expected_log_det = expected_map(coupling, y[row], split, swap, entry)
        np.testing.assert_allclose(x[row], expected_x, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(log_det[row], expected_log_det, rtol=1e-11)
    again, forward_log_det = coupling.forward_and_log_det(x)
    np.testing.assert_allclose(again, y, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(forward_log_det, -log_det, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("shape", "split"), SPLITS)
@pytest.mark.parametrize("swap", [False, True])
class TestFormulas:
    """The whole coupling, entry by entry, in numpy and the math module."""

    def test_additive(self, shape, split, swap):
        coupling = AdditiveCoupling(
            shape[-1], Linear, split, swap, len(shape), trainable_scale=True, dtype=tf.float64
        )
        logits = np.linspace(-4.0, 1.0, coupling.free_channels)
        coupling.scale_logit.assign(logits)

        def entry(y, outputs, index):
            scale = sigmoid(logits[index] + 5.0)
            return (y + outputs[index]) * scale, math.log(scale)

        check_against_numpy(coupling, shape, split, swap, entry)

    @pytest.mark.parametrize("scale", ["sigmoid", "exponential"])
    def test_affine(self, shape, split, swap, scale):
        coupling = AffineCoupling(
            shape[-1], Linear, split, swap, len(shape), scale, 1.5, dtype=tf.float64
        )
        free = coupling.free_channels

        def entry(y, outputs, index):
            shift, raw = outputs[index], outputs[free + index]
            factor = {
                "sigmoid": sigmoid(raw + 2.0),
                "exponential": math.exp(1.5 * math.tanh(raw / 1.5)),
            }[scale]
            return (y + shift) * factor, math.log(factor)

        check_against_numpy(coupling, shape, split, swap, entry)

    def test_mixture_cdf(self, shape, split, swap):
        components = 3
        coupling = MixtureCDFCoupling(
            shape[-1],
            Linear,
            split,
            swap,
            len(shape),
            components,
            log_scale_bound=1.5,
            mixture_log_scale_bound=6.0,
            dtype=tf.float64,
        )
        free = coupling.free_channels
        # logit of 1/6, 1/2, 5/6, half as far apart; scale by the variances.
        start = [0.5 * math.log(q / (1 - q)) for q in (1 / 6, 1 / 2, 5 / 6)]
        narrow = 1.0 - sum(value**2 for value in start) / 3 / (math.pi**2 / 3)

        def entry(y, outputs, index):
            b, a = outputs[index], 1.5 * math.tanh(outputs[free + index] / 1.5)
            table = outputs[2 * free :].reshape(3, free, components)[:, index]
            weights = [math.exp(value) for value in table[0]]
            u = density = 0.0
            for weight, mean, raw, offset in zip(weights, table[1], table[2], start):
                scale = math.exp(6.0 * math.tanh(raw / 6.0)) * math.sqrt(narrow)
                s = sigmoid((y - mean - offset) / scale)
                u += weight / sum(weights) * s
                density += weight / sum(weights) * s * (1.0 - s) / scale
            x = math.log(u / (1.0 - u)) * math.exp(a) + b
            return x, math.log(density / (u * (1.0 - u))) + a

        check_against_numpy(coupling, shape, split, swap, entry)


def parameters(kind, size, components, dtype, seed=0):
    """Logits, means and log-scales of mixtures from the tame to the extreme."""
    random = np.random.RandomState(seed)
    spread, log_scale, logit = {
        "start": (0.5, 0.0, 0.0),
        "trained": (2.0, 1.0, 1.0),
        "narrow and far apart": (5.0, 3.0, 3.0),
        "extreme scales": (2.0, 100.0, 1.0),
        "extreme weights": (2.0, 1.0, 40.0),
    }[kind]
    shape = [size, components]
    return [
        (logit * random.normal(size=shape)).astype(dtype),
        (spread * random.normal(size=shape)).astype(dtype),
        (7.0 * np.tanh(log_scale * random.normal(size=shape) / 7.0)).astype(dtype),
    ]


KINDS = ["start", "trained", "narrow and far apart", "extreme scales", "extreme weights"]


def exact_logit(y, logits, means, log_scales):
    """F and log F' in decimal arithmetic of 40 digits, where exp(-10000) is a number as another."""
    with decimal.localcontext() as context:
        context.prec, context.Emin, context.Emax = 40, -(10**9), 10**9
        u = v = density = total = decimal.Decimal(0)
        for row in zip(logits, means, log_scales):
            logit, mean, log_scale = (decimal.Decimal(float(value)) for value in row)
            slope = (-log_scale).exp()
            odds = (-(decimal.Decimal(float(y)) - mean) * slope).exp()
            total += logit.exp()
            u += logit.exp() / (1 + odds)
            v += logit.exp() * odds / (1 + odds)
            density += logit.exp() * odds / (1 + odds) ** 2 * slope
        return float((u / v).ln()), float((density * total / u / v).ln())


class TestMixtureLogit:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 3e-6), (np.float64, 1e-13)])
    def test_equals_decimal_arithmetic_also_in_the_tails(self, kind, dtype, tolerance):
        y = np.array([0.0, 0.3, -2.0, 8.0, -60.0, 1e4, -1e4, 3e6], dtype)
        arrays = parameters(kind, len(y), 4, dtype)
        value, log_derivative = mixture_logit(*(tf.constant(array) for array in (y, *arrays)))
        assert np.isfinite(value).all() and np.isfinite(log_derivative).all()
        for row in range(len(y)):
            expected = exact_logit(y[row], *(array[row] for array in arrays))
            np.testing.assert_allclose(value[row], expected[0], rtol=tolerance, atol=tolerance)
            # In a gap between narrow components the derivative is the exponential of a distance.
            np.testing.assert_allclose(
                log_derivative[row], expected[1], rtol=tolerance, atol=5 * tolerance
            )

    def test_gradient_equals_that_of_plain_operations(self):
        random = np.random.RandomState(0)
        arguments = [tf.constant(2.0 * random.normal(size=[6]))]
        arguments += [tf.constant(array) for array in parameters("trained", 6, 5, np.float64)]
        upstream = [random.normal(size=[6]) for _ in range(2)]

        def plain(y, logits, means, log_scales):
            d = (y[:, tf.newaxis] - means) * tf.exp(-log_scales)
            log_pi = tf.nn.log_softmax(logits)
            log_u = tf.reduce_logsumexp(log_pi + tf.math.log_sigmoid(d), -1)
            log_v = tf.reduce_logsumexp(log_pi + tf.math.log_sigmoid(-d), -1)
            log_density = tf.reduce_logsumexp(
                log_pi + tf.math.log_sigmoid(d) + tf.math.log_sigmoid(-d) - log_scales, -1
            )
            return log_u - log_v, log_density - log_u - log_v

        results = []
        for function in (mixture_logit, plain):
            with tf.GradientTape() as tape:
                tape.watch(arguments)
                values = function(*arguments)
                loss = sum(tf.reduce_sum(u * v) for u, v in zip(upstream, values))
            results.append([*values, *tape.gradient(loss, arguments)])
        for got, expected in zip(*results):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-11)

    def test_gradient_is_finite_in_the_tails(self):
        y = tf.constant([1e4, -1e4, 300.0, 0.0])
        arguments = [y, *(tf.constant(a) for a in parameters("trained", 4, 5, np.float32))]
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            loss = tf.add_n(mixture_logit(*arguments))
        for gradient in tape.gradient(loss, arguments):
            assert np.isfinite(gradient).all()

    def test_one_dimensional_density_integrates_to_one(self):
        y = np.linspace(-60.0, 60.0, 40001)
        for kind in ("start", "trained"):
            arrays = [np.repeat(a, len(y), 0) for a in parameters(kind, 1, 4, np.float64, seed=1)]
            value, log_derivative = mixture_logit(tf.constant(y), *map(tf.constant, arrays))
            density = np.exp(-0.5 * value**2 + log_derivative) / np.sqrt(2 * np.pi)
            np.testing.assert_allclose(density.sum() * (y[1] - y[0]), 1.0, atol=1e-8)


TARGETS = [0.0, 0.5, -3.0, 20.0, -20.0, 100.0, -1000.0]


class TestInverseMixtureLogit:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-12)])
    def test_solves_for_any_target(self, kind, dtype, tolerance):
        targets = np.repeat(np.array(TARGETS, dtype), 100)
        arrays = parameters(kind, len(targets), 6, dtype)
        y = inverse_mixture_logit(*(tf.constant(array) for array in (targets, *arrays)))
        doubles = [np.asarray(array, np.float64) for array in (y, *arrays)]
        value, log_derivative = mixture_logit(*map(tf.constant, doubles))
        off = np.abs(value - targets)
        solved = off <= tolerance * (1.0 + np.abs(targets))
        # Where F is steep, the nearest floating-point numbers have values this far apart.
        steep = off * np.exp(-log_derivative) <= 3 * tolerance * np.maximum(1.0, np.abs(y))
        assert (solved | steep).all()
        assert solved.mean() > 0.8

    @pytest.mark.parametrize("kind", ["trained", "narrow and far apart"])
    def test_equals_plain_bisection(self, kind):
        targets = np.repeat(np.array(TARGETS), 20)
        arrays = parameters(kind, len(targets), 6, np.float64, seed=5)
        solutions = arrays[1] + targets[:, None] * np.exp(arrays[2])
        lower, upper = solutions.min(1) - 1.0, solutions.max(1) + 1.0
        for _ in range(100):
            middle = 0.5 * (lower + upper)
            above = mixture_logit(*map(tf.constant, (middle, *arrays)))[0].numpy() > targets
            lower, upper = np.where(above, lower, middle), np.where(above, middle, upper)
        y = inverse_mixture_logit(*map(tf.constant, (targets, *arrays)))
        np.testing.assert_allclose(y, lower, rtol=1e-10, atol=1e-10)

    @pytest.mark.parametrize(
        ("kind", "most"), [("start", 4), ("trained", 13), ("narrow and far apart", 26)]
    )
    def test_takes_few_evaluations(self, kind, most, monkeypatch):
        calls = []
        original = logistic_mixture._difference_to

        def counted(*arguments):
            difference = original(*arguments)
            return lambda y: calls.append(1) or difference(y)

        monkeypatch.setattr(logistic_mixture, "_difference_to", counted)
        targets = np.random.RandomState(0).normal(size=[2000]).astype(np.float32)
        arrays = parameters(kind, 2000, 16, np.float32)
        inverse_mixture_logit(*map(tf.constant, (targets, *arrays)))
        assert 2 <= len(calls) <= most

    def test_nothing_waits_for_what_is_not_a_number(self):
        targets = np.array([np.nan, 0.3, np.inf], np.float32)
        arrays = parameters("trained", 3, 4, np.float32)
        y = inverse_mixture_logit(*map(tf.constant, (targets, *arrays)))
        alone = inverse_mixture_logit(*(tf.constant(array[1:2]) for array in (targets, *arrays)))
        np.testing.assert_allclose(y[1:2], alone, rtol=1e-6)
        assert not np.isfinite(y[0]) and not np.isfinite(y[2])

    def test_implicit_gradient_against_finite_differences(self):
        random = np.random.RandomState(2)
        arguments = [random.normal(size=[5]), *parameters("trained", 5, 3, np.float64)]
        upstream = random.normal(size=[5])
        tensors = [tf.constant(array) for array in arguments]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = tf.reduce_sum(upstream * inverse_mixture_logit(*tensors))
        gradients = tape.gradient(loss, tensors)
        for number, gradient in enumerate(gradients):
            for position in np.ndindex(*arguments[number].shape):
                sides = []
                for step in (1e-5, -1e-5):
                    moved = [array.copy() for array in arguments]
                    moved[number][position] += step
                    y = inverse_mixture_logit(*map(tf.constant, moved))
                    sides.append(float(tf.reduce_sum(upstream * y)))
                slope = (sides[0] - sides[1]) / 2e-5
                np.testing.assert_allclose(gradient[position], slope, rtol=1e-6, atol=1e-8)

    def test_going_there_and_back_has_the_gradient_of_the_identity(self):
        tensors = [tf.constant(TARGETS, tf.float64)]
        tensors += [tf.constant(a) for a in parameters("trained", len(TARGETS), 6, np.float64)]

        @tf.function
        def gradients(tensors):
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                y = inverse_mixture_logit(*tensors)
                value, _ = mixture_logit(y, *tensors[1:])
            return tape.gradient(value, tensors)

        for number, gradient in enumerate(gradients(tensors)):
            np.testing.assert_allclose(gradient, 0.0 if number else 1.0, atol=1e-10)


def two_dimensional(kind):
    def network(*sizes):
        return DenseCouplingNetwork(*sizes, hidden_units=(16,), seed=1, dtype="float64")

    make = {
        "additive": AdditiveCoupling,
        "sigmoid": AffineCoupling,
        "exponential": lambda *a, **k: AffineCoupling(*a, scale="exponential", **k),
        "mixture": lambda *a, **k: MixtureCDFCoupling(*a, components=3, **k),
    }[kind]
    return BijectorSequence(
        [
            perturb(make(2, network, swap=bool(index), event_ndims=1, dtype=tf.float64), seed=index)
            for index in range(2)
        ]
    )


@pytest.mark.parametrize("kind", ["additive", "sigmoid", "exponential", "mixture"])
def test_two_dimensional_density_integrates_to_one(kind):
    flow, line = two_dimensional(kind), np.linspace(-60.0, 60.0, 901)
    y = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    x, log_det = tf.function(flow.inverse_and_log_det)(tf.constant(y))
    density = np.exp(-0.5 * np.sum(np.square(x), 1) + log_det) / (2 * np.pi)
    assert np.abs(x - y)[density > 1e-3].max() > 0.1
    np.testing.assert_allclose(density.sum() * (line[1] - line[0]) ** 2, 1.0, atol=1e-4)


def make_mixture(components, **kwargs):
    return MixtureCDFCoupling(
        2,
        lambda *sizes: DenseCouplingNetwork(*sizes, hidden_units=(8,), seed=1),
        event_ndims=1,
        components=components,
        **kwargs,
    )


class TestMixtureCDFCoupling:
    @pytest.mark.parametrize("components", [1, 2, 5, 32])
    def test_starts_near_the_identity(self, components):
        y = tf.stack([tf.zeros([61]), tf.linspace(-3.0, 3.0, 61)], axis=1)
        x, log_det = make_mixture(components).inverse_and_log_det(y)
        tolerance = 1e-6 if components == 1 else 0.06
        np.testing.assert_allclose(x, y, atol=tolerance)
        np.testing.assert_allclose(log_det, 0.0, atol=2 * tolerance)

    def test_components_do_not_stay_one(self):
        """Equal ones would get equal gradients for ever: zero weights alone are a trap."""
        coupling = make_mixture(4)
        y = tf.constant(np.random.RandomState(0).normal(size=[200, 2]) + [0.0, 0.5], tf.float32)
        with tf.GradientTape() as tape:
            x, log_det = coupling.inverse_and_log_det(y)
            loss = tf.reduce_mean(0.5 * tf.reduce_sum(x**2, 1) - log_det)
        gradient = tape.gradient(loss, coupling.network.output_layer.bias)[2:]
        for values in np.reshape(gradient, [3, 4]):
            differences = np.abs(values[:, None] - values[None])[~np.eye(4, dtype=bool)]
            assert differences.min() > 1e-4

    def test_learns_two_modes_where_an_affine_coupling_cannot(self):
        random = np.random.RandomState(0)
        modes = np.where(random.uniform(size=[500]) < 0.5, -2.0, 2.0)
        data = np.stack([random.normal(size=[500]), modes + 0.3 * random.normal(size=[500])], 1)
        data = tf.constant(data, tf.float32)

        def fitted(coupling):
            optimizer = tf.keras.optimizers.Adam(0.05)
            optimizer.build(coupling.trainable_variables)

            @tf.function
            def step():
                with tf.GradientTape() as tape:
                    x, log_det = coupling.inverse_and_log_det(data)
                    loss = tf.reduce_mean(0.5 * tf.reduce_sum(x**2, 1) - log_det)
                variables = coupling.trainable_variables
                optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
                return loss + np.log(2 * np.pi)

            for _ in range(150):
                loss = step()
            return float(loss)

        # Entropy: N(0, 1), and one of two modes of deviation 0.3 each.
        unit = 0.5 * np.log(2 * np.pi * np.e)
        entropy = 2 * unit + np.log(0.3) + np.log(2.0)
        affine = AffineCoupling(
            2,
            lambda *sizes: DenseCouplingNetwork(*sizes, hidden_units=(8,), seed=1),
            event_ndims=1,
            scale="exponential",
        )
        gaussian = 2 * unit + 0.5 * np.log(4.0 + 0.09)
        assert abs(fitted(affine) - gaussian) < 0.1
        assert entropy - 0.1 < fitted(make_mixture(4)) < entropy + 0.1

    def test_samples_differentiate_through_the_flow(self):
        """d sample / d weight, by the implicit function theorem through network and couplings."""
        flow = two_dimensional("mixture")
        noise = tf.constant(np.random.RandomState(0).normal(size=[3, 2]))
        weight = flow.bijectors[0].network.output_layer.bias

        @tf.function
        def samples():
            return flow.forward_and_log_det(noise)

        with tf.GradientTape(persistent=True) as tape:
            y, log_det = samples()
            total = tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)
        gradient = tape.gradient(total, weight).numpy()
        value = weight.numpy()
        for index in range(0, len(value), 4):
            sides = []
            for step in (1e-6, -1e-6):
                weight.assign(value + step * np.eye(len(value))[index])
                y, log_det = samples()
                sides.append(float(tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)))
            np.testing.assert_allclose(gradient[index], (sides[0] - sides[1]) / 2e-6, atol=1e-6)
        assert np.abs(gradient).min() > 1e-5

    def test_extreme_latents_come_back(self):
        coupling = perturb(make_mixture(8), seed=4)
        x = tf.constant([[0.3, value] for value in (1e3, -1e3, 50.0, -50.0, 0.0)])
        y, log_det = coupling.forward_and_log_det(x)
        assert np.isfinite(log_det).all()
        again, inverse_log_det = coupling.inverse_and_log_det(y)
        np.testing.assert_allclose(again, x, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(inverse_log_det, -log_det, rtol=1e-5, atol=1e-6)

    def test_sampling_is_the_same_from_a_saved_model(self, tmp_path):
        module = tf.Module()
        module.coupling = perturb(make_mixture(8), seed=4)
        module.forward = tf.function(
            lambda x: module.coupling.forward(x), input_signature=[tf.TensorSpec([None, 2])]
        )
        tf.saved_model.save(module, str(tmp_path / "model"))
        loaded = tf.saved_model.load(str(tmp_path / "model"))
        x = tf.constant(np.random.RandomState(1).normal(size=[50, 2]), tf.float32)
        np.testing.assert_allclose(loaded.forward(x), module.coupling.forward(x), atol=1e-5)


def test_log_scales_stay_in_their_bounds_for_any_weights():
    def network(*sizes):
        return perturb(DenseCouplingNetwork(*sizes, hidden_units=(8,)), scale=1e4)

    y = tf.constant(np.random.RandomState(0).normal(size=[100, 2]), tf.float32)
    affine = AffineCoupling(2, network, event_ndims=1, scale="exponential", log_scale_bound=1.5)
    np.testing.assert_allclose(np.abs(affine.inverse_log_det_jacobian(y)).max(), 1.5, rtol=1e-6)
    for coupling in (affine, MixtureCDFCoupling(2, network, event_ndims=1, components=4)):
        x, log_det = coupling.inverse_and_log_det(y)
        assert np.isfinite(x).all() and np.isfinite(log_det).all()


class TestErrors:
    def make(self, channels=4, network=Linear, **kwargs):
        return AffineCoupling(channels, network, dtype=tf.float64, **kwargs)

    def test_of_splits(self):
        with pytest.raises(ValueError, match="halves, alternating, checkerboard; got 'thirds'"):
            self.make(split="thirds")
        with pytest.raises(ValueError, match="Vectors have no checkerboard; take"):
            self.make(split="checkerboard", event_ndims=1)
        with pytest.raises(ValueError, match="wants two channels or more; got 1"):
            self.make(channels=1)
        with pytest.raises(ValueError, match="event_ndims=3; got 2"):
            self.make(event_ndims=2)
        with pytest.raises(ValueError, match=r"even width; got shape \(1, 4, 5, 4\)"):
            self.make(split="checkerboard").forward(tf.zeros([1, 4, 5, 4], tf.float64))
        with pytest.raises(ValueError, match=r"last axis of 4; got shape \(1, 4, 4, 3\)"):
            self.make().forward(tf.zeros([1, 4, 4, 3], tf.float64))

    def test_of_settings(self):
        with pytest.raises(ValueError, match="sigmoid or exponential; got 'tanh'"):
            self.make(scale="tanh")
        with pytest.raises(ValueError, match="log_scale_bound is positive; got 0"):
            self.make(log_scale_bound=0)
        with pytest.raises(ValueError, match="one component at least; got 0"):
            MixtureCDFCoupling(4, Linear, components=0)
        with pytest.raises(ValueError, match="mixture_log_scale_bound is positive; got -1"):
            MixtureCDFCoupling(4, Linear, mixture_log_scale_bound=-1)

    def test_the_base_class_says_what_is_missing(self):
        with pytest.raises(NotImplementedError):
            Coupling(4, Linear, 1, dtype=tf.float64).forward(tf.zeros([1, 2, 2, 4], tf.float64))
