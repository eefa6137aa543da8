"""Moves networks away from their special initial weights, the same way every time."""

import numpy as np


def perturb(module, scale=0.5, seed=0):
    """Adds N(0, (scale / sqrt(fan_in))^2) to every trainable variable; returns the module.

    As after a step of an optimizer, constraints of the variables (masks) hold afterwards.
    """
    random = np.random.RandomState(seed)
    for variable in module.trainable_variables:
        fan_in = np.prod(variable.shape[:-1]) if variable.shape.rank > 1 else 1
        noise = random.normal(size=variable.shape) * scale / np.sqrt(fan_in)
        variable.assign_add(noise.astype(variable.dtype.as_numpy_dtype))
        if getattr(variable, "constraint", None) is not None:
            variable.assign(variable.constraint(variable))
    return module
