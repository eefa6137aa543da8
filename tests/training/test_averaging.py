"""The running average of the weights: its numbers, and swapping it in and out."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training.toy import ToyModel, toy_source, toy_training, weights
from tfgen.training import (
    AveragingAdam,
    AveragingAdamax,
    GenerativeModel,
    RunDirectory,
    averaged_weights,
    fit,
    make_optimizer,
    restart_averages,
    restore,
)


@pytest.mark.parametrize("kind", [AveragingAdam, AveragingAdamax])
def test_average_is_that_of_tf_train(kind):
    optimizer = kind(0.1, average_decay=0.4)
    variable = tf.Variable([1.0, -2.0])
    optimizer.build([variable])
    average = variable.numpy()
    for step in range(6):
        optimizer.apply_gradients([(tf.constant([1.0, 0.5 * step]), variable)])
        decay = min(0.4, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * variable.numpy()
        np.testing.assert_allclose(optimizer.average(variable).numpy(), average, rtol=1e-6)


@pytest.mark.parametrize("kind", [AveragingAdam, AveragingAdamax])
def test_average_is_of_weights_that_obey_their_constraint(kind):
    optimizer = kind(0.1, average_decay=0.4)
    variable = tf.Variable([1.0, 0.0], constraint=lambda value: value * [1.0, 0.0])
    optimizer.build([variable])
    for _ in range(3):
        optimizer.apply_gradients([(tf.constant([1.0, 1.0]), variable)])
        assert variable.numpy()[1] == optimizer.average(variable).numpy()[1] == 0.0
    assert variable.numpy()[0] < optimizer.average(variable).numpy()[0] < 1.0


@pytest.mark.parametrize("average_decay", [0.0, 0.4])
def test_adamax_is_that_of_its_paper(average_decay):
    """Kingma and Ba, Algorithm 2."""
    training = toy_training(optimizer="adamax", average_decay=average_decay, learning_rate=0.1)
    optimizer, variable = make_optimizer(training), tf.Variable([1.0, -2.0])
    optimizer.build([variable])
    weights, moment, norm = variable.numpy(), np.zeros(2), np.zeros(2)
    for step in range(1, 5):
        gradient = np.array([1.0, 0.5 * step - 1.2])
        optimizer.apply_gradients([(tf.constant(gradient, tf.float32), variable)])
        moment = 0.9 * moment + 0.1 * gradient
        norm = np.maximum(0.999 * norm, np.abs(gradient))
        weights = weights - 0.1 / (1.0 - 0.9**step) * moment / norm
        np.testing.assert_allclose(variable.numpy(), weights, rtol=1e-4)


@pytest.mark.parametrize("kind", [AveragingAdam, AveragingAdamax])
def test_optimizer_comes_back_from_its_configuration(kind):
    optimizer = kind.from_config(kind(0.1, average_decay=0.7).get_config())
    optimizer.build([tf.Variable(0.0)])
    optimizer.iterations.assign(1000)
    assert float(optimizer.ema_momentum) == pytest.approx(0.7)


@pytest.mark.parametrize("mixed", [False, True])
def test_swap_is_exact(tmp_path, mixed):
    training = toy_training(steps=6)
    model = ToyModel()
    optimizer = make_optimizer(training)
    if mixed:
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    model.compile(optimizer)
    model.fit(toy_source().batches(8, repeat=True), steps_per_epoch=6, verbose=0)
    raw = weights(model)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    with averaged_weights(model):
        for variable in model.trainable_variables:
            np.testing.assert_array_equal(variable.numpy(), inner.average(variable).numpy())
        assert not np.array_equal(weights(model)[0], raw[0])
    for one, other in zip(weights(model), raw):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(RuntimeError, match="inside"), averaged_weights(model):
        raise RuntimeError("inside")
    np.testing.assert_array_equal(weights(model)[0], raw[0])


class Normed(GenerativeModel):
    """Batch norm of x, whose moments follow the batches, and one weight."""

    def __init__(self):
        super().__init__()
        self.norm = tf.keras.layers.BatchNormalization(momentum=0.5, center=False)
        self.frozen = tf.keras.layers.BatchNormalization(trainable=False)

    def objective(self, batch, training):
        values = self.frozen(self.norm(batch["x"], training=training))
        return {"loss": tf.reduce_sum((values - 1.0) ** 2, -1)}


def test_averaged_weights_meet_averaged_moments(tmp_path):
    """At any step the moments are those of mean_t d_t ...: an average of averages, by hand."""
    training = toy_training(steps=1, steps_per_epoch=1, average_decay=0.6)
    model = Normed()
    model.compile(make_optimizer(training))
    batch = next(iter(toy_source().batches(8)))
    terms = model.objective(batch, training=False)
    model.build_training(list(terms))
    model.norm.moving_mean.assign([1.0, 2.0, 3.0])
    restart = [variable.numpy() for variable in (model.norm.moving_mean, model.norm.gamma)]
    restart_averages(model)
    averages = restart
    for step in range(4):
        model.train_step({"x": batch["x"] + float(step)})
        decay = min(0.6, (1 + step) / (10 + step))
        now = [model.norm.moving_mean.numpy(), model.norm.gamma.numpy()]
        averages = [decay * a + (1 - decay) * b for a, b in zip(averages, now)]
    raw = model.get_weights()
    with averaged_weights(model):
        np.testing.assert_allclose(model.norm.moving_mean, averages[0], rtol=1e-5)
        np.testing.assert_allclose(model.norm.gamma, averages[1], rtol=1e-5)
        assert np.abs(model.norm.moving_mean.numpy() - now[0]).max() > 0.1
    for one, other in zip(model.get_weights(), raw):
        np.testing.assert_array_equal(one, other)
    # A step that is skipped leaves the averages as they are.
    model.train_step({"x": batch["x"] * float("nan")})
    with averaged_weights(model):
        np.testing.assert_allclose(model.norm.moving_mean, averages[0], rtol=1e-5)
    saved = {
        name
        for name, _ in tf.train.list_variables(
            tf.train.Checkpoint(optimizer=model.optimizer).write(str(tmp_path / "slots"))
        )
    }
    assert len([name for name in saved if "moment_averages" in name]) == 2


def test_without_averages_the_swap_does_nothing():
    model = ToyModel()
    model.compile("adam")
    model.fit(toy_source().batches(8), verbose=0)
    raw = weights(model)
    with averaged_weights(model):
        for one, other in zip(weights(model), raw):
            np.testing.assert_array_equal(one, other)


def test_validation_and_the_fitted_model_use_the_average(tmp_path):
    training = toy_training(steps=6, steps_per_epoch=6)
    run = RunDirectory(tmp_path, "toy", "run")
    model = ToyModel()
    model.compile(make_optimizer(training), clip_norm=1.0)
    history = fit(model, toy_source(), training, run, "main", validation=toy_source(16), verbose=0)
    validation = toy_source(16).batches(8)
    assert history.history["val_loss"] == [
        pytest.approx(model.evaluate(validation, verbose=0, return_dict=True)["loss"], rel=1e-6)
    ]
    again = ToyModel()
    again.compile(make_optimizer(training), clip_norm=1.0)
    assert restore(again, toy_source(), training, run, "main", "best") == 6
    for one, other in zip(weights(model), weights(again)):
        np.testing.assert_array_equal(one, other)
