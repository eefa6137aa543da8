"""Data-dependent initialisation: layers that set their scales from the first batch they see."""

from __future__ import annotations

import contextlib
import threading

import tensorflow as tf

__all__ = ["data_dependent_initialisation", "initialising", "standardise"]

_SMALLEST_DEVIATION = 1e-6

_state = threading.local()


@contextlib.contextmanager
def data_dependent_initialisation():
    """While it is open, activation and weight normalisations set themselves from their inputs.

    ```python
    from tfgen.bijectors import ActNorm

    flow, first_batch = ActNorm(3), tf.random.normal([8, 4, 4, 3], 5.0, 2.0)
    with data_dependent_initialisation():
        latents = flow.inverse(first_batch)  # eager: each normalisation sets its variables
    ```

    Run the model once in eager mode, outside of tf.function and of the replicas of a strategy
    (but within its scope): each layer standardises its own output on that batch before the next
    one sees it. `tfgen.training.fit` does so with the first batch of a new training, for every
    model that has `initialise(batch)`; a resumed one finds its values in the checkpoint.

    #### References
    [1]: Salimans and Kingma. Weight Normalization. NeurIPS 2016. Section 3.
    [2]: Kingma and Dhariwal. Glow. NeurIPS 2018. Section 3.1.
    """
    before = initialising()
    _state.active = True
    try:
        yield
    finally:
        _state.active = before


def initialising() -> bool:
    """Whether a data-dependent initialisation is under way in this thread."""
    return getattr(_state, "active", False)


def standardise(values: tf.Tensor, bias: tf.Variable, log_scale: tf.Variable, name: str) -> None:
    """Sets bias and log_scale so that (values + bias) exp(log_scale) is standardised per channel.

    Mean and variance are over all axes but the last. A channel that is constant keeps scale 1: its
    spread is not known, and 1 / 0 would be no better guess.

    Args:
      values: [..., C].
      bias, log_scale: [C] each.
      name: of the layer, for the error.

    Raises:
      RuntimeError: inside a graph, where variables are not set at once.
    """
    if not tf.executing_eagerly():
        raise RuntimeError(
            f"{name} sets itself from data in eager mode; got a graph. Call the model "
            "outside of tf.function while data_dependent_initialisation is open."
        )
    # In float64, so that rounding does not give a constant channel a spread.
    axes = list(range(values.shape.rank - 1))
    mean, variance = tf.nn.moments(tf.cast(values, tf.float64), axes=axes)
    deviation = tf.sqrt(variance)
    deviation = tf.where(deviation < _SMALLEST_DEVIATION, tf.ones_like(deviation), deviation)
    bias.assign(tf.cast(-mean, bias.dtype))
    log_scale.assign(tf.cast(-tf.math.log(deviation), log_scale.dtype))
