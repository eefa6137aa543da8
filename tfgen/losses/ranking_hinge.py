"""The bidirectional hinge loss that ranks matching pairs above others."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

__all__ = ["ranking_hinge"]

NEGATIVES = ("sum", "max")


def ranking_hinge(
    similarities: tf.Tensor,
    margin: float = 0.2,
    negatives: str = "sum",
    paired: Optional[tf.Tensor] = None,
    matching: Optional[tf.Tensor] = None,
) -> tf.Tensor:
    """Hinge loss of each matching pair against the other items of the batch, both ways.

    For similarities s[i, j] of image i and text j, where i and i match,

        loss_i = Psi_j max(0, margin + s[i, j] - s[i, i])
               + Psi_j max(0, margin + s[j, i] - s[i, i]),    j over the items that do not match

    with the sum for Psi, or the maximum, which looks at the hardest negative alone (VSE++). It is
    0 where each margin is kept, and the maximum is never above the sum.

    ```python
    ranking_hinge([[0.9, 0.8], [0.1, 0.5]])  # [0.1, 0.5]
    ```

    Args:
      similarities: float [N, N]; rows are one kind of item, columns the other.
      margin: m, 0 or more.
      negatives: "sum" or "max".
      paired: bool [N], which of the diagonal's pairs are known to match. The others have loss 0,
        and neither their rows nor their columns are negatives; None takes all.
      matching: bool [N, N], true where an item off the diagonal matches, too, such as the same
        text a second time: it is no negative.

    Returns:
      float [N], in the similarities' dtype; 0 for a pair without negatives.

    Raises:
      ValueError: shapes do not fit, or another word for `negatives`.

    #### References
    [1]: S. Mahajan, T. Botschen, I. Gurevych, S. Roth. Joint Wasserstein Autoencoders for
         Aligning Multimodal Embeddings. ICCV Workshops 2019 (Eq. 3.1 of S. Mahajan's thesis).
    [2]: F. Faghri, D. Fleet, J. Kiros, S. Fidler. VSE++: Improving Visual-Semantic Embeddings
         with Hard Negatives. BMVC 2018. Equations 5 and 6.
    """
    similarities = tf.convert_to_tensor(similarities)
    shape = similarities.shape
    if shape.rank != 2 or not shape[:1].is_compatible_with(shape[1:]):
        raise ValueError(f"similarities is [N, N], pairs on the diagonal; got {shape}.")
    if negatives not in NEGATIVES:
        raise ValueError(f"negatives is one of {', '.join(NEGATIVES)}; got {negatives!r}.")
    count = tf.shape(similarities)[0]
    excluded = tf.eye(count, dtype=tf.bool)
    if matching is not None:
        excluded |= tf.cast(matching, tf.bool)
    if paired is not None:
        paired = tf.cast(paired, tf.bool)
        excluded |= ~(paired[:, tf.newaxis] & paired)
    right = tf.linalg.diag_part(similarities)
    reduce = tf.reduce_sum if negatives == "sum" else tf.reduce_max

    def one_way(rows, no_negative):
        cost = tf.nn.relu(margin + rows - right[:, tf.newaxis])
        return reduce(tf.where(no_negative, tf.zeros_like(cost), cost), axis=1)

    return one_way(similarities, excluded) + one_way(
        tf.transpose(similarities), tf.transpose(excluded)
    )
