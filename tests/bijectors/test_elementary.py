"""Facts special to the elementary bijectors; what all have in common is in test_properties.py."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.perturbation import perturb
from tfgen.bijectors import (
    ActNorm,
    BijectorSequence,
    ConditionalActNorm,
    HalfSwap,
    InvertibleConvolution,
    MaskedAutoregressive,
    PixelLogit,
    PixelScaling,
    ReverseChannels,
    Squeeze,
)
from tfgen.initialisation import data_dependent_initialisation

tfb, tfd = tfp.bijectors, tfp.distributions


def normal(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape)


def identity_network(size):
    """Hands its conditioning through, and notes with which arguments it was called."""

    def network(conditioning, training, seed):
        network.arguments = (training, seed)
        assert conditioning.shape[-1] == size
        return conditioning

    return network


# Activation normalisation


@pytest.mark.parametrize("shape", [[50, 2, 3, 4], [300, 4]], ids=["images", "vectors"])
def test_act_norm_standardises_the_first_batch_and_stays(shape):
    data = (normal(*shape) * [0.01, 1.0, 3.0, 100.0] + [5.0, 0.0, -2.0, 1000.0]).astype(np.float32)
    norm = ActNorm(4, event_ndims=len(shape) - 1)
    with data_dependent_initialisation():
        x, log_det = norm.inverse_and_log_det(data)
    axes = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(np.mean(x, axes), np.zeros(4), atol=1e-4)
    np.testing.assert_allclose(np.std(x, axes), np.ones(4), rtol=1e-4)
    positions = np.prod(shape[1:-1])
    expected = -positions * np.log(data.astype(np.float64).std(axes)).sum()
    np.testing.assert_allclose(log_det, np.full(shape[0], expected), rtol=1e-5)
    weights = [variable.numpy() for variable in norm.variables]
    other, _ = norm.inverse_and_log_det(data + 1)
    np.testing.assert_allclose(other - x, np.broadcast_to(1 / data.std(axes), shape), rtol=0.01)
    for variable, weight in zip(norm.variables, weights):
        np.testing.assert_array_equal(variable, weight)


def test_act_norm_keeps_the_scale_of_constant_channels():
    norm = ActNorm(2, event_ndims=1)
    # The rounded sum of these float32 values over their number is not the value itself.
    data = np.stack([np.full(1001, 1000.1), normal(1001)], axis=-1).astype(np.float32)
    with data_dependent_initialisation():
        x, _ = norm.inverse_and_log_det(data)
    assert norm.log_scale[0] == 0.0
    assert np.abs(norm.log_scale[1]) > 0.0
    np.testing.assert_allclose(x[:, 0], np.zeros(1001), atol=1e-4)


def test_act_norms_in_a_row_each_see_the_result_of_the_one_before():
    data = (normal(40, 4, 4, 3) * 7.0 + 3.0).astype(np.float32)
    first, second = ActNorm(12, name="first"), ActNorm(12, name="second")
    convolution = InvertibleConvolution(12, seed=2)
    sequence = BijectorSequence([Squeeze(), first, convolution, second])
    with data_dependent_initialisation():
        x, _ = sequence.inverse_and_log_det(data)
    np.testing.assert_allclose(np.mean(x, (0, 1, 2)), np.zeros(12), atol=1e-5)
    np.testing.assert_allclose(np.std(x, (0, 1, 2)), np.ones(12), atol=1e-5)
    # The second has something to do, but less than the first, whose channels are standard now.
    assert 0.01 < np.abs(second.log_scale).max() < 0.5 < np.abs(first.log_scale).min()


def test_act_norm_refuses_to_set_itself_inside_a_graph():
    norm = ActNorm(2)
    graph = tf.function(norm.inverse_and_log_det)
    with data_dependent_initialisation(), pytest.raises(RuntimeError, match="outside of tf.functi"):
        graph(tf.zeros([1, 2, 2, 2]))


def test_act_norm_equals_its_formula():
    norm = perturb(ActNorm(3, dtype=tf.float64))
    y = normal(5, 2, 4, 3)
    bias, log_scale = norm.bias.numpy(), norm.log_scale.numpy()
    x, log_det = norm.inverse_and_log_det(y)
    np.testing.assert_allclose(x, (y + bias) * np.exp(log_scale), rtol=1e-14)
    np.testing.assert_allclose(log_det, np.full(5, 8 * log_scale.sum()), rtol=1e-14)
    y, log_det = norm.forward_and_log_det(x)
    np.testing.assert_allclose(y, x / np.exp(log_scale) - bias, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(log_det, np.full(5, -8 * log_scale.sum()), rtol=1e-14)


@pytest.mark.parametrize("maps", [False, True], ids=["vectors", "maps"])
def test_conditional_act_norm_equals_its_formula(maps):
    norm = ConditionalActNorm(
        3,
        identity_network,
        conditioning_ndims=3 if maps else 1,
        log_scale_bound=1.5,
        dtype="float64",
    )
    y, c = normal(5, 2, 4, 3), 3.0 * normal(*([5, 2, 4, 6] if maps else [5, 6]), seed=1)
    at_pixels = c if maps else np.broadcast_to(c[:, None, None], [5, 2, 4, 6])
    bias, log_scale = at_pixels[..., :3], 1.5 * np.tanh(at_pixels[..., 3:] / 1.5)
    x, log_det = norm.inverse_and_log_det(y, conditioning=c, training=True, seed=[1, 2])
    assert norm.network.arguments == (True, [1, 2])
    np.testing.assert_allclose(x, (y + bias) * np.exp(log_scale), rtol=1e-13)
    np.testing.assert_allclose(log_det, log_scale.sum((1, 2, 3)), rtol=1e-12)


def test_conditional_act_norm_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="log_scale_bound is positive; got 0"):
        ConditionalActNorm(3, identity_network, log_scale_bound=0)
    with pytest.raises(ValueError, match="1 or 1 axes; got conditioning_ndims=3"):
        ConditionalActNorm(3, identity_network, event_ndims=1, conditioning_ndims=3)


# Invertible 1x1 convolution


def matrix_of(convolution):
    """P L (U + diag(s)) of the weights, put together by numpy."""
    triangles = convolution.triangles.numpy().astype(np.float64)
    lower = np.tril(triangles, -1) + np.eye(len(triangles))
    scale = convolution.sign.numpy() * np.exp(convolution.log_magnitude.numpy())
    upper = np.triu(triangles, 1) + np.diag(scale)
    permutation = np.eye(len(triangles))[convolution.permutation.numpy()]
    return permutation @ lower @ upper


def test_invertible_convolution_equals_its_formula():
    convolution = perturb(InvertibleConvolution(6, seed=1, dtype=tf.float64))
    matrix = matrix_of(convolution)
    y = normal(5, 2, 4, 6)
    x, log_det = convolution.inverse_and_log_det(y)
    np.testing.assert_allclose(x, np.einsum("bhwi,ij->bhwj", y, matrix), atol=1e-13)
    expected = 8 * np.linalg.slogdet(matrix)[1]
    assert np.abs(expected) > 0.1
    np.testing.assert_allclose(log_det, np.full(5, expected), rtol=1e-12)
    again, log_det = convolution.forward_and_log_det(x)
    np.testing.assert_allclose(again, np.asarray(x) @ np.linalg.inv(matrix), atol=1e-12)
    np.testing.assert_allclose(log_det, np.full(5, -expected), rtol=1e-12)
    # As a convolution.
    np.testing.assert_allclose(x, tf.nn.conv2d(y, matrix[None, None], 1, "VALID"), atol=1e-13)


@pytest.mark.parametrize("channels", [1, 2, 12, 48])
def test_invertible_convolution_starts_as_a_rotation(channels):
    convolution = InvertibleConvolution(channels, seed=3)
    matrix = convolution.matrix().numpy()
    np.testing.assert_allclose(matrix, matrix_of(convolution), atol=1e-6)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(channels), atol=1e-5)
    y = tf.constant(normal(3, 4, 4, channels), tf.float32)
    x, log_det = convolution.inverse_and_log_det(y)
    np.testing.assert_allclose(log_det, np.zeros(3), atol=1e-3)
    np.testing.assert_allclose(convolution.forward(tf.identity(x)), y, atol=1e-5)
    if channels > 2:
        assert np.abs(matrix - np.diag(np.diag(matrix))).max() > 0.3


def test_invertible_convolution_repeats_its_seed():
    one, same, other = (InvertibleConvolution(5, seed=seed).matrix() for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1


def test_permutation_and_signs_are_kept_and_not_trained():
    convolution = InvertibleConvolution(40, seed=1)
    assert len(convolution.trainable_variables) == 2
    assert len(convolution.variables) == 4
    assert set(convolution.sign.numpy()) == {-1.0, 1.0}
    assert sorted(convolution.permutation.numpy()) == list(range(40))
    assert list(convolution.permutation.numpy()) != list(range(40))


def test_inverse_is_made_once_a_call_whatever_the_images():
    convolution = InvertibleConvolution(6, seed=1)
    graph = tf.function(convolution.forward_and_log_det).get_concrete_function(
        tf.TensorSpec([None, None, None, 6])
    )
    solves = [op for op in graph.graph.get_operations() if op.type == "MatrixTriangularSolve"]
    assert [op.outputs[0].shape for op in solves] == [[6, 6], [6, 6]]
    assert not [op for op in graph.graph.get_operations() if op.type == "Conv2D"]


# Permutations


@pytest.mark.parametrize("channels", [2, 3, 6, 7])
def test_half_swap_moves_the_halves_and_back(channels):
    x = normal(2, 3, 2, channels).astype(np.float32)
    swap = HalfSwap(channels)
    half = channels // 2
    y = swap.forward(x)
    np.testing.assert_array_equal(y, np.concatenate([x[..., half:], x[..., :half]], -1))
    np.testing.assert_array_equal(swap.inverse(tf.identity(y)), x)
    back = np.roll(x, half, axis=-1)
    np.testing.assert_array_equal(swap.inverse(x), back)
    np.testing.assert_array_equal(
        HalfSwap(channels, event_ndims=1).inverse(x[0, 0, 0]), back[0, 0, 0]
    )


def test_reverse_channels_reverses():
    x = normal(2, 3, 2, 5).astype(np.float32)
    np.testing.assert_array_equal(ReverseChannels().forward(x), x[..., ::-1])
    np.testing.assert_array_equal(ReverseChannels(5).inverse(x), x[..., ::-1])


@pytest.mark.parametrize("factor", [2, 3])
def test_squeeze_equals_its_formula(factor):
    y = normal(2, 2 * factor, 3 * factor, 3)
    expected = np.zeros([2, 2, 3, 3 * factor**2])
    for h, w, i, j, c in np.ndindex(2, 3, factor, factor, 3):
        channel = (factor * i + j) * 3 + c
        expected[:, h, w, channel] = y[:, factor * h + i, factor * w + j, c]
    squeeze = Squeeze(factor)
    np.testing.assert_array_equal(squeeze.inverse(y), expected)
    np.testing.assert_array_equal(squeeze.forward(expected), y)


def test_squeeze_knows_shapes_that_are_half_known():
    assert Squeeze().inverse_event_shape([None, 8, 3]).as_list() == [None, 4, 12]
    assert Squeeze(4).forward_event_shape([2, None, 32]).as_list() == [8, None, 2]
    graph = tf.function(
        Squeeze().inverse_and_log_det, input_signature=[tf.TensorSpec([None, None, 8, 3])]
    ).get_concrete_function()
    assert graph.output_shapes[0].as_list() == [None, None, 4, 12]
    with pytest.raises(tf.errors.InvalidArgumentError, match="divisible by block_size"):
        graph(tf.zeros([1, 5, 8, 3]))


# Pixels


def test_pixel_logit_equals_its_formula_to_the_ends_of_the_range():
    y = np.array([0.0, 0.001, 1.0, 127.5, 128.0, 255.0, 255.999])
    p = 0.05 + 0.9 * y / 256
    logit = PixelLogit(event_ndims=1)
    slopes = 0.9 / 256 / (p * (1 - p))
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-6)):
        x, log_det = logit.inverse_and_log_det(y.astype(dtype))
        np.testing.assert_allclose(x, np.log(p / (1 - p)), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(log_det, np.log(slopes).sum(), rtol=tolerance)
        again, log_det = logit.forward_and_log_det(x)
        np.testing.assert_allclose(again, y, rtol=tolerance, atol=100 * tolerance)
        np.testing.assert_allclose(log_det, -np.log(slopes).sum(), rtol=tolerance)


def test_pixel_logit_is_finite_far_out():
    x = np.array([-80.0, -20.0, 20.0, 80.0], np.float32)
    y, log_det = PixelLogit(event_ndims=1).forward_and_log_det(x)
    np.testing.assert_allclose(y, [-0.05 / 0.9 * 256] * 2 + [0.95 / 0.9 * 256] * 2, rtol=1e-6)
    np.testing.assert_allclose(log_det, 4 * np.log(256 / 0.9) - 200.0, rtol=1e-6)


def test_density_of_logits_integrates_to_one_over_pixels():
    density = tfd.TransformedDistribution(
        tfd.Independent(tfd.Normal([np.float64(0.3)], [np.float64(1.1)]), 1),
        PixelLogit(event_ndims=1),
    )
    ends = np.array([-0.05, 0.95]) / 0.9 * 256
    y = np.linspace(*ends, 200001)[1:-1]
    step = y[1] - y[0]
    np.testing.assert_allclose(np.exp(density.log_prob(y[:, None])).sum() * step, 1.0, atol=1e-6)


def test_uniform_pixels_cost_eight_bits():
    """Both maps: what is uniform over the 256 levels has a density of 1 / 256."""
    y = tf.constant(256 * np.random.RandomState(0).uniform(size=[5, 2, 3, 3]))
    ones = tf.ones([2, 3, 3], tf.float64)
    scaled = tfd.TransformedDistribution(
        tfd.Independent(tfd.Uniform(-0.5 * ones, 0.5 * ones), 3), PixelScaling()
    )
    logits = tfd.TransformedDistribution(
        tfd.Independent(tfd.Logistic(0 * ones, ones), 3), PixelLogit(alpha=0.0)
    )
    for density in (scaled, logits):
        bits = -density.log_prob(y) / 18 / np.log(2)
        np.testing.assert_allclose(bits, np.full(5, 8.0), rtol=1e-12)


def test_pixel_scaling_equals_its_formula():
    scaling = PixelScaling(levels=17, event_ndims=1)
    x, log_det = scaling.inverse_and_log_det([0.0, 8.5, 17.0])
    np.testing.assert_allclose(x, [-0.5, 0.0, 0.5], atol=1e-7)
    np.testing.assert_allclose(log_det, -3 * np.log(17), rtol=1e-6)
    y, log_det = scaling.forward_and_log_det(x)
    np.testing.assert_allclose(y, [0.0, 8.5, 17.0], atol=1e-6)
    np.testing.assert_allclose(log_det, 3 * np.log(17), rtol=1e-6)


# Autoregressive flows


def flow_of(size=4, **kwargs):
    kwargs = {"hidden_units": (24, 24), "seed": 5, "dtype": tf.float64, **kwargs}
    return MaskedAutoregressive(size, **kwargs)


def jacobian(function, u):
    with tf.GradientTape() as tape:
        tape.watch(u)
        v = function(u)
    return tape.batch_jacobian(v, u).numpy()


def assert_autoregressive(function, size):
    matrices = jacobian(function, tf.constant(normal(30, size)))
    np.testing.assert_array_equal(np.triu(matrices, 1), np.zeros_like(matrices))
    below = np.abs(matrices).max(axis=0)[np.tril_indices(size, -1)]
    assert (below > 1e-4).all(), "an entry does not depend on one before it"


def test_entries_depend_on_those_before_and_stay_so_in_training():
    flow = perturb(flow_of())
    assert_autoregressive(flow.inverse, 4)
    optimizer = tf.keras.optimizers.Adam(0.05)
    data = tf.constant(normal(64, 4) * [1.0, 2.0, 0.5, 1.0])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            x, log_det = flow.inverse_and_log_det(data)
            loss = tf.reduce_mean(0.5 * tf.reduce_sum(x**2, -1) - log_det)
        gradients = tape.gradient(loss, flow.trainable_variables)
        optimizer.apply_gradients(zip(gradients, flow.trainable_variables))
        return loss

    losses = [float(step()) for _ in range(20)]
    assert losses[-1] < losses[0] - 0.1
    assert_autoregressive(flow.inverse, 4)
    x, log_det = flow.inverse_and_log_det(data)
    np.testing.assert_allclose(flow.forward(x), data, atol=1e-10)
    expected = np.linalg.slogdet(jacobian(flow.inverse, tf.identity(data)))[1]
    np.testing.assert_allclose(log_det, expected, atol=1e-10)


def test_inverse_autoregressive_flow_is_the_masked_one_backwards():
    masked, inverse = perturb(flow_of()), perturb(flow_of(inverse=True))
    u = tf.constant(normal(7, 4))
    for one, two in zip(masked.inverse_and_log_det(u), inverse.forward_and_log_det(u)):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(masked.forward_and_log_det(u), inverse.inverse_and_log_det(u)):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("inverse", [False, True])
def test_one_direction_calls_the_network_once(inverse):
    flow = flow_of(inverse=inverse)
    calls = []
    network = flow.network.call
    flow.network.call = lambda *args, **kwargs: calls.append(1) or network(*args, **kwargs)
    u = tf.constant(normal(7, 4))
    fast, slow = flow.inverse_and_log_det, flow.forward_and_log_det
    if inverse:
        fast, slow = slow, fast
    fast(u)
    assert len(calls) == 1
    slow(u)
    assert len(calls) == 1 + 4 + 1  # four entries, and the log-determinant


def test_slow_direction_sees_new_weights():
    flow = flow_of()
    x = tf.constant(normal(7, 4))
    before = flow.forward_and_log_det(x)[0]
    np.testing.assert_array_equal(before, x)
    perturb(flow)
    assert np.abs(flow.forward_and_log_det(x)[0] - before).max() > 0.1


@pytest.mark.parametrize("conditioning_size", [None, 2])
def test_autoregressive_density_integrates_to_one(conditioning_size):
    flow = perturb(flow_of(2, conditioning_size=conditioning_size))
    grid = np.linspace(-25.0, 25.0, 501)
    y = np.stack(np.meshgrid(grid, grid), axis=-1).reshape([-1, 2])
    kwargs = {} if conditioning_size is None else {"conditioning": tf.constant(normal(1, 2))}
    x, log_det = flow.inverse_and_log_det(y, **kwargs)
    log_prob = log_det - 0.5 * tf.reduce_sum(x**2, -1) - np.log(2 * np.pi)
    np.testing.assert_allclose(np.exp(log_prob).sum() * 0.1**2, 1.0, atol=1e-4)


@pytest.mark.parametrize("size", [1, 3])
def test_first_entry_is_a_network_of_the_conditioning(size):
    """Not only a linear map of it, which the masks of MADE would leave."""
    flow = perturb(flow_of(size, conditioning_size=1))
    c = np.linspace(-3.0, 3.0, 41)[:, None]
    shift = -flow.inverse(tf.zeros([41, size], tf.float64), conditioning=c).numpy()[:, 0]
    scale = shift + flow.inverse(tf.ones([41, size], tf.float64), conditioning=c).numpy()[:, 0]
    for values in (shift / scale, np.log(scale)):
        assert np.abs(np.diff(values, n=2)).max() > 1e-3


def test_initial_kernels_differ_and_repeat_their_seed():
    weights = [
        flow_of(hidden_units=(9, 9, 9), seed=seed).network.get_weights() for seed in (1, 1, 2)
    ]
    hidden = [[w for w in ws if w.shape == (9, 9)] for ws in weights]
    for one, same, other in zip(*hidden):
        np.testing.assert_array_equal(one, same)
        assert np.abs(one - other).max() > 0.1
    assert np.abs(hidden[0][0] - hidden[0][1]).max() > 0.1


def test_policy_is_put_back():
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        flow_of()
        assert tf.keras.mixed_precision.global_policy().name == "mixed_float16"
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


# All


def image_bijectors():
    return [
        perturb(bijector)
        for bijector in (
            ActNorm(4),
            ConditionalActNorm(4, identity_network),
            InvertibleConvolution(4, seed=1),
            HalfSwap(4),
            ReverseChannels(4),
            Squeeze(),
            PixelLogit(levels=4),
            PixelScaling(levels=4),
        )
    ]


@pytest.mark.parametrize("bijector", image_bijectors(), ids=lambda bijector: bijector.name)
def test_one_graph_serves_images_of_any_size(bijector):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 4]), tf.TensorSpec([None, 8])])
    def both(x, c):
        y, log_det = bijector.forward_and_log_det(x, conditioning=c)
        return (y, log_det, *bijector.inverse_and_log_det(y, conditioning=c))

    c = tf.constant(normal(3, 8), tf.float32)
    for size in ([2, 2], [4, 6]):
        x = tf.constant(normal(3, *size, 4), tf.float32)
        y, log_det, again, inverse_log_det = both(x, c)
        np.testing.assert_allclose(again, x, atol=1e-5)
        expected = bijector.forward_and_log_det(x, conditioning=c)
        np.testing.assert_allclose(y, expected[0], atol=1e-5)
        np.testing.assert_allclose(log_det, expected[1], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(inverse_log_det, -log_det, rtol=1e-5, atol=1e-5)


def test_they_make_a_distribution_of_images():
    """A small Glow without couplings, with the density of its Jacobian."""
    parts = [
        PixelLogit(levels=16),
        Squeeze(),
        perturb(ActNorm(8, dtype=tf.float64)),
        perturb(InvertibleConvolution(8, seed=1, dtype=tf.float64)),
        HalfSwap(8),
        ReverseChannels(),
    ]
    chain = tfb.Chain(parts)  # tfb.Chain applies the last first: data is on the left
    base = tfd.Independent(tfd.Normal(tf.zeros([1, 2, 8], tf.float64), 1.0), 3)
    flow = tfd.TransformedDistribution(base, chain)
    assert flow.event_shape == [2, 4, 2]
    samples = flow.sample(5, seed=3)
    assert samples.shape == [5, 2, 4, 2]
    x = chain.inverse(tf.identity(samples))
    matrices = jacobian(chain.inverse, tf.identity(samples)).reshape([5, 16, 16])
    expected = base.log_prob(x) + np.linalg.slogdet(matrices)[1]
    np.testing.assert_allclose(flow.log_prob(tf.identity(samples)), expected, rtol=1e-10)
    sequence = BijectorSequence(parts)
    for one, two in zip(
        sequence.inverse_and_log_det(samples),
        (x, chain.inverse_log_det_jacobian(tf.identity(samples), event_ndims=3)),
    ):
        np.testing.assert_allclose(one, two, rtol=1e-10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ActNorm(0), "act_norm needs one channel at least; got channels=0"),
        (lambda: ActNorm(3, event_ndims=2), "event_ndims=1.; got event_ndims=2"),
        (lambda: HalfSwap(1), "two halves to swap: channels >= 2; got 1"),
        (lambda: Squeeze(1), "factor of a squeeze is 2 or more; got 1"),
        (lambda: PixelLogit(alpha=0.5), r"alpha lies in \[0, 0.5\); got 0.5"),
        (lambda: PixelLogit(levels=0), "one level at least; got levels=0"),
        (lambda: PixelScaling(levels=0), "one level at least; got levels=0"),
        (lambda: MaskedAutoregressive(1), "size of 2 or more; got 1"),
        (lambda: MaskedAutoregressive(2, hidden_units=()), "one width at least; got"),
        (lambda: MaskedAutoregressive(2, log_scale_bound=-1.0), "positive; got -1.0"),
        (
            lambda: ActNorm(3).forward(tf.zeros([2, 4, 4, 5])),
            r"act_norm takes images \[..., H, W, 3\]; got shape \(2, 4, 4, 5\)",
        ),
        (
            lambda: HalfSwap(4, event_ndims=1).inverse(tf.zeros([2, 3])),
            r"half_swap takes \[..., 4\]; got shape \(2, 3\)",
        ),
        (
            lambda: PixelScaling().inverse_and_log_det(tf.zeros([4, 3])),
            r"pixel_scaling takes images \[..., H, W, C\]; got shape \(4, 3\)",
        ),
        (
            lambda: PixelLogit().inverse_and_log_det(tf.zeros([1, 4, 4, 3], tf.uint8)),
            "takes float tensors; got uint8. Dequantise pixels first",
        ),
        (
            lambda: Squeeze().inverse(tf.zeros([1, 5, 4, 3])),
            r"multiples of 2; got shape \(5, 4, 3\). Pad or crop",
        ),
        (
            lambda: Squeeze().forward(tf.zeros([1, 2, 2, 6])),
            r"number of channels is a multiple of 4; got shape \(2, 2, 6\)",
        ),
        (
            lambda: Squeeze().inverse_event_shape([5, 4, 3]),
            r"multiples of 2; got shape \(5, 4, 3\)",
        ),
    ],
)
def test_errors_say_what_was_got_and_what_was_wanted(make, message):
    with pytest.raises(ValueError, match=message):
        make()
