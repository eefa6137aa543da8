"""Tiny AGAVEs for tests."""

import numpy as np
import tensorflow as tf

from tests.perturbation import perturb
from zoo.agave import AGAVE, AGAVEConfig, PixelDecoderConfig
from zoo.vae import VAEConfig

DECODER = PixelDecoderConfig(
    filters=4, mixtures=2, residual_layers=1, resolutions=1, dropout=0.0, layers=2, kernel_size=3
)
# One vector of latents, images of 16 levels, which are their own auxiliary images.
PLAIN = AGAVEConfig(
    vae=VAEConfig(
        image_size=4,
        channels=1,
        values=16,
        strides=(4,),
        layers=(1,),
        latent_channels=(2,),
        filters=6,
        posterior="gaussian",
        kl_weight=2.0,
    ),
    decoder=DECODER,
)
# Two layers with flows; smaller, grey auxiliary images of colour images.
DEEP = AGAVEConfig(
    vae=VAEConfig(
        image_size=4,
        target_size=2,
        target_channels=1,
        target_values=16,
        strides=(2, 2),
        layers=(1, 1),
        latent_channels=(1, 3),
        filters=4,
        posterior="iaf",
        flow_layers=1,
        flow_filters=2,
        kl_weight=2.0,
    ),
    decoder=DECODER,
)


def images(count, config, seed=0):
    """uint8 [count, H, W, C] of random levels."""
    random = np.random.RandomState(seed)
    shape = [count, *config.vae.image_shape]
    return tf.constant(random.randint(0, config.vae.values, shape), tf.uint8)


def make(config, seed=1):
    """A model away from its initial weights, always the same."""
    tf.keras.utils.set_random_seed(seed)
    model = AGAVE(config, seed=seed)
    model.initialise({"image": images(64, config, 9)})
    return perturb(model, 0.3)
