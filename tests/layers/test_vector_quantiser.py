"""The vector quantiser: nearest entries, straight-through gradients, averages as numpy has them."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfgen.initialisation import data_dependent_initialisation
from tfgen.layers import VectorQuantiser


def features(seed=0, scale=1.0):
    random = np.random.RandomState(seed)
    return (scale * random.normal(size=[3, 4, 4, 2])).astype(np.float32)


def nearest(flat, codebook):
    return np.square(flat[:, np.newaxis] - codebook).sum(-1).argmin(-1)


def test_codes_are_the_nearest_entries():
    quantiser, f = VectorQuantiser(7, 2), features()
    quantised = quantiser(f)
    codebook = quantiser.codebook.numpy()
    expected = nearest(f.reshape([-1, 2]), codebook).reshape([3, 4, 4])
    np.testing.assert_array_equal(quantised.codes, expected)
    np.testing.assert_allclose(quantised.vectors, codebook[expected], atol=1e-6)
    distance = np.square(f - codebook[expected]).sum(-1)
    np.testing.assert_allclose(quantised.distance, distance, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(quantiser.lookup(quantised.codes), codebook[expected])
    np.testing.assert_array_equal(quantiser.nearest(codebook[expected]), expected)
    assert len(np.unique(expected)) > 3


def test_gradients_go_straight_through_and_commit_the_features_alone():
    quantiser, f = VectorQuantiser(7, 2), tf.constant(features())
    upstream = tf.constant(features(1))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(f)
        quantised = quantiser(f)
        loss, commitment = tf.reduce_sum(quantised.vectors * upstream), quantised.distance
    np.testing.assert_array_equal(tape.gradient(loss, f), upstream)
    entries = quantiser.lookup(quantised.codes)
    np.testing.assert_allclose(tape.gradient(commitment, f), 2.0 * (f - entries), atol=1e-5)
    assert tape.gradient(loss, quantiser.codebook) is None
    assert tape.gradient(commitment, quantiser.codebook) is None
    assert not quantiser.trainable_variables and len(quantiser.variables) == 3


def test_codebook_is_the_moving_average_of_what_it_stands_for():
    decay = 0.8
    quantiser = VectorQuantiser(5, 2, decay=decay)
    codebook = quantiser.codebook.numpy().astype(np.float64)
    counts, sums = np.ones(5), codebook.copy()
    step = tf.function(lambda f: quantiser(f, training=True).codes)
    for index in range(6):
        f = features(index, 0.5 + index)
        flat = f.reshape([-1, 2]).astype(np.float64)
        codes = nearest(flat, codebook)
        np.testing.assert_array_equal(step(f), codes.reshape([3, 4, 4]))
        chosen = np.eye(5)[codes]
        counts = decay * counts + (1 - decay) * chosen.sum(0)
        sums = decay * sums + (1 - decay) * chosen.T @ flat
        codebook = sums / counts[:, np.newaxis]
        np.testing.assert_allclose(quantiser.counts, counts, rtol=1e-5)
        np.testing.assert_allclose(quantiser.codebook, codebook, rtol=1e-4, atol=1e-5)
    before = quantiser.codebook.numpy()
    quantiser(features(9))
    np.testing.assert_array_equal(quantiser.codebook, before)


def test_dead_entries_start_anew_at_vectors_of_the_batch():
    alive = VectorQuantiser(4, 2, decay=0.5)
    reborn = VectorQuantiser(4, 2, decay=0.5, restart_below=0.3)
    f = features(scale=0.1)
    for quantiser in (alive, reborn):
        quantiser.codebook.assign([[0.0, 0.0], [50.0, 0.0], [0.0, 60.0], [70.0, 70.0]])
        quantiser.sums.assign(quantiser.codebook)
        for step in range(2):
            quantiser(f, training=True, seed=step)
    # Unseen entries stay where they are: their sum and count shrink alike.
    np.testing.assert_allclose(alive.codebook[1:], [[50, 0], [0, 60], [70, 70]], rtol=1e-6)
    rows = f.reshape([-1, 2])
    for entry in reborn.codebook.numpy()[1:]:
        assert np.abs(rows - entry).max(-1).min() < 1e-6
    np.testing.assert_array_equal(reborn.counts[1:], np.ones(3))
    assert len(np.unique(reborn(f).codes)) > 1


def test_initialisation_puts_entries_at_vectors_of_the_batch():
    quantiser, f = VectorQuantiser(6, 2), features(scale=9.0)
    with data_dependent_initialisation():
        quantiser(f, seed=3)
    rows = f.reshape([-1, 2])
    for entry in quantiser.codebook.numpy():
        assert np.abs(rows - entry).max(-1).min() == 0.0
    assert quantiser(f).distance.numpy().mean() < np.square(f).sum(-1).mean()


TWO_REPLICAS = """
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from tfgen.layers import VectorQuantiser
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
def make():
    return VectorQuantiser(8, 2, decay=0.7, restart_below=0.9)
one = make()
with strategy.scope():
    two = make()
features = tf.random.stateless_normal([3, 6, 4, 2], [1, 2])
def share(whole, seed):
    first = 3 * tf.distribute.get_replica_context().replica_id_in_sync_group
    two(whole[first : first + 3], training=True, seed=seed)
step = tf.function(lambda whole, seed: strategy.run(share, args=(whole, seed)))
for index in range(3):
    step(features[index], tf.constant([index, 5]))
    one(features[index], training=True, seed=[index, 5])
    for mine, other in zip(one.variables, two.variables):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
print("same")
"""


@pytest.mark.slow
def test_two_replicas_move_the_codebook_as_one_does():
    """Also entries that start anew, at vectors of the global batch."""
    root = pathlib.Path(__file__).resolve().parents[2]
    process = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert process.stdout.strip().endswith("same"), process.stderr[-2000:]


def test_bad_arguments_are_told():
    with pytest.raises(ValueError, match="2 codes or more.*codes=1"):
        VectorQuantiser(1, 2)
    with pytest.raises(ValueError, match="decay of 0 or more, below 1.*decay=1.0"):
        VectorQuantiser(4, 2, decay=1.0)
