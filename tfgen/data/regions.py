"""Region features of images, from files: boxes, features and classes that a detector has found."""

from __future__ import annotations

import pathlib
from typing import Dict, List, Optional, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data.errors import DataError, Problems
from tfgen.data.source import Source

__all__ = ["with_regions"]

_KEYS = {
    "features": ("features", "feat", "x"),
    "boxes": ("boxes", "bbox", "bboxes"),
    "classes": ("classes", "objects_id", "labels"),
}
_SIZES = (("image_height", "image_h", "height"), ("image_width", "image_w", "width"))


def with_regions(
    source: Source,
    directory: str,
    most: int = 36,
    max_bad_share: float = 0.01,
    check: bool = True,
) -> Source:
    """The source with the region features of its images, from one file an image.

    A file is called like the image, or like its "image_id", with the suffix .npz or .npy. An .npy
    holds the features alone, [k, D]. An .npz holds "features" [k, D] (also "feat" or "x"),
    and perhaps "boxes" [k, 4] (left, top, right, bottom; in pixels if the file has
    "image_height" and "image_width" too, else fractions) and "classes" [k] (also "labels",
    "objects_id").

    Images without a usable file are left out, named and counted.

    Args:
      source: with "file_name", and perhaps "image_id".
      directory: holds the files.
      most: regions an image; of more, the first ones are taken (detectors write the surest first).
      max_bad_share: largest share of the images that may be left out.
      check: reads every file at the start. Without it only whether there is one is looked at, and
        a damaged one stops the run later.

    Returns:
      A source with "regions" float32 [most, D], "region_count" int32 [], and, where the first
      file has them, "region_boxes" float32 [most, 4] (top, left, bottom, right, in fractions of
      the image) and "region_classes" int32 [most]; filled up with zeros (classes with -1).

    Raises:
      DataError: too many files are missing or damaged, or their features differ in width.
      ValueError: the source has no "file_name".
    """
    if "file_name" not in source.features:
        raise ValueError(f"Wanted a source with 'file_name'; it has {sorted(source.features)}.")
    root = pathlib.Path(directory)
    if not root.is_dir():
        raise DataError(f"There is no folder {root} with region features.")
    names = _names(source)
    problems = Problems(f"region files of {root}")
    kept, paths, kind = [], [], None
    bar = tf.keras.utils.Progbar(len(names), unit_name="file") if len(names) >= 2000 else None
    for number, candidates in enumerate(names):
        path = _find(root, candidates)
        if path is None:
            problems.add(candidates[0], "has no .npz or .npy with its name")
        else:
            try:
                if check or kind is None:
                    found = _kind(_read(path))
                    kind = found if kind is None else kind
                    if found != kind:
                        raise _Unusable(f"has {_say(found)}, but the first has {_say(kind)}")
                kept.append(number)
                paths.append(str(path))
            except _Unusable as error:
                problems.add(str(path), str(error))
        if bar is not None:
            bar.update(number + 1)
    problems.settle(len(names), max_bad_share, "Make the features of these images again.")
    return _source(source, np.array(kept, np.int64), np.array(paths, object), kind, most)


class _Unusable(Exception):
    """Why one file cannot be used."""


def _names(source: Source) -> List[Tuple[str, ...]]:
    """The names that a region file may have, for each example; images are not read for it."""
    wanted = [name for name in ("file_name", "image_id") if name in source.features]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)
    def load(indices):
        features = source.load(indices)
        return [features[name] for name in wanted]

    names: List[Tuple[str, ...]] = []
    for first in range(0, source.count, 1024):
        last = min(first + 1024, source.count)
        columns = [column.numpy() for column in load(tf.range(first, last, dtype=tf.int64))]
        for name, *numbers in zip(*columns):
            path = pathlib.PurePosixPath(name.decode())
            stem = path.with_suffix("").as_posix()
            names.append((path.as_posix(), stem, path.stem, *map(str, numbers)))
    return names


def _find(root: pathlib.Path, candidates) -> Optional[pathlib.Path]:
    for candidate in candidates:
        for suffix in (".npz", ".npy"):
            path = root / f"{candidate}{suffix}"
            if path.is_file():
                return path
    return None


def _read(path: pathlib.Path) -> Dict[str, np.ndarray]:
    """ "features" float32 [k, D], and "boxes" and "classes" if there are such."""
    try:
        content = np.load(path, allow_pickle=False)
        if path.suffix == ".npy":
            arrays = {"features": content}
        else:
            with content:
                arrays = {name: content[name] for name in content.files}
    except Exception as error:  # NumPy raises OSError, ValueError, EOFError, zlib.error...
        raise _Unusable(f"cannot be read ({error})") from None
    found = {}
    for name, keys in _KEYS.items():
        value = next((arrays[key] for key in keys if key in arrays), None)
        if value is not None:
            if value.dtype.kind not in "biuf":
                raise _Unusable(f"has {name} of type {value.dtype}, wanted numbers")
            found[name] = value
    if "features" not in found:
        raise _Unusable(f"has no features, only {sorted(arrays)}")
    features = found["features"] = np.asarray(found["features"], np.float32)
    if features.ndim != 2 or not len(features):
        raise _Unusable(f"has features of shape {features.shape}, wanted [regions, width]")
    if not np.isfinite(features).all():
        raise _Unusable("has features that are not finite")
    if "boxes" in found:
        found["boxes"] = _fractions(np.asarray(found["boxes"], np.float32), arrays)
    if "classes" in found:
        found["classes"] = np.asarray(found["classes"]).reshape(-1).astype(np.int32)
    for name, value in found.items():
        if len(value) != len(features):
            raise _Unusable(f"has {len(features)} features, but {len(value)} {name}")
    return found


def _fractions(boxes: np.ndarray, arrays) -> np.ndarray:
    """Left, top, right, bottom -> top, left, bottom, right, as fractions."""
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise _Unusable(f"has boxes of shape {boxes.shape}, wanted [regions, 4]")
    sizes = [next((arrays[key] for key in keys if key in arrays), None) for keys in _SIZES]
    if None not in [None if size is None else 0 for size in sizes]:
        height, width = (float(np.asarray(size).reshape(-1)[0]) for size in sizes)
        boxes = boxes / np.array([width, height, width, height], np.float32)
    if not (boxes >= -0.01).all() or not (boxes <= 1.01).all():
        raise _Unusable(
            f"has boxes from {boxes.min():.4g} to {boxes.max():.4g}, which are no fractions of "
            "the image; boxes in pixels want image_height and image_width beside them"
        )
    return np.clip(boxes[:, [1, 0, 3, 2]], 0.0, 1.0)


def _kind(arrays: Dict[str, np.ndarray]) -> Tuple[int, Tuple[str, ...]]:
    return arrays["features"].shape[1], tuple(sorted(set(arrays) - {"features"}))


def _say(kind) -> str:
    return f"features of width {kind[0]}" + "".join(f" and {name}" for name in kind[1])


def _source(source: Source, kept, paths, kind, most: int) -> Source:
    width, extras = kind
    specs = {
        "regions": tf.TensorSpec([most, width], tf.float32),
        "region_count": tf.TensorSpec([], tf.int32),
    }
    if "boxes" in extras:
        specs["region_boxes"] = tf.TensorSpec([most, 4], tf.float32)
    if "classes" in extras:
        specs["region_classes"] = tf.TensorSpec([most], tf.int32)

    def take(indices):
        rows = {
            name: np.zeros([len(indices), *spec.shape], spec.dtype.as_numpy_dtype)
            for name, spec in specs.items()
        }
        if "region_classes" in rows:
            rows["region_classes"][:] = -1
        for row, index in enumerate(indices):
            try:
                arrays = _read(pathlib.Path(paths[index]))
            except _Unusable as error:
                raise DataError(f"{paths[index]} {error}.") from None
            count = min(len(arrays["features"]), most)
            rows["region_count"][row] = count
            rows["regions"][row, :count] = arrays["features"][:count]
            for name in extras:
                rows[f"region_{name}"][row, :count] = arrays[name][:count]
        return list(rows.values())

    with tf.device("/cpu:0"):
        positions = tf.constant(kept)

    def load(indices):
        dtypes = [spec.dtype for spec in specs.values()]
        values = tf.numpy_function(take, [indices], dtypes, stateful=False)
        found = {
            name: tf.ensure_shape(value, [indices.shape[0], *spec.shape])
            for value, (name, spec) in zip(values, specs.items())
        }
        return {**source.load(tf.gather(positions, indices)), **found}

    return Source(len(kept), load, {**source.features, **specs}, source.redraw)
