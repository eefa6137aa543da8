"""A model compiled as its training's settings say."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.toy import ToyModel, toy_training
from tfgen.training import ConfigError, compiled


@pytest.fixture(autouse=True)
def precision_of_other_tests():
    before = tf.keras.mixed_precision.global_policy()
    yield
    tf.keras.mixed_precision.set_global_policy(before)


def test_made_in_the_scope_of_the_strategy_with_the_optimizer_of_the_settings():
    seen = []

    def make():
        seen.append(tf.distribute.get_strategy())
        return ToyModel()

    training = toy_training(
        strategy="mirrored", optimizer="adamax", learning_rate=0.125, clip_norm=3.0
    )
    model = compiled(make, training, beta_1=0.5, beta_2=0.75)
    assert isinstance(seen[0], tf.distribute.MirroredStrategy)
    assert model.distribute_strategy is seen[0]
    assert model.clip_norm == 3.0
    optimizer = model.optimizer
    assert isinstance(optimizer, tf.keras.optimizers.Adamax)
    assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.75)
    assert optimizer.learning_rate.numpy() == 0.125


def test_precision_is_set_before_the_model_is_made_and_left_alone_without_one():
    policies = []

    def make():
        policies.append(tf.keras.mixed_precision.global_policy().name)
        return ToyModel()

    compiled(make, toy_training(), "mixed_bfloat16")
    compiled(make, toy_training())
    compiled(make, toy_training(), "float32")
    assert policies == ["mixed_bfloat16", "mixed_bfloat16", "float32"]


def test_the_seed_decides_the_first_weights():
    kernels = []

    def make():
        layer = tf.keras.layers.Dense(4)
        layer.build([None, 3])
        kernels.append(layer.kernel.numpy())
        return ToyModel()

    for seed in (3, 3, 4):
        compiled(make, toy_training(), seed=seed)
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).any()


def test_settings_that_do_not_exist():
    with pytest.raises(ConfigError, match="float12"):
        compiled(ToyModel, toy_training(), "float12")
