"""What exports of captioning models serve."""

from __future__ import annotations

from typing import Dict

import tensorflow as tf

__all__ = ["caption_signature", "lnfmm_signatures"]

Signatures = Dict[str, tf.types.experimental.GenericFunction]


def caption_signature(model) -> Signatures:
    """texts_from_images of any model with that method."""
    _, count, seed, temperature = _arguments()
    images = _images(model)

    @tf.function(input_signature=[images, count, seed, temperature], autograph=False)
    def texts_from_images(images, count, seed, temperature):
        return {"texts": model.texts_from_images(images, count, seed, temperature)}

    return {"texts_from_images": texts_from_images}


def lnfmm_signatures(model) -> Signatures:
    """Both directions, where the model draws images, and both encoders."""
    texts, count, seed, temperature = _arguments()
    images = _images(model)

    @tf.function(input_signature=[images], autograph=False)
    def encode_images(images):
        return model.encode_images(images)

    @tf.function(input_signature=[texts], autograph=False)
    def encode_texts(texts):
        return model.encode_texts(texts)

    signatures = {
        **caption_signature(model),
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


def _images(model) -> tf.TensorSpec:
    sizes = model.config.networks
    if sizes.image_input == "features":
        return tf.TensorSpec([None, sizes.feature_size], tf.float32, name="images")
    return tf.TensorSpec([None, sizes.image_size, sizes.image_size, 3], tf.uint8, name="images")
