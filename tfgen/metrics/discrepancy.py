"""Maximum mean discrepancy: a distance of two distributions from their samples."""

from __future__ import annotations

from typing import Sequence

import tensorflow as tf

from tfgen.randomness import Seed, as_seed

__all__ = ["discrepancy_to_normal", "maximum_mean_discrepancy"]

KERNELS = {
    "imq": lambda squares, width: width / (width + squares),
    "rbf": lambda squares, width: tf.exp(-squares / width),
}


def maximum_mean_discrepancy(
    x: tf.Tensor,
    y: tf.Tensor,
    kernel: str = "imq",
    scales: Sequence[float] = (0.5, 1.0, 2.0),
    block: int = 1024,
) -> tf.Tensor:
    """Unbiased estimate of the squared MMD between the distributions of two sets of samples.

        MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y)

    where the means over pairs of one set leave each point's pair with itself out, so that the
    estimate has no bias. It is 0 in the mean for one distribution, and is then negative as often
    as positive. The kernel is the mean over the scales s of

        imq:  C / (C + |x - y|^2)         (inverse multiquadratic; its tails see far outliers)
        rbf:  exp(-|x - y|^2 / C)         with C = 2 D s^2

    For s = 1, C is the mean of |x - y|^2 between samples of N(0, I) in D dimensions: a kernel as
    wide as the data, in any dimension.

    Gradients go through; with x and y of a batch it is a loss, too.

    ```python
    normal = tf.random.stateless_normal([500, 4], [1, 2])
    maximum_mean_discrepancy(normal, 1.0 + tf.random.stateless_normal([500, 4], [3, 4]))  # 0.14
    ```

    Args:
      x: [N, D], N >= 2.
      y: [M, D], M >= 2.
      kernel: "imq" or "rbf".
      scales: of the kernels, positive.
      block: rows of the pair matrices at once; memory is block * max(N, M) numbers, but for
        gradients N * M.

    Returns:
      A scalar, in the dtype of x; computed in float64.

    Raises:
      ValueError: shapes do not fit, or there is no such kernel or scale.

    #### References
    [1]: A. Gretton et al. A kernel two-sample test. JMLR 2012. Lemma 6, equation 3.
    [2]: I. Tolstikhin, O. Bousquet, S. Gelly, B. Schoelkopf. Wasserstein auto-encoders.
         ICLR 2018. Section 4. (The inverse multiquadratic kernel and its width 2 D.)
    """
    x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    if x.shape.rank != 2 or y.shape.rank != 2 or not x.shape[1:].is_compatible_with(y.shape[1:]):
        raise ValueError(f"MMD takes x [N, D] and y [M, D]; got {x.shape} and {y.shape}.")
    if 1 in (x.shape[0], y.shape[0]) or 0 in (x.shape[0], y.shape[0]):
        raise ValueError(f"MMD takes two or more samples a set; got {x.shape} and {y.shape}.")
    if kernel not in KERNELS:
        raise ValueError(f"kernel is one of {', '.join(sorted(KERNELS))}; got {kernel!r}.")
    if not len(scales) or min(scales) <= 0.0:
        raise ValueError(f"scales are positive numbers, one at least; got {list(scales)}.")
    first, second = tf.cast(x, tf.float64), tf.cast(y, tf.float64)
    # Distances do not change with the origin; near it their squares keep their digits.
    middle = tf.stop_gradient(tf.reduce_mean(second, axis=0))
    first, second = first - middle, second - middle

    def pair_sum(a, b):
        return _pair_sum(a, b, KERNELS[kernel], scales, block)

    n, m = (tf.cast(tf.shape(points)[0], tf.float64) for points in (first, second))
    # k(x, x) = 1 for both kernels: the pairs of a point with itself add up to n.
    within = (pair_sum(first, first) - n) / (n * (n - 1.0))
    within += (pair_sum(second, second) - m) / (m * (m - 1.0))
    return tf.cast(within - 2.0 * pair_sum(first, second) / (n * m), x.dtype)


def discrepancy_to_normal(
    codes: tf.Tensor,
    seed: Seed,
    samples: int = 10000,
    kernel: str = "imq",
    scales: Sequence[float] = (0.5, 1.0, 2.0),
) -> tf.Tensor:
    """Squared MMD between codes and as many samples as wanted of the prior N(0, I).

    Args:
      codes: [N, D], of an encoder, one for each example.
      seed: of the prior's samples.
      samples: of the prior.
      kernel, scales: see `maximum_mean_discrepancy`.
    """
    codes = tf.convert_to_tensor(codes)
    shape = [samples, codes.shape[-1]]
    prior = tf.random.stateless_normal(shape, as_seed(seed), dtype=codes.dtype)
    return maximum_mean_discrepancy(codes, prior, kernel, scales)


def _pair_sum(x, y, kernel, scales, block):
    squares_y = tf.reduce_sum(tf.square(y), axis=1)
    size = tf.cast(tf.shape(x)[1], tf.float64)

    def add_block(start, total):
        rows = x[start : start + block]
        squares = tf.reduce_sum(tf.square(rows), axis=1)[:, None] + squares_y
        squares = tf.maximum(squares - 2.0 * tf.matmul(rows, y, transpose_b=True), 0.0)
        values = [tf.reduce_sum(kernel(squares, 2.0 * size * scale**2)) for scale in scales]
        return start + block, total + tf.add_n(values) / len(scales)

    _, total = tf.while_loop(
        lambda start, _: start < tf.shape(x)[0],
        add_block,
        [tf.constant(0), tf.constant(0.0, tf.float64)],
        parallel_iterations=1,
    )
    return total
