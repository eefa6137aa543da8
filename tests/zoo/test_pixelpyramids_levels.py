"""A level of PixelPyramids: sub-images, causality, teacher forcing, what squeezes are worth."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.perturbation import perturb
from tfgen.layers import conv_lstm_winograd
from tfgen.layers.conv_lstm_winograd import ConvLSTMWinograd
from zoo.pixelpyramids import (
    FineLevel,
    PixelPyramidsConfig,
    join_sub_images,
    split_sub_images,
)

# Level 1 has fine components of 8 x 16 pixels, level 2 of 8 x 8.
CONFIG = PixelPyramidsConfig(
    image_size=16,
    channels=2,
    bits=3,
    u_net_filters=4,
    features=5,
    filters=4,
    layers=2,
    components=2,
)
SHAPE = [3, 8, 8, 2]


def integers(seed, shape=SHAPE):
    return tf.constant(np.random.RandomState(seed).randint(0, 8, shape), tf.int32)


@pytest.fixture(scope="module")
def level():
    made = FineLevel(CONFIG, level=2)
    made(integers(0), integers(1))
    for norm_variable in made.non_trainable_variables:
        norm_variable.assign_add(tf.fill(norm_variable.shape, 0.1))
    return perturb(made, 0.5)


def index_of(row, column, squeezes):
    """The sub-image of a pixel, from the formula of `split_sub_images`."""
    index = 0
    for k in reversed(range(squeezes)):
        index = 4 * index + 2 * (row >> k & 1) + (column >> k & 1)
    return index


class TestSubImages:
    @pytest.mark.parametrize("squeezes", [0, 1, 2, 3])
    def test_go_and_come_back_in_the_order_of_the_formula(self, squeezes):
        maps = tf.cast(integers(3, [2, 8, 16, 3]), tf.float32)
        sequence = split_sub_images(maps, squeezes)
        side = 2**squeezes
        assert sequence.shape == [4**squeezes, 2, 8 // side, 16 // side, 3]
        for row in range(side):
            for column in range(side):
                np.testing.assert_array_equal(
                    sequence[index_of(row, column, squeezes)], maps[:, row::side, column::side]
                )
        np.testing.assert_array_equal(join_sub_images(sequence, squeezes), maps)


class TestFineLevel:
    def test_parameters_see_the_sub_images_before_and_all_of_the_coarse_image(self, level):
        """By gradients, pixel by pixel: Eq. 7.5."""
        fine, coarse = (tf.cast(integers(seed), tf.float32)[:1] for seed in (4, 5))

        @tf.function
        def gradients(fine, coarse, mask):
            with tf.GradientTape() as tape:
                tape.watch([fine, coarse])
                parameters = level(fine, coarse)
                # Any mixture of a pixel's parameters.
                weights = tf.cos(tf.range(float(parameters.shape[-1])))
                seen = tf.reduce_sum(parameters * weights * mask)
            return tape.gradient(seen, [fine, coarse])

        to_fine, to_coarse = np.zeros([2, 64, 64])
        for pixel, mask in enumerate(np.eye(64).reshape(64, 1, 8, 8, 1)):
            found = gradients(fine, coarse, tf.constant(mask, tf.float32))
            to_fine[pixel], to_coarse[pixel] = (
                np.abs(gradient).max(-1).ravel() for gradient in found
            )
        order = [index_of(row, column, 2) for row in range(8) for column in range(8)]
        before = np.less.outer(order, order).T
        assert to_fine[~before].max() == 0.0
        assert (to_fine[before] > 0.0).all()
        assert (to_coarse > 0.0).all()

    def test_teacher_forcing_is_the_sequence_of_steps_of_what_was_drawn(self, level):
        coarse = integers(6)
        fine = level.sample(coarse, seed=7)
        assert fine.shape == SHAPE and fine.dtype == coarse.dtype
        assert fine.numpy().min() == 0 and fine.numpy().max() == 7
        features = level.features(coarse)
        given = tf.cast(split_sub_images(tf.cast(fine, tf.float32), 2), tf.int32)
        previous, state, parameters = None, None, []
        for index in range(level.sequential_steps):
            result, state = level.step(features[index], previous, state)
            parameters.append(result)
            previous = given[index]
        sequential = join_sub_images(tf.stack(parameters), 2)
        np.testing.assert_allclose(level(fine, coarse), sequential, rtol=1e-4, atol=1e-5)
        claimed = level.distribution(sequential).log_prob(fine)
        assert claimed.shape == [3] and (claimed < -100.0).numpy().all()
        np.testing.assert_allclose(level.log_prob(fine, coarse), claimed, rtol=1e-5)

    def test_draws_follow_the_seed_in_graphs_too(self, level):
        coarse = integers(6)
        one = level.sample(coarse, seed=7)
        graph = tf.function(lambda coarse, seed: level.sample(coarse, seed))
        np.testing.assert_array_equal(graph(coarse, tf.constant(7, tf.int64)), one)
        assert (level.sample(coarse, seed=8) != one).numpy().any()
        cold = [level.sample(coarse, seed=seed, temperature=0.0) for seed in (7, 8)]
        np.testing.assert_array_equal(*cold)

    def test_draws_of_large_maps_are_those_of_plain_convolutions(self, level, monkeypatch):
        coarse = integers(6)
        plain = level.sample(coarse, seed=7)
        monkeypatch.setattr(conv_lstm_winograd, "PIXELS", 4)
        monkeypatch.setattr(conv_lstm_winograd, "CHANNELS", level.recurrence.filters)
        called = []
        step = ConvLSTMWinograd.step
        monkeypatch.setattr(
            ConvLSTMWinograd, "step", lambda *inputs: called.append(1) or step(*inputs)
        )
        np.testing.assert_array_equal(level.sample(coarse, seed=7), plain)
        assert called

    def test_parameters_are_of_single_precision_under_any_policy(self, level):
        fine, coarse = integers(8), integers(9)
        expected = level.log_prob(fine, coarse)
        tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
        try:
            half = FineLevel(CONFIG, level=2)
            half(fine, coarse)
            half.set_weights(level.get_weights())
            got = half.log_prob(fine, coarse)
            drawn = half.sample(coarse, seed=1)
        finally:
            tf.keras.mixed_precision.set_global_policy("float32")
        assert half.u_net.compute_dtype == "bfloat16" and got.dtype == tf.float32
        np.testing.assert_allclose(got, expected, rtol=0.03)
        assert drawn.dtype == coarse.dtype

    def test_sizes_of_each_level_are_those_of_the_settings(self):
        config = dataclasses.replace(CONFIG, image_size=256, squeezes=(3, 2, 2, 2, 1))
        shapes = config.level_shapes()
        assert config.levels == 12 and shapes[0] == (128, 256)
        assert shapes[-3:] == [(8, 8), (4, 8), (4, 4)]
        assert config.level_squeezes() == [3, 2, 2, 2] + [1] * 8
        assert config.level_depths() == [4] * 8 + [3, 2, 1, 1]
        deep = dataclasses.replace(CONFIG, image_size=32, squeezes=(3,))
        assert deep.level_squeezes() == [3, 3, 3, 3, 2, 2][: deep.levels]
        assert FineLevel(dataclasses.replace(CONFIG, squeezes=(0,)), 1).sequential_steps == 1


def test_squeezes_are_worth_what_they_make_known():
    """F has one random bit, the same in all 16 pixels: 16, 4 and 1 bits with 0, 1, 2 squeezes."""
    bits = {}
    random = np.random.RandomState(0)
    for squeezes in (0, 1, 2):
        tf.keras.utils.set_random_seed(0)
        config = PixelPyramidsConfig(
            image_size=16,
            channels=1,
            bits=1,
            squeezes=(squeezes,),
            u_net_filters=2,
            features=2,
            filters=8,
            layers=1,
            components=2,
        )
        level = FineLevel(config, level=4)
        optimizer = tf.keras.optimizers.Adam(0.03)
        coarse = tf.zeros([32, 4, 4, 1], tf.int32)
        level(coarse, coarse)
        optimizer.build(level.trainable_variables)

        @tf.function
        def step(fine, level=level, optimizer=optimizer, coarse=coarse):
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(level.log_prob(fine, coarse, training=True))
            variables = level.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
            return loss / np.log(2.0)

        losses = []
        for _ in range(100):
            fine = random.randint(0, 2, [32, 1, 1, 1]) * np.ones([1, 4, 4, 1], int)
            losses.append(step(tf.constant(fine, tf.int32)).numpy())
        bits[squeezes] = np.mean(losses[-20:])
    assert 15.5 < bits[0] < 16.8
    assert 3.7 < bits[1] < 5.5
    assert 0.9 < bits[2] < 3.5
