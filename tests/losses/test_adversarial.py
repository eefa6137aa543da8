"""The players' losses against Bernoulli likelihoods, and a divergence that is known."""

import math

import numpy as np
import tensorflow as tf

from tfgen.losses import discriminator_loss, fooling_loss, jensen_shannon_bound


def test_losses_are_those_of_the_probabilities_and_stable():
    real, fake = np.array([-2.0, 0.0, 3.0]), np.array([1.0, 0.0, -0.5])
    d_real, d_fake = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    np.testing.assert_allclose(
        discriminator_loss(real, fake), -np.log(d_real) - np.log(1 - d_fake), rtol=1e-12
    )
    np.testing.assert_allclose(fooling_loss(fake), -np.log(d_fake), rtol=1e-12)
    far = tf.constant([-200.0, 200.0])
    np.testing.assert_allclose(fooling_loss(far), [200.0, 0.0])
    np.testing.assert_allclose(discriminator_loss(far, far), [200.0, 200.0])


def test_bound_is_the_divergence_for_the_best_discriminator_and_below_for_others():
    """Two distributions over three values: sums instead of samples."""
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    middle = (p + q) / 2
    divergence = (p * np.log(p / middle)).sum() / 2 + (q * np.log(q / middle)).sum() / 2

    def bound(logits):
        terms = discriminator_loss(logits[:, None], logits[None, :])
        return float(jensen_shannon_bound((p[:, None] * q * terms).numpy().sum()))

    best = np.log(p / q)
    np.testing.assert_allclose(bound(best), divergence, rtol=1e-12)
    assert bound(1.3 * best) < divergence - 1e-4
    np.testing.assert_allclose(bound(np.zeros(3)), 0.0, atol=1e-12)
    assert jensen_shannon_bound(0.0) == math.log(2)
