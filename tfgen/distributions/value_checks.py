"""What models ask of the integers that they are given."""

from __future__ import annotations

import tensorflow as tf

__all__ = ["in_range"]


def in_range(name: str, numbers: tf.Tensor, values: int) -> tf.Tensor:
    """The numbers, in whose graph stands a check that they are 0 .. values - 1.

    Args:
      name: of what they are: "images", "labels".
      numbers: pixels, classes or codes, of any shape.
      values: how many of them there are.

    Raises:
      tf.errors.InvalidArgumentError: they are not; "NAME of this model are ...".
    """
    numbers = tf.convert_to_tensor(numbers)
    if numbers.dtype == tf.uint8 and values == 256:
        return numbers
    points = tf.cast(numbers, tf.float32)
    fine = tf.reduce_all((points >= 0.0) & (points < float(values)))
    wanted = f"{name} of this model are 0 .. {values - 1}; got"
    # No joined string, which XLA could not compile.
    got = [wanted, tf.reduce_min(points), "..", tf.reduce_max(points)]
    with tf.control_dependencies([tf.debugging.Assert(fine, got)]):
        return tf.identity(numbers)
