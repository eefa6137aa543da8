"""The fused updates are Keras' own."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.training import (
    ConfigError,
    FusedAdam,
    FusedAdamax,
    GenerativeModel,
    TrainingConfig,
    make_optimizer,
)

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


class TwoParts(GenerativeModel):
    def __init__(self):
        super().__init__()
        self.slow = tf.keras.layers.Dense(1, use_bias=False)
        self.other = tf.keras.layers.Dense(1, use_bias=False)
        self.empty = None

    def objective(self, batch, training):
        return {
            "loss": tf.reduce_sum(tf.square(self.slow(batch["x"]) + self.other(batch["x"])), -1)
        }


def train_two_parts(**settings):
    """Weights of both parts, before and after three steps."""
    tf.keras.utils.set_random_seed(0)
    model = TwoParts()
    model.compile(make_optimizer(TrainingConfig(learning_rate=0.1, **settings)))
    x = tf.constant(np.random.RandomState(0).normal(size=[8, 3]), tf.float32)
    model.objective({"x": x}, False)
    before = [model.slow.kernel.numpy(), model.other.kernel.numpy()]
    model.fit(tf.data.Dataset.from_tensors({"x": x}).repeat(3), verbose=0)
    return before, [model.slow.kernel.numpy(), model.other.kernel.numpy()], x.numpy()


@pytest.mark.parametrize("optimizer", sorted(PAIRS))
@pytest.mark.parametrize("average_decay", [0.0, 0.9])
def test_parts_have_rates_and_momentum_of_their_own(optimizer, average_decay):
    before, after, x = train_two_parts(
        optimizer=optimizer,
        average_decay=average_decay,
        part_rates=["slow=0.25"],
        part_beta_1=["slow=0.0"],
    )
    makers = {"slow": (0.025, 0.0), "other": (0.1, 0.9)}
    weights = [tf.Variable(value) for value in before]
    optimizers = [PAIRS[optimizer][1](rate, beta_1=beta) for rate, beta in makers.values()]
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.reduce_sum(tf.square(x @ weights[0] + x @ weights[1]), -1))
        for maker, gradient, weight in zip(optimizers, tape.gradient(loss, weights), weights):
            maker.apply_gradients([(gradient, weight)])
    for got, wanted in zip(after, weights):
        np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-4, atol=1e-5)


def test_part_that_a_model_has_not_is_named():
    for name in ("sloow", "empty"):
        model = TwoParts()
        model.compile(make_optimizer(TrainingConfig(part_rates=[f"{name}=0.5"])))
        model.objective({"x": tf.zeros([1, 3])}, False)
        with pytest.raises(ConfigError, match=f"no part '{name}' .*other, slow"):
            model.build_training(["loss"])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"part_rates": ["slow"]}, "part_rates: got 'slow'; wanted part=number"),
        ({"part_rates": ["slow=-1"]}, "part_rates: got -1.0 for slow; wanted more than 0"),
        ({"part_beta_1": ["slow=1"]}, "part_beta_1: got 1.0 for slow; wanted 0 up to below 1"),
    ],
)
def test_settings_of_parts_are_checked(settings, message):
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**settings).validate()
