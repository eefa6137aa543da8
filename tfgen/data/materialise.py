"""Keeps a source's examples in memory, and in files, so that they are made only once."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import tempfile
import zlib
from typing import Dict, Optional

import numpy as np
import tensorflow as tf

from tfgen.data.source import Source

__all__ = ["in_memory"]

_MANIFEST = "manifest.json"
_FEW = 2
"""Examples in a batch of those who only want to see what examples are like."""


def in_memory(
    source: Source,
    directory: Optional[str] = None,
    progress: bool = True,
    batch_size: int = 64,
    at_once: bool = False,
) -> Source:
    """A source that loads every example once and takes them from memory from then on.

    That is when a pipeline first asks for batches of more than two: who loads a trained model, to
    export it, does not wait for the data that it was trained on. The features of `load` are kept;
    what is redrawn each epoch stays so. A string feature must not end in zero bytes, which NumPy
    drops.

    Args:
      source: rendered or decoded examples.
      directory: where to keep .npy files for the next time; None keeps them in memory alone. The
        files lie in a folder named by a fingerprint of the source (its count, its features and
        three of its examples), appear there complete or not at all, and carry check sums:
        whatever is missing or damaged is made again.
      progress: shows a Keras progress bar.
      batch_size: examples loaded at once.
      at_once: loads them now, as from a folder that will not stay.

    Returns:
      A source with equal count, features and examples.

    Raises:
      ValueError: the source is empty.
    """
    if source.count < 1:
        raise ValueError("This data source is empty: it has 0 examples, wanted 1 or more.")
    tensors: Dict[str, tf.Tensor] = {}

    @tf.autograph.experimental.do_not_convert
    def load(indices):
        few = indices.shape[0] is not None and indices.shape[0] <= _FEW
        if few and not tensors and not at_once:
            return source.load(indices)
        if not tensors:
            # Out of the graph of the pipeline that asks first. Captured tensors are inputs of the
            # pipelines' functions, not constants inside their graphs, which protocol buffers would
            # limit to 2 GB.
            with tf.init_scope(), tf.device("/CPU:0"):
                arrays = _read_or_load(source, directory, progress, batch_size)
                tensors.update((name, tf.convert_to_tensor(a)) for name, a in arrays.items())
        return {name: tf.gather(tensor, indices) for name, tensor in tensors.items()}

    if at_once:
        load(tf.range(1, dtype=tf.int64))
    return Source(source.count, load, source.features, source.redraw)


def _read_or_load(source, directory, progress, batch_size) -> Dict[str, np.ndarray]:
    if directory is None:
        return _load_all(source, progress, batch_size)
    folder = pathlib.Path(directory) / _fingerprint(source)
    arrays = _read(folder, source)
    if arrays is None:
        arrays = _load_all(source, progress, batch_size)
        _write(folder, arrays)
    return arrays


def _load_all(source: Source, progress: bool, batch_size: int) -> Dict[str, np.ndarray]:
    # `redraw` is left to the new source.
    plain = Source(source.count, source.load, source.features)
    bar = tf.keras.utils.Progbar(source.count, unit_name="example") if progress else None
    parts: Dict[str, list] = {name: [] for name in source.features}
    for batch in plain.batches(batch_size):
        for name in parts:
            parts[name].append(batch[name].numpy())
        if bar is not None:
            bar.add(len(next(iter(parts.values()))[-1]))
    arrays = {name: np.concatenate(values) for name, values in parts.items()}
    return {
        name: array.astype(bytes) if array.dtype == object else array
        for name, array in arrays.items()
    }


def _fingerprint(source: Source) -> str:
    specs = {
        name: [str(spec.dtype.name), spec.shape.as_list()] for name, spec in source.features.items()
    }
    digest = hashlib.sha256(json.dumps([source.count, specs], sort_keys=True).encode())
    probes = sorted({0, source.count // 2, source.count - 1})
    for name, value in sorted(source.load(tf.constant(probes, tf.int64)).items()):
        value = value.numpy()
        digest.update(name.encode())
        digest.update(b"\0".join(value.ravel()) if value.dtype == object else value.tobytes())
    return digest.hexdigest()[:24]


def _checksum(path: pathlib.Path) -> int:
    value = 0
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 24), b""):
            value = zlib.crc32(block, value)
    return value


def _read(folder: pathlib.Path, source: Source) -> Optional[Dict[str, np.ndarray]]:
    """The arrays in a cache folder; None when it is missing, incomplete or damaged."""
    try:
        sums = json.loads((folder / _MANIFEST).read_text())
        arrays = {}
        for name in source.features:
            path = folder / f"{name}.npy"
            if sums[name] != _checksum(path):
                return None
            arrays[name] = np.load(path)
            if len(arrays[name]) != source.count:
                return None
        return arrays
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def _write(folder: pathlib.Path, arrays: Dict[str, np.ndarray]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = pathlib.Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        sums = {}
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array)
            sums[name] = _checksum(partial / f"{name}.npy")
        (partial / _MANIFEST).write_text(json.dumps(sums))
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
