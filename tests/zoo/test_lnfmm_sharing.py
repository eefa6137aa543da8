"""Many captions of an image cost one encoding of it and one search for them all."""

import numpy as np
import pytest
import tensorflow as tf

from recipes import lnfmm_scenes
from tfgen.data import CaptionVocabulary
from zoo.lnfmm import LNFMM


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(3)
    vocabulary = CaptionVocabulary.from_texts(["a red ball", "a cube"], 1, length=5)
    config = lnfmm_scenes.config("smoke").model
    config.networks.image_input = "pixels"
    model = LNFMM(config, vocabulary)
    # New weights of flows are zero: captions would not depend on what is drawn.
    noise = np.random.default_rng(3)
    for variable in model.variables:
        if variable.dtype == tf.float32:
            variable.assign_add(noise.normal(0.0, 0.3, variable.shape).astype(np.float32))
    return model


def test_images_are_encoded_once_and_captions_decoded_together(model, monkeypatch):
    encoded, decoded = [], []
    codes, generate = model.image_codes, model.text_networks.generate
    monkeypatch.setattr(model, "image_codes", lambda x: encoded.append(x.shape) or codes(x))
    monkeypatch.setattr(
        model.text_networks, "generate", lambda code: decoded.append(code.shape) or generate(code)
    )
    images = np.random.default_rng(0).integers(0, 256, [2, 16, 16, 3], np.uint8)
    texts = model.texts_from_images(tf.constant(images), count=7, seed=1)
    assert texts.shape == (2, 7) and len(set(texts.numpy().ravel())) > 1
    assert [shape.as_list() for shape in encoded] == [[2, 16, 16, 3]]
    rows = model.config.shared_size + model.config.text_size
    assert [shape.as_list() for shape in decoded] == [[14, rows]]
