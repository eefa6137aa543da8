"""tfgen: deep generative models for images and text on Keras and TensorFlow Probability.

The rooms (tfgen.distributions, tfgen.training, ...) and `GenerativeModel` are imported when they
are first asked for, so that `import tfgen` costs nothing.
"""

from __future__ import annotations

import importlib

__all__ = ["GenerativeModel", "__version__"]

__version__ = "0.1.0"

_ROOMS = (
    "bijectors",
    "codec",
    "data",
    "distributions",
    "initialisation",
    "job",
    "layers",
    "losses",
    "metrics",
    "randomness",
    "serving",
    "training",
)


def __getattr__(name: str):
    if name == "GenerativeModel":
        return importlib.import_module("tfgen.training").GenerativeModel
    if name in _ROOMS:
        return importlib.import_module(f"tfgen.{name}")
    raise AttributeError(f"module 'tfgen' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), "GenerativeModel", *_ROOMS])
