"""The lossless image pyramid whose levels are differences of neighbouring rows or columns."""

from __future__ import annotations

from typing import List, Literal, Optional, Sequence, Tuple

import tensorflow as tf

from tfgen.bijectors.channel_bijector import sizes
from tfgen.bijectors.one_pass import OnePassBijector

__all__ = ["PairedPyramid"]


class PairedPyramid(OnePassBijector):
    """Images of integers as a coarsest image and a fine component for each level.

    Level i = 1 .. L makes pairs of adjacent rows of I_{i-1}, or of columns, in turn. One of each
    pair is kept; the kept ones are the coarse image I_i, the others I'_i, and what is stored of
    these is their difference modulo 2^b, moved by a cyclic shift s:

        inverse (data -> pyramid):  F_i  = (I'_i - I_i + s) mod 2^b     for i = 1 .. L
        forward (pyramid -> data):  I'_i = (F_i + I_i - s) mod 2^b      for i = L .. 1
        log-determinant:            0, a bijection of integers

    Neighbouring pixels are alike, so differences are close to 0 modulo 2^b: at both ends of the
    range. The shift, half the range unless told otherwise, brings them together in its middle.
    All numbers of the pyramid are in 0 .. 2^b - 1, and there are as many as in the image.

    The event of the pyramid is the list [I_L, F_L, ..., F_1], from coarse to fine; F_i has the
    shape of I_i.

    ```python
    pyramid = PairedPyramid(levels=3)
    image = tf.reshape(tf.range(64, dtype=tf.int32), [1, 8, 8, 1])
    parts = pyramid.inverse(image)
    [part.shape[1:3].as_list() for part in parts]  # [2, 4], [2, 4], [4, 4], [4, 8]
    pyramid.forward(parts) == image  # everywhere
    coarse, fine = pyramid.halve(image, level=1)  # one level alone
    ```

    Shapes: [..., H, W, C] with any sizes whose halves, as often as levels halve them, are whole.
    Any integer dtype that holds b bits; results have the dtype of the inputs.

    #### References
    [1]: H. H. Torbey, H. E. Meadows. System for lossless digital image compression. SPIE Visual
         Communications and Image Processing 1989.
    [2]: S. Mahajan, S. Roth. PixelPyramids: Exact Inference Models from Lossless Image Pyramids.
         ICCV 2021. Eqs. 1 to 3 (7.1 to 7.3 of S. Mahajan's Ph.D. thesis), and Sec. 7.4.1 of the
         thesis for the shift.
    """

    def __init__(
        self,
        levels: int,
        bits: int = 8,
        first_axis: Literal["rows", "columns"] = "rows",
        kept: Literal["first", "second"] = "second",
        modulo_difference: bool = True,
        shift: Optional[int] = None,
        validate_args: bool = False,
        name: str = "paired_pyramid",
    ):
        """Makes the map.

        Args:
          levels: L, 1 or more.
          bits: b; pixels are in 0 .. 2^b - 1.
          first_axis: whether level 1 makes pairs of rows or of columns.
          kept: which of each pair goes to the coarse image.
          modulo_difference: without, F_i = (I'_i + s) mod 2^b, an ordinary subsampling.
          shift: s in 0 .. 2^b - 1. None is 2^(b-1) with differences and 0 without.
          validate_args: whether pixels are checked to be in their range when the map runs.
          name: name of the bijector.

        Raises:
          ValueError: a setting out of its range.
        """
        if levels < 1:
            raise ValueError(f"A PairedPyramid has one level at least; got levels={levels}.")
        if not 1 <= bits <= 31:
            raise ValueError(f"bits is 1 to 31; got {bits}.")
        if first_axis not in ("rows", "columns"):
            raise ValueError(f"first_axis is 'rows' or 'columns'; got {first_axis!r}.")
        if kept not in ("first", "second"):
            raise ValueError(f"kept is 'first' or 'second' of each pair; got {kept!r}.")
        if shift is None:
            shift = 2 ** (bits - 1) if modulo_difference else 0
        if not 0 <= shift < 2**bits:
            raise ValueError(
                f"shift is in 0 .. {2**bits - 1} for {bits} bits; got {shift}. Larger shifts are "
                "the same modulo the range."
            )
        super().__init__(
            forward_min_event_ndims=[3] * (levels + 1),
            inverse_min_event_ndims=3,
            is_constant_jacobian=True,
            validate_args=validate_args,
            name=name,
        )
        self.levels = levels
        self.bits = bits
        self.first_axis = first_axis
        self.kept = kept
        self.modulo_difference = modulo_difference
        self.shift = shift

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[List[tf.Tensor], tf.Tensor]:
        """Image [..., H, W, C] -> [I_L, F_L, ..., F_1], and log |det| = 0, [...]."""
        coarse, fines = self._checked(y), []
        log_det = tf.zeros(sizes(coarse)[:-3])
        for level in range(1, self.levels + 1):
            coarse, fine = self.halve(coarse, level)
            fines.append(fine)
        return [coarse, *fines[::-1]], log_det

    def forward_and_log_det(
        self, x: Sequence[tf.Tensor], conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """[I_L, F_L, ..., F_1] -> image [..., H, W, C], and log |det| = 0, [...]."""
        if len(x) != self.levels + 1:
            raise ValueError(
                f"{self.name} has {self.levels} levels, so wanted the coarsest image and as many "
                f"fine components; got {len(x)} tensors."
            )
        image = self._checked(x[0])
        for level, fine in zip(range(self.levels, 0, -1), x[1:]):
            image = self.join(image, fine, level)
        return image, tf.zeros(sizes(image)[:-3])

    def halve(self, image: tf.Tensor, level: int) -> Tuple[tf.Tensor, tf.Tensor]:
        """I_{i-1} [..., H, W, C] -> I_i and F_i, half as large each; level is i."""
        image = self._checked(image)
        axis = self.axis(level)
        self.coarse_shape(image.shape[-3:], level)
        first, second = (
            image[(..., slice(start, None, 2), *[slice(None)] * (-1 - axis))] for start in (0, 1)
        )
        coarse, other = (first, second) if self.kept == "first" else (second, first)
        base = tf.constant(self.shift, image.dtype)
        return coarse, self._modulo(
            other - coarse + base if self.modulo_difference else other + base
        )

    def join(self, coarse: tf.Tensor, fine: tf.Tensor, level: int) -> tf.Tensor:
        """I_i and F_i [..., h, w, C] -> I_{i-1}, twice as large; level is i."""
        coarse, fine = self._checked(coarse), self._checked(fine)
        if not coarse.shape.is_compatible_with(fine.shape):
            raise ValueError(
                f"{self.name} joins a coarse image and a fine component of one shape; got "
                f"{coarse.shape} and {fine.shape}."
            )
        axis = self.axis(level)
        other = fine - tf.constant(self.shift, fine.dtype)
        other = self._modulo(other + coarse if self.modulo_difference else other)
        pair = [coarse, other] if self.kept == "first" else [other, coarse]
        shape = sizes(coarse)
        shape[axis] = 2 * shape[axis]
        return tf.reshape(tf.stack(pair, axis), shape)

    def axis(self, level: int) -> int:
        """The axis that level i = 1 .. L halves: -3 for rows, -2 for columns."""
        if not 1 <= level <= self.levels:
            raise ValueError(f"{self.name} has the levels 1 .. {self.levels}; got {level}.")
        return -3 if (level % 2 == 1) == (self.first_axis == "rows") else -2

    def coarse_shape(self, shape: Sequence[Optional[int]], level: int) -> tf.TensorShape:
        """The shape of I_i and F_i, of the shape [H, W, C] of I_{i-1}; level is i.

        Raises:
          ValueError: the rows or columns do not make whole pairs.
        """
        shape, axis = tf.TensorShape(shape).as_list(), self.axis(level)
        if shape[axis] is not None and shape[axis] % 2:
            raise ValueError(
                f"Level {level} of {self.name} makes pairs of {'columns' if axis == -2 else 'rows'}"
                f", whose number is even; got an image of shape {shape}. Pad or crop the images, "
                "or take fewer levels."
            )
        shape[axis] = shape[axis] and shape[axis] // 2
        return tf.TensorShape(shape)

    def shapes(self, image_shape: Sequence[Optional[int]]) -> List[tf.TensorShape]:
        """Shapes of I_1 .. I_L, and so of F_1 .. F_L, of an image [H, W, C]: fine to coarse."""
        shapes = [tf.TensorShape(image_shape)]
        for level in range(1, self.levels + 1):
            shapes.append(self.coarse_shape(shapes[-1], level))
        return shapes[1:]

    def _checked(self, x):
        x = tf.convert_to_tensor(x)
        if not x.dtype.is_integer:
            raise ValueError(f"{self.name} takes integers; got {x.dtype.name}.")
        if x.dtype.max < 2**self.bits - 1:
            raise ValueError(
                f"{self.name} has {self.bits} bits, which {x.dtype.name} does not hold; "
                "cast to int32."
            )
        if x.shape.rank is not None and x.shape.rank < 3:
            raise ValueError(f"{self.name} takes images [..., H, W, C]; got shape {x.shape}.")
        if self.validate_args:
            message = f"{self.name} has {self.bits} bits: pixels are in 0 .. {2**self.bits - 1}."
            wide = tf.cast(x, tf.int64)
            bounds = [
                tf.debugging.assert_non_negative(wide, message),
                tf.debugging.assert_less(wide, tf.constant(2**self.bits, tf.int64), message),
            ]
            with tf.control_dependencies([check for check in bounds if check is not None]):
                x = tf.identity(x)
        return x

    def _modulo(self, x):
        """x mod 2^b. Two's complement and the wrap of unsigned types keep the last b bits right."""
        return tf.bitwise.bitwise_and(x, tf.constant(2**self.bits - 1, x.dtype))

    def _inverse_dtype(self, dtype):
        return [dtype] * (self.levels + 1)

    def _forward_dtype(self, dtypes):
        return dtypes[0]

    def _inverse_event_shape(self, shape):
        shapes = self.shapes(shape)
        return [shapes[-1], *shapes[::-1]]

    def _forward_event_shape(self, shapes):
        shape = tf.TensorShape(shapes[0]).as_list()
        for level in range(self.levels, 0, -1):
            axis = self.axis(level)
            shape[axis] = shape[axis] and 2 * shape[axis]
        return tf.TensorShape(shape)

    def _inverse_event_shape_tensor(self, shape):
        shapes = [tf.unstack(tf.cast(shape, tf.int32), 3)]
        for level in range(1, self.levels + 1):
            shapes.append(list(shapes[-1]))
            shapes[-1][self.axis(level)] //= 2
        stacked = [tf.stack(row) for row in shapes[1:]]
        return [stacked[-1], *stacked[::-1]]

    def _forward_event_shape_tensor(self, shapes):
        shape = tf.unstack(tf.cast(shapes[0], tf.int32), 3)
        for level in range(self.levels, 0, -1):
            shape[self.axis(level)] *= 2
        return tf.stack(shape)
