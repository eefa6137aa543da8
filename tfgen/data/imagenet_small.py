"""ImageNet at 32 x 32 and 64 x 64 pixels, from the user's disk."""

from __future__ import annotations

import pathlib
from typing import Any, Optional, Sequence, Tuple

from tfgen.data.array_source import array_splits
from tfgen.data.errors import DataError, Problems
from tfgen.data.planar_batches import read_planar_batch
from tfgen.data.png_folders import png_folders
from tfgen.data.published import check_counts, noting, read_prepared, refuse_files
from tfgen.data.source import Splits
from tfgen.data.unpacked import unpacked

__all__ = ["imagenet32", "imagenet64"]

_PARTS = ("training images", "validation images")
_COUNTS = {"van den Oord": (1281149, 49999), "Chrabaszcz": (1281167, 50000)}
_CLASSES = 1000
_BATCHES = tuple(f"train_data_batch_{number}" for number in range(1, 11))
_HELD_OUT = "val_data"
_MADE_BY = {"png": "van den Oord", "batches": "Chrabaszcz"}
_PREPARED = {"downsampled_imagenet": "van den Oord", "imagenet_resized": "Chrabaszcz"}


def imagenet32(
    directory: Optional[str] = None,
    validation_share: float = 0.01,
    seed: int = 0,
    *,
    unpack_to: Optional[str] = None,
    check: str = "decode",
    max_bad_share: float = 0.01,
    allow_partial: bool = False,
) -> Splits:
    """ImageNet made smaller to 32 x 32 pixels, by van den Oord et al. [1] or Chrabaszcz et al. [2].

    These are two data sets. Bits per dimension in the literature on flows are those of [1], which
    is used up to this day by its files alone (they have no labels); the images of [2] were made
    smaller by another filter, and its numbers are not comparable. description["made_by"] says
    which one was read.

    What the authors call validation images is the test split here, as in the literature. The
    validation split is cut out of the training images: which ones goes by their file names, or
    their places in the batches.

    Args:
      directory: a folder with train_32x32/*.png and valid_32x32/*.png [1]; or one with
        train_data_batch_1 ... train_data_batch_10 and val_data [2], as .npz or as pickles (read by
        `load_plain_pickle`, which runs nothing in them); or a data folder of tensorflow_datasets
        in which `downsampled_imagenet/32x32` [1] or `imagenet_resized/32x32` [2] is prepared. None
        takes the first of these from the folder that tensorflow_datasets uses by default.
      validation_share: share of the training images that validate. With 0 the test split is the
        validation split.
      seed: of the choice of these.
      unpack_to: a folder to write the pixels to, once, and to map into memory from there, now and
        later (3.9 GB, at 64 x 64 15.7 GB). With None, batches and tensorflow_datasets are kept in
        memory, and PNG files are read one by one when they are wanted; all of them are checked
        at each start, which takes minutes.
      check: how PNG files are checked, see `check_image_files`. Unpacking decodes them anyway.
      max_bad_share: largest share of a folder's PNG files that may be left out as broken. Batches
        are wanted whole.
      allow_partial: takes any number of images, for tests; otherwise 1 281 149 and 49 999 [1], or
        1 281 167 and 50 000 [2], are wanted.

    Returns:
      Splits with the feature "image" uint8 [32, 32, 3], and with [2] "label" int32 [] from 0 to
      999, in the order of its authors.

    Raises:
      DataError: the data cannot be used; the message says which file, why, and what to do.

    #### References
    [1] van den Oord, Kalchbrenner and Kavukcuoglu. Pixel Recurrent Neural Networks. ICML 2016.
        Section 5.1.
    [2] Chrabaszcz, Loshchilov and Hutter. A Downsampled Variant of ImageNet as an Alternative to
        the CIFAR datasets. arXiv:1707.08819, 2017. Section 2.
    """
    return _imagenet(
        32, directory, validation_share, seed, unpack_to, check, max_bad_share, allow_partial
    )


def imagenet64(
    directory: Optional[str] = None,
    validation_share: float = 0.01,
    seed: int = 0,
    *,
    unpack_to: Optional[str] = None,
    check: str = "decode",
    max_bad_share: float = 0.01,
    allow_partial: bool = False,
) -> Splits:
    """ImageNet made smaller to 64 x 64 pixels; see `imagenet32`, with 64 in all places of 32."""
    return _imagenet(
        64, directory, validation_share, seed, unpack_to, check, max_bad_share, allow_partial
    )


def _imagenet(
    size, directory, validation_share, seed, unpack_to, check, max_bad_share, allow_partial
) -> Splits:
    if directory is None:
        kind, place = "tfds", "downsampled_imagenet"
    else:
        kind, place = _find(size, directory)
    made_by = _PREPARED[place] if kind == "tfds" else _MADE_BY[kind]
    name = f"imagenet{size}"
    where = f"{name} in {directory or 'tensorflow_datasets'}"
    published = dict(zip(_PARTS, _COUNTS[made_by]))
    description = {
        "name": name,
        "made_by": made_by,
        "image_shape": [size, size, 3],
        "levels": 256,
        "test": "the published validation images",
    }

    def check_all(found):
        check_counts(where, dict(zip(_PARTS, found)), published, allow_partial)

    if kind == "png":
        return png_folders(
            *place,
            size,
            check_all,
            validation_share=validation_share,
            seed=seed,
            unpack_to=unpack_to,
            check=check,
            max_bad_share=max_bad_share,
            description={**description, "origin": "PNG files"},
        )
    if kind == "batches":
        description.update(origin="batches", classes=_CLASSES)
        train, test = _read_batches(size, place, unpack_to)
    else:
        description["origin"] = "tensorflow_datasets"
        train, test = (
            _read_tfds(place, directory, split, size, unpack_to)
            for split in ("train", "validation")
        )
        if "label" in train:
            description["classes"] = _CLASSES
    check_all([sum(map(len, part["image"])) for part in (train, test)])
    return array_splits(
        train,
        test,
        validation_share=validation_share,
        seed=seed,
        names=[
            f"{number}/{row}"
            for number, images in enumerate(train["image"])
            for row in range(len(images))
        ],
        description=description,
    )


def _find(size: int, directory: str) -> Tuple[str, Any]:
    """What the folder holds: ("png", folder), ("batches", paths) or ("tfds", builder's name)."""
    root = pathlib.Path(directory)
    layout = (
        f"Wanted train_{size}x{size}/*.png and valid_{size}x{size}/*.png; or {_BATCHES[0]} ... "
        f"{_BATCHES[-1]} and {_HELD_OUT} (.npz or pickles); or a data folder of "
        f"tensorflow_datasets in which {' or '.join(_PREPARED)} is prepared at {size}x{size}"
    )
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. {layout}.")
    folders = [root / f"{part}_{size}x{size}" for part in ("train", "valid")]
    missing = [folder.name for folder in folders if not folder.is_dir()]
    if len(missing) == 1:
        raise DataError(f"{root} lacks the folder {missing[0]}. {layout}.")
    if not missing:
        return "png", folders
    for suffix in (".npz", ""):
        paths = [root / (name + suffix) for name in (*_BATCHES, _HELD_OUT)]
        if any(path.is_file() for path in paths):
            return "batches", paths
    for name in _PREPARED:
        if (root / name / f"{size}x{size}").is_dir():
            return "tfds", name
    raise DataError(f"{root} holds no ImageNet of {size} x {size} pixels. {layout}.")


def _read_batches(size: int, paths: Sequence[pathlib.Path], unpack_to: Optional[str]):
    """Feature -> lists of the batches' arrays, of the training and of the held-out images."""
    problems = Problems(f"files of ImageNet {size} x {size}")
    mend = "Fetch these files again."
    for path in paths:  # Before minutes go by with reading the others.
        if not path.is_file():
            problems.add(str(path), "is missing")
    refuse_files(problems, len(paths), mend)
    batches = []
    for path in paths:
        with noting(problems, path):
            state = path.stat()
            batches.append(
                unpacked(
                    unpack_to,
                    f"{path.name}-{size}-{state.st_size:x}-{state.st_mtime_ns:x}",
                    # Its authors count the classes from 1.
                    lambda allocate, path=path: read_planar_batch(
                        path, size, _CLASSES, 1, allocate
                    ),
                )
            )
    refuse_files(problems, len(paths), mend)
    return (
        {feature: [batch[feature] for batch in part] for feature in ("image", "label")}
        for part in (batches[:-1], batches[-1:])
    )


def _read_tfds(name, directory, split, size, unpack_to):
    """Feature -> list of one array."""
    full_name = f"{name}/{size}x{size}"
    key = full_name.replace("/", "-") + f"-{split}"
    if directory is not None:
        # Another preparation is another data set.
        infos = sorted(pathlib.Path(directory, full_name).glob("*/dataset_info.json"))
        key += "".join(f"-{info.parent.name}-{info.stat().st_mtime_ns:x}" for info in infos[-1:])
    arrays = unpacked(
        unpack_to,
        key,
        lambda allocate: read_prepared(
            full_name,
            directory,
            split,
            (size, size, 3),
            label=name == "imagenet_resized",
            allocate=allocate,
        ),
    )
    return {feature: [array] for feature, array in arrays.items()}
