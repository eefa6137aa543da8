"""The invertible 1x1 convolution: one learned linear map of the channels."""

from __future__ import annotations

from typing import Optional, Tuple

import tensorflow as tf

from tfgen.bijectors.channel_bijector import ChannelBijector, reshape_as

__all__ = ["InvertibleConvolution"]


class InvertibleConvolution(ChannelBijector):
    """A linear map of the channels at each position, kept as its LU decomposition.

        W = P L (U + diag(s)),   s = sign exp(log_magnitude)
        inverse (data -> latent):  x = y W       at each position, y and x rows of C channels
        forward (latent -> data):  y = x W^-1,   W^-1 = (U + diag(s))^-1 L^-1 P^T
        inverse log-determinant:   H W sum_c log_magnitude_c    (H W = 1 for vectors)

    P is a permutation, L lower triangular with ones on the diagonal, U strictly upper triangular.
    P and sign stay as they are; L, U and log_magnitude are trained. A new map is a random
    rotation.

    ```python
    convolution = InvertibleConvolution(channels=12, seed=1)
    x, log_det = convolution.inverse_and_log_det(tf.ones([16, 8, 8, 12]))  # log_det: [16]
    convolution.forward(x)
    ```

    Both directions work on a matrix [C, C] once a call, then multiply all positions by it. Two
    triangular solves make W^-1 (for 12 to 96 channels they take 20 to 60 microseconds on a CPU,
    like forming W). It is not kept from call to call: to tell that a kept inverse still belongs
    to the weights takes as long as making it.

    Shapes: [..., H, W, C] with event_ndims=3, [..., C] with event_ndims=1; log-determinants [...],
    in nats.

    #### References
    [1]: D. Kingma, P. Dhariwal. Glow: Generative Flow with Invertible 1x1 Convolutions. NeurIPS
         2018. Section 3.2, Equations 10 and 11.
    """

    def __init__(
        self,
        channels: int,
        event_ndims: int = 3,
        seed: Optional[int] = None,
        dtype=tf.float32,
        validate_args: bool = False,
        name: str = "invertible_convolution",
    ):
        """Makes the map and its variables.

        Args:
          channels: C.
          event_ndims: 3 for images [H, W, C], 1 for vectors [C].
          seed: makes the initial rotation reproducible; None takes Keras' global seed.
          dtype: float32 or float64; kept under any mixed-precision policy.
          validate_args: as in every tfb.Bijector.
          name: name of the bijector.

        Raises:
          ValueError: no channels, or an event_ndims that is neither 1 nor 3.
        """
        super().__init__(channels, event_ndims, name, dtype, validate_args)
        rotation = tf.keras.initializers.Orthogonal(seed=seed)([channels, channels], tf.float64)
        triangles, order = tf.linalg.lu(rotation, output_idx_type=tf.int64)
        diagonal = tf.linalg.diag_part(triangles)
        # L without its ones, U, and zeros on the diagonal, in one matrix as LAPACK has them.
        self.triangles = tf.Variable(
            tf.cast(tf.linalg.set_diag(triangles, tf.zeros_like(diagonal)), self.dtype),
            name="triangles",
        )
        self.log_magnitude = tf.Variable(
            tf.cast(tf.math.log(tf.abs(diagonal)), self.dtype), name="log_magnitude"
        )
        self.sign = tf.Variable(
            tf.cast(tf.sign(diagonal), self.dtype), trainable=False, name="sign"
        )
        # Row i of W is row permutation[i] of L (U + diag(s)).
        self.permutation = tf.Variable(
            tf.math.invert_permutation(order), trainable=False, name="permutation"
        )

    def forward_and_log_det(
        self, x: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """y = x W^-1, and log |det dy / dx|, [...]."""
        x = self._checked(x)
        log_det = self._log_det(x, -tf.reduce_sum(self.log_magnitude))
        return self._multiply(x, self._inverse_matrix()), log_det

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """x = y W, and log |det dx / dy|, [...]."""
        y = self._checked(y)
        log_det = self._log_det(y, tf.reduce_sum(self.log_magnitude))
        return self._multiply(y, self.matrix()), log_det

    def matrix(self) -> tf.Tensor:
        """W, [C, C]."""
        lower, upper = self._factors()
        # The diagonals are set above; of the rest, each factor is one triangle.
        product = tf.matmul(tf.linalg.band_part(lower, -1, 0), tf.linalg.band_part(upper, 0, -1))
        return tf.gather(product, self.permutation)

    def _inverse_matrix(self):
        lower, upper = self._factors()
        transposed = tf.one_hot(self.permutation, self.channels, axis=0, dtype=self.dtype)
        # The solver reads one triangle of each factor only.
        inner = tf.linalg.triangular_solve(lower, transposed, lower=True)
        return tf.linalg.triangular_solve(upper, inner, lower=False)

    def _factors(self):
        """L and U + diag(s), with numbers of the other in the unused triangle of each."""
        triangles = tf.convert_to_tensor(self.triangles)
        lower = tf.linalg.set_diag(triangles, tf.ones([self.channels], self.dtype))
        upper = tf.linalg.set_diag(triangles, self.sign * tf.exp(self.log_magnitude))
        return lower, upper

    def _multiply(self, x, matrix):
        # One matrix product is 3 to 6 times as fast on a CPU as a convolution with a 1x1 kernel.
        return reshape_as(tf.matmul(tf.reshape(x, [-1, self.channels]), matrix), x)
