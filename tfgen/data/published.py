"""What loaders of published data sets share: counts to check, bad files, prepared sets."""

from __future__ import annotations

import contextlib
import pathlib
import pickle
from typing import Callable, Dict, Iterator, Mapping, Optional, Sequence

import numpy as np
import tensorflow as tf

from tfgen.data.errors import DataError, Problems

__all__ = ["UnusableFile", "check_counts", "noting", "read_prepared", "refuse_files"]


class UnusableFile(Exception):
    """Why one file cannot be used; goes on the sentence "NAME ..."."""


@contextlib.contextmanager
def noting(problems: Problems, path: pathlib.Path) -> Iterator[None]:
    """Notes what is wrong with a file that is read inside this context, which then ends.

    Args:
      problems: gets the file's name and the reason, if it is missing, cannot be read, or is an
        `UnusableFile`.
      path: the file.
    """
    try:
        yield
    except FileNotFoundError:
        problems.add(str(path), "is missing")
    except OSError as error:
        problems.add(str(path), f"cannot be read ({error.strerror or error})")
    except (UnusableFile, pickle.UnpicklingError) as error:
        problems.add(str(path), str(error))


def check_counts(
    place: str, found: Mapping[str, int], published: Mapping[str, int], allow_partial: bool
) -> None:
    """Sees to it that a data set is whole.

    Args:
      place: where it lies, for the message.
      found, published: part, such as "training images" -> number.
      allow_partial: a part of the data set is wanted, such as a few images for a test; then only
        empty parts are refused.

    Raises:
      DataError: the numbers differ; it says all of them.
    """
    wrong = [
        f"{found[part]} {part}, wanted {published[part]}"
        for part in published
        if found[part] < 1 or (found[part] != published[part] and not allow_partial)
    ]
    if wrong:
        advice = "" if allow_partial else ", or pass allow_partial=True to use what is there"
        raise DataError(f"{place} has {' and '.join(wrong)}. Fetch the data again{advice}.")


def refuse_files(problems: Problems, total: int, mend: str) -> None:
    """Raises a DataError that names and counts the bad ones of `total` files, if there are any."""
    if len(problems):
        raise DataError(
            f"{len(problems)} of {total} {problems.what} cannot be used:\n{problems.listing()}\n"
            f"{mend}"
        )


def read_prepared(
    name: str,
    directory: Optional[str],
    split: str,
    image_shape: Sequence[int],
    *,
    label: bool = True,
    allocate: Callable[..., np.ndarray] = np.empty,
) -> Dict[str, np.ndarray]:
    """A split of a data set that tensorflow_datasets has prepared, decoded once into one array.

    Args:
      name: of the builder, such as "mnist" or "imagenet_resized/32x32".
      directory: its data folder; None takes the one it uses by default.
      split: by the builder's name of it.
      image_shape: height, width and channels that every image has to have.
      label: whether there is a feature "label".
      allocate: makes the array for the pixels, from a shape and a dtype.

    Returns:
      "image" uint8 [N, *image_shape] and, with `label`, "label" int32 [N].

    Raises:
      DataError: the data set is not prepared there, or has images of another shape.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError:
        raise DataError(
            f"tensorflow_datasets, which would read {name}, is not installed. Install it, or pass "
            "the folder of the original files."
        ) from None
    try:
        builder = tfds.builder(name, data_dir=directory)
        dataset = builder.as_dataset(split=split)
        count = builder.info.splits[split].num_examples
    except (AssertionError, FileNotFoundError, KeyError, ValueError) as error:
        raise DataError(
            f"{name} is not prepared in the data folder of tensorflow_datasets "
            f"({directory or 'the default one'}): {(str(error) or repr(error)).splitlines()[0]} "
            f"Prepare it with tfds.builder({name!r}, data_dir=...).download_and_prepare(), or pass "
            "the folder of the original files."
        ) from None
    shape = tuple(dataset.element_spec["image"].shape)
    known = [(got, want) for got, want in zip(shape, image_shape) if got is not None]
    if len(shape) != len(image_shape) or any(got != want for got, want in known):
        raise DataError(f"{name} has images of shape {shape}, wanted {tuple(image_shape)}.")
    images = allocate((count, *image_shape), np.uint8)
    labels = np.zeros(count, np.int32)
    bar = tf.keras.utils.Progbar(count, unit_name="image")
    row = 0
    try:
        for batch in dataset.batch(256).as_numpy_iterator():
            last = row + len(batch["image"])
            images[row:last] = batch["image"]
            if label:
                labels[row:last] = batch["label"]
            row = last
            bar.update(row)
    except (tf.errors.OpError, ValueError) as error:
        problem = getattr(error, "message", None) or str(error)
        raise DataError(
            f"{name} of tensorflow_datasets, {split}, cannot be read after {row} of {count} "
            f"images: {problem.splitlines()[0]} Wanted images of shape {tuple(image_shape)}. "
            f"Prepare it anew in {pathlib.Path(builder.data_dir)}."
        ) from None
    if row != count:
        raise DataError(
            f"{name} of tensorflow_datasets, {split}, has {row} images, but says it has {count}. "
            f"Prepare it anew in {pathlib.Path(builder.data_dir)}."
        )
    return {"image": images, "label": labels} if label else {"image": images}
