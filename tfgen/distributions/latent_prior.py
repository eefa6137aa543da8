"""What priors of latents have in common: a static event shape, seeds, a temperature."""

from __future__ import annotations

from typing import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.randomness import as_seed

tfd = tfp.distributions

__all__ = ["LatentPrior", "diagonal_log_prob"]


class LatentPrior(tfd.Distribution):
    """Base class of distributions of latents z: vectors [D], maps [h, w, c] or any other shape.

    A subclass has `_log_prob(z)` and

        draw(count, seed, temperature) -> [count, *event shape]

    and is a prior of every VAE whose latents have that shape, as are `CouplingFlow` of vectors,
    `FlowDistribution` and `ChannelAutoregressive` of maps: log_prob(z) is in nats [...], and
    sample(shape, seed=..., temperature=...) depends on the seed alone. The temperature multiplies
    standard deviations.

    Args:
      event_shape: of z.
      reparameterised: whether draws have a gradient.
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        reparameterised: bool,
        validate_args: bool,
        parameters: dict,
        name: str,
    ):
        self.latent_shape = tuple(int(size) for size in event_shape)
        if not self.latent_shape or min(self.latent_shape) < 1:
            raise ValueError(
                f"{name}: the shape of a latent is that of a vector, [D], or a map, [h, w, c]; got "
                f"{list(event_shape)}."
            )
        kind = tfd.FULLY_REPARAMETERIZED if reparameterised else tfd.NOT_REPARAMETERIZED
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=kind,
            validate_args=validate_args,
            allow_nan_stats=False,
            parameters=parameters,
            name=name,
        )

    def draw(self, count, seed: tf.Tensor, temperature) -> tf.Tensor:
        """[count, *event shape], at the temperature."""
        raise NotImplementedError

    def _call_sample_n(self, sample_shape, seed, temperature=1.0):
        seed = tfp.random.sanitize_seed(seed) if seed is None else as_seed(seed)
        sample_shape = tf.reshape(tf.cast(sample_shape, tf.int32), [-1])
        drawn = self.draw(tf.reduce_prod(sample_shape), seed, tf.cast(temperature, self.dtype))
        static = tf.get_static_value(sample_shape)
        known = [None] * sample_shape.shape[0] if static is None else list(static)
        drawn = tf.reshape(drawn, tf.concat([sample_shape, self.latent_shape], 0))
        return tf.ensure_shape(drawn, [*known, *self.latent_shape])

    def _axes(self):
        """The axes of an event."""
        return list(range(-len(self.latent_shape), 0))

    def _event_shape(self):
        return tf.TensorShape(self.latent_shape)

    def _event_shape_tensor(self):
        return tf.constant(self.latent_shape, tf.int32)

    def _default_event_space_bijector(self):
        return tfp.bijectors.Identity(validate_args=self.validate_args)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}


def diagonal_log_prob(z: tf.Tensor, mean, log_scale, axes: Sequence[int]) -> tf.Tensor:
    """log N(z; mean, exp(log_scale)^2), summed over the axes, in nats; all broadcast."""
    noise = (z - mean) * tf.exp(-log_scale)
    constant = tf.constant(0.91893853320467, z.dtype)  # log(2 pi) / 2
    return -tf.reduce_sum(0.5 * tf.square(noise) + log_scale + constant, axis=axes)
