"""Pixel values as logits, so that a flow need not learn the edges of their range."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import tensorflow as tf

from tfgen.bijectors.channel_bijector import ChannelBijector

__all__ = ["PixelLogit"]


class PixelLogit(ChannelBijector):
    """The logit of pixel values, which are first drawn away from the ends of their range.

        inverse (data -> latent):  p = alpha + (1 - 2 alpha) y / levels,   x = log(p / (1 - p))
        forward (latent -> data):  y = levels (sigmoid(x) - alpha) / (1 - 2 alpha)
        inverse log-determinant:   sum over the event of
                                   log(1 - 2 alpha) - log(levels) - log p - log(1 - p)

    Data are dequantised pixel values in [0, levels): the log-determinant is that of the pixels in
    units of one level, as bits per dimension of the discrete data want it.

    ```python
    logit = PixelLogit()
    x, log_det = logit.inverse_and_log_det(tf.fill([5, 32, 32, 3], 127.5))  # log_det: [5]
    logit.forward(x)
    ```

    Any real x is allowed; y lies between -levels alpha / (1 - 2 alpha) and the same beyond the
    other end (for 0.05 and 256: -14.2 and 270.2), so samples are clipped to the range of pixels.
    It has no weights and works in any dtype.

    #### References
    [1]: L. Dinh, J. Sohl-Dickstein, S. Bengio. Density estimation using Real NVP. ICLR 2017.
         Section 4.1, where alpha is 0.05.
    """

    def __init__(
        self,
        alpha: float = 0.05,
        levels: int = 256,
        event_ndims: int = 3,
        validate_args: bool = False,
        name: str = "pixel_logit",
    ):
        """Makes the map.

        Args:
          alpha: p at pixel value 0, in [0, 1/2). At 0 the range is left alone, and the logit of a
            pixel of exactly 0 is infinite.
          levels: the number of values of a pixel.
          event_ndims: 3 for images [H, W, C], 1 for vectors [C].
          validate_args: as in every tfb.Bijector.
          name: name of the bijector.

        Raises:
          ValueError: an alpha out of range, less than one level, or wrong event_ndims.
        """
        if not 0.0 <= alpha < 0.5:
            raise ValueError(f"alpha lies in [0, 0.5); got {alpha}.")
        if levels < 1:
            raise ValueError(f"Pixels have one level at least; got levels={levels}.")
        super().__init__(None, event_ndims, name, validate_args=validate_args)
        self.alpha = alpha
        self.levels = levels
        self._slope = (1.0 - 2.0 * alpha) / levels

    def forward_and_log_det(
        self, x: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Logits -> pixel values, and log |det dy / dx|, [...]."""
        x = self._checked(x)
        y = (tf.sigmoid(x) - self.alpha) / self._slope
        # log p (1 - p) without cancellation at either end.
        magnitude = tf.abs(x)
        log_slope = -magnitude - 2.0 * tf.math.log1p(tf.exp(-magnitude))
        return y, self._summed(log_slope - np.log(self._slope))

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Pixel values -> logits, and log |det dx / dy|, [...]."""
        p = self.alpha + self._slope * self._checked(y)
        log_p, log_q = tf.math.log(p), tf.math.log1p(-p)
        return log_p - log_q, self._summed(np.log(self._slope) - log_p - log_q)

    def _summed(self, log_slope):
        return tf.reduce_sum(log_slope, axis=list(range(-self.event_ndims, 0)))
