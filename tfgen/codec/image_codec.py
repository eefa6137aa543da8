"""Images to code words and back, with an export's probabilities."""

from __future__ import annotations

import hashlib
from typing import Callable, Dict, Iterator, List, Optional

import numpy as np
import tensorflow as tf

from tfgen.codec.container import Block
from tfgen.codec.entropy import SymbolReader, SymbolWriter
from tfgen.codec.errors import CodecError
from tfgen.codec.signatures import missing_signatures, table_names
from tfgen.serving import Card, LoadedModel, ServingError

__all__ = ["ImageCodec", "can_code", "identity"]

# Numbers in the table of a step that tells a thirtieth of an image: 16 MB.
_TABLE_NUMBERS = 2**22
_MOST_TILES = 64


class ImageCodec:
    """Codes images of one size losslessly with the probabilities of an export.

    The export has the signatures of `coding_signatures`. Blocks of `block_size` images go through
    the model together; encoder and decoder make the same calls with the same tensors, one after
    the other, so that both have the same tables to the last bit, on one kind of processor with one
    version of TensorFlow. Elsewhere tables may differ in their last bits: the decoder finds that
    out by the checksum of the pixels, and refuses.

    Args:
      model: a loaded export.

    Attributes:
      model: the export.
      tile_shape: [H, W, C] of its images.

    Raises:
      CodecError: the export has no coding signatures.
    """

    def __init__(self, model: LoadedModel):
        if not can_code(model.card):
            raise CodecError(why_not(model.card))
        self.model = model
        described = model.signatures
        self.tile_shape: List[int] = described["coding_symbols"]["inputs"]["images"]["shape"][1:]
        # The tables, each with the number of symbols that are told when it is done.
        self._tables = {
            name: described[name]["inputs"]["symbols"]["shape"][1]
            for name in table_names(described)
        }
        self._symbols: int = described["coding_symbols"]["outputs"]["symbols"]["shape"][1]
        self._alphabet: int = described["coding_table_0"]["outputs"]["table"]["shape"][-1]

    @property
    def identity(self) -> str:
        """SHA-256 of the export, see `identity`."""
        return identity(self.model.card)

    def block_size_for(self, count: int) -> int:
        """How many images to code together: all, but not more than fit in memory comfortably."""
        most = 30 * _TABLE_NUMBERS // (self._symbols * self._alphabet)
        return max(1, min(count, most, _MOST_TILES))

    def encode(
        self,
        images: np.ndarray,
        block_size: int,
        progress: Optional[Callable[[int], None]] = None,
    ) -> List[Block]:
        """Codes images uint8 [N, H, W, C].

        Args:
          images: of values that the model knows.
          block_size: images that go through the model at once; the last block is filled with zeros.
          progress: called with the number of images that are done.

        Raises:
          CodecError: images of another shape, or of values that the model does not know.
        """
        blocks = []
        for start in range(0, len(images), block_size):
            part = images[start : start + block_size]
            writer = SymbolWriter()
            told = self.symbols(part)
            steps = self._steps(len(part), block_size)
            table = next(steps)
            first = 0
            while table is not None:
                now = told[:, first : first + table.shape[1]]
                writer.write(now.reshape(-1), table.reshape(-1, self._alphabet))
                first += table.shape[1]
                table = steps.send(now)
            blocks.append(Block(writer.to_bytes(), checksum(part)))
            if progress is not None:
                progress(start + len(part))
        return blocks

    def decode(
        self,
        blocks: List[Block],
        count: int,
        block_size: int,
        progress: Optional[Callable[[int], None]] = None,
    ) -> np.ndarray:
        """The images, uint8 [count, H, W, C], of what `encode` returned.

        Raises:
          CodecError: the blocks are not as many as the images take, or the pixels of a block are
            not those that were encoded.
        """
        if len(blocks) != -(-count // block_size):
            raise CodecError(
                f"{count} images in blocks of {block_size} are {-(-count // block_size)} blocks; "
                f"got {len(blocks)}."
            )
        images = np.zeros([count, *self.tile_shape], np.uint8)
        for index, block in enumerate(blocks):
            part = images[index * block_size : (index + 1) * block_size]
            try:
                part[...] = self._decode(block, len(part), block_size)
                right = checksum(part) == block.checksum
            except CodecError:
                right = False
            if not right:
                raise CodecError(
                    f"Block {index + 1} of {len(blocks)} cannot be decoded here: the pixels are "
                    "not those that were encoded. The export is the same, so its probabilities "
                    "came out otherwise in their last bits."
                )
            if progress is not None:
                progress(index * block_size + len(part))
        return images

    def symbols(self, images: np.ndarray) -> np.ndarray:
        """Images uint8 [N, H, W, C] as what is coded: uint8 [N, symbols].

        Raises:
          CodecError: images of another shape, or of values that the model does not know.
        """
        if images.dtype != np.uint8 or list(images.shape[1:]) != self.tile_shape:
            raise CodecError(
                f"This export codes images uint8 [N, *{self.tile_shape}]; got {images.dtype} "
                f"{list(images.shape)}."
            )
        try:
            return self._call("coding_symbols", images=tf.constant(images))["symbols"].numpy()
        except ServingError as error:
            raise CodecError(str(error)) from None

    def bits(self, images: np.ndarray, block_size: int) -> float:
        """-log2 P of images uint8 [N, H, W, C], by the export's log_prob; they are added up."""
        total = 0.0
        for start in range(0, len(images), block_size):
            part = tf.constant(images[start : start + block_size])
            nats = self._call("log_prob", images=part)["log_prob"].numpy()
            total -= np.sum(nats, dtype=np.float64)
        return total / np.log(2.0)

    def _decode(self, block, count, block_size):
        reader = SymbolReader(block.words)
        told = np.zeros([count, self._symbols], np.uint8)
        steps = self._steps(count, block_size)
        table = next(steps)
        first = 0
        while table is not None:
            now = reader.read(table.reshape(-1, self._alphabet)).reshape(count, -1)
            told[:, first : first + table.shape[1]] = now
            first += table.shape[1]
            table = steps.send(now)
        return self._call("coding_images", symbols=tf.constant(told))["images"].numpy()

    def _steps(self, count: int, block_size: int) -> Iterator[Optional[np.ndarray]]:
        """The tables [count, n, L] of all steps, each for the symbols [count, n] that it is sent.

        None comes after the last. Encoder and decoder both draw their tables from here, so that
        they make the same calls.
        """
        told = np.zeros([block_size, self._symbols], np.uint8)
        first = 0
        for name, end in self._tables.items():
            step, state = 0, tf.zeros([block_size, 0])
            while first < end:
                symbols = tf.constant(told[:, :end])
                found = self._call(name, symbols=symbols, step=tf.constant(step), state=state)
                table, state = found["table"].numpy(), found["state"]
                told[:count, first : first + table.shape[1]] = yield table[:count]
                first, step = first + table.shape[1], step + 1
        yield None

    def _call(self, name, **tensors) -> Dict[str, tf.Tensor]:
        return self.model.run(name, **tensors)


def can_code(card: Card) -> bool:
    """Whether the export of a card has the signatures that the codec needs."""
    return not missing_signatures(card.signatures)


def identity(card: Card) -> str:
    """SHA-256 of an export: of the names and contents of all files of its SavedModel.

    The contents enter as the SHA-256 of each, which `tfgen.serving.load` has compared with the
    files.
    """
    lines = [f"{entry['sha256']}  {name}\n" for name, entry in sorted(card.files.items())]
    return hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()


def checksum(pixels: np.ndarray) -> bytes:
    """8 bytes that tell pixels from others."""
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=8).digest()


def why_not(card: Card) -> str:
    """Why an export without coding signatures codes no images."""
    return (
        f"The export {card.name} (system {card.system}) cannot code images losslessly: it has no "
        f"signatures {', '.join(missing_signatures(card.signatures))}. They belong to models that "
        "give every image of whole numbers its exact probability, pixel by pixel. A flow gives a "
        "density of continuous values instead, and a VAE a bound."
    )
