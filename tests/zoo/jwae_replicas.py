"""Trains a tiny jWAE-MSE on one and on two logical CPUs; prints a JSON of how far they part."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys

import numpy as np
import tensorflow as tf

from tests.zoo.jwae_toy import VECTORS, vector_batch
from tfgen.data import array_source
from tfgen.training import RunDirectory, TrainingConfig, fit
from zoo.jwae import JWAE

TRAINING = TrainingConfig(steps=7, batch_size=8, steps_per_epoch=7)
CONFIG = dataclasses.replace(VECTORS, supervision="mse", discriminator_every=2)


def train(root, name, strategy):
    """Weights of both players before and after the steps, and the last report."""
    tf.keras.utils.set_random_seed(1)
    sgd = tf.keras.optimizers.SGD
    with strategy.scope():
        model = JWAE(CONFIG, seed=2)
        model.compile(sgd(0.05), discriminator_optimizer=sgd(0.2), clip_norm=1.0)
    start = {}

    class Start(tf.keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            start["weights"] = values(self.model)

    source = array_source({name: value.numpy() for name, value in vector_batch(30).items()})
    history = fit(
        model,
        source,
        TRAINING,
        RunDirectory(root, "toy", name),
        "jwae",
        validation=source,
        callbacks=[Start()],
        verbose=0,
    )
    return start["weights"], values(model), history.history["discriminator_loss"][-1]


def values(model):
    return [v.numpy() for v in [*model.trainable_variables, *model.discriminator.weights]]


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    root = pathlib.Path(sys.argv[1])
    one = tf.distribute.MirroredStrategy(["CPU:0"])
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    before, on_one, loss_on_one = train(root, "one", one)
    _, on_two, loss_on_two = train(root, "two", two)
    result = {
        "replicas": two.num_replicas_in_sync,
        "difference": max(float(np.abs(a - b).max()) for a, b in zip(on_one, on_two)),
        "moved": min(float(np.abs(a - b).max()) for a, b in zip(on_one, before)),
        "losses": [loss_on_one, loss_on_two],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
