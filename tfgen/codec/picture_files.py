"""Picture files as tiles of the size that a model takes, and back."""

from __future__ import annotations

import os
import pathlib
from typing import List, Sequence, Tuple, Union

import numpy as np

from tfgen.codec.container import StoredImage
from tfgen.codec.errors import CodecError

__all__ = ["check_names", "cut_tiles", "join_tiles", "read_picture", "tiles_of", "to_picture"]


def read_picture(path: Union[str, os.PathLike], channels: int) -> Tuple[np.ndarray, StoredImage]:
    """Reads a picture as a model takes it.

    Grey pictures become three equal channels for a model of colour, and grey again when they are
    decoded. A picture that its file says is turned is turned first. Pixels are kept, to the last
    bit; what else the file has, such as a colour profile or a date, is not.

    Args:
      path: a file that Pillow reads.
      channels: of the model, 1 or 3.

    Returns:
      uint8 [height, width, channels], and what the file of compressed images says of it.

    Raises:
      CodecError: it is no picture, or one that the model cannot hold; says how to mend it.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = pathlib.Path(path)
    try:
        with Image.open(path) as file:
            if getattr(file, "n_frames", 1) > 1:
                raise CodecError(f"{path} has {file.n_frames} pictures; give each its own file.")
            picture = ImageOps.exif_transpose(file)
            picture.load()
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise CodecError(f"{path} cannot be read as a picture: {error}") from None
    except (OSError, SyntaxError) as error:
        raise CodecError(f"{path} cannot be read: {error}") from None
    picture = _plain(picture, path)
    if picture.mode == "RGB" and channels == 1:
        raise CodecError(
            f"{path} is in colour; this model knows grey pictures. Convert it to grey first, for "
            "example with Image.open(...).convert('L')."
        )
    pixels = np.asarray(picture)
    stored = StoredImage(path.stem, picture.width, picture.height, picture.mode)
    pixels = pixels[..., np.newaxis] if picture.mode == "L" else pixels
    return np.broadcast_to(pixels, [*pixels.shape[:2], channels]), stored


def _plain(picture, path):
    """The same pixels as a picture of mode L or RGB."""
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode == "P" and "transparency" not in picture.info:
        return picture.convert("RGB")
    if picture.mode in ("L", "RGB") and "transparency" not in picture.info:
        return picture
    if picture.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa", "L", "RGB"):
        raise CodecError(
            f"{path} is partly transparent (mode {picture.mode}), which the model cannot hold. "
            "Flatten it first, for example with Image.open(...).convert('RGB')."
        )
    raise CodecError(
        f"{path} has mode {picture.mode}; wanted 8 bits, grey or red, green and blue. Convert it "
        "first, for example with Image.open(...).convert('RGB')."
    )


def to_picture(pixels: np.ndarray, stored: StoredImage):
    """A Pillow picture of uint8 [height, width, channels]."""
    from PIL import Image

    grey = stored.mode == "L"
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels), stored.mode)


def cut_tiles(pixels: np.ndarray, tile_shape: Sequence[int]) -> np.ndarray:
    """[height, width, C] -> [tiles, H, W, C], row by row; edges are repeated to fill the last."""
    (height, width, channels), tile = pixels.shape, tile_shape
    rows, columns = -(-height // tile[0]), -(-width // tile[1])
    missing = [(0, rows * tile[0] - height), (0, columns * tile[1] - width), (0, 0)]
    padded = np.pad(pixels, missing, mode="edge")
    tiles = padded.reshape(rows, tile[0], columns, tile[1], channels).swapaxes(1, 2)
    return tiles.reshape(rows * columns, *tile)


def join_tiles(tiles: np.ndarray, height: int, width: int) -> np.ndarray:
    """The inverse of `cut_tiles`."""
    count, *tile = tiles.shape
    columns = -(-width // tile[1])
    joined = tiles.reshape(count // columns, columns, *tile).swapaxes(1, 2)
    return joined.reshape(-1, columns * tile[1], tile[2])[:height, :width]


def tiles_of(image: StoredImage, tile_shape: Sequence[int]) -> int:
    """How many tiles an image has."""
    return -(-image.height // tile_shape[0]) * -(-image.width // tile_shape[1])


def check_names(images: List[StoredImage]) -> None:
    """Raises CodecError where two images would be decoded into one file."""
    seen = set()
    for image in images:
        if image.name in seen:
            raise CodecError(
                f"Two of the pictures are named {image.name}, and would be decoded to one file. "
                "Rename one, or compress them into two files."
            )
        seen.add(image.name)
