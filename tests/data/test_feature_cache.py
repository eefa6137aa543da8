"""Image features: weights from a file, the cache's files, and going on after a stop."""

import importlib
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import (
    DataError,
    ImageBackbone,
    Source,
    array_source,
    cached_features,
    feature_cache,
)

COUNT = 10
IMAGES = np.random.default_rng(0).integers(0, 256, [COUNT, 12, 12, 3], np.uint8)


def small_network(include_top, weights, input_shape):
    """Stands for a network of tf.keras.applications, with the layers that they all have."""
    assert weights is None
    inputs = tf.keras.Input(input_shape)
    map_ = tf.keras.layers.Conv2D(4, 3, activation="relu", name="last_conv")(inputs)
    if not include_top:
        return tf.keras.Model(inputs, map_)
    pooled = tf.keras.layers.GlobalAveragePooling2D(name="avg")(map_)
    hidden = tf.keras.layers.Dense(6, activation="relu", name="fc1")(pooled)
    return tf.keras.Model(inputs, tf.keras.layers.Dense(3, name="predictions")(hidden))


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Files of weights with and without top of a small network that is called MobileNet here."""
    # The first import of this module puts another tf.keras.applications in place of the lazy one.
    importlib.import_module("tensorflow.keras.applications.mobilenet")
    monkeypatch.setattr(tf.keras.applications, "MobileNet", small_network)
    full = small_network(True, None, [12, 12, 3])
    bare = tf.keras.Model(full.input, full.get_layer("last_conv").output)
    full.save_weights(str(tmp_path / "full.h5"))
    bare.save_weights(str(tmp_path / "notop.h5"))
    return full


@pytest.fixture
def source():
    names = np.array([f"{n}.png" for n in range(COUNT)]).astype("S")
    return array_source({"image": IMAGES, "file_name": names})


def scaled(images):
    return images.astype(np.float32) / 127.5 - 1.0  # MobileNet's


def rows(source):
    found = source.load(tf.range(source.count, dtype=tf.int64))
    return {name: value.numpy() for name, value in found.items()}


def test_a_network_of_keras_with_weights_from_a_file(tmp_path):
    network = tf.keras.applications.MobileNet(
        weights=None, include_top=False, input_shape=[32, 32, 3]
    )
    network.save_weights(str(tmp_path / "weights.h5"))
    backbone = ImageBackbone("MobileNet", str(tmp_path / "weights.h5"), image_size=32)
    images = np.random.default_rng(1).integers(0, 256, [2, 32, 32, 3], np.uint8)
    wanted = network(scaled(images), training=False).numpy().mean((1, 2))
    assert backbone.shape == (1024,)
    np.testing.assert_allclose(backbone(tf.constant(images)), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("file", ["full.h5", "notop.h5"])
def test_both_kinds_of_files_give_the_same_features(small, tmp_path, file):
    backbone = ImageBackbone("MobileNet", str(tmp_path / file), image_size=12)
    map_ = tf.keras.Model(small.input, small.get_layer("last_conv").output)(scaled(IMAGES))
    np.testing.assert_allclose(backbone(IMAGES), map_.numpy().mean((1, 2)), rtol=1e-5, atol=1e-6)


def test_layers(small, tmp_path):
    file = str(tmp_path / "full.h5")
    hidden = tf.keras.Model(small.input, small.get_layer("fc1").output)
    backbone = ImageBackbone("MobileNet", file, layer="fc1", image_size=12)
    np.testing.assert_allclose(backbone(IMAGES), hidden(scaled(IMAGES)), rtol=1e-5, atol=1e-6)
    assert ImageBackbone("MobileNet", file, "last_conv", 12).shape == (10, 10, 4)
    with pytest.raises(ValueError, match="no layer 'fc9'; it has .*last_conv.*fc1"):
        ImageBackbone("MobileNet", file, "fc9", 12)


def test_files_that_do_not_fit(small, tmp_path):
    other = tf.keras.Sequential([tf.keras.Input([3]), tf.keras.layers.Dense(2)])
    other.save_weights(str(tmp_path / "other.h5"))
    (tmp_path / "text.h5").write_text("no weights")
    for name in ("other.h5", "text.h5"):
        with pytest.raises(DataError, match=f"{name} do not fit MobileNet for images of 12x12"):
            ImageBackbone("MobileNet", str(tmp_path / name), image_size=12)
    with pytest.raises(DataError, match="do not fit MobileNet"):  # it has no fc1
        ImageBackbone("MobileNet", str(tmp_path / "notop.h5"), "fc1", 12)
    with pytest.raises(DataError, match=r"no weights .*none.h5 for MobileNet.*Nothing is downl"):
        ImageBackbone("MobileNet", str(tmp_path / "none.h5"))
    with pytest.raises(ValueError, match="Wanted a network of VGG16, .*; got 'AlexNet'"):
        ImageBackbone("AlexNet", str(tmp_path / "full.h5"))


class TestModelGarden:
    @pytest.fixture(scope="class")
    def garden(self):
        from official.vision.modeling import backbones

        tf.keras.utils.set_random_seed(0)
        return backbones.ResNet(18, tf.keras.layers.InputSpec(shape=[None, 32, 32, 3]))

    @pytest.fixture(scope="class")
    def checkpoint(self, garden, tmp_path_factory):
        """As its trainers write it: the whole model, and the backbone by name."""
        pooled = tf.keras.layers.GlobalAveragePooling2D()(garden(garden.input)["5"])
        classifier = tf.keras.Model(garden.input, tf.keras.layers.Dense(3)(pooled))
        folder = tmp_path_factory.mktemp("garden")
        saved = tf.train.Checkpoint(model=classifier, backbone=garden, global_step=tf.Variable(7))
        return saved.save(str(folder / "ckpt"))

    def test_a_level_and_the_mean_of_the_last(self, garden, checkpoint):
        images = np.random.default_rng(1).integers(0, 256, [2, 32, 32, 3], np.uint8)
        scaled = (images / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        levels = garden(scaled.astype(np.float32), training=False)
        # Of the file, its prefix, its index and its folder.
        for weights in (checkpoint, checkpoint + ".index", str(pathlib.Path(checkpoint).parent)):
            backbone = ImageBackbone("official/ResNet18", weights, image_size=32)
            assert backbone.shape == (512,)
            wanted = levels["5"].numpy().mean((1, 2))
            np.testing.assert_allclose(backbone(tf.constant(images)), wanted, rtol=1e-4, atol=1e-5)
        map_ = ImageBackbone("official/ResNet18", checkpoint, "4", image_size=32)
        assert map_.shape == (2, 2, 256) and map_.fingerprint != backbone.fingerprint
        np.testing.assert_allclose(map_(tf.constant(images)), levels["4"], rtol=1e-4, atol=1e-5)

    def test_an_efficient_net(self, tmp_path):
        from official.vision.modeling import backbones

        network = backbones.EfficientNet("b0", tf.keras.layers.InputSpec(shape=[None, 32, 32, 3]))
        saved = tf.train.Checkpoint(backbone=network).save(str(tmp_path / "ckpt"))
        assert ImageBackbone("official/EfficientNetB0", saved, image_size=32).shape == (320,)

    def test_what_does_not_fit(self, checkpoint, tmp_path):
        with pytest.raises(DataError, match="does not fit official/ResNet34"):
            ImageBackbone("official/ResNet34", checkpoint, image_size=32)
        with pytest.raises(ValueError, match="no layer 'conv5'; it has 2, 3, 4, 5"):
            ImageBackbone("official/ResNet18", checkpoint, "conv5", image_size=32)
        for weights in (tmp_path, tmp_path / "ckpt-1"):
            with pytest.raises(DataError, match="There is no checkpoint .*Nothing is downloaded"):
                ImageBackbone("official/ResNet18", str(weights))


class TestCache:
    @pytest.fixture
    def backbone(self, small, tmp_path, monkeypatch):
        monkeypatch.setattr(feature_cache, "_SHARD", 4)
        return ImageBackbone("MobileNet", str(tmp_path / "full.h5"), image_size=12)

    def counting(self, source):
        """The source, and a list of the indices that its images were loaded for."""
        asked = []

        def note(indices):
            asked.extend(indices.tolist())
            return indices

        def load(indices):
            noted = tf.numpy_function(note, [indices], tf.int64, stateful=False)
            features = source.load(indices)
            features["image"] = tf.gather(IMAGES, tf.ensure_shape(noted, indices.shape))
            return features

        return Source(source.count, load, source.features), asked

    def test_features_are_those_of_the_network_and_made_once(self, backbone, source, tmp_path):
        first = cached_features(source, backbone, str(tmp_path / "cache"), progress=False)
        batch = rows(first)
        np.testing.assert_allclose(batch["features"], backbone(IMAGES), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(batch["image"], IMAGES)
        assert first.features["features"] == tf.TensorSpec([4], tf.float32)
        (folder,) = (tmp_path / "cache").iterdir()
        assert sorted(path.name for path in folder.iterdir()) == [
            "about.json",
            *(f"features-0000{n}-of-00003.tfrecord" for n in range(3)),
        ]
        again, asked = self.counting(source)
        again = cached_features(
            again, backbone, str(tmp_path / "cache"), "v", False, progress=False
        )
        assert sorted(set(asked)) == [0, 5, 9]  # those of the fingerprint
        asked.clear()
        some = tf.function(again.load)(tf.constant([7, 2], tf.int64))
        assert set(some) == {"file_name", "v"} and not asked
        np.testing.assert_array_equal(some["v"], batch["features"][[7, 2]])
        np.testing.assert_array_equal(some["file_name"], [b"7.png", b"2.png"])

    def test_damaged_and_missing_files_are_made_again(self, backbone, source, tmp_path):
        wanted = rows(cached_features(source, backbone, str(tmp_path / "cache"), progress=False))
        (folder,) = (tmp_path / "cache").iterdir()
        paths = sorted(folder.glob("*.tfrecord"))
        content = bytearray(paths[1].read_bytes())
        content[len(content) // 2] ^= 0xFF
        paths[1].write_bytes(content)
        whole = paths[2].read_bytes()
        for damage in (lambda: paths[2].write_bytes(whole[: len(whole) // 2]), paths[2].unlink):
            damage()
            counted, asked = self.counting(source)
            found = cached_features(counted, backbone, str(tmp_path / "cache"), progress=False)
            assert set(asked) - {0, 5, 9} <= set(range(4, 10)) and {8, 9} <= set(asked)
            np.testing.assert_allclose(rows(found)["features"], wanted["features"], rtol=1e-5)

    def test_a_stopped_run_goes_on(self, backbone, source, tmp_path, monkeypatch):
        write = feature_cache._write_shard

        def stop(path: pathlib.Path, rows_, table):
            if rows_.start == 8:
                raise KeyboardInterrupt
            write(path, rows_, table)

        monkeypatch.setattr(feature_cache, "_write_shard", stop)
        with pytest.raises(KeyboardInterrupt):
            cached_features(source, backbone, str(tmp_path / "cache"), progress=False)
        monkeypatch.setattr(feature_cache, "_write_shard", write)
        counted, asked = self.counting(source)
        cached_features(counted, backbone, str(tmp_path / "cache"), progress=False)
        assert sorted(set(asked)) == [0, 5, 8, 9]

    def test_other_images_or_weights_have_another_folder(self, backbone, source, tmp_path):
        def folders():
            return len(list((tmp_path / "cache").iterdir()))

        cached_features(source, backbone, str(tmp_path / "cache"), progress=False)
        dark = array_source({"image": IMAGES // 2})
        cached_features(dark, backbone, str(tmp_path / "cache"), progress=False)
        assert folders() == 2
        small_network(True, None, [12, 12, 3]).save_weights(str(tmp_path / "other.h5"))
        other = ImageBackbone("MobileNet", str(tmp_path / "other.h5"), image_size=12)
        cached_features(source, other, str(tmp_path / "cache"), progress=False)
        assert folders() == 3
        # A name or an image in the middle, none of the three that are always looked at.
        names = rows(source)["file_name"]
        for row in (2, 3):
            renamed = np.where(np.arange(COUNT) == row, b"new.png", names)
            renamed = array_source({"image": IMAGES, "file_name": renamed.astype("S")})
            cached_features(renamed, backbone, str(tmp_path / "cache"), progress=False)
        ids = array_source({"image": IMAGES, "image_id": np.arange(COUNT)})
        cached_features(ids, backbone, str(tmp_path / "cache"), progress=False)
        other_ids = array_source({"image": IMAGES, "image_id": np.arange(COUNT)[::-1].copy()})
        cached_features(other_ids, backbone, str(tmp_path / "cache"), progress=False)
        assert folders() == 7
        nameless = array_source({"image": IMAGES // 2, "label": np.zeros(COUNT, np.int32)})
        cached_features(nameless, backbone, str(tmp_path / "cache"), progress=False)
        assert folders() == 7, "these are the dark images again"
        changed = (IMAGES // 2).copy()
        changed[3, 0, 0, 0] += 1
        found = array_source({"image": changed})
        found = cached_features(found, backbone, str(tmp_path / "cache"), progress=False)
        assert folders() == 8
        np.testing.assert_allclose(rows(found)["features"], backbone(changed), rtol=1e-5, atol=1e-6)
        with pytest.raises(ValueError, match="Wanted a source with 'image'"):
            cached_features(array_source({"a": np.zeros(2)}), backbone, str(tmp_path))
