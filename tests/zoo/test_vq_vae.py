"""VQ-VAE: the bound, the prior of the codes, two phases, settings."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.properties import assert_variables_agree
from tests.weights import set_weights
from tfgen.distributions import image_noise
from tfgen.layers import sample_pixels_naively
from tfgen.randomness import as_seed
from tfgen.training import ConfigError
from zoo.vae import VQVAE, VQAutoencoder, VQVAEConfig

CONFIG = VQVAEConfig(
    image_size=4,
    channels=1,
    values=17,
    strides=(2,),
    filters=4,
    blocks=1,
    codes=3,
    code_size=2,
    restart_below=0.01,
    prior_filters=6,
    prior_layers=2,
    prior_kernel_size=3,
)


def images(count, seed=0):
    random = np.random.RandomState(seed)
    return tf.constant(random.randint(0, CONFIG.values, [count, 4, 4, 1]), tf.uint8)


@pytest.fixture(scope="module")
def autoencoder():
    model = VQAutoencoder(CONFIG, seed=1)
    set_weights(model, seed=2)
    model.likelihood.log_scales.assign([-1.0])
    # Entries that all are nearest to some features of these images.
    features = model.encoder(tf.cast(images(2), tf.float32) / 8.5 - 1.0)
    model.quantiser.codebook.assign(tf.reshape(features, [-1, 2])[:3])
    return model


@pytest.fixture(scope="module")
def model(autoencoder):
    made = VQVAE(autoencoder, seed=1)
    set_weights(made.network, seed=3, scale=2.0)
    return made


def test_codes_of_all_maps_have_probability_one(model):
    every = np.array(list(itertools.product(range(3), repeat=4)), np.int32).reshape([-1, 2, 2])
    log_prob = model.log_prob_codes(every).numpy().astype(np.float64)
    assert np.exp(log_prob).sum() == pytest.approx(1.0, abs=1e-5)
    assert log_prob.std() > 0.1


def test_bound_is_the_sum_of_its_parts_and_counts_the_discrete_image(model):
    x = images(5)
    codes = model.encode(x)
    assert codes.dtype == tf.int32 and codes.shape == [5, 2, 2]
    assert len(np.unique(codes)) == 3
    expected = model.decode(codes).log_prob(x) + model.log_prob_codes(codes)
    np.testing.assert_allclose(model.elbo(x), expected, rtol=1e-5)
    terms = model.objective({"image": x}, training=False)
    np.testing.assert_allclose(terms["elbo"], expected, rtol=1e-5)
    np.testing.assert_allclose(terms["loss"], -model.log_prob_codes(codes), rtol=1e-5)
    np.testing.assert_allclose(terms["bits_per_dim"], -expected / 16 / np.log(2), rtol=1e-5)


def test_first_phase_with_equally_likely_codes(autoencoder, model):
    x = images(5)
    terms = autoencoder.objective({"image": x}, training=False)
    log_likelihood = model.log_likelihood(model.encode(x), x)
    np.testing.assert_allclose(terms["log_likelihood"], log_likelihood, rtol=1e-5)
    features = autoencoder.encoder(tf.cast(2 * x + 1, tf.float32) / 17.0 - 1.0)
    entries = autoencoder.quantiser.lookup(model.encode(x))
    commitment = 0.25 * tf.reduce_sum(tf.square(features - entries), [1, 2, 3])
    np.testing.assert_allclose(terms["commitment"], commitment, rtol=1e-4)
    np.testing.assert_allclose(terms["loss"], commitment - log_likelihood, rtol=1e-5)
    bits = (4 * np.log(3) - log_likelihood) / 16 / np.log(2)
    np.testing.assert_allclose(terms["bits_per_dim"], bits, rtol=1e-5)
    share = np.bincount(model.encode(x).numpy().ravel(), minlength=3) / 20
    perplexity = np.exp(-np.sum(share * np.log(share)))
    np.testing.assert_allclose(terms["perplexity"], np.full(5, perplexity), rtol=1e-5)


def test_decoder_gradient_reaches_the_encoder_unchanged(autoencoder):
    x = tf.cast(images(5), tf.float32) / 8.5 - 1.0
    with tf.GradientTape(persistent=True) as tape:
        features = autoencoder.encoder(x)
        vectors = autoencoder.quantiser(features).vectors
        loss = tf.reduce_sum(tf.square(autoencoder.decoder(vectors)))
    by_vectors = tape.gradient(loss, vectors)
    assert np.abs(by_vectors).max() > 1e-3
    np.testing.assert_array_equal(tape.gradient(loss, features), by_vectors)


def test_variables_of_both_phases():
    first = VQAutoencoder(CONFIG, seed=1)
    batch = {"image": images(6)}
    first.initialise(batch)
    assert_variables_agree(first, batch)
    codebook = {variable.ref() for variable in first.quantiser.variables}
    assert not codebook & {variable.ref() for variable in first.trainable_variables}
    second = VQVAE(first, seed=1)
    second.initialise(batch)
    assert_variables_agree(second, batch)
    own = {variable.ref() for variable in second.network.trainable_variables}
    assert {variable.ref() for variable in second.trainable_variables} == own
    before = [variable.numpy() for variable in first.variables if variable.dtype.is_floating]
    second.compile(tf.keras.optimizers.SGD(0.1))
    second.train_step(batch)
    after = [variable.numpy() for variable in first.variables if variable.dtype.is_floating]
    for one, other in zip(before, after):
        np.testing.assert_array_equal(one, other)


def test_samples_are_those_of_the_naive_sampler_and_follow_the_seed(model):
    codes = model.sample_codes(6, seed=(5, 6))
    noise = image_noise(as_seed((5, 6)), 6, [2, 2, 3])
    quantiser = model.autoencoder.quantiser

    def pixel(logits, noise):
        gumbel = -tf.math.log(-tf.math.log(noise))
        return quantiser.lookup(tf.argmax(logits + gumbel, axis=-1))

    naive = quantiser.nearest(sample_pixels_naively(model.network, pixel, noise))
    np.testing.assert_array_equal(codes, naive)
    assert (model.sample_codes(6, seed=(5, 7)).numpy() != codes.numpy()).any()
    drawn = model.sample(6, seed=(5, 6))
    assert drawn.dtype == tf.uint8 and drawn.shape == [6, 4, 4, 1] and drawn.numpy().max() < 17
    graph = tf.function(lambda count, seed: model.sample(count, seed))
    np.testing.assert_array_equal(graph(tf.constant(6), tf.constant([5, 6])), drawn)
    np.testing.assert_array_equal(model.sample(2, seed=(5, 6)), drawn[:2])


def test_frequencies_of_codes_are_their_probabilities(model):
    every = np.array(list(itertools.product(range(3), repeat=4)), np.int32)
    expected = np.exp(model.log_prob_codes(every.reshape([-1, 2, 2])))
    drawn = model.sample_codes(8000, seed=3).numpy().reshape([-1, 4])
    counts = np.bincount(drawn @ [27, 9, 3, 1], minlength=81) / len(drawn)
    # Five standard deviations.
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected / len(drawn)) + 1e-4).all()
    # Cold codes are the likeliest, one after the other, and the same for every seed.
    cold = model.sample_codes(2, seed=1, temperature=0.0)
    np.testing.assert_array_equal(cold[0], cold[1])
    np.testing.assert_array_equal(tf.argmax(model.logits(cold), axis=-1), cold)


def test_codes_and_pixels_out_of_range_are_told(model):
    with pytest.raises(tf.errors.InvalidArgumentError, match="codes of this model are 0 .. 2"):
        model.middle(tf.fill([1, 2, 2], 3))
    with pytest.raises(tf.errors.InvalidArgumentError, match="images of this model are 0 .. 16"):
        model.elbo(tf.fill([1, 4, 4, 1], 17))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codes": 1}, "codes: got 1; wanted 2 or more"),
        ({"decay": 1.0}, "decay: got 1.0"),
        ({"strides": (3,)}, "strides: got .3,. for images of 4"),
        ({"commitment": -1.0}, "commitment: got -1.0"),
        ({"prior_kernel_size": 4}, "prior_kernel_size: got 4; wanted an odd"),
        ({"likelihood": "bernoulli"}, "got bernoulli for 17 values"),
    ],
)
def test_settings_that_do_not_fit_are_told(changes, message):
    config = dataclasses.replace(CONFIG, **changes)
    for told in (config.validate, lambda: VQAutoencoder(config)):
        with pytest.raises(ConfigError, match=message):
            told()
