"""The fused updates are Keras' own."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.training import FusedAdam, FusedAdamax, TrainingConfig, make_optimizer

PAIRS = {
    "adam": (FusedAdam, tf.keras.optimizers.Adam),
    "adamax": (FusedAdamax, tf.keras.optimizers.Adamax),
}


def settings():
    schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    return {"learning_rate": schedule, "beta_1": 0.8, "beta_2": 0.95, "weight_decay": 0.01}


def trajectory(optimizer, dtype, steps=6, graph=True):
    """Weights after each of `steps` updates by gradients that change in size and sign."""
    random = np.random.RandomState(0)
    weights = [tf.Variable(random.normal(size=shape), dtype=dtype) for shape in ([3, 2], [4])]
    optimizer.build(weights)

    def update(*gradients):
        optimizer.apply_gradients(zip(gradients, weights))

    update = tf.function(update) if graph else update
    rows = []
    for step in range(steps):
        update(
            *[tf.constant(random.normal(size=w.shape) * 10.0 ** (step - 3), dtype) for w in weights]
        )
        rows.append(np.concatenate([weight.numpy().ravel() for weight in weights]))
    return np.stack(rows)


@pytest.mark.parametrize("name", sorted(PAIRS))
# Keras rounds beta_1 and beta_2 to float32 before it takes their powers, in float64 too.
@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-6), ("float64", 2e-6)])
@pytest.mark.parametrize("graph", [True, False])
def test_trajectory_is_that_of_keras(name, dtype, tolerance, graph):
    ours, theirs = (trajectory(maker(**settings()), dtype, graph=graph) for maker in PAIRS[name])
    assert np.abs(np.diff(theirs, axis=0)).max() > 0.05
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_checkpoint_of_keras_optimizer_is_continued(name, tmp_path):
    ours, theirs = (maker(**settings()) for maker in PAIRS[name])
    trajectory(theirs, "float32", steps=4)
    path = tf.train.Checkpoint(optimizer=theirs).save(str(tmp_path / "keras"))
    ours.build([tf.Variable(tf.zeros(shape)) for shape in ([3, 2], [4])])
    tf.train.Checkpoint(optimizer=ours).restore(path).assert_consumed()
    for mine, other in zip(ours.variables, theirs.variables):
        np.testing.assert_array_equal(mine, other)
    assert int(ours.iterations) == 4


@pytest.mark.parametrize("name", sorted(PAIRS))
@pytest.mark.parametrize("average_decay", [0.0, 0.99])
def test_trainings_use_one_operation_a_variable(name, average_decay):
    training = TrainingConfig(steps=2, optimizer=name, average_decay=average_decay)
    optimizer = make_optimizer(training)
    weights = [tf.Variable(tf.ones([2])) for _ in range(3)]
    optimizer.build(weights)

    @tf.function
    def update():
        optimizer.apply_gradients([(tf.ones([2]), weight) for weight in weights])

    operations = [op.type for op in update.get_concrete_function().graph.get_operations()]
    kind = {"adam": "ResourceApplyAdam", "adamax": "ResourceApplyAdaMax"}[name]
    assert operations.count(kind) == 3
    assert operations.count("AssignSubVariableOp") == (3 if average_decay else 0)
