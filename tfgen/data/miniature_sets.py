"""Small sets of random images in the files of MNIST, CIFAR-10 and ImageNet, written by code."""

from __future__ import annotations

import pathlib
import struct
from typing import Dict, Tuple

import numpy as np

__all__ = [
    "CIFAR_BATCHES",
    "IMAGENET_BATCHES",
    "MNIST_FILES",
    "idx",
    "planes",
    "random_images",
    "write_cifar10",
    "write_imagenet",
    "write_mnist",
]

Examples = Dict[str, Tuple[np.ndarray, np.ndarray]]

MNIST_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
CIFAR_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
IMAGENET_BATCHES = (*(f"train_data_batch_{number}" for number in range(1, 11)), "val_data")


def write_mnist(directory: pathlib.Path, train: int = 30, test: int = 10) -> Examples:
    """Writes noise as MNIST: the four IDX files, for `mnist(..., allow_partial=True)`.

    ```python
    contents = write_mnist(pathlib.Path("some_mnist"))
    splits = tfgen.data.mnist("some_mnist", allow_partial=True)
    ```

    Args:
      directory: made if it is not there.
      train, test: numbers of images.

    Returns:
      "train" and "test" -> images uint8 [N, 28, 28, 1] and labels [N].
    """
    directory.mkdir(parents=True, exist_ok=True)
    contents = {}
    for seed, (split, count) in enumerate((("train", train), ("test", test))):
        images, labels = contents[split] = random_images(seed, count, 28, 1)
        for name, array in zip(MNIST_FILES[split], (images[..., 0], labels)):
            (directory / name).write_bytes(idx(array))
    return contents


def write_cifar10(directory: pathlib.Path, each: int = 6) -> Examples:
    """Writes noise as CIFAR-10: cifar-10-batches-bin, for `cifar10(..., allow_partial=True)`.

    Args:
      directory: where the folder is made.
      each: number of images in each of the six batches.

    Returns:
      "data_batch_1", ..., "test_batch" -> images uint8 [each, 32, 32, 3] and labels [each].
    """
    folder = directory / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    contents = {}
    for seed, name in enumerate(CIFAR_BATCHES):
        images, labels = contents[name] = random_images(seed, each, 32, 3)
        records = np.concatenate([labels[:, np.newaxis].astype(np.uint8), planes(images)], 1)
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n", encoding="utf-8")
    return contents


def write_imagenet(directory: pathlib.Path, size: int, each: int = 3) -> Examples:
    """Writes noise as Chrabaszcz et al.'s ImageNet, for `imagenet32(..., allow_partial=True)`.

    Args:
      directory: made if it is not there.
      size: height and width of the images, 32 or 64.
      each: number of images in every other of the eleven batches; the others have one more.

    Returns:
      "train_data_batch_1", ..., "val_data" -> images uint8 [N, size, size, 3] and labels [N] from
      0 (in the files from 1).
    """
    directory.mkdir(parents=True, exist_ok=True)
    contents = {}
    for seed, name in enumerate(IMAGENET_BATCHES):
        images, labels = contents[name] = random_images(seed, each + seed % 2, size, 3, 1000)
        arrays = {"data": planes(images), "labels": labels + 1}
        if name != "val_data":
            arrays["mean"] = arrays["data"].mean(0)
        np.savez(directory / f"{name}.npz", **arrays)
    return contents


def random_images(
    seed: int, count: int, size: int, channels: int, classes: int = 10
) -> Tuple[np.ndarray, np.ndarray]:
    """uint8 [count, size, size, channels] and labels int64 [count]."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, size, size, channels), np.uint8)
    return images, rng.integers(0, classes, count)


def idx(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes."""
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    header += struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def planes(images: np.ndarray) -> np.ndarray:
    """uint8 [N, 3 H W]: all of the red, of the green, of the blue."""
    return np.concatenate(
        [images[..., channel].reshape(len(images), -1) for channel in range(3)], 1
    )
