"""The discriminator of images: what it sees, what learns from it, two optimizers."""

import numpy as np
import pytest
import tensorflow as tf

from tests import properties
from tests.weights import set_weights
from tests.zoo.lnfmm_toy import WEIGHTS, toy_batch, toy_model, toy_networks
from tfgen.training import ConfigError
from zoo.lnfmm import ImageDiscriminator, LNFMMWeights

BATCH = toy_batch()


def judged_model():
    weights = LNFMMWeights(**{**WEIGHTS, "adversarial": 0.5})
    return toy_model(weights=weights, discriminator_width=4)


@pytest.fixture(scope="module")
def model():
    return judged_model()


class TestDiscriminator:
    def test_logit_is_linear_in_the_code(self):
        """By projection: w . h + (V c) . h."""
        judge = set_weights(ImageDiscriminator(toy_networks(), condition_size=5, width=4), 3)
        images = tf.random.stateless_uniform([3, 8, 8, 3], [1, 2])
        code = tf.random.stateless_normal([3, 5], [3, 4])

        def logit(code):
            return judge(judge.join(images, code)).numpy()

        zero, once, twice = (logit(scale * code) for scale in (0.0, 1.0, 2.0))
        np.testing.assert_allclose(twice - zero, 2 * (once - zero), rtol=1e-3, atol=1e-4)
        assert np.abs(once - zero).max() > 1e-3 and np.ptp(zero) > 1e-4
        assert judge.row_size == 8 * 8 * 3 + 5

    def test_its_kernels_have_norm_one(self):
        """The change of a logit is bounded by that of the picture, whatever the weights' scale."""
        judge = set_weights(ImageDiscriminator(toy_networks(attention_size=0), 5, 4), 3)
        images, code = tf.random.stateless_uniform([3, 8, 8, 3], [1, 2]), tf.zeros([3, 5])
        first = judge(judge.join(images, code)).numpy()
        for variable in judge.weights:
            if "kernel" in variable.name:
                variable.assign(9.0 * variable)
        np.testing.assert_allclose(judge(judge.join(images, code)), first, rtol=1e-3, atol=1e-5)


class TestModel:
    def test_variables_agree_and_the_discriminator_is_no_part_of_them(self, model):
        properties.assert_variables_agree(model, BATCH)
        mine = {variable.ref() for variable in model.trainable_variables}
        assert not mine & {variable.ref() for variable in model.discriminator.weights}
        assert toy_model().discriminator is None and toy_model(variant="txt").discriminator is None

    def test_its_term_moves_the_image_decoder_alone(self, model):
        """It "does not affect the joint latent space"."""
        variables = {"decoder": model.image_decoder, "encoder": model.image_encoder}
        variables.update(texts=model.text_networks, prior=model.image_prior)
        with tf.GradientTape() as tape:
            term = tf.reduce_sum(model.objective(BATCH, True)["adversarial"])
        gradients = tape.gradient(term, {n: p.trainable_variables for n, p in variables.items()})
        for name, group in gradients.items():
            learns = any(g is not None and np.any(tf.convert_to_tensor(g)) for g in group)
            assert learns == (name == "decoder"), name

    def test_the_loss_has_it_in_training_alone(self, model):
        plain = toy_model()
        for mine, other in zip(plain.trainable_variables, model.trainable_variables):
            mine.assign(other)
        for training in (True, False):
            with_it, without = (m.objective(BATCH, training) for m in (model, plain))
            extra = with_it["loss"] - without["loss"]
            expected = 0.5 * with_it["adversarial"] if training else tf.zeros([6])
            np.testing.assert_allclose(extra, expected, atol=1e-3)

    def test_real_and_fake_are_images_with_their_texts(self, model):
        paired = tf.constant([True] * 3 + [False] * 3)
        real, fake = model.real_and_fake({**BATCH, "paired": paired})
        pixels = 8 * 8 * 3
        np.testing.assert_allclose(
            real[:, 0, :pixels], (BATCH["image"].numpy().reshape(6, -1) + 0.5) / 256, rtol=1e-5
        )
        codes = np.concatenate(model.text_codes(BATCH["words"]), 1)
        for rows in (real, fake):
            np.testing.assert_allclose(rows[:3, 0, pixels:], codes[:3], rtol=1e-4, atol=1e-6)
            assert not np.any(rows[3:, 0, pixels:])
        assert 0.0 < np.min(fake[..., :pixels]) and np.max(fake[..., :pixels]) < 1.0

    def test_each_optimizer_moves_its_own_and_the_discriminator_learns(self):
        model = judged_model()
        with pytest.raises(ConfigError, match="optimizer of its own"):
            model.compile(tf.keras.optimizers.Adam(1e-3))
        model.compile(tf.keras.optimizers.Adam(0.0), tf.keras.optimizers.Adam(1e-2, beta_1=0.0))
        before = [variable.numpy() for variable in model.trainable_variables]
        losses = []
        for _ in range(6):
            reported = model.train_step(BATCH)
            losses.append(float(reported["discriminator_loss"]))
            bound = float(reported["js_of_images"])
            assert bound == pytest.approx(np.log(2.0) - losses[-1] / 2, rel=1e-4)
            model.reset_metrics()
        assert losses[-1] < losses[0] - 0.02, losses
        for variable, value in zip(model.trainable_variables, before):
            np.testing.assert_array_equal(variable, value)
