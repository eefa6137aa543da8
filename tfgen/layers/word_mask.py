"""Which words of a sentence count."""

from __future__ import annotations

import tensorflow as tf

__all__ = ["word_mask"]


def word_mask(words, end_id: int) -> tf.Tensor:
    """True for every word up to the first end word, and for that; false behind it.

    ```python
    word_mask([[5, 2, 0, 0], [0, 7, 7, 0], [3, 3, 3, 3]], end_id=0)
    # [[True, True, True, False], [True, False, False, False], [True, True, True, True]]
    ```

    Args:
      words: int [..., length].
      end_id: id of the end word. Where a blank fills up short texts, it is the end word too.

    Returns:
      bool [..., length]: the mask of `tfgen.losses.text_log_likelihood` and of text encoders.
    """
    is_end = tf.cast(tf.convert_to_tensor(words) == end_id, tf.int32)
    return tf.cumsum(is_end, axis=-1, exclusive=True) == 0
