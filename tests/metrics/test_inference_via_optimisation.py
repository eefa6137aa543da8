"""IvOM on models whose closest image is known."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.metrics import inference_via_optimisation


def test_closest_image_of_a_linear_model_is_least_squares():
    random = np.random.RandomState(0)
    matrix = random.normal(size=[3, 12]).astype(np.float32)
    real = random.normal(size=[5, 2, 2, 3]).astype(np.float32)
    codes, *_ = np.linalg.lstsq(matrix.T, real.reshape(5, 12).T, rcond=None)
    expected = np.square(codes.T @ matrix - real.reshape(5, 12)).mean(1)

    def generate(z):
        return tf.reshape(z @ matrix, [-1, 2, 2, 3])

    starts = tf.random.stateless_normal([1, 5, 3], [1, 2])
    found = inference_via_optimisation(generate, real, starts)
    np.testing.assert_allclose(found.distance, expected, rtol=1e-4)
    np.testing.assert_allclose(found.codes, codes.T, atol=1e-3)
    np.testing.assert_allclose(found.images, generate(found.codes))


def test_condition_stays_as_it_is_in_any_batch():
    """The model can make its condition plus one number everywhere: the variance is left."""
    random = np.random.RandomState(0)
    real, condition = random.normal(size=[2, 7, 6]).astype(np.float32)
    starts = tf.random.stateless_normal([1, 7, 1], [1, 2])
    found = inference_via_optimisation(
        lambda codes, shift: codes + shift, real, starts, condition, batch_size=3
    )
    gaps = real - condition
    np.testing.assert_allclose(found.codes[:, 0], gaps.mean(1), atol=1e-4)
    np.testing.assert_allclose(found.distance, gaps.var(1), rtol=1e-4)
    np.testing.assert_allclose(found.images, condition + gaps.mean(1, keepdims=True), atol=1e-4)


def test_best_of_the_starts_counts_for_each_image():
    """The root is no number at one start of each image; from the other one it is found."""
    starts = tf.constant([[[-1.0], [5.0]], [[2.0], [-1.0]]])
    found = inference_via_optimisation(tf.sqrt, tf.constant([[3.0], [2.0]]), starts)
    np.testing.assert_allclose(found.codes, [[9.0], [4.0]], rtol=1e-3)
    np.testing.assert_allclose(found.distance, [0, 0], atol=1e-6)


def test_starts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"got \(2, 1\) for images \(2, 1\)"):
        inference_via_optimisation(tf.identity, tf.zeros([2, 1]), tf.zeros([2, 1]))
    with pytest.raises(ValueError, match=r"an image \(3,\) for a real one \(1,\)"):
        inference_via_optimisation(tf.identity, tf.zeros([2, 1]), tf.zeros([1, 2, 3]))
    with pytest.raises(ValueError, match=r"got \(3, 1\) for \(2, 1\)"):
        inference_via_optimisation(tf.add, tf.zeros([2, 1]), tf.zeros([1, 2, 1]), tf.zeros([3, 1]))
