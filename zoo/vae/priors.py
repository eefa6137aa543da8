"""The priors of the top latent: interchangeable distributions of vectors or maps."""

from __future__ import annotations

from typing import Tuple

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.bijectors import ActNorm, AffineCoupling, BijectorSequence, InvertibleConvolution
from tfgen.distributions import (
    ChannelAutoregressive,
    CouplingFlow,
    FlowDistribution,
    GaussianMap,
    GaussianMixture,
    StandardNormal,
    VampPrior,
)
from tfgen.layers import ChannelPriorNetwork, CouplingConvolutions
from zoo.vae.config import VAEConfig
from zoo.vae.networks import BottomUp

tfd = tfp.distributions

__all__ = ["TopEncoder", "make_prior"]


class TopEncoder(tf.keras.layers.Layer):
    """Images [K, H, W, C] in [-1, 1] -> mean and scale of the top latent's Gaussian posterior.

    Args:
      config: sizes.
      bottom_up: the VAE's own way up.
    """

    def __init__(self, config: VAEConfig, bottom_up: BottomUp, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.shape = config.latent_shapes()[0]
        self.bottom_up = bottom_up
        self.built = True

    def call(self, images: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        moments = self.bottom_up(images)[0].bounded()
        shape = [-1, *self.shape]
        return tf.reshape(moments.mean, shape), tf.exp(tf.reshape(moments.log_scale, shape))


def make_prior(config: VAEConfig, bottom_up: BottomUp, seed: int = 0) -> tfd.Distribution:
    """The prior p(z) of the top latent, for `config.prior`.

    Whatever its type: log_prob(z) is in nats [B], and sample(count, seed=..., temperature=...) is
    [count, *shape]. The flow is a `CouplingFlow` of vectors or, of maps, steps of ActNorm, 1x1
    convolution and affine coupling that split nothing off.

    Args:
      config: of the VAE.
      bottom_up: its way up, which is the encoder of a VampPrior.
      seed: of initial values.
    """
    prior, shape = config.prior, config.latent_shapes()[0]
    if prior.type == "standard_normal":
        return StandardNormal(shape)
    if prior.type == "mixture":
        return GaussianMixture(shape, prior.components, seed=seed)
    if prior.type == "vamp":
        encoder = TopEncoder(config, bottom_up)
        return VampPrior(shape, encoder, config.image_shape, prior.components, seed=seed)
    if prior.type == "channel_autoregressive":
        network = ChannelPriorNetwork(shape[-1], filters=prior.filters, layers=prior.layers)
        return ChannelAutoregressive(network, shape[:2])
    if len(shape) == 1:
        return CouplingFlow(shape[0], prior.steps, (prior.units, prior.units), seed=seed)
    return FlowDistribution(_map_flow(shape[-1], prior, seed), [GaussianMap(shape)], shape)


def _map_flow(channels, prior, seed):
    def network(inputs, outputs):
        return CouplingConvolutions(inputs, outputs, filters=prior.units)

    parts = []
    for step in range(prior.steps):
        parts += [
            ActNorm(channels),
            InvertibleConvolution(channels, seed=seed + step),
            AffineCoupling(channels, network, scale="exponential"),
        ]
    return BijectorSequence(parts)
