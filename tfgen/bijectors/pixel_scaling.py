"""Pixel values in units that suit a flow."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import tensorflow as tf

from tfgen.bijectors.channel_bijector import ChannelBijector, sizes

__all__ = ["PixelScaling"]


class PixelScaling(ChannelBijector):
    """An affine map between pixel values in [0, levels) and latents in [-1/2, 1/2).

        inverse (data -> latent):  x = y / levels - 1/2
        forward (latent -> data):  y = levels (x + 1/2)
        inverse log-determinant:   -D log(levels),   D = H W C

    Data are dequantised pixel values: the log-determinant is that of the pixels in units of one
    level, as bits per dimension of the discrete data want it.

    ```python
    scaling = PixelScaling(levels=32)
    x, log_det = scaling.inverse_and_log_det(tf.fill([5, 8, 8, 3], 16.0))  # zeros; [5]
    ```

    It has no weights and works in any dtype.

    #### References
    [1]: D. Kingma, P. Dhariwal. Glow: Generative Flow with Invertible 1x1 Convolutions. NeurIPS
         2018. Section 2, Equation 2: the discretisation level.
    """

    def __init__(
        self,
        levels: int = 256,
        event_ndims: int = 3,
        validate_args: bool = False,
        name: str = "pixel_scaling",
    ):
        """Makes the map.

        Args:
          levels: the number of values of a pixel.
          event_ndims: 3 for images [H, W, C], 1 for vectors [C].
          validate_args: as in every tfb.Bijector.
          name: name of the bijector.

        Raises:
          ValueError: less than one level, or wrong event_ndims.
        """
        if levels < 1:
            raise ValueError(f"Pixels have one level at least; got levels={levels}.")
        super().__init__(None, event_ndims, name, validate_args=validate_args)
        self.levels = levels

    def forward_and_log_det(
        self, x: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """y = levels (x + 1/2), and log |det dy / dx|, [...]."""
        x = self._checked(x)
        return (x + 0.5) * self.levels, self._log_det(x, np.log(self.levels) * self._channels(x))

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """x = y / levels - 1/2, and log |det dx / dy|, [...]."""
        y = self._checked(y)
        return y / self.levels - 0.5, self._log_det(y, -np.log(self.levels) * self._channels(y))

    def _channels(self, x):
        return tf.cast(sizes(x)[-1], x.dtype)
