"""Flows of images with priors at every split."""

import numpy as np
import pytest
import tensorflow as tf

from tests.bijectors.test_multi_scale import images, jacobian_log_det, level
from tests.perturbation import perturb
from tfgen.bijectors import MultiScale, Squeeze
from tfgen.distributions import FlowDistribution, GaussianMap
from tfgen.layers import CouplingConvolutions


def network(inputs, outputs):
    return CouplingConvolutions(inputs, outputs, filters=8, dtype="float64")


def make(conditional=True):
    """Images [8, 8, 1] with latents [4, 4, 2] and [2, 2, 8]."""
    flow = MultiScale([level(1, 0.7), level(2, 1.3)])
    make_network = network if conditional else None
    priors = [
        perturb(GaussianMap([4, 4, 2], make_network, dtype=tf.float64)),
        GaussianMap([2, 2, 8], dtype=tf.float64),
    ]
    return FlowDistribution(flow, priors, image_shape=[8, 8, 1])


def standard_log_prob(value):
    return (-0.5 * value**2 - 0.5 * np.log(2 * np.pi)).sum((1, 2, 3))


class TestGaussianMap:
    def test_without_a_network_is_standard_normal(self):
        value = images(3, 4, 4, 2)
        prior = GaussianMap([4, 4, 2], dtype=tf.float64)
        np.testing.assert_allclose(prior.log_prob(value), standard_log_prob(value.numpy()))
        np.testing.assert_allclose(
            prior.log_prob(value, conditioning=value), standard_log_prob(value.numpy())
        )

    def test_with_a_new_network_is_standard_normal_and_then_is_not(self):
        value, rest = images(3, 4, 4, 2), 2.0 * images(3, 4, 4, 2)
        prior = GaussianMap([4, 4, 2], network, dtype=tf.float64)
        np.testing.assert_allclose(
            prior.log_prob(value, conditioning=rest), standard_log_prob(value.numpy())
        )
        perturb(prior)
        mean, log_scale = np.split(prior.network(rest).numpy(), 2, axis=-1)
        log_scale = 5.0 * np.tanh(log_scale / 5.0)
        assert np.abs(mean).max() > 0.05
        np.testing.assert_allclose(
            prior.log_prob(value, conditioning=rest),
            standard_log_prob((value.numpy() - mean) / np.exp(log_scale))
            - log_scale.sum((1, 2, 3)),
        )
        cold = prior.sample(seed=1, conditioning=rest, temperature=0.0)
        np.testing.assert_allclose(cold, mean, atol=1e-12)
        once = prior.sample(seed=1, conditioning=rest)
        twice = prior.sample(seed=1, conditioning=rest, temperature=2.0)
        np.testing.assert_allclose(twice - cold, 2.0 * (once - cold), atol=1e-12)
        with pytest.raises(ValueError, match="pass conditioning"):
            prior.log_prob(value)


class TestFlowDistribution:
    @pytest.mark.parametrize("conditional", [False, True])
    def test_log_prob_is_the_change_of_variables_with_the_autodiff_jacobian(self, conditional):
        model, x = make(conditional), images(3, 8, 8, 1)

        def flat(x):
            return tf.concat([tf.reshape(v, [3, -1]) for v in model.latents(x)], 1)

        (fine, rest, _), (coarse, _, _) = model.flow.split(x)
        prior = model.priors[0].log_prob(fine, conditioning=rest)
        prior += standard_log_prob(coarse.numpy())
        expected = prior + jacobian_log_det(flat, x)
        np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-9)
        np.testing.assert_allclose(sum(model.log_prob_parts(x)), expected, rtol=1e-9)
        latents = model.latents(x)
        again, log_prob = model.from_latents_and_log_prob(latents)
        np.testing.assert_allclose(log_prob, prior, rtol=1e-9)
        np.testing.assert_allclose(again, x, atol=1e-9)

    def test_latents_bring_the_image_back(self):
        model, x = make(), images(3, 8, 8, 1)
        np.testing.assert_allclose(model.from_latents(model.latents(x)), x, atol=1e-10)

    def test_samples_have_the_latents_that_were_drawn(self):
        """With N(0, I) priors the latents of many samples are standard normal, and colder ones
        narrower; the mean image comes of latents 0."""
        model = make(conditional=False)
        for temperature in (1.0, 0.5):
            x = model.sample(2000, seed=3, temperature=temperature)
            for latent in model.latents(x):
                assert abs(np.std(latent) - temperature) < 0.02
        cold = model.sample(2, seed=3, temperature=0.0)
        zeros = [tf.zeros([2, 4, 4, 2], tf.float64), tf.zeros([2, 2, 2, 8], tf.float64)]
        np.testing.assert_allclose(cold, model.from_latents(zeros), atol=1e-10)

    def test_conditional_samples_follow_their_prior(self):
        """Noise of the finest latent, taken out with the prior's own moments, is normal."""
        model = make()
        x = model.sample(1000, seed=3)
        fine, rest, _ = model.flow.split(x)[0]
        mean, raw = np.split(model.priors[0].network(rest).numpy(), 2, axis=-1)
        noise = (fine.numpy() - mean) / np.exp(5.0 * np.tanh(raw / 5.0))
        assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1.0) < 0.02

    def test_seed_decides_in_graph_and_eager(self):
        model = make()
        draw = tf.function(lambda count, seed: model.sample(count, seed=seed))
        eager = model.sample(3, seed=(4, 5))
        np.testing.assert_allclose(draw(tf.constant(3), tf.constant([4, 5])), eager, atol=1e-12)
        assert np.abs(model.sample(3, seed=(4, 6)) - eager).max() > 0.1

    def test_keras_sees_and_checkpoints_every_variable(self, tmp_path):
        class Model(tf.keras.Model):
            def __init__(self):
                super().__init__()
                self.images = make()

        model, x = Model(), images(2, 8, 8, 1)
        before = model.images.log_prob(x).numpy()
        with tf.GradientTape() as tape:
            loss = model.images.log_prob(x)
        watched = {variable.ref() for variable in tape.watched_variables()}
        assert watched == {variable.ref() for variable in model.images.trainable_variables}
        path = tf.train.Checkpoint(model=model).write(str(tmp_path / "checkpoint"))
        for variable in model.images.trainable_variables:
            variable.assign(0.5 * variable)
        assert np.abs(model.images.log_prob(x) - before).max() > 0.1
        tf.train.Checkpoint(model=model).read(path)
        np.testing.assert_array_equal(model.images.log_prob(x), before)
        del loss

    def test_says_which_prior_does_not_fit(self):
        flow = MultiScale([Squeeze(), Squeeze()])
        with pytest.raises(ValueError, match=r"\[\[4, 4, 2\], \[2, 2, 8\]\].*got 1"):
            FlowDistribution(flow, [GaussianMap([4, 4, 2])], image_shape=[8, 8, 1])
        with pytest.raises(ValueError, match=r"latent \[2, 2, 8\]; it has .* \[2, 2, 4\]"):
            priors = [GaussianMap([4, 4, 2]), GaussianMap([2, 2, 4])]
            FlowDistribution(flow, priors, image_shape=[8, 8, 1])
