"""Base class of bijectors that do the same at every position of an image."""

from __future__ import annotations

from typing import List, Optional

import tensorflow as tf

from tfgen.bijectors.one_pass import OnePassBijector

__all__ = ["ChannelBijector"]


class ChannelBijector(OnePassBijector):
    """A OnePassBijector of the last axis of vectors [..., C] or images [..., H, W, C].

    Height and width come from each input: one object works at any size. Subclasses begin their
    two functions with `_checked` and make the log-determinants that are the same for every
    example with `_log_det`.
    """

    def __init__(
        self,
        channels: Optional[int],
        event_ndims: int,
        name: str,
        dtype=None,
        validate_args: bool = False,
    ):
        """Keeps the sizes.

        Args:
          channels: C; None for a map of any number of channels.
          event_ndims: 3 for images, 1 for vectors.
          name: name of the bijector.
          dtype: of its inputs; None for a map without weights, which works in that of its input.
          validate_args: as in every tfb.Bijector.

        Raises:
          ValueError: no channels, or an event_ndims that is neither 1 nor 3.
        """
        if channels is not None and channels < 1:
            raise ValueError(f"{name} needs one channel at least; got channels={channels}.")
        if event_ndims not in (1, 3):
            raise ValueError(
                f"{name} takes images (event_ndims=3) or vectors (event_ndims=1); got "
                f"event_ndims={event_ndims}."
            )
        # Without `parameters`: TFP takes bijectors of equal parameters for the same and mixes up
        # their cached results, but two maps of one configuration have different weights.
        super().__init__(
            forward_min_event_ndims=event_ndims,
            dtype=None if dtype is None else tf.as_dtype(dtype),
            validate_args=validate_args,
            name=name,
        )
        self.channels = channels
        self.event_ndims = event_ndims

    def _checked(self, x) -> tf.Tensor:
        """The input as a tensor of the right dtype, or an error that says what is wrong."""
        x = tf.convert_to_tensor(x, self.dtype)
        rank, channels = x.shape.rank, x.shape[-1:]
        if rank is not None and (
            rank < self.event_ndims or channels[0] not in (None, self.channels or channels[0])
        ):
            size = "C" if self.channels is None else self.channels
            wanted = f"images [..., H, W, {size}]" if self.event_ndims == 3 else f"[..., {size}]"
            raise ValueError(f"{self.name} takes {wanted}; got shape {x.shape}.")
        if not x.dtype.is_floating:
            raise ValueError(
                f"{self.name} takes float tensors; got {x.dtype.name}. Dequantise pixels first."
            )
        return x

    def _positions(self, x: tf.Tensor) -> tf.Tensor:
        """The number of positions of an event, H * W or 1, as a scalar of the dtype of x."""
        height_and_width = sizes(x)[x.shape.rank - self.event_ndims : -1]
        return tf.cast(tf.reduce_prod(tf.stack([1, *height_and_width])), x.dtype)

    def _log_det(self, x: tf.Tensor, value=None) -> tf.Tensor:
        """A log-determinant that is the same for every example, of the batch shape of x.

        Args:
          x: the input.
          value: log |det| at one position, a scalar; None for zero.
        """
        batch = sizes(x)[: x.shape.rank - self.event_ndims]
        if value is None:
            return tf.zeros(batch, x.dtype)
        return tf.broadcast_to(self._positions(x) * value, batch)


def sizes(x: tf.Tensor) -> List:
    """The shape of x as a list of ints and, for axes that are not static, scalar tensors."""
    dynamic = None if x.shape.is_fully_defined() else tf.unstack(tf.shape(x), x.shape.rank)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(x.shape)]


def reshape_as(x: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """x in the shape of `like`, by as few operations as the static shape allows."""
    static = [-1 if size is None else size for size in like.shape]
    return tf.reshape(x, static if static.count(-1) < 2 else tf.shape(like))
