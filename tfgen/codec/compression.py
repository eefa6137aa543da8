"""Picture files to a file of compressed images and back, with a report of what it is worth."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import io
import os
import pathlib
import platform
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

import numpy as np

from tfgen.codec.container import CompressedImages, StoredImage, write_file
from tfgen.codec.errors import CodecError
from tfgen.codec.image_codec import ImageCodec
from tfgen.codec.picture_files import (
    check_names,
    cut_tiles,
    join_tiles,
    read_picture,
    tiles_of,
    to_picture,
)
from tfgen.serving import LoadedModel

__all__ = ["Report", "compress", "compress_arrays", "decompress", "decompress_arrays"]

Path = Union[str, os.PathLike]
# Of a side of a WebP picture, in pixels.
_LARGEST_WEBP = 16383


@dataclasses.dataclass
class Report:
    """What a compression came to; bytes are of all images together.

    Attributes:
      images, tiles: how many.
      raw_bytes: of the pixels, a byte each (grey pictures have one a pixel).
      file_bytes: of the file.
      code_bytes: of the code words in it.
      model_bytes: -log2 P of the tiles / 8, by the model's own log_prob.
      overhead: code_bytes / model_bytes - 1.
      bits_per_dim: 8 file_bytes / raw_bytes.
      png_bytes: of the same pictures as optimised PNG files.
      webp_bytes: as lossless WebP of method 6; None where one is too large for WebP.
      less_than_png, less_than_webp: 1 - file_bytes / theirs.
      encode_seconds: of reading the pixels to having the code, the model's first call included.
      encode_images_per_second: images / encode_seconds.
      decode_seconds, decode_images_per_second: None where nothing was decoded.
    """

    images: int
    tiles: int
    raw_bytes: int
    file_bytes: int
    code_bytes: int
    model_bytes: float
    png_bytes: int
    webp_bytes: Optional[int]
    encode_seconds: float
    decode_seconds: Optional[float] = None

    def as_dict(self) -> Dict[str, Any]:
        """All attributes, those that follow from others too."""
        seconds = {"encode": self.encode_seconds, "decode": self.decode_seconds}
        return {
            **dataclasses.asdict(self),
            "overhead": self.code_bytes / self.model_bytes - 1.0,
            "bits_per_dim": 8.0 * self.file_bytes / self.raw_bytes,
            "less_than_png": 1.0 - self.file_bytes / self.png_bytes,
            "less_than_webp": self.webp_bytes and 1.0 - self.file_bytes / self.webp_bytes,
            **{
                f"{name}_images_per_second": value and self.images / value
                for name, value in seconds.items()
            },
        }


def compress(
    model: LoadedModel,
    paths: Sequence[Path],
    output: Path,
    block_size: Optional[int] = None,
    check: bool = False,
    progress: Optional[Callable[[str, int, int], None]] = None,
) -> Report:
    """Writes picture files into one file, from which `decompress` makes them again.

    Args:
      model: an export with the signatures of `coding_signatures`.
      paths: picture files, see `read_picture` for what they may be.
      output: the file; it appears whole or not at all.
      block_size: tiles that go through the model at once; None is as many as are good.
      check: whether the file is decoded again and compared before it is written.
      progress: called with "encode" or "decode", the number of tiles done, and that of all.

    Raises:
      CodecError: a picture cannot be coded, or the export codes none.
    """
    codec = ImageCodec(model)
    pictures, stored = [], []
    for path in paths:
        pixels, image = read_picture(path, codec.tile_shape[-1])
        try:
            codec.symbols(cut_tiles(pixels, codec.tile_shape))
        except CodecError as error:
            raise CodecError(f"{path}: {error} Divide its values first.") from None
        pictures.append(pixels)
        stored.append(image)
    check_names(stored)
    content, report = compress_arrays(codec, pictures, stored, block_size, check, progress)
    write_file(output, content)
    return report


def compress_arrays(
    codec: ImageCodec,
    pictures: Sequence[np.ndarray],
    stored: Sequence[StoredImage],
    block_size: Optional[int] = None,
    check: bool = False,
    progress: Optional[Callable[[str, int, int], None]] = None,
):
    """The bytes of the file, and the report, of pictures uint8 [height, width, C]; see `compress`.

    Args:
      codec: of an export.
      pictures, stored: the pixels, and what the file says of them.
      block_size, check, progress: see `compress`.
    """
    if not pictures:
        raise CodecError("There are no pictures to compress.")
    start = time.perf_counter()
    tiles = np.concatenate([cut_tiles(pixels, codec.tile_shape) for pixels in pictures])
    if block_size is None:
        block_size = codec.block_size_for(len(tiles))
    elif block_size < 1:
        raise CodecError(f"A block has 1 tile or more; got {block_size}.")
    blocks = codec.encode(tiles, block_size, _step("encode", len(tiles), progress))
    encoded = time.perf_counter()
    card, path = codec.model.card, codec.model.path
    file = CompressedImages(
        export={"name": card.name, "version": path.name, "sha256": codec.identity},
        tile_shape=codec.tile_shape,
        block_size=block_size,
        images=list(stored),
        blocks=blocks,
        environment=environment(),
    )
    content = file.to_bytes()
    report = Report(
        images=len(pictures),
        tiles=len(tiles),
        raw_bytes=sum(image.width * image.height * image.channels for image in stored),
        file_bytes=len(content),
        code_bytes=file.payload_bytes,
        model_bytes=codec.bits(tiles, block_size) / 8.0,
        **_sizes_of_others(pictures, stored),
        encode_seconds=encoded - start,
    )
    if check:
        start = time.perf_counter()
        again = decompress_arrays(codec, CompressedImages.from_bytes(content), progress)
        report.decode_seconds = time.perf_counter() - start
        for one, other, image in zip(pictures, again, stored):
            if not np.array_equal(one, other):
                raise CodecError(f"{image.name} did not come back as it was. Please report this.")
    return content, report


def decompress(
    model: LoadedModel,
    file: CompressedImages,
    directory: Path,
    overwrite: bool = False,
    progress: Optional[Callable[[str, int, int], None]] = None,
) -> List[pathlib.Path]:
    """Writes the images of a file as directory/NAME.png; returns their paths.

    Args:
      model: the export that the file was made with.
      file: what `read_file` read.
      directory: is made if it is missing.
      overwrite: whether files that exist are replaced.
      progress: see `compress`.

    Raises:
      CodecError: the export is another one, or pixels are not those that were encoded.
      FileExistsError: files exist. No file is written in any of these cases.
    """
    check_names(file.images)
    directory = pathlib.Path(directory)
    paths = [directory / f"{image.name}.png" for image in file.images]
    existing = [str(path) for path in paths if path.exists()]
    if existing and not overwrite:
        more = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise FileExistsError(f"{existing[0]}{more} would be overwritten.")
    pictures = decompress_arrays(ImageCodec(model), file, progress)
    for pixels, image, path in zip(pictures, file.images, paths):
        write_file(path, _encoded(to_picture(pixels, image), "PNG", optimize=True))
    return paths


def decompress_arrays(
    codec: ImageCodec,
    file: CompressedImages,
    progress: Optional[Callable[[str, int, int], None]] = None,
) -> List[np.ndarray]:
    """The pixels of the images of a file, uint8 [height, width, C]; see `decompress`."""
    if file.export["sha256"] != codec.identity:
        raise CodecError(
            f"The file was made with {file.export['name']} version {file.export['version']} "
            f"(SHA-256 {file.export['sha256'][:12]}...); {codec.model.path} is another export "
            f"({codec.identity[:12]}...). Only the same one can decode it."
        )
    counts = [tiles_of(image, codec.tile_shape) for image in file.images]
    try:
        tiles = codec.decode(
            file.blocks, sum(counts), file.block_size, _step("decode", sum(counts), progress)
        )
    except CodecError as error:
        raise CodecError(f"{error} {_differences(file.environment)}") from None
    parts = np.split(tiles, np.cumsum(counts)[:-1])
    return [join_tiles(part, image.height, image.width) for part, image in zip(parts, file.images)]


def environment() -> Dict[str, Any]:
    """What the last bits of the tables depend on."""
    packages = ("tensorflow", "numpy", "constriction")
    found: Dict[str, Any] = {name: importlib.metadata.version(name) for name in packages}
    found["processor"] = platform.machine()
    return found


def _differences(made: Dict[str, Any]) -> str:
    here = environment()
    other = [
        f"{key} {made.get(key)} there, {here[key]} here"
        for key in here
        if made.get(key) != here[key]
    ]
    if other:
        return f"It was encoded elsewhere: {'; '.join(other)}. Decode it there."
    return "Decode it on the machine that encoded it, or on one with the same processor."


def _step(name, total, progress):
    return None if progress is None else lambda done: progress(name, done, total)


def _sizes_of_others(pictures, stored) -> Dict[str, Optional[int]]:
    """Bytes of the pictures as PNG and WebP."""
    png, webp = 0, 0
    for pixels, image in zip(pictures, stored):
        picture = to_picture(pixels, image)
        png += len(_encoded(picture, "PNG", optimize=True))
        if webp is not None and max(picture.size) <= _LARGEST_WEBP:
            webp += len(_encoded(picture, "WEBP", lossless=True, method=6, quality=100))
        else:
            webp = None
    return {"png_bytes": png, "webp_bytes": webp}


def _encoded(picture, kind, **settings) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **settings)
    return buffer.getvalue()
