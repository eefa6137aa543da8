"""The loss of a VAE: KL weight against a closed form, warm-up, free nats, pseudo-inputs."""

import dataclasses

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tests.zoo.vae_toy import LADDER, VECTOR, images, make, with_prior
from zoo.vae import VAE, VAEConfig

VARIANCE, DECODER_VARIANCE = 4.0, 0.25
LINEAR = VAEConfig(
    image_size=1,
    channels=1,
    strides=(1,),
    layers=(1,),
    latent_channels=(1,),
    filters=1,
    posterior="gaussian",
)
# Of features: so far above zero that elu is the identity.
HIGH = 10.0


class GaussianData(VAE):
    """A VAE of numbers, not pixels, with a fixed variance of the decoder."""

    def _points(self, images):
        return images

    def log_likelihood(self, means, targets, seed=0):
        square = tf.square(means - targets) / DECODER_VARIANCE
        constant = tf.math.log(2.0 * np.pi * DECODER_VARIANCE)
        return -0.5 * tf.reduce_sum(square + constant, [1, 2, 3])


def linear_model(kl_weight, slope, shrinkage, scale):
    """q(z | x) = N(shrinkage x, scale^2), decoded mean slope z."""
    model = GaussianData(dataclasses.replace(LINEAR, kl_weight=kl_weight), seed=1)
    up, down = model.hierarchy.bottom_up, model.hierarchy.top_down
    raw = 8.0 * np.arctanh(np.log(scale) / 8.0)

    def assign(convolution, factors, constants):
        """y_i = factor_i x + constant_i."""
        factors, constants = np.array(factors), np.array(constants)
        convolution.direction.assign(np.ones(convolution.direction.shape))
        convolution.log_scale.assign(np.log(factors))
        convolution.bias.assign(constants / factors)

    assign(up.entrances[0].convolution, [1.0], [HIGH])
    # The log-scale is a constant, but for a billionth of the features.
    assign(up.stochastic[0][0].first, [shrinkage, 1e-9], [-HIGH * shrinkage, raw])
    assign(down.stochastic[0][0].second, [slope], [HIGH])
    assign(down.exits[0].convolution, [1.0], [-HIGH])
    return model


@pytest.mark.parametrize("kl_weight", [1.0, 4.0, 12.0])
def test_the_best_linear_gaussian_model_is_the_closed_form(kl_weight):
    """slope^2 = e - lambda s^2 and E KL = log(e / (lambda s^2)) / 2, for data of variance e and a
    decoder of variance s^2: there, and for that weight alone, the loss has no slope.

    A Gaussian has no better code than a linear one, so that no direction out of the linear models
    lowers the loss either. Section 8.6 of the specification of AGAVE.
    """
    noise = kl_weight * DECODER_VARIANCE
    slope = np.sqrt(VARIANCE - noise)
    optimum = {
        "slope": slope,
        "shrinkage": slope / VARIANCE,
        "scale": np.sqrt(noise / VARIANCE),
    }
    x = scipy.stats.norm.ppf((np.arange(200) + 0.5) / 200)
    x = np.repeat(np.sqrt(VARIANCE) * x / x.std(), 200).reshape([-1, 1, 1, 1])
    batch = {"image": tf.constant(x, tf.float32)}

    def slopes(weight):
        model = linear_model(weight, **optimum)
        with tf.GradientTape() as tape:
            terms = model.objective(batch, training=True)
            loss = tf.reduce_mean(terms["loss"])
        names = [variable.name for variable in model.trainable_variables]
        gradients = tape.gradient(loss, model.trainable_variables)
        scales = [g for n, g in zip(names, gradients) if "log_scale:" in n and g is not None]
        return np.concatenate([np.ravel(g) for g in scales]), float(tf.reduce_mean(terms["kl"]))

    here, kl = slopes(kl_weight)
    elsewhere, _ = slopes(2.0 * kl_weight)
    assert kl == pytest.approx(0.5 * np.log(VARIANCE / noise), abs=1e-3)
    assert len(here) == 5 and np.abs(here).max() < 0.1 * np.abs(elsewhere).max()
    assert np.abs(elsewhere).max() > 0.2


def test_weight_and_warm_up_of_the_kl():
    config = dataclasses.replace(VECTOR, kl_weight=3.0, kl_warmup_steps=10)
    model, batch = make(config), {"image": images(5, VECTOR)}
    for step, weight in ((0, 0.0), (5, 1.5), (20, 3.0)):
        model.step.assign(step)
        terms = model.objective(batch, training=True)
        expected = weight * terms["kl"] - terms["log_likelihood"]
        np.testing.assert_allclose(terms["loss"], expected, rtol=1e-5)
    terms = model.objective(batch, training=False)
    expected = 3.0 * terms["kl"] - terms["log_likelihood"]
    np.testing.assert_allclose(terms["loss"], expected, rtol=1e-5)


def test_layers_below_their_free_nats_feel_no_kl():
    """The threshold lies between the KL of two layers: one of them is felt, the other not."""
    batch = {"image": images(5, LADDER)}
    plain = make(LADDER)
    terms = plain.objective(batch, training=True)
    kls = [float(tf.reduce_mean(terms[f"kl_{layer}"])) for layer in (1, 2, 3)]
    threshold = 0.5 * (sorted(kls)[1] + sorted(kls)[2])
    free = make(dataclasses.replace(LADDER, free_nats=threshold))

    def gradients(model, objective):
        with tf.GradientTape() as tape:
            loss = objective(model.objective(batch, training=True))
        variables = model.trainable_variables
        return tape.gradient(loss, variables, unconnected_gradients="zero")

    felt = 1 + int(np.argmax(kls))
    expected = gradients(plain, lambda terms: terms[f"kl_{felt}"] - terms["log_likelihood"])
    got = gradients(free, lambda terms: terms["loss"])
    for one, other in zip(expected, got):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    loss = free.objective(batch, training=True)["loss"]
    np.testing.assert_allclose(loss, terms["loss"], rtol=1e-5)


def test_pseudo_inputs_start_at_images_and_learn():
    model = VAE(with_prior(VECTOR, "vamp"), seed=1)
    batch = {"image": images(5, VECTOR)}
    model.initialise(batch)
    pseudo_inputs = model.hierarchy.prior.pseudo_inputs
    expected = (2.0 * tf.cast(batch["image"][:3], tf.float32) + 1.0) / 4.0 - 1.0
    np.testing.assert_allclose(pseudo_inputs, expected, atol=1e-6)
    with tf.GradientTape() as tape:
        loss = model.objective(batch, training=True)["loss"]
    assert np.abs(tape.gradient(loss, pseudo_inputs)).max() > 1e-4
