"""Models made and compiled as their training's settings say."""

from __future__ import annotations

from typing import Callable, Optional, TypeVar

import tensorflow as tf

from tfgen.training.averaging import make_optimizer
from tfgen.training.generative_model import GenerativeModel
from tfgen.training.strategy import make_strategy, set_precision
from tfgen.training.training_config import TrainingConfig

__all__ = ["compiled"]

_Model = TypeVar("_Model", bound=GenerativeModel)


def compiled(
    make: Callable[[], _Model],
    training: TrainingConfig,
    precision: Optional[str] = None,
    seed: Optional[int] = None,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
) -> _Model:
    """Makes a model under its training's strategy and compiles it: optimizer, clipping, XLA.

        model = compiled(lambda: VAE(config, seed=0), training, "float32", seed=0)

    Args:
      make: makes the model; called in the strategy's scope.
      training: its strategy, optimizer, clip_norm and jit_compile. Its precision is not looked at:
        models that are measured and exported are of float32, whatever they were trained with.
      precision: for `set_precision` before; None leaves Keras' policy as it is.
      seed: of Keras' and TensorFlow's generators before; None leaves them as they are.
      beta_1, beta_2: decays of the moments of the gradient.

    Raises:
      ConfigError: there is no such precision or strategy.
    """
    if precision is not None:
        set_precision(precision)
    with make_strategy(training.strategy).scope():
        if seed is not None:
            tf.keras.utils.set_random_seed(seed)
        model = make()
        model.compile(
            make_optimizer(training, beta_1, beta_2),
            clip_norm=training.clip_norm,
            jit_compile=training.jit_compile,
        )
    return model
