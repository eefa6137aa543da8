"""Gaussians over maps, with moments from a network or without: the usual priors of image flows."""

from __future__ import annotations

from typing import Callable, Optional, Sequence

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.randomness import as_seed, example_normal

tfd = tfp.distributions

__all__ = ["GaussianMap"]


class GaussianMap(tfd.Distribution):
    """Independent Gaussians over the entries of a map l [H, W, C], given a map r or not.

        p(l | r) = prod N(l; mean(r), scale(r)^2)
        mean, raw = network(r),    log_scale = bound tanh(raw / bound)

    Without a network it is N(0, I), the prior of Real NVP; with one whose last layer starts at
    zero it starts there, and is the prior of Glow's splits.

    ```python
    prior = GaussianMap([4, 4, 6])
    prior.log_prob(tf.zeros([3, 4, 4, 6]))  # [3], nats
    prior.sample(3, seed=1)  # [3, 4, 4, 6]
    ```

    `sample(count, seed=...)` gives count maps; with `conditioning` of shape [B, H, W, C],
    `sample(seed=..., conditioning=r)` gives one for each of its rows. `temperature` multiplies
    the standard deviation.

    #### References
    [1]: L. Dinh, J. Sohl-Dickstein, S. Bengio. Density estimation using Real NVP. ICLR 2017.
    [2]: D. Kingma, P. Dhariwal. Glow. NeurIPS 2018. Section 3.6.
    """

    def __init__(
        self,
        shape: Sequence[int],
        make_network: Optional[Callable] = None,
        log_scale_bound: float = 5.0,
        dtype=tf.float32,
        validate_args: bool = False,
        name: str = "GaussianMap",
    ):
        """Makes the distribution and the network's variables.

        Args:
          shape: [H, W, C] of samples. log_prob takes maps of any height and width.
          make_network: (input channels, output channels) -> a layer called as
            network(r, training=..., seed=...), where r has as many channels as l; None is N(0, I).
          log_scale_bound: the largest absolute log-scale.
          dtype: float32 or float64.
          validate_args: as in every tfd.Distribution.
          name: name of the distribution.
        """
        parameters = dict(locals())
        self.shape = tuple(shape)
        self.log_scale_bound = log_scale_bound
        channels = self.shape[-1]
        self.network = None if make_network is None else make_network(channels, 2 * channels)
        super().__init__(
            dtype=tf.as_dtype(dtype),
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=False,
            parameters=parameters,
            name=name,
        )

    def _moments(self, conditioning, training, seed):
        if conditioning is None:
            raise ValueError(f"{self.name} has a network: pass conditioning=..., [B, H, W, C].")
        output = tf.cast(self.network(conditioning, training=training, seed=seed), self.dtype)
        mean, raw = tf.split(output, 2, axis=-1)
        return mean, self.log_scale_bound * tf.tanh(raw / self.log_scale_bound)

    def _log_prob(self, value, conditioning=None, training=False, seed=None):
        axes = [-3, -2, -1]
        size = tf.cast(tf.reduce_prod(tf.shape(value)[-3:]), self.dtype)
        constant = 0.5 * np.log(2.0 * np.pi) * size
        if self.network is None:
            return -0.5 * tf.reduce_sum(tf.square(value), axes) - constant
        mean, log_scale = self._moments(conditioning, training, seed)
        square = tf.square((value - mean) * tf.exp(-log_scale))
        return -tf.reduce_sum(0.5 * square + log_scale, axes) - constant

    def _call_sample_n(self, sample_shape, seed, conditioning=None, temperature=1.0):
        batch = sample_shape if conditioning is None else tf.shape(conditioning)[0]
        noise = example_normal(as_seed(seed), tf.reshape(batch, []), self.shape, dtype=self.dtype)
        noise *= tf.cast(temperature, self.dtype)
        if self.network is None:
            return noise
        mean, log_scale = self._moments(conditioning, False, None)
        return mean + tf.exp(log_scale) * noise

    def _event_shape(self):
        return tf.TensorShape(self.shape)

    def _event_shape_tensor(self):
        return tf.constant(self.shape, tf.int32)

    def _default_event_space_bijector(self):
        return tfp.bijectors.Identity(validate_args=self.validate_args)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}
