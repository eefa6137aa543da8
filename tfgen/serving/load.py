"""Loading an export back, with TensorFlow and NumPy alone."""

from __future__ import annotations

import hashlib
import inspect
import os
import pathlib
import re
from typing import Any, Dict, Union

import numpy as np
import tensorflow as tf

from tfgen.serving.card import Card
from tfgen.serving.card_page import describe_tensor
from tfgen.serving.errors import ServingError
from tfgen.serving.layout import find_version

__all__ = ["LoadedModel", "load"]


def load(path: Union[str, os.PathLike]) -> "LoadedModel":
    """Loads an export.

    ```python
    model = tfgen.serving.load("saved_models/vlvae_two_objects")
    images = model.images_from_text(["small red rubber sphere left large blue metal cube"])
    model.card.metrics["correctness_q_agg"]
    ```

    Args:
      path: a version directory, or the directory above it, of which the newest version is taken.

    Returns:
      A `LoadedModel`.

    Raises:
      ServingError: there is no export, a file is missing or damaged, or it is not one of ours.
    """
    version = find_version(path)
    if not (version / "assets.extra" / "card.json").exists():
        raise ServingError(
            f"{version} is a SavedModel without assets.extra/card.json, so tfgen did not export "
            "it, or the card was lost. tf.saved_model.load can still read it."
        )
    card = Card.read(version)
    _check_files(version, card)
    try:
        saved = tf.saved_model.load(str(version))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ServingError(f"{version} cannot be loaded: {error}") from error
    missing = sorted(set(card.signatures) - set(saved.signatures))
    if missing:
        raise ServingError(f"{version} lacks the signatures {missing} that its card promises.")
    return LoadedModel(saved, version, card)


class LoadedModel:
    """An export with one Python method for each of its signatures.

    The methods take numpy arrays, lists, numbers and strings by name (or in order), check them,
    and return a dict of numpy arrays; strings come back as object arrays of str.
    `help(model.sample)` shows the arguments.

    Attributes:
      card: the model card.
      path: the version directory.
      signatures: name -> {"inputs", "outputs"}, each name -> {"dtype", "shape", "default"}.
    """

    def __init__(self, saved, path: pathlib.Path, card: Card):
        self.path = path
        self.card = card
        self.signatures: Dict[str, Any] = card.signatures
        self._saved = saved
        for name, description in card.signatures.items():
            setattr(self, name, _method(name, description, saved))

    def run(self, name: str, **tensors: tf.Tensor) -> Dict[str, tf.Tensor]:
        """A signature as TensorFlow has it: tensors in, tensors out, neither checked nor copied.

        Raises:
          ServingError: the graph refused the request.
        """
        return _run(self._saved, name, tensors)

    def __repr__(self) -> str:
        calls = ", ".join(f"{name}{getattr(self, name).__signature__}" for name in self.signatures)
        return f"<{self.card.name} version {self.path.name}: {calls}>"


def _run(saved, name, tensors) -> Dict[str, tf.Tensor]:
    try:
        return saved.signatures[name](**tensors)
    except tf.errors.OpError as error:
        raise ServingError(f"{name}: {_human(error)}") from None


def _method(name, description, saved):
    # The method refers to the whole SavedModel, which frees its variables when it goes, whatever
    # functions of it still live.
    inputs, outputs = description["inputs"], description["outputs"]
    parameters = [
        inspect.Parameter(
            key,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=spec.get("default", inspect.Parameter.empty),
        )
        for key, spec in inputs.items()
    ]
    signature = inspect.Signature(parameters)
    wanted = f"{name}(" + ", ".join(f"{k}: {describe_tensor(v)}" for k, v in inputs.items()) + ")"

    def call(*values, **named):
        unknown = [key for key in named if key not in inputs]
        if unknown:
            raise ServingError(f"{name} has no argument {unknown[0]!r}. Wanted: {wanted}.")
        try:
            bound = signature.bind(*values, **named)
        except TypeError as error:
            raise ServingError(f"{name}: {error}. Wanted: {wanted}.") from None
        bound.apply_defaults()
        tensors = {
            key: tf.constant(_as_array(value, inputs[key], f"{name}: {key}", wanted))
            for key, value in bound.arguments.items()
        }
        results = _run(saved, name, tensors)
        return {key: _as_numpy(results[key]) for key in outputs}

    call.__name__ = call.__qualname__ = name
    call.__signature__ = signature
    gives = "\n".join(f"  {key}: {describe_tensor(spec)}" for key, spec in outputs.items())
    call.__doc__ = f"{wanted}\n\nReturns a dict of:\n{gives}"
    return call


def _as_array(value, spec, where, wanted) -> np.ndarray:
    """The argument as an array of exactly the wanted dtype, or a ServingError."""
    dtype = tf.as_dtype(spec["dtype"])

    def refuse(got):
        return ServingError(f"{where} is {got}; wanted {describe_tensor(spec)}. Call: {wanted}.")

    if isinstance(value, (str, bytes)) and spec["shape"] == [None]:
        value = [value]
    if isinstance(value, tf.Tensor):
        value = value.numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise refuse("a ragged list, whose rows differ in length") from None
    if dtype == tf.string:
        array = _as_bytes(array, refuse)
    else:
        array = _as_numbers(array, dtype.as_numpy_dtype, refuse)
    if not tf.TensorShape(spec["shape"]).is_compatible_with(array.shape):
        raise refuse(f"an array of shape {list(array.shape)}")
    return array


def _as_bytes(array, refuse):
    if array.size == 0:
        return array.astype(object)
    if array.dtype.kind not in "OUS" or not all(
        isinstance(text, (str, bytes)) for text in array.ravel()
    ):
        raise refuse(_kind(array))
    encoded = [t.encode() if isinstance(t, str) else bytes(t) for t in array.ravel().tolist()]
    result = np.empty(array.shape, object)
    result.ravel()[...] = encoded
    return result


def _as_numbers(array, dtype, refuse):
    kind = np.dtype(dtype).kind
    if array.dtype.kind not in "biuf" or (kind == "b") != (array.dtype.kind == "b"):
        raise refuse(_kind(array))
    if kind in "iu" and array.size:
        if array.dtype.kind == "f":
            hint = " (images hold whole numbers from 0 to 255)" if dtype == np.uint8 else ""
            raise refuse(f"{_kind(array)}{hint}")
        limits = np.iinfo(dtype)
        low, high = int(array.min()), int(array.max())
        if low < limits.min or high > limits.max:
            got = f"{low}" if array.ndim == 0 else f"an array of values from {low} to {high}"
            raise refuse(f"{got}, out of the range of {np.dtype(dtype)}")
    return array.astype(dtype)


def _kind(array) -> str:
    return repr(array.item()) if array.ndim == 0 else f"an array of {array.dtype}"


def _as_numpy(tensor) -> np.ndarray:
    array = tensor.numpy()
    if tensor.dtype != tf.string:
        return array
    texts = np.empty(tensor.shape.as_list(), object)
    texts[...] = np.vectorize(_text, otypes=[object])(array) if texts.size else texts
    return texts


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _human(error: tf.errors.OpError) -> str:
    """The message of an in-graph assertion without TensorFlow's wrapping, else its first line."""
    found = re.search(r"assertion failed: \[(.*)\]", error.message)
    if found:
        return re.sub(r"\\(['\"\\])", r"\1", found.group(1)).replace("] [", " ").strip()
    wrapping = ("Graph execution error", "Detected at node", "File ", "<stack traces", "[[{{node")
    lines = [line.strip() for line in error.message.splitlines()]
    telling = [line for line in lines if line and not any(mark in line for mark in wrapping)]
    return telling[-1] if telling else error.message.strip()


def _check_files(version: pathlib.Path, card: Card) -> None:
    """Compares every file with the card: a damaged weight would otherwise go unnoticed."""
    for name, entry in card.files.items():
        try:
            content = (version / name).read_bytes()
        except FileNotFoundError:
            raise ServingError(
                f"{version / name} is missing; the export is not complete."
            ) from None
        except OSError as error:
            raise ServingError(f"{version / name} cannot be read: {error}.") from None
        if len(content) != entry["bytes"]:
            raise ServingError(
                f"{version / name} is damaged: it has {len(content)} bytes, not {entry['bytes']}."
            )
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise ServingError(
                f"{version / name} is damaged: its content is not what was exported."
            )
