"""Shifts and flips against a loop over pixels, and their probabilities."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import Source, example_seeds, shift_and_flip


def seeds(count, seed=0):
    return example_seeds(seed, tf.zeros([count], tf.int64), tf.range(count, dtype=tf.int64))


def moved(image, dy, dx, mirror):
    """One image [H, W, C], pixel by pixel."""
    height, width, _ = image.shape
    result = np.empty_like(image)
    for y in range(height):
        for x in range(width):
            column = width - 1 - x if mirror else x
            result[y, x] = image[
                min(max(y + dy, 0), height - 1), min(max(column + dx, 0), width - 1)
            ]
    return result


def test_every_result_is_a_shift_and_all_are_equally_likely():
    count, image = 1960, np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    features = {"image": tf.constant(np.repeat(image[np.newaxis], count, 0)), "label": 7}
    found = shift_and_flip(3)(features, seeds(count))
    assert found["label"] == 7
    names = {
        moved(image, dy, dx, mirror).tobytes(): (dy, dx, mirror)
        for dy in range(-3, 4)
        for dx in range(-3, 4)
        for mirror in (False, True)
    }
    assert len(names) == 98
    counts = collections.Counter(names[one.tobytes()] for one in found["image"].numpy())
    # Chi-squared with 97 degrees of freedom: p = 1e-5 at 164.
    assert sum((counts[key] - 20) ** 2 / 20 for key in names.values()) < 164


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
def test_without_shift_and_flip_nothing_happens(dtype):
    images = tf.cast(tf.reshape(tf.range(4 * 6 * 6), [4, 6, 6, 1]), dtype)
    found = shift_and_flip(0, flip=False)({"image": images}, seeds(4))["image"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, images)


def test_flip_alone_mirrors_half():
    images = tf.tile(tf.reshape(tf.range(6), [1, 1, 6, 1]), [400, 2, 1, 1])
    found = shift_and_flip(0)({"image": images}, seeds(400))["image"].numpy()
    mirrored = np.all(found == images.numpy()[:, :, ::-1], (1, 2, 3))
    assert np.all(mirrored | np.all(found == images.numpy(), (1, 2, 3)))
    assert abs(mirrored.mean() - 0.5) < 0.11  # 4.4 standard deviations


def test_in_a_pipeline_it_depends_on_seed_epoch_and_index_alone():
    table = tf.cast(tf.random.stateless_uniform([10, 8, 8, 1], [0, 0], 0, 256, tf.int32), tf.uint8)
    source = Source(
        10,
        lambda indices: {"image": tf.gather(table, indices)},
        {"image": tf.TensorSpec([8, 8, 1], tf.uint8)},
    )

    def epochs(batch_size, steps, seed=1, **settings):
        stream = source.batches(
            batch_size, seed=seed, repeat=True, transform=shift_and_flip(2), **settings
        )
        return np.concatenate([b["image"] for b in stream.take(steps).as_numpy_iterator()])

    wanted = epochs(10, 3)
    assert wanted.shape == (30, 8, 8, 1)
    np.testing.assert_array_equal(epochs(5, 6), wanted)
    np.testing.assert_array_equal(epochs(10, 1, start_step=2), wanted[20:])
    assert not np.array_equal(wanted[:10], wanted[10:20])
    assert not np.array_equal(epochs(10, 1, seed=2), wanted[:10])


def test_graph_of_unknown_batch_size_agrees_with_eager():
    images = tf.reshape(tf.range(5 * 4 * 4 * 2), [5, 4, 4, 2])
    transform = shift_and_flip(1)
    graph = tf.function(
        lambda x, s: transform({"image": x}, s)["image"],
        input_signature=[
            tf.TensorSpec([None, 4, 4, 2], tf.int32),
            tf.TensorSpec([None, 2], tf.int32),
        ],
    )
    for count in (1, 5):
        some, keys = images[:count], seeds(count)
        np.testing.assert_array_equal(graph(some, keys), transform({"image": some}, keys)["image"])


def test_a_negative_shift_is_refused():
    with pytest.raises(ValueError, match="max_shift >= 0 pixels; got -1"):
        shift_and_flip(-1)
