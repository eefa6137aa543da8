"""Features of images from a pre-trained network, computed once and kept in TFRecord files."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pathlib
from typing import Optional

import numpy as np
import tensorflow as tf

from tfgen.data.errors import DataError
from tfgen.data.model_garden import (
    GARDEN,
    GARDEN_SIZE,
    find_checkpoint,
    load_garden_backbone,
    normalise_for_garden,
)
from tfgen.data.source import Source

__all__ = ["ImageBackbone", "cached_features"]

_SHARD = 1024
_NAMES = {"file_name", "image_id"}
_APPLICATIONS = {
    "VGG16": ("vgg16", 224),
    "VGG19": ("vgg19", 224),
    "ResNet50": ("resnet", 224),
    "ResNet101": ("resnet", 224),
    "ResNet152": ("resnet", 224),
    "ResNet152V2": ("resnet_v2", 224),
    "InceptionV3": ("inception_v3", 299),
    "DenseNet121": ("densenet", 224),
    "EfficientNetB0": ("efficientnet", 224),
    "MobileNet": ("mobilenet", 224),
    "MobileNetV2": ("mobilenet_v2", 224),
}
"""Network -> its module in tf.keras.applications, and the size of image it was trained with."""


class ImageBackbone(tf.Module):
    """A pre-trained network with weights from the local disk, as a feature extractor.

    Nothing is downloaded. Of a network of tf.keras.applications, the weights are a file that Keras
    distributes, NAME_weights_..._kernels.h5, with or without its top (..._notop.h5), or one that
    `save_weights` of such a model has written. Of a backbone of the TensorFlow Model Garden
    (tf-models-official), such as "official/ResNet50", they are a checkpoint of its trainers.

    Attributes:
      application, layer, image_size, weights: as given.
      shape: of the features of one image.
      fingerprint: a hash of the network, the layer, the size and the weights.
    """

    def __init__(
        self,
        application: str,
        weights: str,
        layer: Optional[str] = None,
        image_size: Optional[int] = None,
    ):
        """Builds the network and loads its weights.

        Args:
          application: the network, such as "VGG16", "ResNet152" or "official/ResNet50".
          weights: path of the .h5 file, or of the Garden's checkpoint: its prefix or its folder.
          layer: whose output is taken, such as "fc1" of VGG16 (4096 numbers) or "block5_conv3"
            (a map [14, 14, 512]), or of the Garden's "4" of ResNet50 (a map [14, 14, 1024]);
            None takes the last convolution's map averaged over all positions (2048 numbers of
            ResNet152).
          image_size: height and width that images are brought to; None takes what the network was
            trained with.

        Raises:
          ValueError: there is no such network or layer.
          DataError: the file is missing or does not fit the network.
        """
        super().__init__(name="image_backbone")
        if application not in {**_APPLICATIONS, **GARDEN}:
            raise ValueError(
                f"Wanted a network of {', '.join([*_APPLICATIONS, *GARDEN])}; got {application!r}."
            )
        self.application, self.layer, self.weights = application, layer, str(weights)
        if application in GARDEN:
            size, self._preprocess = GARDEN_SIZE, normalise_for_garden
            path = find_checkpoint(weights)
            files = sorted(path.parent.glob(f"{path.name}.*"))
        else:
            module, size = _APPLICATIONS[application]
            self._preprocess = importlib.import_module(
                f"tensorflow.keras.applications.{module}"
            ).preprocess_input
            path = _weights_file(application, weights)
            files = [path]
        self.image_size = size if image_size is None else image_size
        if application in GARDEN:
            self.network = load_garden_backbone(application, path, layer, self.image_size)
        else:
            self.network = self._load(path)
        self.network.trainable = False
        self.shape = self.network.output_shape[1:]
        described = f"{application}/{layer}/{self.image_size}/{'/'.join(map(_hash, files))}"
        self.fingerprint = hashlib.sha256(described.encode()).hexdigest()[:16]

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Features of images.

        Args:
          images: uint8 [B, H, W, 3].

        Returns:
          float32 [B, *shape].
        """
        size = [self.image_size, self.image_size]
        images = tf.cast(images, tf.float32)
        if images.shape[1:3] != size:
            images = tf.image.resize(images, size, antialias=True)
        return self.network(self._preprocess(images), training=False)

    def _load(self, path) -> tf.keras.Model:
        build = getattr(tf.keras.applications, self.application)
        settings = {"weights": None, "input_shape": [self.image_size, self.image_size, 3]}
        reasons = []
        for top in (False, True):
            bare = build(include_top=False, **settings)
            model = build(include_top=True, **settings) if top else bare
            name = bare.layers[-1].name if self.layer is None else self.layer
            if name not in [layer.name for layer in model.layers]:
                names = [layer.name for layer in model.layers]
                reasons.append(f"{'with' if top else 'without'} its top it has no layer {name}")
                continue
            try:
                model.load_weights(path)
            except (ValueError, OSError, KeyError) as error:
                reasons.append(f"{'with' if top else 'without'} its top: {_first_line(error)}")
                continue
            output = model.get_layer(name).output
            if self.layer is None:
                output = tf.keras.layers.GlobalAveragePooling2D()(output)
            return tf.keras.Model(model.input, output)
        if all("no layer" in reason for reason in reasons):
            raise ValueError(
                f"{self.application} has no layer {self.layer!r}; it has {', '.join(names)}."
            )
        raise DataError(
            f"The weights {path} do not fit {self.application} for images of "
            f"{self.image_size}x{self.image_size}: {'; '.join(reasons)}."
        )


def cached_features(
    source: Source,
    backbone: ImageBackbone,
    directory: str,
    name: str = "features",
    keep_images: bool = True,
    batch_size: int = 32,
    progress: bool = True,
) -> Source:
    """The source with features of its images, computed once.

    They lie in directory/FINGERPRINT/ in TFRecord files of 1024 images each (tf.train.Example with
    "index" and "features"), which appear whole or not at all: a run that was stopped goes on
    with the next file. The fingerprint is of the network, its weights and the images: their number,
    three of them, and the "file_name" and "image_id" of all; where the source has neither, all
    images are read. (Another image under the name of an old one is not noticed: delete the
    directory then.) A file that is missing or damaged is made again.

    Args:
      source: with "image" uint8 [H, W, 3].
      backbone: the network.
      directory: of the files.
      name: of the feature.
      keep_images: whether the images stay among the features. If not, they are not read any more.
      batch_size: images at once.
      progress: shows a Keras progress bar.

    Returns:
      A source of the same examples, with `name` float32 [*backbone.shape].

    Raises:
      ValueError: the source has no images.
    """
    if "image" not in source.features:
        raise ValueError(f"Wanted a source with 'image'; it has {sorted(source.features)}.")
    folder = pathlib.Path(directory) / _fingerprint(source, backbone)
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "application": backbone.application,
        "layer": backbone.layer,
        "image_size": backbone.image_size,
        "weights": pathlib.Path(backbone.weights).name,
        "shape": list(backbone.shape),
        "count": source.count,
    }
    (folder / "about.json").write_text(json.dumps(about, indent=1))
    table = np.empty([source.count, *backbone.shape], np.float32)
    bar = None
    if progress:
        print(f"{backbone.application} features of {source.count} images, kept in {folder}")
        bar = tf.keras.utils.Progbar(source.count, unit_name="image")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)
    def compute(indices):
        return backbone(source.load(indices)["image"])

    shards = -(-source.count // _SHARD)
    for shard in range(shards):
        rows = range(shard * _SHARD, min((shard + 1) * _SHARD, source.count))
        path = folder / f"features-{shard:05d}-of-{shards:05d}.tfrecord"
        if not _read_shard(path, rows, table):
            for first in range(rows.start, rows.stop, batch_size):
                last = min(first + batch_size, rows.stop)
                table[first:last] = compute(tf.range(first, last, dtype=tf.int64)).numpy()
                if bar is not None:
                    bar.update(last)
            _write_shard(path, rows, table)
        if bar is not None:
            bar.update(rows.stop)

    def load(indices):
        # Not tf.gather from a tensor: that would be a second copy.
        found = tf.numpy_function(lambda rows: table[rows], [indices], tf.float32, stateful=False)
        features = source.load(indices)
        if not keep_images:
            del features["image"]
        return {**features, name: tf.ensure_shape(found, [indices.shape[0], *backbone.shape])}

    features = {**source.features, name: tf.TensorSpec(backbone.shape, tf.float32)}
    if not keep_images:
        del features["image"]
    return Source(source.count, load, features, source.redraw)


def _write_shard(path: pathlib.Path, rows: range, table: np.ndarray) -> None:
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        with tf.io.TFRecordWriter(str(partial)) as writer:
            for row in rows:
                floats = tf.train.FloatList(value=table[row].ravel())
                feature = {
                    "index": tf.train.Feature(int64_list=tf.train.Int64List(value=[row])),
                    "features": tf.train.Feature(float_list=floats),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _read_shard(path: pathlib.Path, rows: range, table: np.ndarray) -> bool:
    """Fills the rows of the table; false if the file is missing, incomplete or damaged."""
    if not path.is_file():
        return False
    form = {
        "index": tf.io.FixedLenFeature([], tf.int64),
        "features": tf.io.FixedLenFeature(table.shape[1:], tf.float32),
    }
    expected = rows.start
    try:
        for records in tf.data.TFRecordDataset(str(path)).batch(256):
            values = tf.io.parse_example(records, form)
            indices = values["index"].numpy()
            if not np.array_equal(indices, expected + np.arange(len(indices))):
                return False
            if expected + len(indices) > rows.stop:
                return False
            table[indices] = values["features"].numpy()
            expected += len(indices)
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError):
        return False
    return expected == rows.stop


def _fingerprint(source: Source, backbone: ImageBackbone) -> str:
    probes = sorted({0, source.count // 2, source.count - 1})
    images = source.load(tf.constant(probes, tf.int64))["image"].numpy()
    digest = hashlib.sha256(f"{backbone.fingerprint}/{source.count}/{images.shape}".encode())
    digest.update(images.tobytes())
    named = sorted(_NAMES & set(source.features))
    told, rows = (named, 4096) if named else (["image"], 32)

    # What is not returned is not computed: names are told without reading the images.
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)
    def tell(indices):
        features = source.load(indices)
        return [features[name] for name in told]

    for first in range(0, source.count, rows):
        last = min(first + rows, source.count)
        for name, values in zip(told, tell(tf.range(first, last, dtype=tf.int64))):
            digest.update(f"/{name}/".encode())
            # The bytes of an array of strings would be addresses.
            content = values.numpy()
            digest.update(content.tobytes() if name == "image" else repr(content.tolist()).encode())
    return digest.hexdigest()[:24]


def _weights_file(application, weights) -> pathlib.Path:
    path = pathlib.Path(weights)
    if not path.is_file() or path.suffix != ".h5":
        raise DataError(
            f"There are no weights {path} for {application}: wanted a local .h5 file. Nothing is "
            "downloaded: fetch NAME_weights_tf_dim_ordering_tf_kernels.h5 of "
            "tf.keras.applications, or its _notop.h5, and pass its path."
        )
    return path


def _hash(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 24), b""):
            digest.update(block)
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error) or repr(error)).splitlines()[0].rstrip(".")
