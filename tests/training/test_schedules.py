"""Numbers of the warm-up and of the learning-rate schedules."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen.training import (
    ScheduleConfig,
    TrainingConfig,
    learning_rate_schedule,
    linear_warmup,
    make_optimizer,
)


def test_linear_warmup():
    values = [float(linear_warmup(step, 4)) for step in range(7)]
    assert values == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert float(linear_warmup(0, 0)) == 1.0
    step = tf.Variable(1, dtype=tf.int64)
    inside = tf.function(lambda: linear_warmup(step, 4))
    assert float(inside()) == 0.25
    step.assign(3)
    assert float(inside()) == 0.75


def rates(steps, **settings):
    rate = learning_rate_schedule(
        TrainingConfig(steps=100, learning_rate=0.2, schedule=ScheduleConfig(**settings))
    )
    return [float(rate(step)) if callable(rate) else rate for step in steps]


@pytest.mark.parametrize(
    "settings, steps, expected",
    [
        ({}, [0, 50], [0.2, 0.2]),
        (
            {"type": "cosine"},
            [0, 25, 50, 100, 200],
            [0.2, 0.1 * (1 + math.cos(math.pi / 4)), 0.1, 0.0, 0.0],
        ),
        ({"type": "cosine", "end_factor": 0.5, "decay_steps": 50}, [0, 50], [0.2, 0.1]),
        ({"type": "polynomial", "power": 2.0}, [0, 50, 100], [0.2, 0.05, 0.0]),
        (
            {"type": "exponential", "decay_rate": 0.5, "decay_steps": 10},
            [0, 10, 15],
            [0.2, 0.1, 0.2 * 0.5**1.5],
        ),
        (
            {"type": "stepwise", "boundaries": [10, 20], "factors": [0.1, 0.01]},
            [0, 9, 10, 19, 20],
            [0.2, 0.2, 0.02, 0.02, 0.002],
        ),
        ({"warmup_steps": 10}, [0, 5, 10, 50], [0.0, 0.1, 0.2, 0.2]),
        ({"type": "polynomial", "warmup_steps": 50}, [0, 25, 50, 75], [0.0, 0.05, 0.1, 0.05]),
    ],
)
def test_learning_rates(settings, steps, expected):
    np.testing.assert_allclose(rates(steps, **settings), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", ["adam", "adamax"])
@pytest.mark.parametrize("average_decay", [0.0, 0.9])
def test_betas_are_those_of_keras_unless_they_are_given(name, average_decay):
    training = TrainingConfig(optimizer=name, average_decay=average_decay)
    optimizer = make_optimizer(training)
    assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)
    optimizer = make_optimizer(training, beta_1=0.95, beta_2=0.9995)
    assert (optimizer.beta_1, optimizer.beta_2) == (0.95, 0.9995)


def test_optimizer_follows_the_schedule_and_decays_weights():
    training = TrainingConfig(
        steps=4, learning_rate=0.5, weight_decay=0.1, schedule=ScheduleConfig(type="polynomial")
    )
    optimizer = make_optimizer(training)
    variable = tf.Variable([2.0])
    seen = []
    for _ in range(3):
        optimizer.apply_gradients([(tf.zeros([1]), variable)])
        seen.append(float(optimizer.learning_rate))
    # Without a gradient Adam moves nothing, and the decoupled decay is rate * weight_decay.
    np.testing.assert_allclose(seen, [0.5, 0.375, 0.25])
    expected = 2.0 * (1 - 0.05) * (1 - 0.0375) * (1 - 0.025)
    np.testing.assert_allclose(variable.numpy(), [expected], rtol=1e-6)
