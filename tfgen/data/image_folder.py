"""Any folder of images, with or without captions."""

from __future__ import annotations

import collections
import os
import pathlib
from typing import Dict, List, Optional

import numpy as np
import tensorflow as tf

from tfgen.data.captions_files import read_lines
from tfgen.data.errors import DataError, Problems
from tfgen.data.image_files import check_image_files
from tfgen.data.source import Source, Splits
from tfgen.data.splitting import split_by_name
from tfgen.data.stateless import choose_row

__all__ = ["image_folder", "image_names"]

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def image_folder(
    directory: str,
    image_size: int = 64,
    seed: int = 0,
    validation_share: float = 0.1,
    test_share: float = 0.1,
    *,
    captions: Optional[str] = None,
    fit: str = "crop",
    crop: Optional[int] = None,
    check: str = "decode",
    max_bad_share: float = 0.01,
) -> Splits:
    """The images of a folder and its sub-folders.

    Args:
      directory: the folder.
      image_size: height and width of the images that come out.
      seed: of the division into splits, which goes by file names (see `split_by_name`).
      validation_share, test_share: shares of the images. With test_share 0 the test split is the
        validation split.
      captions: a UTF-8 text file with lines IMAGE<TAB>CAPTION, IMAGE relative to the folder. An
        image may have several lines: one of its captions is drawn anew each epoch, as a function
        of (seed, epoch, index). Images without a line are not used. None reads images alone.
      fit, crop: how images come to their size, see `fit_image`.
      check: how the files are checked, see `check_image_files`.
      max_bad_share: largest share of the images (of the lines, with captions) that may be left out
        as broken.

    Returns:
      Splits with the feature "image" uint8 [image_size, image_size, 3] and, with captions, "text"
      string [] (words separated by one space) and "texts" string [K], all captions of the image,
      filled up with empty strings; K is the largest number of captions of an image.

    Raises:
      DataError: the folder cannot be used; the message says which file, why, and what to do.
    """
    root = pathlib.Path(directory)
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Wanted a folder of images.")
    texts = None
    if captions is None:
        problems, names = Problems("image files"), image_names(root)
        total = len(names)
    else:
        problems = Problems("lines and images of captions")
        texts, total = _read_captions(root, pathlib.Path(captions), problems)
        names = sorted(texts)
    files = check_image_files([str(root / name) for name in names], problems, check=check)
    problems.settle(total, max_bad_share, "Mend or remove these.")
    names = [names[i] for i in files.kept]
    shares = {"validation": validation_share, "test": test_share}
    parts = split_by_name(names, shares, seed)
    if not len(parts["test"]):
        parts["test"] = parts["validation"]
    images = files.loader(image_size, fit, crop)
    table = None if texts is None else _pad([texts[name] for name in names])
    description = {
        "name": "image_folder",
        "directory": str(root),
        "image_shape": [image_size, image_size, 3],
        "counts": {split: len(rows) for split, rows in parts.items()},
        "skipped": problems.summary(),
        "fit": fit,
        "crop": crop,
        "seed": seed,
    }
    if texts is not None:
        description["captions"] = sum(len(texts[name]) for name in names)
        description["longest_text"] = max(len(t.split()) for name in names for t in texts[name])
    return Splits(
        **{split: _source(images, table, rows, image_size) for split, rows in parts.items()},
        description=description,
    )


def image_names(root: pathlib.Path) -> List[str]:
    """Names of all image files below a folder, relative to it and sorted.

    Raises:
      DataError: there are none; the message says what there is.
    """
    others, names = collections.Counter(), []
    for folder, _, files in os.walk(root):
        for file in files:
            path = pathlib.Path(folder, file)
            if path.suffix.lower() in _SUFFIXES:
                names.append(path.relative_to(root).as_posix())
            else:
                others[path.suffix or "no suffix"] += 1
    if not names:
        found = ", ".join(f"{n} with {suffix}" for suffix, n in others.most_common(5))
        raise DataError(
            f"{root} holds no image files. Wanted files named {', '.join(_SUFFIXES)}; "
            f"found {found or 'no files at all'}."
        )
    return sorted(names)


def _read_captions(root, file, problems):
    """Image name -> its captions, and the number of lines that are not blank."""
    lines = read_lines(file, problems.add)
    texts: Dict[str, List[str]] = collections.defaultdict(list)
    total = len(problems) + len(lines)
    for number, line in lines:
        name, tab, caption = line.partition("\t")
        place, caption = f"{file.name}, line {number}", " ".join(caption.split())
        if not tab:
            problems.add(place, f"has no tab: wanted IMAGE<TAB>CAPTION, got {line.strip()!r:.60}")
        elif not caption:
            problems.add(place, f"has an empty caption for {name}")
        else:
            texts[pathlib.PurePosixPath(name.strip()).as_posix()].append(caption)
    return dict(texts), total


def _pad(texts: List[List[str]]) -> np.ndarray:
    """object [N, K]: the captions of each image, filled up with empty strings."""
    width = max(len(row) for row in texts)
    return np.array([row + [""] * (width - len(row)) for row in texts], dtype=object)


def _source(images, texts, rows, image_size) -> Source:
    """Images (and texts, unless None) of `rows`."""
    features = {"image": tf.TensorSpec([image_size, image_size, 3], tf.uint8)}
    with tf.device("/cpu:0"):
        rows = tf.constant(rows)
        texts = None if texts is None else tf.constant(texts)
    if texts is None:
        return Source(int(rows.shape[0]), lambda i: {"image": images(tf.gather(rows, i))}, features)

    def load(indices):
        row = tf.gather(rows, indices)
        captions = tf.gather(texts, row)
        return {"image": images(row), "text": captions[:, 0], "texts": captions}

    def redraw(features, seeds):
        counts = tf.reduce_sum(tf.cast(features["texts"] != "", tf.int32), 1)
        return {**features, "text": choose_row(features["texts"], counts, seeds)}

    features["text"] = tf.TensorSpec([], tf.string)
    features["texts"] = tf.TensorSpec([texts.shape[1]], tf.string)
    return Source(int(rows.shape[0]), load, features, redraw)
