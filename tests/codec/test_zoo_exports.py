"""Images coded with exports of the zoo: to the last bit, in the bytes that their log_prob says."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.codec.toy_coder import export_of
from tests.perturbation import perturb
from tfgen.codec import ImageCodec
from zoo.pixelcnn import PixelCNN, PixelCNNConfig
from zoo.pixelpyramids import CoarsestConfig, PixelPyramids, PixelPyramidsConfig

# Levels of 4 x 8 pixels in sixteen sub-images, and of 4 x 4 in four.
PYRAMID = PixelPyramidsConfig(
    image_size=8,
    channels=3,
    bits=8,
    coarsest_size=4,
    squeezes=(2, 1),
    u_net_filters=4,
    features=4,
    filters=4,
    layers=2,
    components=2,
    coarsest=CoarsestConfig(filters=4, blocks=1, components=3),
)
GREY = dataclasses.replace(
    PYRAMID, image_size=4, coarsest_size=2, channels=1, bits=5, squeezes=(0,)
)
PLUS_PLUS = PixelCNNConfig(
    image_size=4,
    channels=1,
    values=17,
    filters=4,
    mixtures=3,
    residual_layers=1,
    resolutions=2,
    dropout=0.0,
)
GATED = dataclasses.replace(
    PLUS_PLUS, architecture="gated", layers=2, kernel_size=3, channels=3, values=256, filters=8
)
CONFIGS = {"pyramid": PYRAMID, "pyramid_grey": GREY, "plus_plus": PLUS_PLUS, "gated": GATED}


def make(config):
    tf.keras.utils.set_random_seed(3)
    kind = PixelPyramids if isinstance(config, PixelPyramidsConfig) else PixelCNN
    model = kind(config, seed=1)
    shape = [8, *model.image_shape]
    batch = {
        "image": tf.cast(tf.random.stateless_uniform(shape, [1, 2], 0, 17, tf.int32), tf.uint8)
    }
    model.objective(batch, training=False)
    model.initialise(batch)
    return perturb(model, 0.2)


@pytest.fixture(scope="module", params=CONFIGS)
def case(request, tmp_path_factory):
    """The codec of an export of the model, and images that the model draws."""
    model = make(CONFIGS[request.param])
    images = model.sample(12, seed=5).numpy()
    signatures = model.signatures()
    served = {
        name: function
        for name, function in signatures.items()
        if name == "log_prob" or name.startswith("coding_")
    }
    directory = tmp_path_factory.mktemp("saved_models") / request.param
    return ImageCodec(export_of(served, directory)), images


def test_tables_multiply_to_the_probability(case):
    codec, images = case
    told = codec.model.coding_symbols(images)["symbols"]
    np.testing.assert_array_equal(codec.model.coding_images(told)["images"], images)
    total, first = np.zeros(12), 0
    steps = codec._steps(12, 12)
    table = next(steps)
    while table is not None:
        np.testing.assert_allclose(table.sum(-1, dtype=np.float64), 1.0, atol=2e-6)
        now = told[:, first : first + table.shape[1]]
        chosen = np.take_along_axis(table, now[..., np.newaxis].astype(int), -1)[..., 0]
        total += np.log(chosen.astype(np.float64)).sum(1)
        first += table.shape[1]
        table = steps.send(now)
    log_prob = codec.model.log_prob(images)["log_prob"]
    np.testing.assert_allclose(total, log_prob, rtol=2e-5, atol=1e-4)


def test_images_come_back_in_as_many_bytes_as_the_model_says(case):
    codec, images = case
    blocks = codec.encode(images, 8)
    np.testing.assert_array_equal(codec.decode(blocks, 12, 8), images)
    bits = codec.bits(images, 8)
    code = 8 * sum(len(block.words) for block in blocks)
    assert bits - 1 < code < 1.01 * bits + 2 * 64


def test_any_images_come_back(case):
    codec, images = case
    values = 1 + int(images.max()) if images.max() < 32 else 256
    noise = np.random.default_rng(0).integers(0, values, images.shape).astype(np.uint8)
    extremes = np.stack([np.zeros_like(images[0]), np.full_like(images[0], values - 1)])
    both = np.concatenate([noise[:3], extremes])
    np.testing.assert_array_equal(codec.decode(codec.encode(both, 5), 5, 5), both)


def test_models_that_are_given_something_offer_no_coding():
    classes = PixelCNN(dataclasses.replace(PLUS_PLUS, classes=3))
    assert not any(name.startswith("coding_") for name in classes.signatures())
