"""What the flows of LNFMM learn that what they replace cannot."""

import numpy as np
import tensorflow as tf

from tests.zoo.lnfmm_toy import toy_model
from zoo.lnfmm import FlowPrior, gaussian_log_prob


def learn(variables, loss, steps, rate):
    """Adam on a function of a seed, all steps in one graph."""
    optimizer = tf.keras.optimizers.Adam(rate)
    optimizer.build(variables)

    @tf.function
    def run():
        for index in tf.range(steps):
            with tf.GradientTape() as tape:
                value = loss(tf.stack([index, 3]))
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables))

    run()


def test_a_flow_prior_learns_two_modes_that_a_gaussian_cannot():
    """Behaviour 5: the modes of z' given a code lie along the one axis or the other."""

    def data(seed, count):
        draws = tf.random.stateless_uniform([count, 2], seed)
        code = tf.cast(draws[:, :1] > 0.5, tf.float32)
        sign = tf.sign(draws[:, 1:] - 0.5)
        mode = tf.concat([code, 1.0 - code], -1) * sign
        return mode + 0.25 * tf.random.stateless_normal([count, 2], seed + [0, 1]), code

    tf.keras.utils.set_random_seed(1)
    prior = FlowPrior(2, 1, steps=4, hidden_units=32)

    def loss(seed):
        return -tf.reduce_mean(prior.log_prob(*data(seed, 256)))

    learn(prior.trainable_variables, loss, 500, 3e-3)
    learned = np.mean(prior.log_prob(*data(tf.constant([7, 7]), 4000)))
    # The best Gaussian given the code has standard deviations sqrt(1.0625) and 0.25. The gain is
    # 0.36, 0.39, 0.40 with three seeds; at most it is 0.72.
    gaussian = -np.log(2 * np.pi) - 1.0 - np.log(np.sqrt(1.0625) * 0.25)
    assert learned > gaussian + 0.2
    drawn = prior.sample(tf.constant([[1.0], [0.0]]), 500, seed=1).numpy()
    for row, axis in ((0, 0), (1, 1)):
        along = drawn[row, :, axis]
        # Of that Gaussian, 37 % lie between the modes.
        assert (np.abs(along) < 0.5).mean() < 0.3
        assert min((along > 0.5).mean(), (along < -0.5).mean()) > 0.25


def test_a_flow_aligns_codes_that_differ_by_a_bijection():
    """Behaviour 7: of codes that are fixed, the plain distance cannot make one of the other."""
    model = toy_model(shared_size=4, alignment_units=16, scale=0.3)

    def codes(seed):
        images = tf.random.stateless_normal([128, 4], seed)
        first, second = tf.split(images, 2, -1)
        return images, tf.concat([second + tf.sin(2.0 * first), first], -1)

    def distance(seed):
        images, texts = codes(seed)
        return tf.reduce_mean((model.to_text_domain(images)[0] - texts) ** 2)

    def loss(seed):
        images, texts = codes(seed)
        carried, log_det = model.to_text_domain(images)
        return tf.reduce_mean(-gaussian_log_prob(carried - texts, 0.25) - log_det)

    learn(model.alignment.trainable_variables, loss, 250, 1e-2)
    images, texts = codes([5, 5])
    assert distance([5, 5]) < 0.3 * tf.reduce_mean((images - texts) ** 2)
