"""What a flow of images is measured at: a training step, a likelihood, samples."""

from __future__ import annotations

from typing import Callable, Dict

__all__ = ["TASKS", "count_parameters", "make_flow", "make_work"]

TASKS = ("training step", "likelihood", "sampling")


def make_flow(config):
    """An `ImageFlow` of a configuration, compiled as its trainings are, ActNorms set.

    Set from two images, whatever the batch, so that a small batch is all that has been in memory.
    """
    import tensorflow as tf

    from tfgen.training import make_optimizer
    from zoo.flows import ImageFlow
    from zoo.mar_scf import paper_training

    tf.keras.utils.set_random_seed(0)
    model = ImageFlow(config)
    model.compile(make_optimizer(paper_training(steps=1)))
    images = {"image": _images(model, 2)}
    model.initialise(images)
    # As `fit` does; otherwise the first step makes variables, and its graph is built twice.
    model.build_training(list(model.objective(images, training=False)))
    return model


def make_work(model) -> Dict[str, Callable[[int], object]]:
    """Functions of the number of images, by the names in `TASKS`.

    Each is one graph for any number of images, as an export has it, and waits for its result. The
    training step is the one that `fit` runs: objective, gradient, its norm, the check that it is
    finite, the optimizer, the reported means.

    Args:
      model: from `make_flow`.
    """
    import tensorflow as tf

    images = tf.TensorSpec([None, *model.image_shape], tf.uint8)
    number = tf.TensorSpec([], tf.int32)
    step = tf.function(
        lambda batch: model.train_step(batch), input_signature=[{"image": images}], autograph=False
    )
    score = tf.function(
        lambda batch: model.elbo(batch, 1), input_signature=[images], autograph=False
    )
    draw = tf.function(
        lambda count: model.sample(count, 1), input_signature=[number], autograph=False
    )
    return {
        "training step": lambda count: step({"image": _images(model, count)})["loss"].numpy(),
        "likelihood": lambda count: score(_images(model, count)).numpy(),
        "sampling": lambda count: draw(count).numpy(),
    }


def count_parameters(model) -> int:
    """How many numbers are trained."""
    return sum(variable.shape.num_elements() for variable in model.trainable_variables)


def _images(model, count):
    import numpy as np
    import tensorflow as tf

    pixels = np.random.RandomState(0).randint(0, model.config.values, [count, *model.image_shape])
    return tf.constant(pixels, tf.uint8)
