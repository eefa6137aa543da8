"""Small MNIST, CIFAR-10 and ImageNet 32/64 on disk in their true formats, written by code."""

from __future__ import annotations

import gzip
import io
import pathlib
import pickle
import struct

import numpy as np
from PIL import Image

from tfgen.data import miniature_sets
from tfgen.data.miniature_sets import (
    CIFAR_BATCHES,
    IMAGENET_BATCHES,
    MNIST_FILES,
    idx,
    planes,
    random_images,
    write_cifar10,
    write_imagenet,
)

__all__ = [
    "CIFAR_BATCHES",
    "IMAGENET_BATCHES",
    "MNIST_FILES",
    "idx",
    "planes",
    "python2_pickle",
    "random_images",
    "write_cifar",
    "write_imagenet_batches",
    "write_imagenet_pngs",
    "write_mnist",
]


def write_mnist(root: pathlib.Path, train: int = 30, test: int = 10, compressed: bool = False):
    """Writes the four files; split -> (images, labels)."""
    contents = miniature_sets.write_mnist(root, train, test)
    if compressed:
        for name in sum(MNIST_FILES.values(), ()):
            path = root / name
            (root / f"{name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    return contents


class Python2Pickler(pickle._Pickler):
    """Writes strings and bytes as Python 2 did, which wrote the batches of CIFAR-10."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        raw = value if isinstance(value, bytes) else value.encode("latin1")
        if len(raw) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(raw)]) + raw)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_string


def python2_pickle(value) -> bytes:
    file = io.BytesIO()
    Python2Pickler(file, protocol=2).dump(value)
    return file.getvalue()


def write_cifar(root: pathlib.Path, version: str, each: int = 6):
    """Writes cifar-10-batches-bin ("bin") or -py ("py", as Python 2, or "py3"); the batches."""
    if version == "bin":
        return write_cifar10(root, each)
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    batches = {}
    for number, name in enumerate(CIFAR_BATCHES):
        images, labels = batches[name] = random_images(number, each, 32, 3)
        content = {
            b"batch_label": b"training batch 1 of 5",
            b"labels": labels.tolist(),
            b"data": planes(images),
            b"filenames": [b"some_photograph.png"] * each,
        }
        pickled = python2_pickle(content) if version == "py" else pickle.dumps(content)
        (folder / name).write_bytes(pickled)
    return batches


def write_imagenet_batches(root: pathlib.Path, size: int, pickled: bool = False, each: int = 3):
    """Writes Chrabaszcz et al.'s batches, as .npz or as pickles; the batches."""
    batches = write_imagenet(root, size, each)
    for name in batches if pickled else ():
        path = root / f"{name}.npz"
        with np.load(path) as arrays:
            content = dict(arrays)
        content["labels"] = content["labels"].tolist()
        (root / name).write_bytes(pickle.dumps(content, protocol=4))
        path.unlink()
    return batches


def write_imagenet_pngs(root: pathlib.Path, size: int, train: int = 20, test: int = 5):
    """Writes train_NxN/*.png and valid_NxN/*.png; folder -> images."""
    contents = {}
    for number, (part, count) in enumerate((("train", train), ("valid", test))):
        folder = root / f"{part}_{size}x{size}"
        folder.mkdir(parents=True)
        contents[part], _ = random_images(number, count, size, 3)
        for row, image in enumerate(contents[part], 1):
            Image.fromarray(image).save(folder / f"{row:07d}.png")
    return contents
