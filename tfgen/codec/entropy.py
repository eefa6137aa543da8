"""Symbols as a string of bits, given their probabilities."""

from __future__ import annotations

import numpy as np

from tfgen.codec.errors import CodecError

__all__ = ["SymbolReader", "SymbolWriter"]


class SymbolWriter:
    """Writes symbols, in the order in which a `SymbolReader` reads them, with a range coder.

    A symbol of probability p takes -log2 p bits, but for the rounding of p to multiples of 2^-24;
    what rounds to 0 is 2^-24. The end takes 32 bits or less.

    ```python
    table = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    writer = SymbolWriter()
    writer.write(np.array([0, 1]), table)
    SymbolReader(writer.to_bytes()).read(table)  # [0, 1]
    ```
    """

    def __init__(self):
        self._coder = _constriction().stream.queue.RangeEncoder()

    def write(self, symbols: np.ndarray, table: np.ndarray) -> None:
        """Writes symbols [n] of probabilities [n, L].

        Raises:
          CodecError: the table has numbers that are no probabilities.
        """
        try:
            self._coder.encode(np.ascontiguousarray(symbols, np.int32), _family(), _masses(table))
        except ValueError as error:
            raise CodecError(f"The model gave no probabilities: {error}") from None

    def to_bytes(self) -> bytes:
        """The code words, of 4 bytes, the lowest first."""
        return self._coder.get_compressed().astype("<u4").tobytes()


class SymbolReader:
    """Reads what a `SymbolWriter` wrote, given the same tables to the last bit."""

    def __init__(self, words: bytes):
        words = np.frombuffer(words, "<u4").astype(np.uint32)
        self._coder = _constriction().stream.queue.RangeDecoder(words)

    def read(self, table: np.ndarray) -> np.ndarray:
        """The next symbols, int32 [n], of probabilities [n, L].

        Raises:
          CodecError: no symbols have this code, as tables or code are not those of the writer.
        """
        try:
            return self._coder.decode(_family(), _masses(table))
        except (AssertionError, ValueError) as error:
            raise CodecError(f"The code does not fit the model: {error}") from None


def _family():
    return _constriction().stream.model.Categorical(perfect=False)


def _masses(table):
    # In single precision, sums of many small numbers could round to more than 2^24 parts.
    return np.ascontiguousarray(table, np.float64)


def _constriction():
    import constriction

    return constriction
