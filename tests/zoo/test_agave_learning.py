"""AGAVE in training: the auxiliary loss keeps the latent code, and without it it is lost."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.zoo.agave_toy import PLAIN
from tfgen.data import array_source
from zoo.agave import (
    AGAVE,
    AGAVEEvaluationConfig,
    measure_agave,
    measure_guidance,
    measure_interpolation,
)

EVALUATION = AGAVEEvaluationConfig(batch_size=400, guides=32, samples=4, pairs=16, steps=6)
CONFIG = dataclasses.replace(
    PLAIN,
    vae=dataclasses.replace(PLAIN.vae, values=4, kl_weight=2.0, filters=12),
    decoder=dataclasses.replace(PLAIN.decoder, filters=6),
)
WITHOUT = dataclasses.replace(
    CONFIG, auxiliary_loss=False, vae=dataclasses.replace(CONFIG.vae, kl_weight=1.0)
)


def stripes(count, seed):
    """Dark above and bright below, or the other way round, with every fifth pixel at random."""
    random = np.random.RandomState(seed)
    images = np.zeros([count, 4, 4, 1], np.uint8)
    images[:, 2:] = 3
    upside_down = random.rand(count) < 0.5
    images[upside_down] = 3 - images[upside_down]
    noise = random.randint(0, 4, images.shape)
    return np.where(random.rand(*images.shape) < 0.2, noise, images).astype(np.uint8)


def trainer(model):
    """run(steps, seed), which trains the model; it is one graph, traced once."""
    data = tf.constant(stripes(4096, 0))
    optimizer = tf.keras.optimizers.Adam(5e-3)
    optimizer.build(model.trainable_variables)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)] * 2)
    def run(steps, seed):
        for step in tf.range(steps):
            rows = tf.random.stateless_uniform([32], [seed, step], maxval=4096, dtype=tf.int32)
            with tf.GradientTape() as tape:
                terms = model.objective({"image": tf.gather(data, rows)}, True)
                loss = tf.reduce_mean(terms["loss"])
            gradients = tape.gradient(loss, model.trainable_variables)
            pairs = zip(gradients, model.trainable_variables)
            optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
            model.step.assign_add(1)

    return run


def make(config):
    tf.keras.utils.set_random_seed(5)
    model = AGAVE(config, seed=5)
    model.initialise({"image": tf.constant(stripes(64, 3))})
    return model


def measure(model):
    test = array_source({"image": stripes(400, 11)})
    return {**measure_agave(model, test, EVALUATION), **measure_guidance(model, EVALUATION)}


@pytest.fixture(scope="module")
def trained():
    guided, without = make(CONFIG), make(WITHOUT)
    trainer(guided)(200, 1)
    numbers = {"guided": measure(guided)}
    train = trainer(without)
    train(300, 2)
    numbers["naive"] = measure(without)
    without.set_weights(guided.get_weights())
    train(300, 3)
    numbers["dropped"] = measure(without)
    test = array_source({"image": stripes(400, 11)})
    numbers["guided"].update(measure_interpolation(guided, test, EVALUATION))
    return numbers


@pytest.mark.slow
class TestLatentCode:
    def test_with_the_auxiliary_loss_it_is_used(self, trained):
        numbers = trained["guided"]
        assert numbers["kl"] > 0.9
        assert numbers["auxiliary_error"] < 0.7
        assert numbers["shuffled_excess"] > 0.5
        assert numbers["pixel_variance_ratio"] < 0.6

    @pytest.mark.parametrize("name", ["naive", "dropped"])
    def test_without_it_the_pixelcnn_listens_less(self, trained, name):
        """Within these few steps; down to 0.1 nats it takes longer (recipe agave_digits)."""
        numbers, guided = trained[name], trained["guided"]
        assert numbers["kl"] < 0.6 * guided["kl"]
        assert numbers["shuffled_excess"] < 0.4 * guided["shuffled_excess"]
        if name == "naive":
            assert numbers["pixel_variance_ratio"] > guided["pixel_variance_ratio"] + 0.1

    def test_f_of_z_moves_in_several_steps(self, trained):
        # 0.2 is even, 1 a jump.
        assert trained["guided"]["interpolation_largest_step"] < 0.6
