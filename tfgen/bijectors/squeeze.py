"""Trades the height and width of images for channels."""

from __future__ import annotations

from typing import Tuple

import tensorflow as tf

from tfgen.bijectors.channel_bijector import ChannelBijector, sizes

__all__ = ["Squeeze"]


class Squeeze(ChannelBijector):
    """Blocks of f x f pixels become the channels of one pixel.

        inverse (data -> latent):  x[h, w, (f i + j) C + c] = y[f h + i, f w + j, c]
                                   [H, W, C] -> [H / f, W / f, f^2 C]
        forward (latent -> data):  its inverse, [h, w, f^2 C] -> [f h, f w, C]
        log-determinant:           0

    The order of the channels is that of tf.nn.space_to_depth: first the C channels of the block's
    upper left pixel, then those of the pixel to the right of it, and so on row by row. With
    f = 2, the first half of the channels is the upper row of each block.

    ```python
    squeeze = Squeeze()
    squeeze.inverse(tf.zeros([5, 32, 32, 3]))  # [5, 16, 16, 12]
    squeeze.forward(tf.zeros([5, 16, 16, 12]))  # [5, 32, 32, 3]
    squeeze.inverse_event_shape([32, 32, 3])  # [16, 16, 12]
    ```

    It has no weights and works in any dtype and at any size.

    #### References
    [1]: L. Dinh, J. Sohl-Dickstein, S. Bengio. Density estimation using Real NVP. ICLR 2017.
         Section 3.6.
    """

    def __init__(self, factor: int = 2, validate_args: bool = False, name: str = "squeeze"):
        """Makes the map.

        Args:
          factor: f, 2 or more.
          validate_args: as in every tfb.Bijector.
          name: name of the bijector.

        Raises:
          ValueError: a factor below 2.
        """
        if factor < 2:
            raise ValueError(f"The factor of a squeeze is 2 or more; got {factor}.")
        super().__init__(None, 3, name, validate_args=validate_args)
        self.factor = factor

    def forward_and_log_det(
        self, x: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """[..., h, w, f^2 C] -> [..., f h, f w, C], and log |det| = 0, [...]."""
        x = self._checked(x)
        self._forward_event_shape(x.shape[-3:])
        return self._mapped(tf.nn.depth_to_space, x), self._log_det(x)

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """[..., H, W, C] -> [..., H / f, W / f, f^2 C], and log |det| = 0, [...]."""
        y = self._checked(y)
        self._inverse_event_shape(y.shape[-3:])
        return self._mapped(tf.nn.space_to_depth, y), self._log_det(y)

    def _mapped(self, function, x):
        if x.shape.rank == 4:
            return function(x, self.factor)
        # The kernels take one leading axis.
        shape = sizes(x)
        result = function(tf.reshape(x, [-1, *shape[-3:]]), self.factor)
        return tf.reshape(result, [*shape[:-3], *sizes(result)[1:]])

    def _forward_event_shape(self, shape):
        height, width, channels = shape
        if channels is not None and channels % self.factor**2:
            raise ValueError(
                f"{self.name} undoes blocks of {self.factor} x {self.factor} pixels, so the number "
                f"of channels is a multiple of {self.factor**2}; got shape {shape}."
            )
        return tf.TensorShape(
            [
                height and height * self.factor,
                width and width * self.factor,
                channels and channels // self.factor**2,
            ]
        )

    def _inverse_event_shape(self, shape):
        height, width, channels = shape
        if any(size is not None and size % self.factor for size in (height, width)):
            raise ValueError(
                f"{self.name} makes blocks of {self.factor} x {self.factor} pixels, so height and "
                f"width are multiples of {self.factor}; got shape {shape}. Pad or crop the images."
            )
        return tf.TensorShape(
            [
                height and height // self.factor,
                width and width // self.factor,
                channels and channels * self.factor**2,
            ]
        )

    def _forward_event_shape_tensor(self, shape):
        area = self.factor**2
        return tf.stack([shape[0] * self.factor, shape[1] * self.factor, shape[2] // area])

    def _inverse_event_shape_tensor(self, shape):
        area = self.factor**2
        return tf.stack([shape[0] // self.factor, shape[1] // self.factor, shape[2] * area])
