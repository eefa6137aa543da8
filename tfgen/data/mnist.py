"""MNIST, and sets in its format, from the user's disk."""

from __future__ import annotations

import gzip
import math
import pathlib
import zlib
from typing import Dict, Optional

import numpy as np

from tfgen.data.array_source import array_splits
from tfgen.data.errors import DataError, Problems
from tfgen.data.published import (
    UnusableFile,
    check_counts,
    noting,
    read_prepared,
    refuse_files,
)
from tfgen.data.source import Splits

__all__ = ["mnist"]

_PARTS = {"train": "train", "test": "t10k"}
_KINDS = {"image": ("images-idx3-ubyte", 3), "label": ("labels-idx1-ubyte", 1)}
_FOLDERS = (".", "raw", "MNIST/raw")
_SIDE = 28
_COUNTS = {"training images": 60000, "test images": 10000}
_UNSIGNED_BYTE = 0x08
_LAYOUT = (
    "Wanted the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, "
    "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, as they are or with .gz, or a data folder "
    "of tensorflow_datasets in which mnist is prepared"
)


def mnist(
    directory: Optional[str] = None,
    validation_share: float = 0.1,
    seed: int = 0,
    *,
    allow_partial: bool = False,
) -> Splits:
    """MNIST [1]: 70 000 handwritten digits of 28 x 28 pixels with 256 grey levels.

    Part of the 60 000 training digits are the validation split: they are chosen by what they look
    like (see `array_splits`), so the choice is the same whichever form the data comes in. The test
    split is the set's own. Fashion-MNIST and KMNIST come in the same files and can be read too.

    Args:
      directory: a folder with the four files in the authors' IDX format, compressed by gzip or
        not (they may also lie in raw/ or MNIST/raw/, as torchvision has it), or a data folder of
        tensorflow_datasets in which `mnist` is prepared. None takes the data folder that
        tensorflow_datasets uses by default.
      validation_share: share of the training digits that validate. With 0 the test split is the
        validation split.
      seed: of the choice of these.
      allow_partial: takes any number of digits, for tests; otherwise 60 000 and 10 000 are wanted.

    Returns:
      Splits with the features "image" uint8 [28, 28, 1] and "label" int32 [].

    Raises:
      DataError: the data cannot be used; the message says which file, why, and what to do.

    #### References
    [1] LeCun, Bottou, Bengio and Haffner. Gradient-Based Learning Applied to Document Recognition.
        Proceedings of the IEEE 86(11), 1998. The format: yann.lecun.com/exdb/mnist.
    """
    files = None if directory is None else _find_files(pathlib.Path(directory))
    if files is None:
        origin = "tensorflow_datasets"
        parts = {
            split: read_prepared("mnist", directory, split, (_SIDE, _SIDE, 1)) for split in _PARTS
        }
    else:
        origin, parts = "IDX files", _read_files(files)
    found = dict(zip(_COUNTS, (len(parts[split]["image"]) for split in _PARTS)))
    check_counts(f"MNIST in {directory or origin}", found, _COUNTS, allow_partial)
    return array_splits(
        parts["train"],
        parts["test"],
        validation_share=validation_share,
        seed=seed,
        description={
            "name": "mnist",
            "origin": origin,
            "image_shape": [_SIDE, _SIDE, 1],
            "levels": 256,
            "classes": 10,
        },
    )


def _find_files(root: pathlib.Path) -> Optional[Dict[str, pathlib.Path]]:
    """Name -> path of the four files; None if the folder is one of tensorflow_datasets."""
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. {_LAYOUT}.")
    names = [f"{part}-{kind}" for part in _PARTS.values() for kind, _ in _KINDS.values()]
    places = {}
    for name in names:
        # Unpacking programs write train-images.idx3-ubyte.
        spellings = (name, name.replace("-idx", ".idx"))
        candidates = [
            root / folder / (spelling + suffix)
            for folder in _FOLDERS
            for spelling in spellings
            for suffix in ("", ".gz")
        ]
        found = [path for path in candidates if path.is_file()]
        if found:
            places[name] = found[0]
    if not places and (root / "mnist").is_dir():
        return None
    missing = [name for name in names if name not in places]
    if missing:
        raise DataError(f"{root} lacks {len(missing)} of 4 files: {', '.join(missing)}. {_LAYOUT}.")
    return places


def _read_files(places) -> Dict[str, Dict[str, np.ndarray]]:
    problems = Problems("files of MNIST")
    parts = {}
    for split, part in _PARTS.items():
        parts[split] = {}
        for feature, (kind, rank) in _KINDS.items():
            path = places[f"{part}-{kind}"]
            with noting(problems, path):
                parts[split][feature] = _check(_read_idx(path, rank))
        if len(parts[split]) == 2:
            images, labels = (len(parts[split][feature]) for feature in ("image", "label"))
            if images != labels:
                problems.add(
                    str(path), f"has {labels} labels, but there are {images} images beside it"
                )
    refuse_files(problems, len(places), "Fetch these files again.")
    return parts


def _check(array: np.ndarray) -> np.ndarray:
    """Images as [N, 28, 28, 1] or labels as int32 [N]."""
    if array.ndim == 1:
        if array.size and array.max() > 9:
            raise UnusableFile(f"has the label {array.max()}, wanted 0 to 9")
        return array.astype(np.int32)
    if array.shape[1:] != (_SIDE, _SIDE):
        raise UnusableFile(
            f"has images of {array.shape[1]}x{array.shape[2]} pixels, wanted {_SIDE}x{_SIDE}"
        )
    return array[..., np.newaxis]


def _read_idx(path: pathlib.Path, rank: int) -> np.ndarray:
    """The unsigned bytes of an IDX file of `rank` axes.

    Two zero bytes, one for the type, one for the rank; the axes' sizes, big-endian 32-bit; the
    values.
    """
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except EOFError:
            raise UnusableFile("is truncated (its gzip stream has no end)") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise UnusableFile(f"is damaged ({error})") from None
    wanted = bytes([0, 0, _UNSIGNED_BYTE, rank])
    if content[:4] != wanted:
        raise UnusableFile(
            f"is not an IDX file of bytes with {rank} axes: it begins with "
            f"{content[:4].hex() or 'nothing'}, wanted {wanted.hex()}"
        )
    header = 4 + 4 * rank
    if len(content) < header:
        raise UnusableFile(f"is truncated (it has {len(content)} bytes, its header alone {header})")
    sizes = tuple(int(size) for size in np.frombuffer(content, ">u4", rank, 4))
    total = header + math.prod(sizes)
    if len(content) != total:
        problem = "is truncated" if len(content) < total else "is too long"
        raise UnusableFile(
            f"{problem} (its header says {' x '.join(map(str, sizes))}, which are {total} bytes "
            f"with the header, but it has {len(content)})"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(sizes)
