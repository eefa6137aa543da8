"""Tiny models of aligned embeddings and batches for them."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from tfgen.data import Vocabulary
from zoo.jwae import JWAE, ImagePathConfig, JWAEConfig, TextPathConfig

TEXTS = ["red cube", "blue cube left ball", "red ball", "blue ball", "left red cube", "ball ball"]

VECTORS = JWAEConfig(
    code_size=3,
    image=ImagePathConfig(size=5, encoder_units=(6,), decoder_units=(6,)),
    text=TextPathConfig(type="vectors", size=4, encoder_units=(6,), decoder_units=(6,)),
    discriminator_units=(7, 5),
    discriminator_every=1,
    image_weight=0.5,
    text_weight=0.7,
    regulariser_weight=0.3,
)
PIXELS = dataclasses.replace(
    VECTORS,
    image=ImagePathConfig(
        type="pixels",
        image_size=8,
        patch_size=2,
        width=4,
        downsamplings=1,
        encoder_units=(6,),
        decoder_units=(6,),
    ),
    text=TextPathConfig(embedding_size=4, encoder_state=5, decoder_state=6, word_dropout=0.4),
)


@functools.lru_cache(maxsize=None)
def vocabulary(length=4):
    """Not made on import: its table would start TensorFlow before logical devices are set."""
    return Vocabulary(["-", "red", "blue", "cube", "ball", "left"], blank="-", length=length)


def vector_batch(count=6, seed=0):
    random = np.random.RandomState(seed)
    return {
        "features": tf.constant(random.normal(size=[count, 5]), tf.float32),
        "text_vector": tf.constant(random.normal(size=[count, 4]), tf.float32),
    }


def pixel_batch(seed=0):
    images = np.random.RandomState(seed).randint(0, 256, size=[6, 8, 8, 3])
    return {"image": tf.constant(images, tf.uint8), "words": vocabulary().encode(TEXTS)}


def make(config, **changes):
    words = vocabulary() if config.text.type == "words" else None
    return JWAE(dataclasses.replace(config, **changes), words, seed=5)
