"""Arrays that are unpacked to files once, and mapped into memory from there."""

from __future__ import annotations

import math
import os
import pathlib
import shutil
import tempfile
from typing import Callable, Dict, Optional

import numpy as np

from tfgen.data.errors import DataError

__all__ = ["unpacked"]

Allocate = Callable[..., np.ndarray]


def unpacked(
    folder: Optional[str], key: str, make: Callable[[Allocate], Dict[str, np.ndarray]]
) -> Dict[str, np.ndarray]:
    """Arrays as `make` makes them; the large one in a file, if a folder is given.

    The files are called KEY.FEATURE.npy. They appear whole or not at all, and are taken from there
    next time.

    Args:
      folder: for the files; None keeps everything in memory.
      key: names the arrays, and has to change when what they are made from does.
      make: from a function like np.empty, with which it makes the array "image", to feature ->
        array.

    Returns:
      feature -> array; with a folder "image" is memory-mapped, for reading only.

    Raises:
      DataError: the disk is too full.
    """
    if folder is None:
        return make(np.empty)
    place = pathlib.Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    found = _read(place, key)
    if found is not None:
        return found
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=place) as partial:
        file = pathlib.Path(partial, "image")

        def allocate(shape, dtype):
            wanted = math.prod(shape) * np.dtype(dtype).itemsize
            free = shutil.disk_usage(place).free
            if wanted > free:  # A full disk would end the process, when the map is written to.
                raise DataError(
                    f"{place} has {free / 1e9:.1f} GB free, but unpacking {key} takes "
                    f"{wanted / 1e9:.1f} GB. Make room, or name another folder."
                )
            return np.lib.format.open_memmap(file, "w+", dtype, shape)

        arrays = make(allocate)
        arrays.pop("image").flush()
        for feature, array in arrays.items():
            with open(pathlib.Path(partial, feature), "wb") as other:
                np.save(other, array)
        # The images last: where they are, all is.
        for feature in [*arrays, "image"]:
            os.replace(pathlib.Path(partial, feature), place / f"{key}.{feature}.npy")
    return _read(place, key)


def _read(place: pathlib.Path, key: str) -> Optional[Dict[str, np.ndarray]]:
    """The arrays, or None if they are not there or not whole."""
    start, end = f"{key}.", ".npy"
    paths = {path.name[len(start) : -len(end)]: path for path in place.glob(f"{start}*{end}")}
    if "image" not in paths:
        return None
    try:
        arrays = {
            feature: np.load(path, mmap_mode="r" if feature == "image" else None)
            for feature, path in paths.items()
        }
    except (OSError, ValueError, EOFError):
        return None
    return arrays if len({len(array) for array in arrays.values()}) == 1 else None
