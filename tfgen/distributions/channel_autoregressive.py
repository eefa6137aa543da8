"""Maps whose channels are Gaussian given the channels before them."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.randomness import as_seed, example_normal

tfd = tfp.distributions

__all__ = ["ChannelAutoregressive"]

# A round of a loop in a graph has an overhead of its own. Unrolled altogether, the graphs of many
# channels would be slow to trace and large to export.
_STEPS_A_ROUND = 4


class ChannelAutoregressive(tfd.Distribution):
    """Distribution of maps l [H, W, C], autoregressive over channels, given a map r or not.

        p(l | r) = prod_j p(l_j | l_1, ..., l_{j-1}, r)
        p(l_j | l_1, ..., l_{j-1}, r) = prod over pixels of N(l_j; mean_j, scale_j^2)

    where a recurrent network gives mean_j and log scale_j, maps [H, W], from the channels before.
    All pixels of a channel are independent given these, so sampling takes C steps whatever the
    size of the image, and the density, where all channels are given, one pass.

    ```python
    from tfgen.layers import ChannelPriorNetwork

    network = ChannelPriorNetwork(channels=6, conditioning_channels=4)
    prior = ChannelAutoregressive(network)
    l, r = tf.zeros([3, 8, 8, 6]), tf.zeros([3, 8, 8, 4])
    prior.log_prob(l, conditioning=r)  # [3], nats
    prior.sample(seed=7, conditioning=r, temperature=0.8)  # [3, 8, 8, 6]
    prior.sample(2, seed=7, conditioning=r)  # [2, 3, 8, 8, 6]

    prior = ChannelAutoregressive(ChannelPriorNetwork(channels=6), image_shape=[4, 4])
    prior.sample(3, seed=7)  # [3, 4, 4, 6]
    prior.sample(3, seed=7, image_shape=[5, 2])  # [3, 5, 2, 6]
    ```

    The network (`tfgen.layers.ChannelPriorNetwork`) has the attributes `channels` and
    `variable_dtype`, and is called as

        network(l, conditioning, training=, seed=) -> (mean, log_scale), [B, H, W, C] each
        network.context(conditioning, image_shape) -> what its steps need of r and of the weights,
            computed once for maps of [H, W]
        network.step(previous, state, context) -> (mean, log_scale), state
            previous and both results are [B, H, W, 1]; state is None at the first step

    `temperature` multiplies the scales, and at 0 each channel is its mean given those before.
    Samples depend on the seed alone: inside a replica of a distribution strategy, the noise of
    the global batch is drawn and the replica's share is taken (`tfgen.randomness.example_normal`);
    the batch is that of r or, without, the first axis of the samples.

    #### References
    [1]: A. Bhattacharyya, S. Mahajan, M. Fritz, B. Schiele, S. Roth. Normalizing Flows with
         Multi-Scale Autoregressive Priors. CVPR 2020. Algorithm 1.
    [2]: S. Mahajan. Ph.D. thesis. Eqs. 6.4 to 6.6.
    """

    def __init__(
        self,
        network: Any,
        image_shape: Optional[Sequence[int]] = None,
        validate_args: bool = False,
        name: str = "ChannelAutoregressive",
    ):
        """Makes the distribution around its network.

        Args:
          network: gives the moments of the channels; see above. Its variable dtype is the dtype
            of the distribution.
          image_shape: [H, W] of samples without conditioning (with one, they have its size).
            log_prob takes any size.
          validate_args: as in every tfd.Distribution.
          name: name of the distribution.

        Raises:
          ValueError: an image_shape that is not of two sizes.
        """
        parameters = dict(locals())
        self.network = network
        self.image_shape = None if image_shape is None else _checked_image_shape(image_shape)
        super().__init__(
            dtype=tf.as_dtype(network.variable_dtype),
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=False,
            parameters=parameters,
            name=name,
        )

    @property
    def sequential_steps(self) -> int:
        """How many steps of the recurrence a sample takes, one after the other."""
        return self.network.channels

    def parameters_of(
        self,
        value: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed: Optional[tf.Tensor] = None,
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Mean and log-scale of every channel of a map given the channels before it.

        Args:
          value: l, [..., H, W, C].
          conditioning: r, [..., H, W, conditioning channels]; its leading axes broadcast with
            those of the value.
          training, seed: for the network.

        Returns:
          mean, log_scale: [..., H, W, C] each.
        """
        value = tf.convert_to_tensor(value, self.dtype)
        if value.shape.rank is None or value.shape.rank < 3 or value.shape[-1] != self._channels:
            raise ValueError(
                f"{self.name} is of maps [..., H, W, {self._channels}]; got shape {value.shape}."
            )
        axes = [value.shape[:-3]]
        if conditioning is not None:
            conditioning = tf.convert_to_tensor(conditioning, self.dtype)
            axes.append(conditioning.shape[:-3])
        if all(axis.rank == 1 and axis == axes[0] for axis in axes):
            return self.network(value, conditioning, training=training, seed=seed)
        leading = tf.shape(value)[:-3]
        if conditioning is not None:
            leading = tf.broadcast_dynamic_shape(leading, tf.shape(conditioning)[:-3])
            conditioning = _broadcast_and_flatten(conditioning, leading)
        value = _broadcast_and_flatten(value, leading)
        moments = self.network(value, conditioning, training=training, seed=seed)
        mean, log_scale = [
            tf.reshape(moment, tf.concat([leading, tf.shape(moment)[1:]], 0)) for moment in moments
        ]
        return mean, log_scale

    def _log_prob(self, value, conditioning=None, training=False, seed=None):
        mean, log_scale = self.parameters_of(value, conditioning, training, seed)
        square = tf.square((value - mean) * tf.exp(-log_scale))
        size = tf.cast(tf.reduce_prod(tf.shape(mean)[-3:]), self.dtype)
        constant = 0.5 * np.log(2.0 * np.pi) * size
        return -tf.reduce_sum(0.5 * square + log_scale, axis=[-3, -2, -1]) - constant

    def _call_sample_n(
        self, sample_shape, seed, conditioning=None, temperature=1.0, image_shape=None
    ):
        seed = tfp.random.sanitize_seed(seed) if seed is None else as_seed(seed)
        samples, batch = _sizes(sample_shape), []
        if conditioning is not None:
            conditioning = tf.convert_to_tensor(conditioning, self.dtype)
            if conditioning.shape.rank != 4 or None in conditioning.shape[1:]:
                raise ValueError(
                    "Samples are given maps [B, H, W, channels] of a static size; got "
                    f"conditioning of shape {conditioning.shape}."
                )
            batch = [conditioning.shape[0] or tf.shape(conditioning)[0]]
            image_shape = conditioning.shape[1:3]
            if samples:
                conditioning = _repeat(conditioning, _product(samples))
        image_shape = self.image_shape if image_shape is None else _checked_image_shape(image_shape)
        if image_shape is None:
            raise ValueError(
                f"{self.name} does not know the size of its samples: make it with "
                "image_shape=[H, W], or pass image_shape=[H, W] to sample."
            )
        context = self.network.context(conditioning, image_shape)
        # The batch is the outermost axis while drawing, as the shares of replicas have it.
        event = [*image_shape, self._channels]
        noise = example_normal(seed, _product(batch + samples), event, dtype=self.dtype)
        maps = self._run(noise * tf.cast(temperature, self.dtype), context)
        maps = tf.reshape(maps, batch + samples + event)
        if not (batch and samples):
            return maps
        rank = 1 + len(samples)
        return tf.transpose(maps, [*range(1, rank), 0, rank, rank + 1, rank + 2])

    def _run(self, noise, context):
        """Channel after channel: noise [N, H, W, C], already scaled -> samples [N, H, W, C]."""

        def step(previous, state, row):
            (mean, log_scale), state = self.network.step(previous, state, context)
            return mean + tf.exp(log_scale) * row, state

        rows = tf.transpose(noise, [3, 0, 1, 2])[..., tf.newaxis]
        # The first steps stand before the loop, so that its rounds of several come out even.
        first = 1 + (self._channels - 1) % _STEPS_A_ROUND
        channel, state = tf.zeros_like(rows[0]), None
        maps = tf.TensorArray(self.dtype, self._channels, element_shape=rows.shape[1:])
        for index in range(first):
            channel, state = step(channel, state, rows[index])
            maps = maps.write(index, channel)
        if first < self._channels:
            noises = tf.TensorArray(self.dtype, self._channels).unstack(rows)

            def body(index, channel, state, maps):
                for offset in range(_STEPS_A_ROUND):
                    channel, state = step(channel, state, noises.read(index + offset))
                    maps = maps.write(index + offset, channel)
                return index + _STEPS_A_ROUND, channel, state, maps

            *_, maps = tf.while_loop(
                lambda index, *_: index < self._channels,
                body,
                (first, channel, state, maps),
                maximum_iterations=(self._channels - first) // _STEPS_A_ROUND,
            )
        return tf.transpose(maps.stack()[..., 0], [1, 2, 3, 0])

    @property
    def _channels(self):
        return self.network.channels

    def _event_shape(self):
        return tf.TensorShape([*(self.image_shape or (None, None)), self._channels])

    def _default_event_space_bijector(self):
        return tfp.bijectors.Identity(validate_args=self.validate_args)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}


def _checked_image_shape(image_shape):
    sizes = tuple(image_shape)
    if len(sizes) != 2:
        raise ValueError(f"image_shape is [H, W], as in image_shape=[4, 4]; got {image_shape}.")
    return sizes


def _broadcast_and_flatten(maps, leading):
    """[..., H, W, C] -> [N, H, W, C], where N is the product of the leading axes."""
    shape = tf.shape(maps)[-3:]
    maps = tf.broadcast_to(maps, tf.concat([leading, shape], 0))
    return tf.ensure_shape(tf.reshape(maps, tf.concat([[-1], shape], 0)), [None, *maps.shape[-3:]])


def _repeat(maps, times):
    """[B, H, W, C] -> [B times, H, W, C], the repetitions of a row one after the other."""
    batch, *event = tf.unstack(tf.shape(maps))
    repeated = tf.broadcast_to(maps[:, tf.newaxis], [batch, times, *event])
    return tf.reshape(repeated, [-1, *maps.shape[1:]])


def _sizes(shape) -> list:
    """A shape (int, sequence or tensor) as a list of ints or, if not static, scalar tensors."""
    shape = tf.reshape(tf.cast(shape, tf.int32), [-1])
    static = tf.get_static_value(shape)
    return tf.unstack(shape) if static is None else [int(size) for size in static]


def _product(sizes):
    product = 1
    for size in sizes:
        product = product * size
    return product
