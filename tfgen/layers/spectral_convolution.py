"""A convolution whose kernel has spectral norm 1."""

from __future__ import annotations

import tensorflow as tf

__all__ = ["SpectralConvolution", "spectral_norm"]


class SpectralConvolution(tf.keras.layers.Conv2D):
    """y = conv(x, W / s(W)) + b, where s(W) is the largest singular value of the kernel.

    The kernel counts as the matrix [height * width * inputs, filters], as in [1]. tensorflow-addons
    has this as a wrapper that overwrites the kernel and keeps the singular vector in a variable;
    mirrored variables refuse the first in a replica. Here nothing is kept: the power iteration
    starts anew at each call, so that the layer is a function of its weights.

    ```python
    layer = SpectralConvolution(8, 4, strides=2)
    layer(tf.zeros([2, 16, 16, 3]))  # [2, 8, 8, 8]
    ```

    Args:
      filters, kernel_size, strides: as of tf.keras.layers.Conv2D; padding is "same".
      iterations: of the power method.

    #### References
    [1]: T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida. Spectral Normalization for Generative
         Adversarial Networks. ICLR 2018.
    """

    def __init__(self, filters: int, kernel_size=3, strides=1, iterations: int = 10, **kwargs):
        super().__init__(filters, kernel_size, strides, **{"padding": "same", **kwargs})
        self.iterations = iterations

    def convolution_op(self, inputs, kernel):
        """The convolution with the normalised kernel; called by Keras."""
        matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
        scale = tf.cast(spectral_norm(tf.cast(matrix, tf.float32), self.iterations), kernel.dtype)
        return super().convolution_op(inputs, kernel / scale)

    def get_config(self):
        return {**super().get_config(), "iterations": self.iterations}


def spectral_norm(matrix: tf.Tensor, iterations: int = 10) -> tf.Tensor:
    """The largest singular value, nearly: u^T W v after power iterations; never above it.

    The gradient is that of the singular value with the vectors held fixed, u v^T.

    Args:
      matrix: W, float [rows, columns].
      iterations: of the power method, from the same start each time.

    Returns:
      A scalar, 0 or more.
    """
    v = tf.random.stateless_normal([matrix.shape[1], 1], [17, matrix.shape[1]])
    fixed = tf.stop_gradient(matrix)
    for _ in range(iterations):
        u = tf.math.l2_normalize(tf.matmul(fixed, v))
        v = tf.math.l2_normalize(tf.matmul(fixed, u, transpose_a=True))
    return tf.reduce_sum(u * tf.matmul(matrix, v)) + 1e-12
