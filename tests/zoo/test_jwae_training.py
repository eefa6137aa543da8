"""What training does to the codes of two noisy views of the same thing."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.zoo.jwae_toy import VECTORS
from zoo.jwae import JWAE, Codes, RetrievalConfig, measure_codes

STEPS = 400
SETTINGS = {
    "jwae_mse": {
        "regulariser": "adversarial",
        "regulariser_weight": 1.0,
        "discriminator_units": (16, 16),
    },
    "mse": {"regulariser": "none"},
    "mse_alone": {"regulariser": "none", "image_weight": 0.0, "text_weight": 0.0},
}


def views(count, seed):
    """Two factors, far from 0 and with a spread of 2.5, seen through linear maps with noise."""
    random = np.random.RandomState(seed)
    factors = 5.0 + 2.5 * random.normal(size=[count, 2])
    maps = np.random.RandomState(7)
    parts = [factors @ maps.normal(size=[2, size]) for size in (5, 4)]
    return [(part + random.normal(size=part.shape)).astype(np.float32) for part in parts]


@pytest.fixture(scope="module")
def measured():
    images, texts = views(2000, seed=1)
    batches = tf.data.Dataset.from_tensor_slices({"features": images, "text_vector": texts})
    batches = batches.shuffle(2000, seed=3).repeat().batch(64, drop_remainder=True)
    held_out = views(500, seed=2)
    results = {}
    for name, changes in SETTINGS.items():
        tf.keras.utils.set_random_seed(11)
        config = {"code_size": 2, "supervision": "mse", "image_weight": 1.0, "text_weight": 1.0}
        model = JWAE(dataclasses.replace(VECTORS, **{**config, **changes}), seed=5)
        adam = tf.keras.optimizers.Adam
        model.compile(adam(1e-2), discriminator_optimizer=adam(1e-2, beta_1=0.5))
        model.fit(batches, steps_per_epoch=STEPS, verbose=0)
        codes = [model.encode_images(held_out[0]).numpy(), model.encode_texts(held_out[1]).numpy()]
        results[name] = measure_codes(Codes(*codes, np.arange(500)), RetrievalConfig())
        assert int(model.nonfinite_steps) == 0
    return results


def test_regularised_codes_of_both_kinds_are_near_the_prior(measured):
    """Of four seeds the ratio was 0.13 at most."""
    for name in ("image_mmd", "text_mmd"):
        assert measured["jwae_mse"][name] < 0.4 * measured["mse"][name]


def test_without_reconstruction_codes_collapse(measured):
    """Of four seeds the ratio was 0.39 at most."""
    for name in ("image_spread", "text_spread"):
        assert measured["mse_alone"][name] < 0.65 * measured["mse"][name]
