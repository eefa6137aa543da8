"""A tiny VLVAE and tiny data for the tests of zoo/vlvae."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.weights import set_weights
from tfgen.data import Source, Vocabulary, array_source
from tfgen.training import TrainingConfig, make_optimizer
from zoo.vlvae import VLVAE, NetworkConfig, VLVAEConfig

SIZES, COLOURS = ("small", "large"), ("red", "green", "blue")
SIDE, LENGTH = 8, 2
TEXTS = [f"{size} {colour}" for size in SIZES for colour in COLOURS]


def toy_vocabulary() -> Vocabulary:
    return Vocabulary((*SIZES, *COLOURS), [SIZES, COLOURS])


def toy_config(objective="vlvae", latent_size=4, **changes) -> VLVAEConfig:
    networks = NetworkConfig(
        latent_size=latent_size,
        encoding_size=8,
        hidden_units=8,
        image_width=4,
        downsamplings=1,
        residual_blocks=1,
        bottleneck_channels=2,
        bottleneck_size=0,
        text_state=6,
        word_embedding=4,
        text_dropout=0.2,
    )
    settings = {"image_weight": 0.5, "text_weight": 3.0, "kl_warmup_steps": 10, **changes}
    return VLVAEConfig(
        image_size=SIDE,
        objective=objective,
        couplings=2,
        flow_hidden_units=6,
        networks=networks,
        **settings,
    )


def toy_vlvae(objective="vlvae", weights_seed=0, scale=1.0, **changes) -> VLVAE:
    """A model whose variables exist and do not depend on Keras' initialisers."""
    model = VLVAE(toy_config(objective, **changes), toy_vocabulary(), seed=5)
    model.objective(toy_batch(2), training=False)
    return set_weights(model, weights_seed, scale)


def toy_images(texts, seed=0) -> np.ndarray:
    """A square of the colour and size of the text at a random place, on gray with noise."""
    random = np.random.RandomState(seed)
    images = random.randint(90, 130, [len(texts), SIDE, SIDE, 3])
    for image, text in zip(images, texts):
        size, colour = text.split()
        side = 2 if size == "small" else 5
        top, left = random.randint(0, SIDE - side + 1, 2)
        image[top : top + side, left : left + side] = 20
        image[top : top + side, left : left + side, COLOURS.index(colour)] = 230
    return images.astype(np.uint8)


def toy_batch(count=12, seed=0):
    """ "image", "text", "words" of `count` examples; all texts in turn."""
    texts = [TEXTS[index % len(TEXTS)] for index in range(count)]
    return {
        "image": tf.constant(toy_images(texts, seed)),
        "text": tf.constant(texts),
        "words": toy_vocabulary().encode(texts),
    }


def toy_source(count=12, seed=0) -> Source:
    return array_source(
        {name: value.numpy() for name, value in toy_batch(count, seed).items() if name != "text"}
    )


def toy_training(**settings) -> TrainingConfig:
    defaults = {"steps": 6, "batch_size": 4, "steps_per_epoch": 3, "learning_rate": 1e-2}
    return TrainingConfig(**{**defaults, **settings})


def compiled(model, training: TrainingConfig):
    model.compile(make_optimizer(training), clip_norm=training.clip_norm)
    return model
