"""fit: what it does with steps, epochs, phases, validation and wrong settings."""

import numpy as np
import pytest
import tensorflow as tf

from tests.properties import assert_variables_agree
from tests.training.toy import ToyModel, toy_source, toy_training, weights
from tfgen.training import (
    ConfigError,
    NonFiniteError,
    RunDirectory,
    fit,
    make_optimizer,
    make_strategy,
)
from tfgen.training.fit import _segments


def toy(training, **settings):
    model = ToyModel(**settings)
    model.compile(make_optimizer(training), clip_norm=training.clip_norm)
    return model


@pytest.mark.parametrize(
    "step, steps, size, expected",
    [
        (0, 20, 5, [(0, 4, 5)]),
        (0, 20, 6, [(0, 3, 6), (3, 4, 2)]),
        (0, 4, 6, [(0, 1, 4)]),
        (3, 20, 6, [(0, 1, 3), (1, 3, 6), (3, 4, 2)]),
        (12, 20, 6, [(2, 3, 6), (3, 4, 2)]),
        (15, 20, 6, [(2, 3, 3), (3, 4, 2)]),
        (19, 20, 6, [(3, 4, 1)]),
        (1, 4, 6, [(0, 1, 3)]),
        (20, 20, 5, []),
    ],
)
def test_segments(step, steps, size, expected):
    assert _segments(step, toy_training(steps=steps, steps_per_epoch=size)) == expected


def test_epochs_validation_and_checkpoints(tmp_path):
    training = toy_training(
        steps=20, steps_per_epoch=6, checkpoint_every_epochs=2, validation_examples=20
    )
    run = RunDirectory(tmp_path, "toy", "run")
    counted = []

    class Count(tf.keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            counted.append(batch)

    history = fit(
        toy(training),
        toy_source(),
        training,
        run,
        "main",
        validation=toy_source(30),
        callbacks=[Count()],
        verbose=0,
    )
    assert history.epoch == [0, 1, 2, 3]
    assert history.history["step"] == [6, 12, 18, 20]
    # 20 of the 30 examples, in whole batches of 8.
    assert counted == [0, 1] * 4
    # An epoch in two, and the end; the newest two are kept.
    phase = run.checkpoints("main")
    assert sorted(path.stem for path in (phase / "last").glob("*.index")) == ["ckpt-12", "ckpt-20"]
    best = history.history["step"][int(np.argmin(history.history["val_loss"]))]
    assert [path.stem for path in (phase / "best").glob("*.index")] == [f"ckpt-{best}"]


def test_a_finished_phase_is_loaded_and_not_trained(tmp_path):
    training = toy_training(steps=7)
    run = RunDirectory(tmp_path, "toy", "run")
    first, second = toy(training), toy(training, seed=99)
    expected = fit(first, toy_source(), training, run, "main", verbose=0)

    def forbidden(indices):
        tf.debugging.assert_less(tf.size(indices), 3, "trained again")
        return toy_source().load(indices)

    source = toy_source()
    source = type(source)(source.count, forbidden, source.features)
    history = fit(second, source, training, run, "main", verbose=0)
    assert history.history == expected.history
    for one, other in zip(weights(first), weights(second)):
        np.testing.assert_array_equal(one, other)


def test_data_dependent_initialisation_sees_the_first_batch_of_a_new_training(tmp_path):
    seen = []

    class Initialised(ToyModel):
        def initialise(self, batch):
            assert not tf.inside_function()
            seen.append(batch["index"].numpy())
            self.words.embeddings.assign(tf.ones_like(self.words.embeddings))

    def train(steps):
        training = toy_training(steps=steps, learning_rate=1e-9)
        with make_strategy(training.strategy).scope():
            model = Initialised()
            model.compile(make_optimizer(training))
        fit(model, toy_source(), training, run, "main", seed=5, verbose=0)
        return model

    run = RunDirectory(tmp_path, "toy", "run")
    model = train(steps=6)
    first = next(iter(toy_source().batches(8, seed=5, shuffle=True, repeat=True)))["index"]
    np.testing.assert_array_equal(seen, [first.numpy()])
    np.testing.assert_allclose(model.words.embeddings, np.ones([5, 2]), atol=1e-5)
    train(steps=12)
    assert len(seen) == 1


def test_phases_do_not_know_of_one_another(tmp_path):
    training = toy_training(steps=7)
    run = RunDirectory(tmp_path, "toy", "run")
    model = toy(training)
    fit(model, toy_source(), training, run, "first", verbose=0)
    after_first = weights(model)
    model.compile(make_optimizer(training))
    fit(model, toy_source(), training, run, "second", verbose=0)
    assert int(model.step.numpy()) == 7
    assert not np.array_equal(weights(model)[0], after_first[0])
    # As a resumed run does it: load the first phase, load the second.
    again = toy(training)
    fit(again, toy_source(), training, run, "first", verbose=0)
    np.testing.assert_array_equal(weights(again)[0], after_first[0])
    fit(again, toy_source(), training, run, "second", verbose=0)
    np.testing.assert_array_equal(weights(again)[0], weights(model)[0])


def test_stops_after_too_many_nonfinite_steps(tmp_path):
    training = toy_training(steps=20, max_nonfinite_steps=2)
    model = toy(training, nan_from=8, nan_term="kl")
    with pytest.raises(NonFiniteError) as error:
        fit(model, toy_source(), training, RunDirectory(tmp_path, "toy", "run"), "main", verbose=0)
    assert "3 steps were not finite, 2 are allowed" in str(error.value)
    assert "first bad term was 'kl'" in str(error.value)
    assert all(np.all(np.isfinite(weight)) for weight in weights(model))


def test_wrong_settings(tmp_path):
    run = RunDirectory(tmp_path, "toy", "run")
    with pytest.raises(ConfigError, match="ToyModel is not compiled"):
        fit(ToyModel(), toy_source(), toy_training(), run, "main")
    regularized = toy(toy_training())
    regularized.decoder.kernel_regularizer = tf.keras.regularizers.L2(1.0)
    with pytest.raises(ConfigError, match="ToyModel has 1 losses of its layers"):
        fit(regularized, toy_source(), toy_training(), run, "main")
    with pytest.raises(ConfigError, match="steps: got 0"):
        fit(toy(toy_training()), toy_source(), toy_training(steps=0), run, "main")


def test_batch_size_must_suit_the_replicas(tmp_path, monkeypatch):
    training = toy_training(batch_size=10)
    model = toy(training)
    monkeypatch.setattr(type(model.distribute_strategy), "num_replicas_in_sync", 4)
    with pytest.raises(ConfigError, match="got 10 for 4 replicas; .* for example 8 or 12"):
        fit(model, toy_source(), training, RunDirectory(tmp_path, "toy", "run"), "main")


def test_trainable_variables_gradients_and_checkpoint_agree():
    model = toy(toy_training())
    assert_variables_agree(model, next(iter(toy_source().batches(4))))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_learns(tmp_path, policy):
    training = toy_training(steps=30, steps_per_epoch=15)
    tf.keras.mixed_precision.set_global_policy(policy)
    run = RunDirectory(tmp_path, "toy", "run")
    try:
        model, again = toy(training, noise=0.0), toy(training, noise=0.0)
        history = fit(model, toy_source(), training, run, "main", verbose=0).history
        fit(again, toy_source(), training, run, "main", verbose=0)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert isinstance(model.optimizer, tf.keras.mixed_precision.LossScaleOptimizer) == (
        policy == "mixed_float16"
    )
    assert history["loss"][1] < 0.8 * history["loss"][0]
    assert history["nonfinite_steps"] == [0, 0]
    assert all(variable.dtype == tf.float32 for variable in model.trainable_variables)
    for one, other in zip(weights(model), weights(again)):
        np.testing.assert_array_equal(one, other)
