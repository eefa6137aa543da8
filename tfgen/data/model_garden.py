"""Backbones of the TensorFlow Model Garden (tf-models-official) with weights from a checkpoint."""

from __future__ import annotations

import pathlib
from typing import Optional

import tensorflow as tf

from tfgen.data.errors import DataError

__all__ = [
    "GARDEN",
    "GARDEN_SIZE",
    "find_checkpoint",
    "load_garden_backbone",
    "normalise_for_garden",
]

GARDEN = {
    "official/ResNet18": ("ResNet", {"model_id": 18}),
    "official/ResNet34": ("ResNet", {"model_id": 34}),
    "official/ResNet50": ("ResNet", {"model_id": 50}),
    "official/ResNet101": ("ResNet", {"model_id": 101}),
    "official/ResNet152": ("ResNet", {"model_id": 152}),
    "official/EfficientNetB0": ("EfficientNet", {"model_id": "b0"}),
}
"""Name -> the class of official.vision.modeling.backbones, and its settings."""

GARDEN_SIZE = 224
"""Pixels a side of the images that they are trained with."""


def normalise_for_garden(images: tf.Tensor) -> tf.Tensor:
    """Floats 0 .. 255, [..., 3], as the Garden's image classifiers take them."""
    # It is slow to import, and few need it.
    from official.vision.ops import preprocess_ops

    return preprocess_ops.normalize_image(
        images, preprocess_ops.MEAN_RGB, preprocess_ops.STDDEV_RGB
    )


def find_checkpoint(weights: str) -> pathlib.Path:
    """The prefix of a checkpoint, given it, its .index file, or the folder that it is newest of.

    Raises:
      DataError: there is none.
    """
    path = pathlib.Path(weights)
    if path.is_dir():
        path = pathlib.Path(tf.train.latest_checkpoint(str(path)) or path / "ckpt")
    elif path.suffix == ".index":
        path = path.with_suffix("")
    if not path.with_name(path.name + ".index").is_file():
        raise DataError(
            f"There is no checkpoint {weights}: wanted the prefix of a local checkpoint of the "
            "Model Garden, such as ckpt-62400 beside ckpt-62400.index. Nothing is downloaded."
        )
    return path


def load_garden_backbone(
    application: str, checkpoint: pathlib.Path, layer: Optional[str], image_size: int
) -> tf.keras.Model:
    """A network from images to the features of one of its levels.

    Args:
      application: a name of `GARDEN`.
      checkpoint: prefix of a checkpoint that holds a "backbone", as the Garden's trainers write.
      layer: the level, such as "4"; None takes the last, averaged over all positions.
      image_size: height and width of the images.

    Raises:
      ValueError: the network has no such level.
      DataError: the checkpoint is of another network.
    """
    from official.vision.modeling import backbones

    kind, settings = GARDEN[application]
    shape = [None, image_size, image_size, 3]
    network = getattr(backbones, kind)(
        input_specs=tf.keras.layers.InputSpec(shape=shape), **settings
    )
    levels = network.output_specs
    if layer is not None and layer not in levels:
        raise ValueError(f"{application} has no layer {layer!r}; it has {', '.join(levels)}.")
    try:
        status = tf.train.Checkpoint(backbone=network).read(str(checkpoint))
        status.assert_existing_objects_matched().expect_partial()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"The checkpoint {checkpoint} does not fit {application}: {reason}"
        ) from None
    output = network.output[max(levels) if layer is None else layer]
    if layer is None:
        output = tf.keras.layers.GlobalAveragePooling2D()(output)
    return tf.keras.Model(network.input, output)
