"""A lossless codec for images from any model with exact probabilities of discrete images."""

from tfgen.codec.compression import (
    Report,
    compress,
    compress_arrays,
    decompress,
    decompress_arrays,
)
from tfgen.codec.container import Block, CompressedImages, StoredImage, read_file
from tfgen.codec.entropy import SymbolReader, SymbolWriter
from tfgen.codec.errors import CodecError
from tfgen.codec.image_codec import ImageCodec, can_code, identity, why_not
from tfgen.codec.mixture_digits import MixtureDigits
from tfgen.codec.picture_files import cut_tiles, join_tiles, read_picture
from tfgen.codec.signatures import SymbolCoder, SymbolPart, coding_signatures

__all__ = [
    "Block",
    "CodecError",
    "CompressedImages",
    "ImageCodec",
    "MixtureDigits",
    "Report",
    "StoredImage",
    "SymbolCoder",
    "SymbolPart",
    "SymbolReader",
    "SymbolWriter",
    "can_code",
    "coding_signatures",
    "compress",
    "compress_arrays",
    "cut_tiles",
    "decompress",
    "decompress_arrays",
    "identity",
    "join_tiles",
    "read_file",
    "read_picture",
    "why_not",
]
