"""What exports of captioning models serve."""

from __future__ import annotations

from typing import Callable, Dict, Optional

import tensorflow as tf

__all__ = ["caption_signature", "lnfmm_signatures"]

Signatures = Dict[str, tf.types.experimental.GenericFunction]
Backbone = Callable[[tf.Tensor], tf.Tensor]


def caption_signature(model, backbone: Optional[Backbone] = None) -> Signatures:
    """texts_from_images of any model with that method.

    Args:
      model: reads images, or features of a fixed network.
      backbone: that network, with the attribute `image_size`, so that the export takes images and
        holds a copy of it; None leaves the export of a model of features with those.
    """
    _, count, seed, temperature = _arguments()
    images, read = _images(model, backbone)

    @tf.function(input_signature=[images, count, seed, temperature], autograph=False)
    def texts_from_images(images, count, seed, temperature):
        return {"texts": model.texts_from_images(read(images), count, seed, temperature)}

    return {"texts_from_images": texts_from_images}


def lnfmm_signatures(model, backbone: Optional[Backbone] = None) -> Signatures:
    """Both directions, where the model draws images, and both encoders.

    Args:
      model, backbone: as of `caption_signature`.
    """
    texts, count, seed, temperature = _arguments()
    images, read = _images(model, backbone)

    @tf.function(input_signature=[images], autograph=False)
    def encode_images(images):
        return model.encode_images(read(images))

    @tf.function(input_signature=[texts], autograph=False)
    def encode_texts(texts):
        return model.encode_texts(texts)

    signatures = {
        **caption_signature(model, backbone),
        "encode_images": encode_images,
        "encode_texts": encode_texts,
    }
    if model.draws_images:

        @tf.function(input_signature=[texts, count, seed, temperature], autograph=False)
        def images_from_text(texts, count, seed, temperature):
            return {"images": model.images_from_text(texts, count, seed, temperature)}

        signatures["images_from_text"] = images_from_text
    return signatures


def _arguments():
    return (
        tf.TensorSpec([None], tf.string, name="texts"),
        tf.TensorSpec([], tf.int32, name="count"),
        tf.TensorSpec([], tf.int64, name="seed"),
        tf.TensorSpec([], tf.float32, name="temperature"),
    )


def _images(model, backbone):
    """What a signature takes for images, and what makes the model's input of it."""
    sizes = model.config.networks
    if sizes.image_input == "features" and backbone is None:
        spec = tf.TensorSpec([None, sizes.feature_size], tf.float32, name="images")
        return spec, tf.identity
    size = sizes.image_size if sizes.image_input == "pixels" else backbone.image_size
    spec = tf.TensorSpec([None, size, size, 3], tf.uint8, name="images")
    return spec, tf.identity if sizes.image_input == "pixels" else backbone
