"""What distributions of integer images have in common: levels, shapes, noise, checks."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.distributions.discretised_bins import image_noise
from tfgen.randomness import Seed, as_seed

tfd = tfp.distributions

__all__ = ["DiscretisedImages"]


class DiscretisedImages(tfd.Distribution):
    """Base class of distributions of images [H, W, C] of levels 0 .. L - 1.

    A subclass has `_log_prob(value)` and

        from_noise(noise, temperature) -> int32 images
            noise: uniform in (0, 1), [..., H, W, noise_size]

    Samples are a function of the seed alone. The batch is the outermost axis while noise is drawn,
    so that inside a replica of a distribution strategy the replica's share is taken.

    Args:
      image_maps: a parameter with the shape of the images, [batch shape, H, W, C, ...].
      trailing_axes: how many axes `image_maps` has after the channels.
      levels: L.
      noise_size: numbers of noise a pixel takes.
    """

    def __init__(
        self,
        image_maps: tf.Tensor,
        trailing_axes: int,
        levels: int,
        noise_size: int,
        validate_args: bool,
        parameters: dict,
        name: str,
    ):
        if not 2 <= levels <= 65536:
            raise ValueError(f"{name}: an image has 2 to 65536 levels; got levels={levels}.")
        self._maps = image_maps
        self._trailing = trailing_axes
        self.levels = levels
        self.noise_size = noise_size
        super().__init__(
            dtype=tf.int32,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=False,
            parameters=parameters,
            name=name,
        )

    def _call_sample_n(self, sample_shape, seed, temperature=1.0):
        seed = tfp.random.sanitize_seed(seed) if seed is None else as_seed(seed)
        noise = self._noise(sample_shape, seed)
        return self.from_noise(noise, temperature)

    def _noise(self, sample_shape, seed: Seed):
        """[samples, batch shape, H, W, noise_size]."""
        height, width = self.event_shape[:2]
        if height is None or width is None:
            raise ValueError(
                f"{self.name} draws images of a static size; got {self.event_shape}, [H, W, C]."
            )
        event = [height, width, self.noise_size]
        samples = tf.reshape(tf.cast(sample_shape, tf.int32), [-1])
        outer = tf.concat([self.batch_shape_tensor(), samples], 0)
        noise = image_noise(seed, tf.reduce_prod(outer), event)
        noise = tf.reshape(noise, tf.concat([outer, event], 0))
        first, both = self.batch_shape.rank, self.batch_shape.rank + samples.shape[0]
        order = [*range(first, both), *range(first), *range(both, both + 3)]
        known = tf.get_static_value(samples)
        known = [None] * samples.shape[0] if known is None else list(known)
        return tf.ensure_shape(tf.transpose(noise, order), [*known, *self.batch_shape, *event])

    def _batch_shape(self):
        return self._maps.shape[: self._maps.shape.rank - 3 - self._trailing]

    def _batch_shape_tensor(self):
        return tf.shape(self._maps)[: self._maps.shape.rank - 3 - self._trailing]

    def _event_shape(self):
        rank = self._maps.shape.rank - self._trailing
        return self._maps.shape[rank - 3 : rank]

    def _event_shape_tensor(self):
        rank = self._maps.shape.rank - self._trailing
        return tf.shape(self._maps)[rank - 3 : rank]

    def _sample_control_dependencies(self, value):
        if not self.validate_args:
            return []
        value = tf.cast(value, tf.float32)
        message = f"{self.name} is of whole numbers 0 .. {self.levels - 1}"
        return [
            tf.debugging.assert_equal(value, tf.round(value), message),
            tf.debugging.assert_non_negative(value, message),
            tf.debugging.assert_less(value, float(self.levels), message),
        ]

    def _default_event_space_bijector(self):
        return None

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}
