"""The check of a network's optional conditioning."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

__all__ = ["checked_conditioning"]


def checked_conditioning(
    owner: str, conditioning, size: Optional[int], dtype, leading: str = "..."
) -> Optional[tf.Tensor]:
    """The conditioning as a tensor, or None for a network without, or an error.

    A flow passes its conditioning to every network of it, also to those that take none.

    Args:
      owner: name of the network, for messages.
      conditioning: what the caller passed, None for nothing.
      size: of its last axis; None if the network takes no conditioning.
      dtype: to cast it to.
      leading: the axes before the last, for messages.

    Raises:
      ValueError: it is missing, or has another size.
    """
    if size is None:
        return None
    if conditioning is None:
        raise ValueError(
            f"{owner} was made with conditioning_size={size}, so pass conditioning=... of shape "
            f"[{leading}, {size}]."
        )
    conditioning = tf.cast(conditioning, dtype)
    if conditioning.shape.rank is not None and conditioning.shape[-1] not in (None, size):
        raise ValueError(
            f"{owner} takes a conditioning of size {size}; got shape {conditioning.shape}."
        )
    return conditioning
