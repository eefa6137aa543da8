"""Pictures of a run: grids of images and curves."""

from __future__ import annotations

import os
import pathlib
from typing import Mapping, Optional, Sequence, Tuple, Union

import numpy as np

__all__ = ["grid", "save_curves", "save_png", "visible"]

PathLike = Union[str, os.PathLike]


def grid(
    images: np.ndarray,
    columns: Optional[int] = None,
    padding: int = 2,
    background: int = 255,
    square: bool = False,
) -> np.ndarray:
    """One image of many, row by row.

    Args:
      images: uint8 [N, H, W, C].
      columns: images in a row; None makes the grid about square.
      padding: pixels between the images and around them.
      background: brightness of the padding and of empty places, 0 to 255.
      square: as many rows as columns, the last ones empty if need be.

    Returns:
      uint8 [rows (H + padding) + padding, columns (W + padding) + padding, C].

    Raises:
      ValueError: the images are not uint8 of rank 4, or there are none.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.dtype != np.uint8 or not len(images):
        raise ValueError(
            f"Wanted uint8 images [N, H, W, C] with N > 0; got {images.dtype} {list(images.shape)}."
        )
    count, height, width, channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = columns if square else -(-count // columns)
    sheet = np.full(
        [rows, height + padding, columns, width + padding, channels], background, np.uint8
    )
    for index in range(count):
        sheet[index // columns, :height, index % columns, :width] = images[index]
    sheet = sheet.reshape([rows * (height + padding), columns * (width + padding), channels])
    return np.pad(sheet, [(padding, 0), (padding, 0), (0, 0)], constant_values=background)


def visible(images: np.ndarray, values: int) -> np.ndarray:
    """Pixels of any type in 0 .. values - 1, spread over 0 .. 255 as uint8."""
    return np.round(np.asarray(images, np.float32) * (255.0 / (values - 1))).astype(np.uint8)


def save_png(path: PathLike, image: np.ndarray) -> pathlib.Path:
    """Writes a uint8 image [H, W, 1 or 3] as PNG; makes the directories it needs."""
    import tensorflow as tf

    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(image).numpy())
    return path


def save_curves(
    path: PathLike,
    curves: Mapping[str, Tuple[Sequence[float], Sequence[float]]],
    xlabel: str = "step",
    ylabel: str = "nats",
    title: str = "",
) -> pathlib.Path:
    """Draws curves, name -> (x values, y values), into a PNG.

    For the history of a phase: {"loss": (history["step"], history["loss"])}.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=110, layout="constrained")
    axes = figure.subplots()
    for name, (x, y) in curves.items():
        axes.plot(x, y, label=name)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_title(title)
    axes.grid(alpha=0.3)
    if curves:
        axes.legend()
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path
