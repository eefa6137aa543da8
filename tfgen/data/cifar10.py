"""CIFAR-10 from the user's disk."""

from __future__ import annotations

import math
import pathlib
from typing import Optional, Tuple

import numpy as np

from tfgen.data.array_source import array_splits
from tfgen.data.errors import DataError, Problems
from tfgen.data.planar_batches import from_planes, read_planar_batch
from tfgen.data.published import (
    UnusableFile,
    check_counts,
    noting,
    read_prepared,
    refuse_files,
)
from tfgen.data.source import Splits

__all__ = ["cifar10"]

_SHAPE = (32, 32, 3)
_BATCHES = {"train": tuple(f"data_batch_{n}" for n in range(1, 6)), "test": ("test_batch",)}
_COUNTS = {"training images": 50000, "test images": 10000}
_VERSIONS = {"cifar-10-batches-py": "", "cifar-10-batches-bin": ".bin"}
_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
_LAYOUT = (
    "Wanted cifar-10-batches-py (data_batch_1 ... data_batch_5, test_batch) or "
    "cifar-10-batches-bin (the same with .bin) as its authors give it out, or a data folder of "
    "tensorflow_datasets in which cifar10 is prepared"
)


def cifar10(
    directory: Optional[str] = None,
    validation_share: float = 0.1,
    seed: int = 0,
    *,
    allow_partial: bool = False,
) -> Splits:
    """CIFAR-10 [1]: 60 000 colour photographs of 32 x 32 pixels in ten classes.

    Part of the 50 000 training images are the validation split: they are chosen by what they look
    like (see `array_splits`), so the choice is the same whichever form the data comes in. The test
    split is the set's own. `shift_and_flip(3)` is the augmentation of mAR-SCF.

    Args:
      directory: a folder that is or holds cifar-10-batches-bin or cifar-10-batches-py (whose
        pickles are read by `load_plain_pickle`, which runs nothing in them), or a data folder of
        tensorflow_datasets in which `cifar10` is prepared. None takes the data folder that
        tensorflow_datasets uses by default.
      validation_share: share of the training images that validate. With 0 the test split is the
        validation split, as in the released code of mAR-SCF.
      seed: of the choice of these.
      allow_partial: takes files with any number of images, for tests; otherwise 50 000 and 10 000
        are wanted.

    Returns:
      Splits with the features "image" uint8 [32, 32, 3] and "label" int32 [].

    Raises:
      DataError: the data cannot be used; the message says which file, why, and what to do.

    #### References
    [1] Krizhevsky. Learning Multiple Layers of Features from Tiny Images. 2009. The formats:
        cs.toronto.edu/~kriz/cifar.html.
    """
    place = None if directory is None else _find(pathlib.Path(directory))
    if place is None:
        origin = "tensorflow_datasets"
        parts = {split: read_prepared("cifar10", directory, split, _SHAPE) for split in _BATCHES}
    else:
        folder, suffix = place
        origin = "binary batches" if suffix else "python batches"
        parts = _read_batches(folder, suffix)
    lengths = (sum(map(len, _as_list(parts[split]["image"]))) for split in _BATCHES)
    found = dict(zip(_COUNTS, lengths))
    check_counts(f"CIFAR-10 in {directory or origin}", found, _COUNTS, allow_partial)
    return array_splits(
        parts["train"],
        parts["test"],
        validation_share=validation_share,
        seed=seed,
        description={
            "name": "cifar10",
            "origin": origin,
            "image_shape": list(_SHAPE),
            "levels": 256,
            "classes": len(_NAMES),
            "class_names": list(_NAMES),
        },
    )


def _as_list(parts):
    return parts if isinstance(parts, list) else [parts]


def _find(root: pathlib.Path) -> Optional[Tuple[pathlib.Path, str]]:
    """The folder of the batches and their suffix; None if it is one of tensorflow_datasets."""
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. {_LAYOUT}.")
    # The binary version first: it says the same, and is no program.
    for version, suffix in reversed(_VERSIONS.items()):
        for folder in (root / version, root):
            names = [name + suffix for names in _BATCHES.values() for name in names]
            if any((folder / name).is_file() for name in names):
                return folder, suffix
    if (root / "cifar10").is_dir():
        return None
    archives = sorted(path.name for path in root.glob("cifar-10-*.tar.gz"))
    advice = f" Unpack {archives[0]} first." if archives else ""
    raise DataError(f"{root} holds no batches of CIFAR-10.{advice} {_LAYOUT}.")


def _read_batches(folder: pathlib.Path, suffix: str):
    """Split -> lists of the batches' images and labels."""
    problems = Problems("files of CIFAR-10")
    parts = {}
    for split, names in _BATCHES.items():
        parts[split] = {"image": [], "label": []}
        for name in names:
            path = folder / (name + suffix)
            with noting(problems, path):
                if suffix:
                    batch = _read_binary(path)
                else:
                    batch = read_planar_batch(path, _SHAPE[0], len(_NAMES))
                for feature, values in batch.items():
                    parts[split][feature].append(values)
    total = sum(len(names) for names in _BATCHES.values())
    refuse_files(problems, total, "Fetch the archive of CIFAR-10 again, and unpack it whole.")
    return parts


def _read_binary(path: pathlib.Path):
    """Records of one byte for the label, then the red, green and blue planes."""
    content = np.fromfile(path, np.uint8)
    record = 1 + math.prod(_SHAPE)
    if not content.size:
        raise UnusableFile("is empty (0 bytes)")
    if content.size % record:
        raise UnusableFile(
            f"is truncated, or not a batch of CIFAR-10: its {content.size} bytes are not a "
            f"multiple of {record}"
        )
    records = content.reshape(-1, record)
    return from_planes(records[:, 1:], records[:, 0], _SHAPE[0], len(_NAMES))
