"""Sources over NumPy arrays, in memory or memory-mapped, and their splits by content."""

from __future__ import annotations

import hashlib
from typing import Any, Mapping, Optional, Sequence, Union

import numpy as np
import tensorflow as tf

from tfgen.data.source import Source, Splits
from tfgen.data.splitting import split_by_name

__all__ = ["array_source", "array_splits"]

Parts = Union[np.ndarray, Sequence[np.ndarray]]


def array_source(arrays: Mapping[str, Parts], rows: Optional[np.ndarray] = None) -> Source:
    """A source that takes its examples from arrays, without another copy of them.

    ```python
    images = np.zeros([10, 8, 8, 1], np.uint8)
    source = array_source({"image": images, "label": np.arange(10)}, rows=np.array([7, 3]))
    next(iter(source.batches(2)))["label"].numpy()      # 7, 3
    ```

    Args:
      arrays: feature -> array [N, ...], or a list of arrays that stand for their concatenation,
        such as the files of a data set. Memory-mapped arrays are read row by row, when wanted.
      rows: positions of the examples, in the order of the source's indices; None takes all.

    Returns:
      A source with a feature for each array; 64-bit integers become int32.

    Raises:
      ValueError: the arrays have different lengths, or parts of different shapes.
    """
    tables = {
        name: list(parts) if isinstance(parts, (list, tuple)) else [parts]
        for name, parts in arrays.items()
    }
    kinds = {name: {(t.shape[1:], t.dtype) for t in table} for name, table in tables.items()}
    lengths = {name: sum(len(part) for part in table) for name, table in tables.items()}
    if len(set(lengths.values())) != 1 or any(len(kind) != 1 for kind in kinds.values()):
        raise ValueError(
            "Wanted arrays of one length, each with parts of one shape and type; got lengths "
            f"{lengths} and shapes {kinds}."
        )
    rows = np.arange(next(iter(lengths.values()))) if rows is None else np.asarray(rows, np.int64)
    features = {}
    for name, (kind,) in kinds.items():
        shape, dtype = kind
        features[name] = tf.TensorSpec(shape, tf.int32 if dtype == np.int64 else dtype)
    takers = [_taker(table, features[name].dtype) for name, table in tables.items()]

    def take(indices):
        chosen = rows[indices]
        return [taker(chosen) for taker in takers]

    def load(indices):
        # Not tf.gather from tensors: these would be a second copy, and all of it in memory.
        dtypes = [spec.dtype for spec in features.values()]
        # In eager mode a single value comes without its list.
        values = tf.nest.flatten(tf.numpy_function(take, [indices], dtypes, stateful=False))
        return {
            name: tf.ensure_shape(value, [indices.shape[0], *features[name].shape])
            for name, value in zip(features, values)
        }

    return Source(len(rows), load, features)


def array_splits(
    train: Mapping[str, Parts],
    test: Mapping[str, Parts],
    *,
    validation_share: float,
    seed: int = 0,
    names: Optional[Sequence[str]] = None,
    description: Mapping[str, Any],
) -> Splits:
    """Splits of a data set that has a training and a test part, with a validation part cut out.

    Args:
      train, test: feature -> arrays, as in `array_source`.
      validation_share: share of the training part that validates instead, chosen by
        `split_by_name`. With 0 the validation split is the test split.
      seed: of that choice.
      names: a name for each training example. None takes a hash of its "image": then the choice
        does not depend on the format or the order that the images came in, and equal images stay
        together (but for those at the cut).
      description: gets the counts of the splits, the share and the seed.

    Returns:
      Splits over the arrays.
    """
    if validation_share == 0:
        parts = {"train": None}
    else:
        names = list(_hashes(train["image"])) if names is None else names
        parts = split_by_name(names, {"validation": validation_share}, seed)
    splits = {split: array_source(train, rows) for split, rows in parts.items()}
    splits["test"] = array_source(test)
    splits.setdefault("validation", splits["test"])
    counts = {split: splits[split].count for split in ("train", "validation", "test")}
    return Splits(
        **splits,
        description={
            **description,
            "counts": counts,
            "validation_share": validation_share,
            "seed": seed,
        },
    )


def _taker(parts, dtype):
    """A function from positions [N] to rows [N, ...] of the concatenated parts."""
    dtype = dtype.as_numpy_dtype
    if len(parts) == 1:
        return lambda chosen: np.asarray(parts[0][chosen], dtype)
    ends = np.cumsum([len(part) for part in parts])

    def take(chosen):
        result = np.empty([len(chosen), *parts[0].shape[1:]], dtype)
        numbers = np.searchsorted(ends, chosen, side="right")
        for number in np.unique(numbers):
            here = numbers == number
            first = ends[number] - len(parts[number])
            result[here] = parts[number][chosen[here] - first]
        return result

    return take


def _hashes(parts):
    for part in parts if isinstance(parts, (list, tuple)) else [parts]:
        for image in part:
            yield hashlib.blake2b(np.ascontiguousarray(image), digest_size=16).hexdigest()
