"""What conftest.py does before each test: the same random numbers, whatever ran before."""

import random

import pytest
import tensorflow as tf

from tests.unoptimised import seed_initial_weights


def drawn():
    """Initial weights and a number of Python."""
    weights = tf.keras.layers.Dense(3)
    weights.build([None, 4])
    return [*weights.kernel.numpy().ravel(), random.random()]


@pytest.fixture(scope="module")
def known():
    return []


@pytest.mark.parametrize("time", range(2))
def test_each_test_draws_the_same(time, known):
    known.append(drawn())
    assert known[0] == known[-1]
    assert drawn() != known[0]


def test_initial_weights_are_those_of_the_seed():
    draws = []
    for seed in (3, 4, 3):
        seed_initial_weights(seed)
        draws.append(drawn()[:-1])
    assert draws[0] == draws[2] != draws[1]
