"""Tiny VAEs that tests share: the same weights in every order, and images for them."""

import dataclasses

import numpy as np
import tensorflow as tf

from tests.weights import set_weights
from zoo.vae import VAE, LatentPriorConfig, VAEConfig

PRIOR = LatentPriorConfig(components=3, steps=1, units=6, filters=3, layers=1)
VECTOR = VAEConfig(
    image_size=2,
    channels=1,
    values=4,
    strides=(2,),
    layers=(1,),
    latent_channels=(2,),
    filters=6,
    blocks=1,
    posterior="gaussian",
    prior=PRIOR,
)
MAPS = dataclasses.replace(
    VECTOR, image_size=4, strides=(2,), layers=(1,), latent_channels=(2,), filters=4
)
LADDER = dataclasses.replace(
    MAPS, strides=(2, 2), layers=(1, 2), latent_channels=(2, 3), flow_filters=2
)


def with_prior(config, kind, **changes):
    prior = dataclasses.replace(config.prior, type=kind)
    return dataclasses.replace(config, prior=prior, **changes)


CASES = {
    "vector": VECTOR,
    "vector_iaf": dataclasses.replace(VECTOR, posterior="iaf", flow_filters=4),
    "vector_mixture": with_prior(VECTOR, "mixture"),
    "vector_vamp": with_prior(VECTOR, "vamp"),
    "vector_flow": with_prior(VECTOR, "flow"),
    "map_flow": with_prior(MAPS, "flow"),
    "map_mar_iaf": with_prior(MAPS, "channel_autoregressive", posterior="iaf", flow_filters=2),
    "ladder": LADDER,
    "ladder_iaf": dataclasses.replace(LADDER, posterior="iaf"),
    "ladder_vamp": with_prior(LADDER, "vamp"),
}


def make(config, scale=1.0):
    """A model with weights from numpy."""
    model = set_weights(VAE(config, seed=1), seed=2, scale=scale)
    if model.likelihood.log_scales is not None:
        model.likelihood.log_scales.assign(tf.fill(model.likelihood.log_scales.shape, -1.5))
    return model


def images(count, config, seed=0):
    shape = [count, *config.image_shape]
    return tf.constant(np.random.RandomState(seed).randint(0, config.values, shape), tf.uint8)


def targets(count, config, seed=0):
    shape = [count, *config.target_shape]
    return tf.constant(np.random.RandomState(seed).randint(0, config.levels, shape), tf.uint8)
