"""An export that tells features of images, for other models to begin with."""

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.toy_model import ToyModel, toy_card
from tfgen import serving
from tfgen.data import array_source, cached_features

IMAGES = np.random.default_rng(0).integers(0, 256, [5, 8, 8, 3], np.uint8)


class Reader(tf.Module):
    """Tells the mean colour, and twice as much of it."""

    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = tf.Variable(factor)

    def signatures(self):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")])
        def features(images):
            mean = tf.reduce_mean(tf.cast(images, tf.float32), [1, 2])
            return {"vector": tf.concat([mean, self.factor * mean], -1)}

        return {"features": features}


def written(directory, factor=2.0):
    return serving.export(Reader(factor), directory / "reader", toy_card())


def test_features_are_those_of_the_signature(tmp_path):
    backbone = serving.ExportedFeatures(written(tmp_path), image_size=8)
    assert list(backbone.shape) == [6]
    mean = IMAGES.mean((1, 2))
    np.testing.assert_allclose(backbone(IMAGES), np.concatenate([mean, 2 * mean], 1), rtol=1e-5)


def test_the_fingerprint_is_of_the_files_and_the_size(tmp_path):
    path, other = written(tmp_path / "a"), written(tmp_path / "b", 3.0)
    first = serving.ExportedFeatures(path, 8).fingerprint
    assert serving.ExportedFeatures(path, 8).fingerprint == first
    assert serving.ExportedFeatures(path, 16).fingerprint != first
    assert serving.ExportedFeatures(other, 8).fingerprint != first


def test_they_are_kept_like_those_of_a_backbone(tmp_path, capsys):
    backbone = serving.ExportedFeatures(written(tmp_path), image_size=8)
    source = array_source({"image": IMAGES})
    for progress in ("5/5 [", "5/5 ["):
        kept = cached_features(source, backbone, str(tmp_path / "cache"))
        assert progress in capsys.readouterr().out
        (batch,) = kept.batches(5)
        np.testing.assert_allclose(batch["features"], backbone(IMAGES), rtol=1e-6)
    assert len(list((tmp_path / "cache").glob("*/*.tfrecord"))) == 1


def test_an_export_without_features_is_told(tmp_path):
    path = serving.export(ToyModel(), tmp_path / "toy", toy_card())
    with pytest.raises(serving.ServingError, match=r"wanted a signature 'features' with one outp"):
        serving.ExportedFeatures(path, 8)
