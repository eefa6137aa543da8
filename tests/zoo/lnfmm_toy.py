"""Tiny models and data for the tests of zoo/lnfmm."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.weights import set_weights
from tfgen.data import CaptionVocabulary, Source, array_source
from zoo.lnfmm import (
    LNFMM,
    CaptionNetworkConfig,
    ConditionalVAE,
    ConditionalVAEConfig,
    LNFMMConfig,
    LNFMMWeights,
)

SIDE, LENGTH = 8, 6
COLOURS = ("red", "green", "blue")
TEXTS = [
    f"{start}{colour} {noun}"
    for start in ("a ", "the ")
    for colour in COLOURS
    for noun in ("ball", "cube")
]
WEIGHTS = {
    "alignment": 0.7,
    "text_prior": 1.3,
    "image_prior": 0.9,
    "text": 1.1,
    "image": 0.2,
    "crossed_text": 0.6,
    "crossed_image": 0.4,
}


def toy_vocabulary() -> CaptionVocabulary:
    return CaptionVocabulary.from_texts(TEXTS, minimum_count=1, length=LENGTH)


def toy_networks(**changes) -> CaptionNetworkConfig:
    settings = {
        "image_size": SIDE,
        "image_width": 4,
        "attention_size": 4,
        "word_embedding": 5,
        "text_state": 6,
        "text_layers": 1,
        "decoder_embedding": 5,
        "decoder_state": 7,
        "word_dropout": 0.2,
        "embedding_dropout": 0.1,
        "feature_size": 10,
        "feature_units": 9,
        **changes,
    }
    return CaptionNetworkConfig(**settings)


def toy_config(networks=None, **changes) -> LNFMMConfig:
    settings = {
        "shared_size": 6,
        "text_size": 2,
        "image_size": 3,
        "alignment_steps": 1,
        "alignment_units": 5,
        "text_prior_steps": 2,
        "text_prior_units": 5,
        "image_prior_steps": 1,
        "image_prior_units": 5,
        "kl_warmup_steps": 10,
        "beams": 1,
        "weights": LNFMMWeights(**WEIGHTS),
        **changes,
    }
    return LNFMMConfig(networks=toy_networks(**(networks or {})), **settings)


def toy_model(networks=None, weights_seed=0, scale=1.0, **changes) -> LNFMM:
    """A model whose variables exist and do not depend on initialisers."""
    model = LNFMM(toy_config(networks, **changes), toy_vocabulary(), seed=5)
    model.objective(toy_batch(2), training=False)
    return set_weights(model, weights_seed, scale)


def toy_baseline(prior="gaussian", weights_seed=0) -> ConditionalVAE:
    config = ConditionalVAEConfig(
        prior=prior,
        latent_size=3,
        code_size=6,
        objects=4,
        beams=1,
        kl_weight=0.5,
        kl_warmup_steps=10,
        networks=toy_networks(),
    )
    model = ConditionalVAE(config, toy_vocabulary(), seed=5)
    model.objective(toy_batch(2), training=False)
    return set_weights(model, weights_seed)


def toy_batch(count=6, seed=0):
    random = np.random.RandomState(seed)
    texts = [TEXTS[index % len(TEXTS)] for index in range(count)]
    images = random.randint(0, 256, [count, SIDE, SIDE, 3]).astype(np.uint8)
    for image, text in zip(images, texts):
        image[..., COLOURS.index(text.split()[1])] = 250
    return {
        "image": tf.constant(images),
        "features": tf.constant(random.normal(size=[count, 10]).astype(np.float32)),
        "objects": tf.constant(random.randint(1, 3, [count, 4]).astype(np.float32)),
        "words": toy_vocabulary().encode(texts),
    }


def toy_source(count=12) -> Source:
    return array_source({name: value.numpy() for name, value in toy_batch(count).items()})
