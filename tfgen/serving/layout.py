"""The directory layout of TensorFlow Serving: NAME/VERSION/saved_model.pb."""

from __future__ import annotations

import difflib
import os
import pathlib
from typing import List, Union

from tfgen.serving.errors import ServingError

__all__ = ["RESERVED_NAMES", "find_version", "versions_in"]

# Attributes of a loaded model, and the name TensorFlow gives to the first signature.
RESERVED_NAMES = frozenset({"card", "path", "run", "signatures", "serving_default"})


def versions_in(directory: Union[str, os.PathLike]) -> List[int]:
    """The version numbers in an export's directory, ascending; [] if there is none."""
    directory = pathlib.Path(directory)
    if not directory.is_dir():
        return []
    names = [path.name for path in directory.iterdir() if path.is_dir()]
    return sorted(int(name) for name in names if name.isdecimal())


def find_version(path: Union[str, os.PathLike]) -> pathlib.Path:
    """The version directory that `path` means: itself, or the newest version in it.

    Raises:
      ServingError: there is no export; the message says what was found instead.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise ServingError(f"There is no export at {path}.{_neighbours(path)}")
    if path.name == "saved_model.pb":
        path = path.parent
    if not path.is_dir():
        raise ServingError(f"{path} is a file; an export is a directory with saved_model.pb in it.")
    if (path / "saved_model.pb").is_file():
        return path
    versions = versions_in(path)
    if not versions:
        raise ServingError(
            f"{path} is no export: it has neither a saved_model.pb nor numbered versions "
            f"(it has {_some(path) or 'nothing'})."
        )
    newest = path / str(versions[-1])
    if not (newest / "saved_model.pb").is_file():
        raise ServingError(f"The newest version, {newest}, has no saved_model.pb.")
    return newest


def _neighbours(path: pathlib.Path) -> str:
    parent = path.parent
    if not parent.is_dir():
        return f" {parent} does not exist either."
    names = sorted(entry.name for entry in parent.iterdir() if entry.is_dir())
    near = difflib.get_close_matches(path.name, names, n=1)
    return (
        f" Did you mean {parent / near[0]}?"
        if near
        else f" {parent} has {_some(parent) or 'nothing'}."
    )


def _some(directory: pathlib.Path) -> str:
    names = sorted(entry.name for entry in directory.iterdir() if not entry.name.startswith("."))
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
