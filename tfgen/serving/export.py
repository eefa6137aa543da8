"""Export to SavedModel: small, complete, published at one stroke."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import importlib.metadata
import logging
import os
import pathlib
import platform
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

import tensorflow as tf

from tfgen.serving.card import STANDARD_DEFAULTS, Card
from tfgen.serving.compaction import compact_saved_model
from tfgen.serving.errors import ServingError
from tfgen.serving.graph_checks import check_servable
from tfgen.serving.publishing import publish, refuse_existing
from tfgen.serving.signatures import (
    concrete_signature,
    describe_signature,
    signature_functions,
    with_defaults,
)

__all__ = ["export"]

_LOG = logging.getLogger(__name__)
_PACKAGES = (
    *("tfgen", "tensorflow", "keras", "tensorflow-probability", "tensorflow-addons"),
    *("keras-nlp", "tf-models-official", "numpy"),
)


def export(
    model: Union[tf.Module, Mapping[str, Callable]],
    directory: Union[str, os.PathLike],
    card: Card,
    *,
    version: Optional[int] = None,
    max_megabytes: Optional[float] = None,
) -> pathlib.Path:
    """Writes `directory`/VERSION, a SavedModel that plain TensorFlow can serve.

    The new version appears complete or not at all (see `publish`); TensorFlow Serving may watch
    `directory` meanwhile.

    Only what the signatures use is saved: the variables, tables and assets that their graphs
    capture. Optimizer slots, averages and networks that only training needs stay out. Arguments
    that `card.defaults` names (count, seed, temperature) get that default inside the SavedModel.
    The first signature is also `serving_default`.

    Args:
      model: an object with `signatures()`, or what it returns: a dict of tf.functions, each with
        an input_signature of tensors, each returning a dict of tensors.
      directory: the export's directory, for example saved_models/vlvae_two_objects.
      card: the model card; signatures, versions and files are filled in (in a copy).
      version: the version number; the one after the newest if None.
      max_megabytes: refuse to publish more than this many MB (10^6 bytes).

    Returns:
      Path of the new version.

    Raises:
      ServingError: a signature cannot be served, the version exists, the size is over the limit,
        or the disk does not take it. Nothing is left behind then.
    """
    if not isinstance(card, Card):
        raise ServingError(f"An export needs a tfgen.serving.Card; got {card!r}.")
    directory = pathlib.Path(directory).absolute()
    refuse_existing(directory, version)
    functions = signature_functions(model)
    concrete = {name: concrete_signature(name, functions[name]) for name in functions}
    for name, function in concrete.items():
        check_servable(name, function)
    served = {name: with_defaults(name, concrete[name], card.defaults) for name in concrete}
    card = dataclasses.replace(
        card,
        signatures={name: describe_signature(served[name], concrete[name]) for name in served},
        versions=_versions(),
    )
    _check_defaults(card)
    root = _Root(list(concrete.values()))

    def write(path: pathlib.Path) -> None:
        tf.saved_model.save(
            root,
            str(path),
            signatures={"serving_default": next(iter(served.values())), **served},
            options=tf.saved_model.SaveOptions(
                save_debug_info=False, experimental_custom_gradients=False
            ),
        )
        compact_saved_model(path)
        card.files = _checksums(path)
        _check_size(card, directory, max_megabytes)
        os.makedirs(path / "assets.extra", exist_ok=True)
        card.write(path / "assets.extra")

    final = publish(directory, version, write)
    size = sum(entry["bytes"] for entry in card.files.values())
    _LOG.info("Exported %s: %.2f MB, signatures %s", final, size / 1e6, ", ".join(concrete))
    return final


class _Root(tf.Module):
    """Holds the variables, tables and assets that functions capture, and nothing else."""

    def __init__(self, functions):
        super().__init__(name="export")
        variables = {id(item): item for function in functions for item in function.variables}
        self.captured_variables = list(variables.values())
        handles = {id(tensor): tensor for f in functions for tensor in f.captured_inputs}
        held = {id(variable.handle) for variable in self.captured_variables}
        self.captured_resources = _owners(
            [
                tensor
                for key, tensor in handles.items()
                if key not in held and tensor.dtype in (tf.resource, tf.string)
            ]
        )


def _owners(handles: Sequence[tf.Tensor]) -> List[Any]:
    """The tables and assets of captured handles; they may live in closures, unseen by Keras.

    One look at all objects of the process finds the owners of all handles: gc.get_referrers takes
    such a look for each handle and for each dict that has it, seconds in a large process.
    """
    if not handles:
        return []
    classes = {tf.saved_model.experimental.TrackableResource, tf.saved_model.Asset}
    newest = list(classes)
    while newest:
        newest = [below for kind in newest for below in kind.__subclasses__()]
        classes.update(newest)
    wanted = {id(handle) for handle in handles}
    return [
        item
        for item in gc.get_objects()
        if type(item) in classes and not wanted.isdisjoint(map(id, vars(item).values()))
    ]


def _check_defaults(card: Card) -> None:
    arguments = {name for signature in card.signatures.values() for name in signature["inputs"]}
    stray = sorted(set(card.defaults) - arguments - set(STANDARD_DEFAULTS))
    if stray:
        raise ServingError(
            f"The card has defaults for {stray}, but the signatures take only {sorted(arguments)}."
        )
    card.defaults = {name: value for name, value in card.defaults.items() if name in arguments}


def _versions() -> Dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _checksums(directory: pathlib.Path) -> Dict[str, Any]:
    return {
        path.relative_to(directory).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def _check_size(card: Card, directory, max_megabytes) -> None:
    sizes = {path: entry["bytes"] / 1e6 for path, entry in card.files.items()}
    total = sum(sizes.values())
    if max_megabytes is not None and total > max_megabytes:
        parts = ", ".join(f"{path} {size:.2f} MB" for path, size in sizes.items())
        raise ServingError(
            f"The export to {directory} would be {total:.2f} MB, over the limit of "
            f"{max_megabytes} MB: {parts}."
        )
