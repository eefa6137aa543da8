"""The inverse autoregressive flow of maps: Jacobian by autodiff, inverse, density."""

import numpy as np
import pytest
import tensorflow as tf

from tests.weights import set_weights
from tfgen.bijectors import AutoregressiveMap
from tfgen.layers import MaskedConvolutions


def make(channels, side, dtype="float64"):
    network = MaskedConvolutions(channels, 3, 2, 3 if side > 1 else 1, dtype=dtype)
    flow = AutoregressiveMap(channels, set_weights(network, scale=2.0))
    random = np.random.RandomState(3)
    u = tf.constant(random.normal(size=[2, side, side, channels]), dtype)
    context = tf.constant(random.normal(size=[2, side, side, 3 * channels]), dtype)
    return flow, u, context


@pytest.fixture(params=[(2, 3), (5, 1)], ids=["map", "vector"], scope="module")
def case(request):
    return make(*request.param)


def test_log_determinant_is_that_of_the_jacobian(case):
    flow, u, context = case
    with tf.GradientTape() as tape:
        tape.watch(u)
        z, log_det = flow.forward_and_log_det(u, conditioning=context)
    size = np.prod(u.shape[1:])
    jacobian = tf.reshape(tape.batch_jacobian(z, u), [2, size, size])
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], atol=1e-10)
    assert np.abs(log_det).min() > 0.1
    np.testing.assert_array_equal(np.triu(jacobian, 1), np.zeros_like(jacobian))


def test_inverse_undoes_forward(case):
    flow, u, context = case
    z, log_det = flow.forward_and_log_det(u, conditioning=context)
    back, inverse_log_det = flow.inverse_and_log_det(tf.identity(z), conditioning=context)
    np.testing.assert_allclose(back, u, atol=1e-9)
    np.testing.assert_allclose(inverse_log_det, -log_det, atol=1e-9)
    # And as TensorFlow Probability calls it, from a graph.
    inverse = tf.function(lambda z: flow.inverse(z, conditioning=context))
    np.testing.assert_allclose(inverse(tf.identity(z)), u, atol=1e-9)


def test_density_of_the_flow_integrates_to_one():
    flow, _, context = make(2, 1)
    axis = np.linspace(-12.0, 12.0, 241)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape([-1, 1, 1, 2])
    context = tf.repeat(context[:1], len(points), axis=0)
    u, log_det = flow.inverse_and_log_det(tf.constant(points), conditioning=context)
    log_normal = -0.5 * np.sum(np.square(u), (1, 2, 3)) - np.log(2.0 * np.pi)
    mass = np.exp(log_normal + log_det.numpy()).sum() * (axis[1] - axis[0]) ** 2
    assert mass == pytest.approx(1.0, abs=1e-4)


def test_scales_are_bounded_and_arguments_are_told():
    flow, u, context = make(2, 1)
    flow.network.head.bias.assign(tf.fill([4], tf.constant(1e6, tf.float64)))
    _, log_det = flow.forward_and_log_det(u, conditioning=context)
    np.testing.assert_allclose(log_det, [-4.0, -4.0], rtol=1e-6)
    with pytest.raises(ValueError, match="log_scale_bound is positive; got 0"):
        AutoregressiveMap(2, flow.network, log_scale_bound=0.0)
    with pytest.raises(ValueError, match="takes images .* got shape"):
        flow.forward(tf.zeros([1, 1, 1, 3], tf.float64), conditioning=context)
