"""Batches of small images in planes, as the authors of CIFAR-10 began to store them."""

from __future__ import annotations

import pathlib
import zipfile
import zlib
from typing import Any, Callable, Dict

import numpy as np

from tfgen.data.plain_pickle import load_plain_pickle
from tfgen.data.published import UnusableFile

__all__ = ["from_planes", "read_planar_batch"]

Allocate = Callable[..., np.ndarray]


def read_planar_batch(
    path: pathlib.Path,
    size: int,
    classes: int,
    first_label: int = 0,
    allocate: Allocate = np.empty,
) -> Dict[str, np.ndarray]:
    """Reads a pickled dict, or an .npz file, of "data" uint8 [N, 3 size^2] and "labels" [N].

    Args:
      path: the file; a name that ends in .npz says that it is one.
      size: height and width of the images.
      classes: number of classes.
      first_label: number of the first class in the file; in the result it is 0.
      allocate: makes the array for the images, from a shape and a dtype.

    Returns:
      "image" uint8 [N, size, size, 3] and "label" int32 [N].

    Raises:
      UnusableFile: the content is not that.
      pickle.UnpicklingError: the pickle is damaged, or asks for more than data.
      OSError: the file cannot be read.
    """
    if not path.stat().st_size:
        raise UnusableFile("is empty (0 bytes)")
    if path.suffix == ".npz":
        content = _read_npz(path)
    else:
        content = load_plain_pickle(path)
    if not isinstance(content, dict):
        raise UnusableFile(f"holds a {type(content).__name__}, wanted a dict of data and labels")
    # Python 3 may have written the keys as bytes.
    content = {
        key.decode("latin1") if isinstance(key, bytes) else key: value
        for key, value in content.items()
    }
    if not {"data", "labels"} <= set(content):
        found = ", ".join(sorted(map(str, content))) or "nothing"
        raise UnusableFile(f"holds {found}; wanted data and labels")
    return from_planes(content["data"], content["labels"], size, classes, first_label, allocate)


def from_planes(
    planes: Any,
    labels: Any,
    size: int,
    classes: int,
    first_label: int = 0,
    allocate: Allocate = np.empty,
) -> Dict[str, np.ndarray]:
    """Images [N, size, size, 3] from rows that hold the red, the green and the blue plane.

    Args:
      planes: uint8 [N, 3 size^2].
      labels: integers [N].
      size, classes, first_label, allocate: as `read_planar_batch`.

    Returns:
      "image" uint8 [N, size, size, 3] and "label" int32 [N].

    Raises:
      UnusableFile: types, shapes or labels are others.
    """
    width = 3 * size * size
    if not isinstance(planes, np.ndarray) or planes.dtype != np.uint8:
        kind = getattr(planes, "dtype", type(planes).__name__)
        raise UnusableFile(f"has pixels of type {kind}, wanted an array of uint8")
    if planes.ndim != 2 or planes.shape[1] != width:
        raise UnusableFile(
            f"has pixels of shape {list(planes.shape)}, wanted [N, {width}] ({size} x {size} x 3)"
        )
    try:
        labels = np.asarray(labels)
    except ValueError:
        raise UnusableFile("has labels that are no list of integers") from None
    if labels.shape != (len(planes),):
        raise UnusableFile(f"has {len(planes)} images, but labels of shape {list(labels.shape)}")
    if labels.dtype.kind not in "iu":
        raise UnusableFile(f"has labels of type {labels.dtype}, wanted integers")
    labels = labels.astype(np.int64) - first_label
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise UnusableFile(
            f"has the label {wrong[0] + first_label}, wanted {first_label} to "
            f"{first_label + classes - 1}"
        )
    images = allocate((len(planes), size, size, 3), np.uint8)
    images[...] = planes.reshape(-1, 3, size, size).transpose(0, 2, 3, 1)
    return {"image": images, "label": labels.astype(np.int32)}


def _read_npz(path: pathlib.Path) -> Dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in ("data", "labels") if name in file.files}
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UnusableFile(f"is truncated or no .npz file ({error})") from None
