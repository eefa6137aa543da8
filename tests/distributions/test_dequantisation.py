"""Dequantisation: bounds on the probability of discrete pixels."""

import numpy as np
import tensorflow as tf
from scipy import stats

from tests.perturbation import perturb
from tfgen.bijectors import AffineCoupling, BijectorSequence
from tfgen.distributions import UniformDequantisation, VariationalDequantisation
from tfgen.layers import CouplingConvolutions


def variational(levels=4):
    def network(inputs, outputs):
        return CouplingConvolutions(inputs, outputs, filters=8, conditioning_size=2)

    flow = BijectorSequence([AffineCoupling(2, network), AffineCoupling(2, network, swap=True)])
    return VariationalDequantisation(perturb(flow, 0.2), levels=levels)


def test_uniform_noise_bounds_the_probability_of_a_pixel_and_tightens_to_it():
    """A logistic density over one pixel of four values: its probability is a difference of CDFs."""
    x = tf.reshape(tf.repeat(tf.constant([0.0, 1.0, 2.0, 3.0]), 20_000), [-1, 1, 1, 1])
    u, log_q = UniformDequantisation().sample_and_log_prob(x, seed=3)
    assert u.numpy().min() >= 0.0 and u.numpy().max() < 1.0
    np.testing.assert_array_equal(log_q, np.zeros(80_000))
    density = stats.logistic(1.2, 0.3)
    log_p = density.logpdf((x + u).numpy()).reshape(4, -1)
    exact = np.log(density.cdf(np.arange(1, 5)) - density.cdf(np.arange(4)))
    assert (log_p.mean(1) < exact - 0.01).all()
    np.testing.assert_allclose(np.log(np.exp(log_p).mean(1)), exact, atol=0.03)


def test_seed_decides_and_replicas_do_not():
    x = tf.zeros([4, 2, 2, 3])
    first = UniformDequantisation().sample_and_log_prob(x, seed=3)[0]
    np.testing.assert_array_equal(first, UniformDequantisation().sample_and_log_prob(x, seed=3)[0])
    assert np.abs(first - UniformDequantisation().sample_and_log_prob(x, seed=4)[0]).max() > 0.1


def test_variational_noise_is_a_density_on_the_unit_cube():
    """E_q[1 / q(u)] is the volume of the support, 1; and q differs from the uniform one."""
    x = tf.tile(tf.constant([[1.0, 2.0], [0.0, 3.0]])[tf.newaxis, :, :], [20_000, 1, 1])
    x = tf.reshape(x, [-1, 1, 2, 2])[:20_000, :, :1]
    u, log_q = variational().sample_and_log_prob(x, seed=5)
    assert u.shape == x.shape and u.numpy().min() > 0.0 and u.numpy().max() < 1.0
    assert np.std(log_q) > 0.1
    np.testing.assert_allclose(np.exp(-log_q.numpy()).mean(), 1.0, atol=0.05)


def test_variational_log_density_is_that_of_the_autodiff_jacobian():
    model = variational()
    x = tf.constant(np.random.RandomState(0).randint(0, 4, [3, 1, 2, 2]), tf.float32)
    u, log_q = model.sample_and_log_prob(x, seed=7)
    conditioning = x / 4.0 - 0.5
    logits = tf.math.log(u) - tf.math.log1p(-u)
    noise, _ = model.flow.inverse_and_log_det(logits, conditioning=conditioning)
    with tf.GradientTape() as tape:
        tape.watch(noise)
        again = tf.sigmoid(model.flow.forward_and_log_det(noise, conditioning=conditioning)[0])
    jacobian = tf.reshape(tape.batch_jacobian(again, noise), [3, 4, 4]).numpy()
    normal = stats.norm.logpdf(noise.numpy()).sum((1, 2, 3))
    np.testing.assert_allclose(log_q, normal - np.linalg.slogdet(jacobian)[1], atol=1e-3)
