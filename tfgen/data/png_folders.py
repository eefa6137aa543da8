"""Two folders of small PNG files, one to train and one to test on."""

from __future__ import annotations

import os
import pathlib
import zlib
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data.array_source import array_source
from tfgen.data.errors import Problems
from tfgen.data.image_files import ImageFiles, check_image_files, decode_image_file
from tfgen.data.source import Source, Splits
from tfgen.data.splitting import split_by_name
from tfgen.data.unpacked import unpacked

__all__ = ["png_folders"]

_MEND = "Unpack the archive again, or fetch these files again."
_LEFT_OUT = "was left out when the files were unpacked"


def png_folders(
    train: pathlib.Path,
    test: pathlib.Path,
    size: int,
    check_counts: Callable[[Sequence[int]], None],
    *,
    validation_share: float,
    seed: int,
    unpack_to: Optional[str],
    check: str,
    max_bad_share: float,
    description: Mapping[str, Any],
) -> Splits:
    """The images of two folders, with a validation split cut out of the first by file names.

    Args:
      train, test: the folders; files not called *.png are passed over.
      size: height and width that every image has to have.
      check_counts: gets the numbers of files and raises if they are not as published.
      validation_share: of the training files. With 0 the test split is the validation split.
      seed: of that choice.
      unpack_to: a folder to unpack the pixels to, see `unpacked`; None reads file by file.
      check: see `check_image_files`; what is unpacked is decoded.
      max_bad_share: largest share of a folder's files that may be left out as broken.
      description: gets the counts, the share, the seed and the files left out.

    Returns:
      Splits with the feature "image" uint8 [size, size, 3].

    Raises:
      DataError: the files cannot be used; the message says which, why, and what to do.
    """
    names = [_png_names(folder) for folder in (train, test)]
    check_counts([len(part) for part in names])
    problems = {folder.name: Problems(f"image files of {folder}") for folder in (train, test)}
    (kept, trains), (_, tests) = (
        _read(folder, part, size, problems[folder.name], unpack_to, check, max_bad_share)
        for folder, part in zip((train, test), names)
    )
    if validation_share:
        kept_names = [names[0][number] for number in kept]
        parts = split_by_name(kept_names, {"validation": validation_share}, seed)
        splits = {split: trains(rows) for split, rows in parts.items()}
        splits["test"] = tests(None)
    else:
        splits = {"train": trains(None), "validation": tests(None), "test": tests(None)}
    return Splits(
        **splits,
        description={
            **description,
            "counts": {split: splits[split].count for split in ("train", "validation", "test")},
            "validation_share": validation_share,
            "seed": seed,
            "skipped": {name: found.summary() for name, found in problems.items()},
        },
    )


def _png_names(folder: pathlib.Path) -> List[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name.endswith(".png"))


def _read(
    folder, names, size, problems, unpack_to, check, max_bad_share
) -> Tuple[np.ndarray, Callable[[Optional[np.ndarray]], Source]]:
    """Positions of the good files in `names`, and a function from rows of these to a source."""

    def look(check):
        paths = [str(folder / name) for name in names]
        files = check_image_files(paths, problems, check=check, expected_size=(size, size))
        problems.settle(len(names), max_bad_share, _MEND)
        return files

    if unpack_to is None:
        files = look(check)
        return files.kept, lambda rows: _file_source(files, rows, size)

    def make(allocate):
        files = look("decode")
        images = allocate((len(files), size, size, 3), np.uint8)
        bar = tf.keras.utils.Progbar(len(files), unit_name="file")
        row = 0
        for batch in _file_source(files, None, size).batches(256).as_numpy_iterator():
            images[row : row + len(batch["image"])] = batch["image"]
            row += len(batch["image"])
            bar.update(row)
        return {"image": images, "kept": files.kept}

    # The time of a folder changes with the files in it, though not with what is in these.
    state = zlib.crc32("\n".join(names).encode()), folder.stat().st_mtime_ns
    arrays = unpacked(unpack_to, f"{folder.name}-{state[0]:x}-{state[1]:x}", make)
    left_out = np.setdiff1d(np.arange(len(names)), arrays["kept"])
    if len(left_out) and not len(problems):  # They were unpacked in an earlier run.
        for number in left_out:
            problems.add(str(folder / names[number]), _LEFT_OUT)
        problems.settle(len(names), max_bad_share, _MEND)
    return arrays["kept"], lambda rows: array_source({"image": arrays["image"]}, rows)


def _file_source(files: ImageFiles, rows: Optional[np.ndarray], size: int) -> Source:
    """Reads each file when it is wanted. No fitting to a size: that was checked."""
    rows = slice(None) if rows is None else rows
    with tf.device("/cpu:0"):
        paths, plain = tf.constant(files.paths[rows]), tf.constant(files.plain[rows])
    spec = tf.TensorSpec([size, size, 3], tf.uint8)

    def load_one(index):
        return tf.ensure_shape(decode_image_file(paths[index], plain[index]), spec.shape)

    def load(indices):
        return {"image": tf.map_fn(load_one, indices, fn_output_signature=spec)}

    return Source(int(paths.shape[0]), load, {"image": spec})
