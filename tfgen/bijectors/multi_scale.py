"""The multi-scale architecture: after each level half of the variables become latents."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow as tf

from tfgen.bijectors.one_pass import OnePassBijector
from tfgen.randomness import fold_in

__all__ = ["Level", "MultiScale"]


class Level(NamedTuple):
    """What one level makes of an image.

    Attributes:
      latent: l_i, or h_n at the last level, [B, h, w, c].
      rest: r_i, which goes on to the next level and which the prior of l_i may be conditioned on;
        None at the last level.
      log_det: log |det| of data -> latent of this level alone, [B].
    """

    latent: tf.Tensor
    rest: Optional[tf.Tensor]
    log_det: tf.Tensor


class MultiScale(OnePassBijector):
    """Levels of a flow, with half of the channels split off as latents after each but the last.

        inverse (data -> latents), from r_0 = y:
            l_i, r_i = halves of f_i(r_{i-1})    for i = 1 .. n - 1
            h_n = f_n(r_{n-1})
        forward (latents -> data), from r_{n-1} = f_n^{-1}(h_n):
            r_{i-1} = f_i^{-1}([l_i, r_i])       for i = n - 1 .. 1
        log |det|: the sum over the levels

    The event of the latents is the list [l_1, ..., l_{n-1}, h_n]: each keeps its shape, which a
    prior over maps needs. With levels that squeeze (`Squeeze`) an image [H, W, C] has latents
    l_i [H / 2^i, W / 2^i, 2^i C] and h_n [H / 2^n, W / 2^n, 2^(n+1) C].

    ```python
    from tfgen.bijectors import Squeeze

    flow = MultiScale([Squeeze(), Squeeze(), Squeeze()])
    latents, log_det = flow.inverse_and_log_det(tf.zeros([5, 32, 32, 3]))
    [latent.shape for latent in latents]  # [5, 16, 16, 6], [5, 8, 8, 12], [5, 4, 4, 48]
    flow.forward(latents)  # [5, 32, 32, 3]
    ```

    #### References
    [1]: L. Dinh, J. Sohl-Dickstein, S. Bengio. Density estimation using Real NVP. ICLR 2017.
         Section 3.6.
    [2]: A. Bhattacharyya, S. Mahajan, M. Fritz, B. Schiele, S. Roth. Normalizing Flows with
         Multi-Scale Autoregressive Priors. CVPR 2020. Section 4 and Algorithm 1, which leaves out
         the last level's own inverse.
    """

    def __init__(
        self,
        levels: Sequence[OnePassBijector],
        validate_args: bool = False,
        name: str = "multi_scale",
    ):
        """Joins levels.

        Args:
          levels: bijectors of images, one at least, in the order in which data passes them. All
            but the last leave an even number of channels.
          validate_args: as in every tfb.Bijector.
          name: name of the bijector.

        Raises:
          ValueError: there are no levels.
        """
        levels = list(levels)
        if not levels:
            raise ValueError("A MultiScale flow has one level at least; got none.")
        dtypes = [level.dtype for level in levels if level.dtype is not None]
        super().__init__(
            forward_min_event_ndims=[3] * len(levels),
            inverse_min_event_ndims=3,
            dtype=dtypes[0] if dtypes else None,
            validate_args=validate_args,
            name=name,
        )
        self.levels = levels

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[List[tf.Tensor], tf.Tensor]:
        """Image [B, H, W, C] -> latents, and log |det|, [B]."""
        levels = self.split(y, conditioning, training, seed)
        return [level.latent for level in levels], tf.add_n([level.log_det for level in levels])

    def forward_and_log_det(
        self, x: Sequence[tf.Tensor], conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Latents -> image [B, H, W, C], and log |det|, [B]."""
        if len(x) != len(self.levels):
            raise ValueError(
                f"{self.name} has {len(self.levels)} levels, so wanted as many latents; "
                f"got {len(x)}."
            )
        return self.join(lambda level, rest: x[level], conditioning, training, seed)

    def split(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> List[Level]:
        """What every level makes of an image [B, H, W, C], from the finest to the coarsest."""
        rest, parts = y, []
        for index, level in enumerate(self.levels):
            value, log_det = level.inverse_and_log_det(
                rest, **self._kwargs(index, conditioning, training, seed)
            )
            latent, rest = value, None
            if index < len(self.levels) - 1:
                latent, rest = _halves(value, level)
            parts.append(Level(latent, rest, log_det))
        return parts

    def join(
        self,
        latent_of: Callable[[int, Optional[tf.Tensor]], tf.Tensor],
        conditioning=None,
        training: bool = False,
        seed=None,
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Generates from the coarsest level to the finest.

        Args:
          latent_of: (level, r) -> the latent of that level, from 0; r is None at the last level
            and the conditioning half of the others, so that a latent can be drawn given it.
          conditioning, training, seed: for the bijectors.

        Returns:
          image [B, H, W, C], and log |det| of latents -> image, [B].
        """
        last = len(self.levels) - 1
        rest, total = None, None
        for index in range(last, -1, -1):
            value = latent_of(index, rest)
            if index < last:
                value = tf.concat([value, rest], axis=-1)
            rest, log_det = self.levels[index].forward_and_log_det(
                value, **self._kwargs(index, conditioning, training, seed)
            )
            total = log_det if total is None else total + log_det
        return rest, total

    def latent_shapes(self, image_shape: Sequence[int]) -> List[tf.TensorShape]:
        """Shapes of the latents, without the batch, of an image [H, W, C]."""
        rest, shapes = tf.TensorShape(image_shape), []
        for index, level in enumerate(self.levels):
            rest = level.inverse_event_shape(rest)
            if index < len(self.levels) - 1:
                rest = tf.TensorShape([*rest[:-1], rest[-1] // 2])
                shapes.append(rest)
        return [*shapes, rest]

    @staticmethod
    def _kwargs(index, conditioning, training, seed):
        kwargs = {"training": training}
        if conditioning is not None:
            kwargs["conditioning"] = conditioning
        if seed is not None:
            kwargs["seed"] = fold_in(seed, index)
        return kwargs

    def _inverse_dtype(self, dtype):
        return [dtype] * len(self.levels)

    def _forward_dtype(self, dtypes):
        return dtypes[0]

    def _inverse_event_shape(self, shape):
        return self.latent_shapes(shape)

    def _forward_event_shape(self, shapes):
        rest = shapes[-1]
        for index in range(len(self.levels) - 1, -1, -1):
            if index < len(self.levels) - 1:
                rest = tf.TensorShape([*rest[:-1], rest[-1] + shapes[index][-1]])
            rest = self.levels[index].forward_event_shape(rest)
        return rest

    def _inverse_event_shape_tensor(self, shape):
        rest, shapes = shape, []
        for index, level in enumerate(self.levels):
            rest = level.inverse_event_shape_tensor(rest)
            if index < len(self.levels) - 1:
                rest = tf.concat([rest[:-1], rest[-1:] // 2], 0)
                shapes.append(rest)
        return [*shapes, rest]

    def _forward_event_shape_tensor(self, shapes):
        rest = shapes[-1]
        for index in range(len(self.levels) - 1, -1, -1):
            if index < len(self.levels) - 1:
                rest = tf.concat([rest[:-1], rest[-1:] + shapes[index][-1:]], 0)
            rest = self.levels[index].forward_event_shape_tensor(rest)
        return rest


def _halves(value, level):
    channels = value.shape[-1]
    if channels is None or channels % 2:
        raise ValueError(
            f"A level that is split leaves an even number of channels; {level.name} left "
            f"{channels} (shape {value.shape}). Squeeze in every level."
        )
    return tf.split(value, 2, axis=-1)
