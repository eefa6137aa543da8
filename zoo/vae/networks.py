"""The two ways of a ResNet-VAE: deterministic features up, latents down."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional

import tensorflow as tf

from zoo.vae.config import VAEConfig
from zoo.vae.convolutions import Grow, Shrink, convolution, residual_blocks

__all__ = ["BottomUp", "Given", "Moments", "TopDown"]

_LOG_SCALE_BOUND = 8.0
# Of moments after the initialisation, in standard deviations. Were they of the order of one, a few
# latents would have scales so small or large that their KL is all of the first gradients.
_INITIAL_MOMENTS = 0.3


class Moments(NamedTuple):
    """Maps that describe a Gaussian of a latent [h, w, c], and a context for a flow behind it.

    Attributes:
      mean, log_scale: [B, h, w, c].
      context: [B, h, w, c * config.flow_filters], or None without a flow.
    """

    mean: tf.Tensor
    log_scale: tf.Tensor
    context: Optional[tf.Tensor] = None

    def bounded(self) -> "Moments":
        """With a log-scale that never leaves [-8, 8], without which a training can end in NaN."""
        log_scale = _LOG_SCALE_BOUND * tf.tanh(self.log_scale / _LOG_SCALE_BOUND)
        return self._replace(log_scale=log_scale)

    def merged(self, other: "Moments") -> "Moments":
        """The sums of both, before they are bounded."""
        context = None if self.context is None else self.context + other.context
        return Moments(self.mean + other.mean, self.log_scale + other.log_scale, context)


class Given(NamedTuple):
    """What the layers above say of a latent: its prior, and their share of its posterior."""

    prior: Moments
    posterior: Moments


class BottomUp(tf.keras.layers.Layer):
    """Images -> what every stochastic layer's posterior sees of them.

    Each level shrinks its input and has residual blocks; each stochastic layer adds

        q, h = conv(elu(x)),   x <- x + conv(elu(h))

    where q are its `Moments`, not yet bounded, and x the features of the layers above. The top
    layer has q alone.

    Args:
      config: sizes.

    Call: float [B, H, W, C] in [-1, 1] -> a list of Moments, from the top layer to the bottom.
    """

    def __init__(self, config: VAEConfig, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.entrances, self.blocks, self.stochastic = [], [], []
        size, channels = config.image_size, config.channels
        for level, stride in enumerate(config.strides):
            self.entrances.append(Shrink(channels, config.filters, stride, config, size))
            size, channels = config.level_size(level), config.filters
            self.blocks.append(residual_blocks(config, size))
            self.stochastic.append(
                [
                    _LayerUp(config, level, top=config.is_top(level, count))
                    for count in range(config.layers[level], 0, -1)
                ]
            )
        self.built = True

    def call(self, images: tf.Tensor) -> List[Moments]:
        x, moments = images, []
        for level, entrance in enumerate(self.entrances):
            x = entrance(tf.nn.elu(x) if level else x)
            for block in self.blocks[level]:
                x = block(x)
            for layer in self.stochastic[level]:
                x, of_layer = layer(x)
                moments.append(of_layer)
        return moments[::-1]


class TopDown(tf.keras.layers.Layer):
    """Latents, from the top layer to the bottom -> the maps f(z) of the decoded image.

    The top layer makes features of its latent, x = conv(z). Each layer below reads the moments p
    of its prior, and its share r of those of its posterior, from them, and adds its latent:

        p, r, h = conv(elu(x)),   x <- x + conv([z, elu(h)])

    Each level has residual blocks after its stochastic layers, and grows its output.

    Args:
      config: sizes.

    Call arguments:
      choose: called as choose(index, given) for every layer from the top, index 0; given is a
        `Given`, or None for the top. Returns the latent [B, h, w, c].

    Returns:
      float32 [B, H, W, C] of the target.
    """

    def __init__(self, config: VAEConfig, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.exits, self.blocks, self.stochastic = [], [], []
        filters = config.filters
        for level in reversed(range(len(config.strides))):
            size, count = config.level_size(level), config.layers[level]
            self.stochastic.append(
                [
                    _LayerDown(config, level, top=config.is_top(level, index + 1))
                    for index in range(count)
                ]
            )
            self.blocks.append(residual_blocks(config, size))
            if level:
                self.exits.append(Grow(filters, filters, config.strides[level], config, size))
        target, channels = config.target_shape[1:]
        if target < size:
            last = Shrink(filters, channels, size // target, config, size, 0.1)
        else:
            last = Grow(filters, channels, target // size, config, size, 0.1)
        self.exits.append(last)
        self.built = True

    def call(self, choose: Callable[[int, Optional[Given]], tf.Tensor]) -> tf.Tensor:
        x, index = None, 0
        for layers, blocks, leave in zip(self.stochastic, self.blocks, self.exits):
            for layer in layers:
                given, h = layer.given(x)
                x = layer(choose(index, given), x, h)
                index += 1
            for block in blocks:
                x = block(x)
            x = leave(tf.nn.elu(x))
        return tf.cast(x, tf.float32)


class _LayerUp(tf.keras.layers.Layer):
    """A stochastic layer on the way up: x -> features of the layers above, and Moments."""

    def __init__(self, config, level, top, **kwargs):
        super().__init__(autocast=False, **kwargs)
        filters, size = config.filters, config.level_size(level)
        self.sizes = [*config.moment_sizes(level), 0 if top else filters]
        self.first = convolution(filters, sum(self.sizes), config, size, _INITIAL_MOMENTS)
        self.second = None if top else convolution(filters, filters, config, size, 0.1)
        self.built = True

    def call(self, x):
        *parts, h = tf.split(self.first(tf.nn.elu(x)), self.sizes, axis=-1)
        if self.second is not None:
            x += self.second(tf.nn.elu(h))
        return x, _moments(parts)


class _LayerDown(tf.keras.layers.Layer):
    """A stochastic layer on the way down; see `TopDown`."""

    def __init__(self, config, level, top, **kwargs):
        super().__init__(autocast=False, **kwargs)
        filters, size = config.filters, config.level_size(level)
        latent = config.latent_size(level)
        self.sizes = [latent, latent, *config.moment_sizes(level), filters]
        self.first = None
        if not top:
            self.first = convolution(filters, sum(self.sizes), config, size, _INITIAL_MOMENTS)
        joined = latent if top else latent + filters
        scale = 1.0 if top else 0.1
        self.second = convolution(joined, filters, config, size, scale)
        self.built = True

    def given(self, x):
        """What the features say of the latent, and what of them joins it; None above all layers."""
        if self.first is None:
            return None, None
        mean, log_scale, *parts, h = tf.split(self.first(tf.nn.elu(x)), self.sizes, axis=-1)
        return Given(_moments([mean, log_scale]), _moments(parts)), h

    def call(self, z, x, h):
        z = tf.cast(z, self.compute_dtype)
        if h is None:
            return self.second(z)
        return x + self.second(tf.concat([z, tf.nn.elu(h)], axis=-1))


def _moments(parts):
    return Moments(*[tf.cast(part, tf.float32) for part in parts])
