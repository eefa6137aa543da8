"""A model of images whose rows are like the row above, for tests of the codec, and its export."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfgen import serving
from tfgen.codec import coding_signatures


class Rows(tf.Module):
    """A step is a row; the state counts the rows, and makes the lower ones surer."""

    def __init__(self, shape=(4, 6, 3), values=256, width=8.0):
        super().__init__()
        self.image_shape = list(shape)
        self.values = self.alphabet = values
        self.size = int(np.prod(shape))
        self.width = tf.Variable(width)

    @property
    def parts(self):
        return [self]

    def symbols(self, images):
        return tf.reshape(images, [-1, self.size])

    def images(self, symbols):
        return tf.reshape(symbols, [-1, *self.image_shape])

    def table(self, symbols, step, state):
        rows = tf.reshape(symbols, [-1, self.image_shape[0], np.prod(self.image_shape[1:])])
        above = tf.where(step > 0, rows[:, step - 1], tf.cast(self.values // 2, tf.uint8))
        count = tf.cond(step > 0, lambda: state + 1.0, lambda: tf.zeros([tf.shape(symbols)[0], 1]))
        distance = tf.abs(tf.range(float(self.values)) - tf.cast(above, tf.float32)[..., None])
        return tf.nn.softmax(-distance * (1.0 + count[..., None]) / self.width), count

    def log_prob(self, images):
        symbols, state, total = self.symbols(images), tf.zeros([tf.shape(images)[0], 0]), 0.0
        rows = tf.split(symbols, self.image_shape[0], axis=1)
        for step, row in enumerate(rows):
            table, state = self.table(symbols, tf.constant(step), state)
            chosen = tf.gather(table, tf.cast(row, tf.int32), axis=-1, batch_dims=2)
            total += tf.reduce_sum(tf.math.log(chosen), -1)
        return total

    def signatures(self):
        images = tf.TensorSpec([None, *self.image_shape], tf.uint8, name="images")

        @tf.function(input_signature=[images], autograph=False)
        def log_prob(images):
            return {"log_prob": self.log_prob(images)}

        return {"log_prob": log_prob, **coding_signatures(self)}


def export_of(model, directory):
    """Exports a model, or a dict of signatures, and loads it."""
    facts = {"name": directory.name, "system": "toy", "summary": "Rows."}
    serving.export(model, directory, serving.Card(**facts))
    return serving.load(directory)


def smooth(count, shape, values=256, seed=0):
    """Images that the model is good at, uint8 [count, *shape]."""
    steps = np.random.default_rng(seed).integers(-3, 4, [count, *shape])
    walk = values // 2 + np.cumsum(steps, axis=1)
    return np.clip(walk, 0, values - 1).astype(np.uint8)
