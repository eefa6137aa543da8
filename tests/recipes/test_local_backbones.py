"""Recipes on features of a network of tf.keras.applications, with weights from a local file."""

import numpy as np
import pytest
import tensorflow as tf

from recipes import jwae_coco, lnfmm_coco
from tests.data.caption_fixtures import write_coco
from tfgen.training import ConfigError, load_config


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """COCO's files of nine images, one grey each, and weights of MobileNet."""
    root = tmp_path_factory.mktemp("disk")
    write_coco(root / "coco")
    tf.keras.utils.set_random_seed(0)
    network = tf.keras.applications.MobileNet(weights=None, include_top=False, pooling="avg")
    network.save_weights(str(root / "MobileNet.h5"))
    greys = 10 * np.arange(1, 10).reshape(-1, 1, 1, 1) / 127.5 - 1.0
    images = np.broadcast_to(greys, [9, 224, 224, 3]).astype(np.float32)
    return root, dict(enumerate(network(images, training=False).numpy(), 1))


def lnfmm(root):
    return [
        f"data.directory={root}/coco",
        f"data.weights={root}/MobileNet.h5",
        f"data.cache={root}/cache",
        "data.application=MobileNet",
        "data.layer=",
        "model.networks.image_input=features",
        "model.networks.feature_size=1024",
    ]


def jwae(root):
    return [
        f"directory={root}/coco",
        f"weights={root}/MobileNet.h5",
        f"cache={root}/cache",
        "application=MobileNet",
        "model.image.type=vectors",
        "model.image.size=1024",
    ]


@pytest.mark.parametrize("recipe, settings", [(lnfmm_coco, lnfmm), (jwae_coco, jwae)])
def test_data_have_the_features_of_their_images(recipe, settings, disk, capsys):
    root, wanted = disk
    config = load_config(recipe.config("smoke"), overrides=settings(root))
    splits = recipe.load_data(config)
    found = {}
    for source in (splits.train, splits.validation, splits.test):
        assert source.features["features"] == tf.TensorSpec([1024], tf.float32)
        (batch,) = source.batches(source.count)
        found.update(zip(batch["image_id"].numpy().tolist(), batch["features"].numpy()))
    assert sorted(found) == sorted(wanted)
    for number, features in found.items():
        np.testing.assert_allclose(features, wanted[number], rtol=1e-3, atol=1e-5)
    out = capsys.readouterr().out
    assert "MobileNet features of 3 images, kept in" in out and "3/3 [=====" in out
    # Both recipes find the same three files.
    assert len(list((root / "cache").glob("*/*.tfrecord"))) == 3
    if recipe is lnfmm_coco:
        # The images to be drawn have the size in which they are drawn.
        assert batch["image"].shape[1:] == [16, 16, 3]


@pytest.mark.parametrize("recipe, settings", [(lnfmm_coco, lnfmm), (jwae_coco, jwae)])
def test_exports_hold_the_network(recipe, settings, disk):
    root, _ = disk
    config = load_config(recipe.config("smoke"), overrides=settings(root))
    network = recipe.JOB.backbone(config)
    assert (network.application, network.image_size) == ("MobileNet", 224)
    assert recipe.JOB.backbone(recipe.config("smoke")) is None


def test_a_size_that_the_features_have_not_is_told(disk):
    root, _ = disk
    settings = [*jwae(root), "model.image.size=2048"]
    config = load_config(jwae_coco.config("smoke"), overrides=settings)
    with pytest.raises(ConfigError, match=r"got 2048; wanted that of the features of MobileNet"):
        jwae_coco.load_data(config)
