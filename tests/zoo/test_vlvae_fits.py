"""The three densities that are fitted to a VLVAE, which none of them may touch."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests import properties
from tests.zoo.vlvae_toy import TEXTS, toy_batch, toy_source, toy_training, toy_vlvae
from tfgen.data import array_source
from tfgen.training import AggregateFit, RunDirectory, encode_source
from zoo.vlvae import TruePosteriorFit, fit_densities

tfd = tfp.distributions
TRAINING = toy_training(steps=30, steps_per_epoch=15, batch_size=12)


@pytest.fixture(scope="module")
def vlvae():
    return toy_vlvae(weights_seed=2)


@pytest.fixture(scope="module")
def fitted(vlvae, tmp_path_factory):
    """The fits, the run directory, and the model's variables before them."""
    before = [variable.numpy() for variable in vlvae.variables]
    run = RunDirectory(tmp_path_factory.mktemp("fits"), "toy", "run")
    fits = fit_densities(vlvae, toy_source(24), toy_source(24), TRAINING, run, seed=3)
    return fits, run, before


def test_no_weight_of_the_model_moves(vlvae, fitted):
    assert len(vlvae.variables) == len(fitted[2]) > 50
    for variable, value in zip(vlvae.variables, fitted[2]):
        np.testing.assert_array_equal(variable, value, err_msg=variable.name)


def test_all_three_have_learned(vlvae, fitted):
    """Those of the aggregate end nats below their loss before the fit.

    This toy's texts tell next to nothing of z: q_True(z|y) begins 0.06 nats from its optimum, which
    is noise, and may only not go away from there.
    """
    fits, run, _ = fitted
    least = {"q_true": -0.3, "q_agg": 5.0, "aggregate_prior": 5.0}
    untrained = {
        "q_true": TruePosteriorFit(vlvae, vlvae.make_text_posterior(), seed=3),
        "q_agg": AggregateFit(vlvae.make_text_posterior(), ["words"], seed=3),
        "aggregate_prior": AggregateFit(vlvae.make_prior_flow(), seed=3),
    }
    batch = {**next(iter(fits.encoded.batches(24))), "words": toy_batch(24)["words"]}
    for phase, model in untrained.items():
        history = run.history(phase)
        assert [row["step"] for row in history] == [15, 30]
        before = tf.reduce_mean(model.objective(batch, training=False)["loss"])
        assert history[-1]["val_loss"] < before - least[phase], phase
    for density in (fits.q_true, fits.q_agg, fits.aggregate_prior):
        kernels = [v for v in density.trainable_variables if v.name.startswith("kernel")]
        assert kernels and all(np.abs(kernel).max() > 1e-3 for kernel in kernels), "all moved"


def test_encoded_is_the_training_set(vlvae, fitted):
    source, encoded = toy_source(24), fitted[0].encoded
    given, got = (next(iter(some.batches(24))) for some in (source, encoded))
    posterior = vlvae.encode(given["image"])
    np.testing.assert_allclose(got["posterior_mean"], posterior.mean(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got["posterior_scale"], posterior.stddev(), rtol=1e-4)
    np.testing.assert_array_equal(got["words"], given["words"])


def test_finished_fits_are_loaded_and_not_trained_again(vlvae, fitted, monkeypatch):
    fits, run, _ = fitted
    monkeypatch.setattr(tf.keras.Model, "fit", lambda *arguments, **settings: 1 / 0)
    two = toy_source(2)
    again = fit_densities(vlvae, two, two, TRAINING, run, seed=3)
    z, words = tf.ones([6, 4]) * 0.3, toy_batch(6)["words"]
    for name in ("q_true", "q_agg"):
        np.testing.assert_array_equal(
            getattr(again, name).log_prob(z, words), getattr(fits, name).log_prob(z, words)
        )
    np.testing.assert_array_equal(
        again.aggregate_prior.log_prob(z), fits.aggregate_prior.log_prob(z)
    )


def test_fits_of_a_model_that_needs_words_are_refused(tmp_path):
    joint = toy_vlvae("vlvae_joint")
    run = RunDirectory(tmp_path, "toy", "run")
    with pytest.raises(ValueError, match="infers z from image and words"):
        fit_densities(joint, toy_source(4), toy_source(4), TRAINING, run)
    with pytest.raises(ValueError, match="no feature 'image'"):
        encode_source(joint, array_source({"words": toy_batch(4)["words"].numpy()}))


class TestTruePosteriorFit:
    @pytest.fixture(scope="class")
    def model(self, vlvae):
        return TruePosteriorFit(vlvae, vlvae.make_text_posterior(), seed=4)

    def test_terms(self, vlvae, model):
        """ELBO of log p(y) by hand, at the draw that the seed gives."""
        batch = {"words": toy_batch(12)["words"]}
        terms = model.objective(batch, training=False)
        z, log_q = model.posterior.sample_and_log_prob(
            batch["words"], model.noise_seed("posterior", False)
        )
        np.testing.assert_allclose(model.posterior.log_prob(z, batch["words"]), log_q, rtol=1e-3)
        log_p_text = vlvae.text_log_prob(z, batch["words"])
        log_prior = tfd.Sample(tfd.Normal(0.0, 1.0), 4).log_prob(z)
        np.testing.assert_allclose(terms["log_p_text"], log_p_text, rtol=1e-5)
        np.testing.assert_allclose(terms["kl"], log_q - log_prior, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(terms["elbo_text"], log_p_text + log_prior - log_q, rtol=1e-4)
        np.testing.assert_allclose(terms["loss"], -terms["elbo_text"], rtol=1e-5)

    def test_the_model_is_no_part_of_the_fit(self, vlvae, model):
        """Its variables are used, untouched by dropout, and neither trained nor saved."""
        batch = {"words": toy_batch(12)["words"]}
        with tf.GradientTape() as tape:
            model.objective(batch, training=True)
        own = {variable.ref() for variable in model.variables}
        theirs = {variable.ref() for variable in vlvae.variables}
        assert not own & theirs
        assert theirs & {variable.ref() for variable in tape.watched_variables()}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(model.trainable_variables)
            loss = model.objective(batch, training=True)["loss"]
        gradients = tape.gradient(loss, model.trainable_variables)
        assert all(gradient is not None for gradient in gradients)

    def test_variables_of_the_aggregate_fits_agree(self, vlvae, fitted):
        batch = next(iter(fitted[0].encoded.batches(6)))
        properties.assert_variables_agree(
            AggregateFit(vlvae.make_text_posterior(), ["words"]), batch
        )
        properties.assert_variables_agree(AggregateFit(vlvae.make_prior_flow()), batch)


def test_q_agg_starts_from_the_text_encoder_of_q_true(vlvae, fitted, tmp_path):
    """With next to no learning rate, the encoders of the two are equal and the flow is new."""
    training = toy_training(steps=2, learning_rate=1e-12)
    run = RunDirectory.create(tmp_path, "fits", training)
    source = toy_source()
    fits = fit_densities(vlvae, source, source, training, run, seed=7)
    words = toy_batch(len(TEXTS))["words"]
    np.testing.assert_allclose(fits.q_agg.encoder(words), fits.q_true.encoder(words), atol=1e-6)
    assert (
        np.abs(fits.q_agg.encoder(words) - vlvae.make_text_posterior().encoder(words)).max() > 0.01
    )
    z = tf.random.stateless_normal([len(TEXTS), 4], [1, 2])
    normal = tfd.MultivariateNormalDiag(tf.zeros([4])).log_prob(z)
    np.testing.assert_allclose(fits.q_agg.log_prob(z, words), normal, atol=1e-4)


def test_text_posterior_is_a_density_for_each_text(fitted):
    """Samples and densities agree: E_q[p_N(z) / q(z)] = 1 for a narrow normal p_N."""
    posterior = fitted[0].q_agg
    words = toy_batch(len(TEXTS))["words"]
    z = posterior.sample(words, 20_000, seed=5)
    assert z.shape == [20_000, len(TEXTS), 4]
    log_q = posterior.log_prob(z, words)
    normal = tfd.MultivariateNormalDiag(tf.reduce_mean(z, 0), 0.5 * tf.math.reduce_std(z, 0))
    weights = np.exp(normal.log_prob(z) - log_q)
    error = weights.std(0) / np.sqrt(20_000)
    assert (np.abs(weights.mean(0) - 1) < 5 * error).all() and error.max() < 0.2
    # Row b of a batch is a function of text b alone.
    alone = posterior.log_prob(z[:, 2:3], words[2:3])
    np.testing.assert_allclose(alone[:, 0], log_q[:, 2], rtol=1e-4, atol=1e-4)
    assert np.abs(posterior.log_prob(z, words[::-1]) - log_q).max() > 1e-3, "the text matters"
