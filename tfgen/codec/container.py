"""The file that compressed images are in: what it was made with and of, checksums, code words."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import struct
import tempfile
import zlib
from typing import Any, Dict, List, Union

from tfgen.codec.errors import CodecError

__all__ = ["FORMAT", "Block", "CompressedImages", "StoredImage", "read_file", "write_file"]

MAGIC = b"\x89TFGEN\r\n"
FORMAT = 1
# Format, bytes of the description, number of blocks, CRC of these and of what follows up to the
# code words.
_PREFIX = struct.Struct("<HIII")
# Bytes of code words, their CRC, and the checksum of the pixels.
_RECORD = struct.Struct("<II8s")


@dataclasses.dataclass(frozen=True)
class StoredImage:
    """An image in the file.

    Attributes:
      name: of the file that it will be, without folders and ending.
      width, height: in pixels.
      mode: of Pillow, "L" or "RGB".
    """

    name: str
    width: int
    height: int
    mode: str

    @property
    def channels(self) -> int:
        """Numbers in a pixel."""
        return 1 if self.mode == "L" else 3


@dataclasses.dataclass(frozen=True)
class Block:
    """Tiles that were coded together.

    Attributes:
      words: the code.
      checksum: 8 bytes, of the pixels of the tiles.
    """

    words: bytes
    checksum: bytes


@dataclasses.dataclass(frozen=True)
class CompressedImages:
    """What a file holds.

    Attributes:
      export: of the model, "name", "version" and "sha256", see `ImageCodec.identity`.
      tile_shape: [H, W, C] that the model takes.
      block_size: tiles that the model is given at once; the last block is filled up.
      images: in the order of their tiles.
      blocks: of all tiles, one after the other.
      environment: versions and processor that the model ran with.
    """

    export: Dict[str, str]
    tile_shape: List[int]
    block_size: int
    images: List[StoredImage]
    blocks: List[Block]
    environment: Dict[str, Any]

    @property
    def payload_bytes(self) -> int:
        """Bytes of code words."""
        return sum(len(block.words) for block in self.blocks)

    def to_bytes(self) -> bytes:
        """The whole file: prefix, description (zlib, JSON), a record a block, code words."""
        facts = {
            "export": self.export,
            "tile_shape": list(self.tile_shape),
            "block_size": self.block_size,
            "images": [dataclasses.astuple(image) for image in self.images],
            "environment": self.environment,
        }
        text = json.dumps(facts, separators=(",", ":"), ensure_ascii=False)
        description = zlib.compress(text.encode("utf-8"), 9)
        records = b"".join(
            _RECORD.pack(len(block.words), zlib.crc32(block.words), block.checksum)
            for block in self.blocks
        )
        sizes = [FORMAT, len(description), len(self.blocks)]
        prefix = _PREFIX.pack(*sizes, _checksum(sizes, description + records))
        code = b"".join(block.words for block in self.blocks)
        return MAGIC + prefix + description + records + code

    @classmethod
    def from_bytes(cls, content: bytes, source: str = "the file") -> "CompressedImages":
        """Reads what `to_bytes` wrote; `source` names the file in errors.

        Raises:
          CodecError: it is no such file, of another format, cut, or has a wrong byte.
        """
        if content[: len(MAGIC)] != MAGIC:
            raise CodecError(
                f"{source} is no file of compressed images: it does not begin with their mark. "
                "'tfgen compress' writes such files."
            )
        start = len(MAGIC) + _PREFIX.size
        if len(content) < start:
            raise _cut(source, len(content), start)
        number, described, count, checksum = _PREFIX.unpack(content[len(MAGIC) : start])
        if number != FORMAT:
            raise CodecError(f"{source} has format {number}; this tfgen reads format {FORMAT}.")
        end = start + described + count * _RECORD.size
        if len(content) < end:
            raise _cut(source, len(content), end)
        if _checksum([number, described, count], content[start:end]) != checksum:
            raise CodecError(f"{source} is damaged: the checksum of its description is wrong.")
        facts = _description(content[start : start + described], source)
        records = list(_RECORD.iter_unpack(content[start + described : end]))
        total = end + sum(size for size, _, _ in records)
        if len(content) < total:
            raise _cut(source, len(content), total)
        if len(content) > total:
            raise CodecError(
                f"{source} is damaged: it has {len(content)} bytes where it says {total}."
            )
        blocks = []
        for index, (size, crc, pixels) in enumerate(records):
            words = content[end : end + size]
            end += size
            if zlib.crc32(words) != crc:
                raise CodecError(
                    f"{source} is damaged: the checksum of block {index + 1} of {count} is wrong."
                )
            blocks.append(Block(words, pixels))
        return cls(blocks=blocks, **facts)


def _description(content, source) -> Dict[str, Any]:
    """The facts of a file, with names that stay in their folder whoever made the file."""
    try:
        facts = json.loads(zlib.decompress(content))
        facts["images"] = [StoredImage(*image) for image in facts["images"]]
        names = [image.name for image in facts["images"] if not is_plain_name(image.name)]
        wanted = {field.name for field in dataclasses.fields(CompressedImages)} - {"blocks"}
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise CodecError(f"{source} has a description that cannot be read: {error}") from None
    if set(facts) != wanted:
        raise CodecError(f"{source} describes {sorted(facts)}; wanted {sorted(wanted)}.")
    if names:
        raise CodecError(f"{source} has an image of the name {names[0]!r}, which no file may have.")
    return facts


def is_plain_name(name: str) -> bool:
    """Whether a file of this name stays in its folder."""
    return bool(name) and name not in (".", "..") and not set(name) & set("/\\\0")


def read_file(path: Union[str, os.PathLike]) -> CompressedImages:
    """Reads a file; see `CompressedImages.from_bytes`."""
    path = pathlib.Path(path)
    try:
        content = path.read_bytes()
    except IsADirectoryError:
        raise CodecError(f"{path} is a directory, not a file of compressed images.") from None
    except FileNotFoundError:
        raise CodecError(f"There is no file {path}.") from None
    return CompressedImages.from_bytes(content, str(path))


def write_file(path: Union[str, os.PathLike], content: bytes) -> None:
    """Writes a file at one stroke: it is there whole, or what was there before is."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _checksum(sizes, content) -> int:
    return zlib.crc32(content, zlib.crc32(struct.pack("<HII", *sizes)))


def _cut(source, got, wanted) -> CodecError:
    return CodecError(f"{source} is cut: it has {got} bytes of {wanted} or more.")
