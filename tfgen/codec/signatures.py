"""What an export has to offer so that images can be compressed with it."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Protocol, Sequence, Tuple

import tensorflow as tf

__all__ = ["SymbolCoder", "SymbolPart", "coding_signatures", "missing_signatures", "table_names"]

_TABLE = "coding_table_"


class SymbolPart(Protocol):
    """A part of the symbols of an image, told in steps.

    Attributes:
      size: how many symbols it has.
    """

    size: int

    def table(
        self, symbols: tf.Tensor, step: tf.Tensor, state: tf.Tensor
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """The distributions of the symbols of a step.

        Args:
          symbols: uint8 [B, n], of all parts up to this one, what was told in the steps before; the
            rest is not read.
          step: int32 [], from 0 in each part.
          state: float32 [B, S], what the step before returned; not read at step 0.

        Returns:
          probabilities [B, m, L] of the m symbols of the step, and the state, for some S of the
          part's choice.
        """


class SymbolCoder(Protocol):
    """An exact model of discrete images, as a chain of distributions of symbols.

        P(image) = prod over steps t of prod over symbols of the step of P(symbol | steps before t)

    An image is N symbols 0 .. L - 1 in an order of the model's choice, by a bijection. They are
    told in steps, of which each has one symbol or many, one after the other in the N; the symbols
    of a step are independent given all that was told before. Steps that are alike make a part,
    with a graph of its own.

    Encoder and decoder both go through the steps with what has been told so far, and zeros in place
    of the rest. They make the same calls with the same tensors, so that they get the same bits.

    Attributes:
      image_shape: [H, W, C].
      values: of a pixel, 0 .. values - 1.
      alphabet: L.
      parts: in the order in which they are told.
    """

    image_shape: List[int]
    values: int
    alphabet: int
    parts: Sequence[SymbolPart]

    def symbols(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 [B, H, W, C] -> uint8 [B, N]."""

    def images(self, symbols: tf.Tensor) -> tf.Tensor:
        """uint8 [B, N] -> uint8 [B, H, W, C]: the inverse."""


def coding_signatures(
    coder: SymbolCoder,
) -> Dict[str, tf.types.experimental.GenericFunction]:
    """The signatures `coding_symbols`, `coding_images`, `coding_table_0`, `coding_table_1` ...

    The methods of `SymbolCoder` and of its parts, with tensors of the same names; the results are
    named "symbols", "images", and "table" and "state". Images of other values are refused.

    ```python
    class Coins:  # independent pixels, black or white: one part of one step
        image_shape, values, alphabet, size = [2, 2, 1], 2, 2, 4

        @property
        def parts(self):
            return [self]

        def symbols(self, images):
            return tf.reshape(images, [-1, 4])

        def images(self, symbols):
            return tf.reshape(symbols, [-1, 2, 2, 1])

        def table(self, symbols, step, state):
            return tf.fill([tf.shape(symbols)[0], 4, 2], 0.5), state[:, :0]

    coding_signatures(Coins())["coding_symbols"](tf.ones([1, 2, 2, 1], tf.uint8))
    ```
    """
    ends = [sum(part.size for part in coder.parts[: k + 1]) for k in range(len(coder.parts))]
    specs = [tf.TensorSpec([None, *coder.image_shape], tf.uint8, name="images")]

    @tf.function(input_signature=specs, autograph=False)
    def coding_symbols(images):
        largest = tf.cast(tf.reduce_max(images), tf.int32)
        wanted = f"images of this model have values 0 .. {coder.values - 1}; the largest given:"
        check = tf.debugging.Assert(largest < coder.values, [wanted, largest])
        with tf.control_dependencies([check]):
            symbols = coder.symbols(tf.identity(images))
        return {"symbols": tf.ensure_shape(symbols, [None, ends[-1]])}

    specs = [tf.TensorSpec([None, ends[-1]], tf.uint8, name="symbols")]

    @tf.function(input_signature=specs, autograph=False)
    def coding_images(symbols):
        return {"images": tf.ensure_shape(coder.images(symbols), [None, *coder.image_shape])}

    def make_table(part, end):
        specs = [
            tf.TensorSpec([None, end], tf.uint8, name="symbols"),
            tf.TensorSpec([], tf.int32, name="step"),
            tf.TensorSpec([None, None], tf.float32, name="state"),
        ]

        @tf.function(input_signature=specs, autograph=False)
        def coding_table(symbols, step, state):
            table, state = part.table(symbols, step, state)
            return {
                "table": tf.ensure_shape(table, [None, None, coder.alphabet]),
                "state": tf.ensure_shape(state, [None, None]),
            }

        return coding_table

    tables = {
        f"{_TABLE}{k}": make_table(part, end)
        for k, (part, end) in enumerate(zip(coder.parts, ends))
    }
    return {"coding_symbols": coding_symbols, "coding_images": coding_images, **tables}


def table_names(signatures: Mapping[str, Any]) -> List[str]:
    """Names of the tables among the signatures of an export, in order."""
    count = sum(name.startswith(_TABLE) for name in signatures)
    return [f"{_TABLE}{k}" for k in range(count)]


def missing_signatures(signatures: Mapping[str, Any]) -> List[str]:
    """What an export with these signatures lacks to code images; nothing if it can."""
    wanted = ["coding_symbols", "coding_images", *(table_names(signatures) or [f"{_TABLE}0"])]
    return [name for name in wanted if name not in signatures]
