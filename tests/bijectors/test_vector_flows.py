"""The flows of vectors: formulas in numpy, inverse, Jacobian, density, sizes of the release."""

import numpy as np
import pytest
import tensorflow as tf

from tests.perturbation import perturb
from tfgen.bijectors import alignment_flow, conditional_prior_flow

RANDOM = np.random.RandomState(0)


def alignment(size=6, dtype=tf.float64, scale=0.4, **kwargs):
    kwargs = {"steps": 3, "hidden_units": 8, **kwargs}
    return perturb(alignment_flow(size, seed=1, dtype=dtype, **kwargs), scale=scale)


def prior(size=6, dtype=tf.float64, scale=0.4, **kwargs):
    kwargs = {"conditioning_size": 3, "steps": 3, "hidden_units": 8, **kwargs}
    return perturb(conditional_prior_flow(size, seed=1, dtype=dtype, **kwargs), scale=scale)


def given(size, batch=5, dtype=tf.float64, seed=2):
    random = np.random.RandomState(seed)
    value = tf.constant(random.normal(size=[batch, size]), dtype)
    return value, tf.constant(random.normal(size=[batch, 3]), dtype)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def network(layer, x, conditioning=None):
    """One hidden layer of swish."""
    hidden = x @ layer.input_layer.kernel.numpy() + layer.input_layer.bias.numpy()
    if conditioning is not None:
        hidden += conditioning @ layer.conditioning_layer.kernel.numpy()
    hidden *= sigmoid(hidden)
    return hidden @ layer.output_layer.kernel.numpy() + layer.output_layer.bias.numpy()


def test_alignment_flow_is_its_formula():
    flow = alignment(steps=2)
    y = given(6)[0].numpy()
    x, log_det = y.copy(), 0.0
    for step in range(2):
        for index in range(4):
            coupling = flow.bijectors[5 * step + index]
            free, rest = (
                (slice(3, 6), slice(0, 3)) if index % 2 == 0 else (slice(0, 3), slice(3, 6))
            )
            scale = sigmoid(coupling.scale_logit.numpy() + 5.0)
            x[:, free] = (x[:, free] + network(coupling.network, x[:, rest])) * scale
            log_det += np.log(scale).sum()
        x = np.concatenate([x[:, 3:], x[:, :3]], 1)
    got, got_log_det = flow.inverse_and_log_det(tf.constant(y))
    assert np.abs(x - y).max() > 0.3
    np.testing.assert_allclose(got, x, rtol=1e-10)
    np.testing.assert_allclose(got_log_det, np.full(5, log_det), rtol=1e-10)


def test_conditional_prior_flow_is_its_formula():
    flow = prior(steps=2)
    y, c = (value.numpy() for value in given(6))
    x, log_det = y.copy(), np.zeros(5)
    for step in range(2):
        norm, coupling, _ = flow.bijectors[3 * step : 3 * step + 3]
        bias, raw = np.split(network(norm.network, c), 2, -1)
        log_scale = 2.0 * np.tanh(raw / 2.0)
        x = (x + bias) * np.exp(log_scale)
        shift, raw = np.split(network(coupling.network, x[:, :3], c), 2, -1)
        x[:, 3:] = (x[:, 3:] + shift) * sigmoid(raw + 2.0)
        x = np.concatenate([x[:, 3:], x[:, :3]], 1)
        log_det += log_scale.sum(-1) + np.log(sigmoid(raw + 2.0)).sum(-1)
    got, got_log_det = flow.inverse_and_log_det(tf.constant(y), conditioning=tf.constant(c))
    np.testing.assert_allclose(got, x, rtol=1e-10)
    np.testing.assert_allclose(got_log_det, log_det, rtol=1e-10)


# Small versions of the paper's flows, with its numbers of steps, and a size that is odd. Rounding
# is amplified by the slope of the map, which grows with every random network: hence the scales.
SIZES = [
    pytest.param(alignment, 48, {"steps": 12, "hidden_units": 64, "scale": 0.2}, id="alignment"),
    pytest.param(alignment, 7, {}, id="alignment-odd"),
    pytest.param(prior, 32, {"steps": 16, "hidden_units": 64, "scale": 0.05}, id="prior"),
    pytest.param(prior, 7, {"scale": 0.2}, id="prior-odd"),
    pytest.param(prior, 2, {"scale": 0.2}, id="prior-two"),
]


@pytest.mark.parametrize(("make", "size", "kwargs"), SIZES)
def test_inverse_in_float32(make, size, kwargs):
    flow = make(size, tf.float32, **kwargs)
    y, c = given(size, 100, tf.float32)
    x, log_det = flow.inverse_and_log_det(y, conditioning=c)
    again, back = flow.forward_and_log_det(tf.identity(x), conditioning=c)
    assert np.abs(x - y).max() > 0.3
    np.testing.assert_allclose(again, y, rtol=0, atol=1e-5)
    np.testing.assert_allclose(back, -log_det, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("make", "size"), [(alignment, 6), (alignment, 7), (prior, 6), (prior, 7)])
def test_log_det_is_that_of_the_autodiff_jacobian(make, size):
    flow = make(size)
    y, c = given(size, 4)
    for function in (flow.inverse_and_log_det, flow.forward_and_log_det):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(y)
            x, log_det = function(y, conditioning=c)
            columns = tf.unstack(x, axis=1)
        jacobian = np.stack([tape.gradient(column, y) for column in columns], 1)
        expected = np.linalg.slogdet(jacobian)[1]
        assert np.abs(expected).min() > 1e-3
        np.testing.assert_allclose(log_det, expected, rtol=1e-9)


@pytest.mark.parametrize("make", [alignment, prior])
def test_every_variable_and_the_conditioning_have_gradients(make):
    flow = make()
    y, c = given(6)
    with tf.GradientTape() as tape:
        tape.watch(c)
        x, log_det = flow.inverse_and_log_det(y, conditioning=c)
        loss = tf.reduce_sum(tf.sin(x)) + tf.reduce_sum(log_det)
    slope, *gradients = tape.gradient(loss, [c, *flow.trainable_variables])
    count = {alignment: 3 * 4 * 5, prior: 3 * (4 + 5)}[make]
    assert len(gradients) == count
    for variable, gradient in zip(flow.trainable_variables, gradients):
        assert np.abs(gradient).max() > 1e-6, variable.name
    if make is alignment:
        assert slope is None, "it has no conditioning"
    else:
        assert (np.abs(slope) > 1e-3).all()


def test_gradient_of_the_conditioning_is_that_of_differences():
    flow = prior()
    y, c = given(6, 1)

    def value(c):
        x, log_det = flow.inverse_and_log_det(y, conditioning=c)
        return tf.reduce_sum(tf.sin(x)) + tf.reduce_sum(log_det)

    with tf.GradientTape() as tape:
        tape.watch(c)
        result = value(c)
    slope = tape.gradient(result, c).numpy()
    for index in range(3):
        step = 1e-6 * np.eye(3)[index]
        difference = (value(c + step) - value(c - step)) / 2e-6
        np.testing.assert_allclose(slope[0, index], difference, rtol=1e-6)


@pytest.mark.parametrize("make", [alignment, prior])
def test_density_in_two_dimensions_integrates_to_one(make):
    """log p(z) = log N(noise; 0, 0.25^2) + log |det d noise / dz|: the sign that matters."""
    flow = make(2, scale=0.25)
    axis = np.linspace(-6.0, 6.0, 241)
    z = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    for condition in [[0.0, 0.0, 0.0], [1.0, -1.0, 0.5]]:
        noise, log_det = flow.inverse_and_log_det(
            tf.constant(z), conditioning=tf.constant([condition], tf.float64)
        )
        log_p = -0.5 * np.sum(noise**2, -1) / 0.25**2 - np.log(2 * np.pi * 0.25**2) + log_det
        p = np.exp(log_p).reshape(241, 241)
        assert p[[0, -1]].max() < 1e-6 and p[:, [0, -1]].max() < 1e-6, "all within the square"
        np.testing.assert_allclose(p.sum() * (axis[1] - axis[0]) ** 2, 1.0, rtol=1e-4)


def test_new_flows_start_as_they_say():
    y, c = given(6, dtype=tf.float32)
    flow = alignment_flow(6, steps=3, hidden_units=8)
    scale = sigmoid(5.0) ** (3 * 2)
    np.testing.assert_allclose(flow.inverse(y), scale * tf.roll(y, 3, 1), rtol=1e-5)
    flow = conditional_prior_flow(6, 3, steps=4, hidden_units=8)
    noise = flow.inverse(y, conditioning=c)
    np.testing.assert_allclose(noise, sigmoid(2.0) ** 2 * y, rtol=1e-5)


def test_conditioning_broadcasts_over_samples():
    flow = prior(4)
    noise = tf.constant(RANDOM.normal(size=[5, 3, 4]))
    c = tf.constant(RANDOM.normal(size=[3, 3]))
    z, log_det = flow.forward_and_log_det(noise, conditioning=c)
    for sample in range(5):
        one, one_log_det = flow.forward_and_log_det(noise[sample], conditioning=c)
        np.testing.assert_allclose(z[sample], one, rtol=1e-12)
        np.testing.assert_allclose(log_det[sample], one_log_det, rtol=1e-12)
    assert np.abs(flow.forward(noise[0], conditioning=c[::-1]) - z[0])[[0, 2]].min() > 1e-3


def test_sizes_of_the_release():
    """34.4 and 48.8 million parameters, of 16 and 12 steps at their default sizes."""

    def parameters(flow):
        return sum(int(np.prod(variable.shape)) for variable in flow.trainable_variables)

    normalisation = 992 * 1024 + 1024 + 1024 * 64 + 64
    coupling = (16 + 992) * 1024 + 1024 + 1024 * 32 + 32
    assert parameters(conditional_prior_flow(steps=1)) == normalisation + coupling
    assert round(16 * (normalisation + coupling) / 1e6, 1) == 34.4
    coupling = 2 * 496 * 1024 + 1024 + 496
    assert parameters(alignment_flow(steps=1)) == 4 * (coupling + 496)
    assert round(48 * coupling / 1e6, 1) == 48.8


def test_same_seed_same_weights_and_no_two_networks_alike():
    for make in (
        lambda seed: alignment_flow(4, steps=2, hidden_units=8, seed=seed),
        lambda seed: conditional_prior_flow(4, 3, steps=2, hidden_units=8, seed=seed),
    ):
        first, second, other = make(1), make(1), make(2)
        kernels = [v for v in first.trainable_variables if "kernel" in v.name and np.any(v)]
        for one, two in zip(first.trainable_variables, second.trainable_variables):
            np.testing.assert_array_equal(one, two)
        values = [float(kernel[0, 0]) for kernel in kernels]
        assert len(set(values)) == len(values)
        kernels = [v for v in other.trainable_variables if "kernel" in v.name and np.any(v)]
        assert not set(values) & {float(kernel[0, 0]) for kernel in kernels}


def test_errors():
    with pytest.raises(ValueError, match="alignment_flow transforms one half .*; got 1"):
        alignment_flow(1)
    with pytest.raises(ValueError, match="wants steps of 1 or more; got 0"):
        conditional_prior_flow(4, 3, steps=0)
    with pytest.raises(ValueError, match="wants couplings of 1 or more; got 0"):
        alignment_flow(4, couplings=0)
    flow = conditional_prior_flow(4, 3, steps=1, hidden_units=8)
    with pytest.raises(ValueError, match=r"so pass conditioning=... of shape \[..., K\]"):
        flow.inverse(tf.zeros([2, 4]))
    with pytest.raises(ValueError, match=r"does not take a conditioning of shape \(2, 5\)"):
        flow.inverse(tf.zeros([2, 4]), conditioning=tf.zeros([2, 5]))
    with pytest.raises(ValueError, match=r"last axis of 4; got shape \(2, 6\)"):
        alignment_flow(4, steps=1, hidden_units=8).inverse(tf.zeros([2, 6]))
