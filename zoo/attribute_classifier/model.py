"""The classifier that reads attribute words off images: the instrument behind 'correctness'."""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from tfgen.data.two_objects_text import RELATIONS, VOCABULARY
from tfgen.layers import ConvolutionNorm, ResidualBlock
from tfgen.training import Config, GenerativeModel
from zoo.attribute_classifier.labels import ATTRIBUTES, ONLY, OPPOSITE, ROLES

__all__ = ["AttributeClassifier", "ClassifierConfig"]

_SIZES = [len(words) for words in ATTRIBUTES.values()]


@dataclasses.dataclass
class ClassifierConfig(Config):
    """Sizes of the network. image_size: images are resized to it, antialiased when shrinking."""

    image_size: int = 64
    early_width: int = 64
    early_blocks: int = 1
    late_width: int = 96
    late_blocks: int = 2
    bottleneck: int = 16
    hidden_units: int = 200


class AttributeClassifier(GenerativeModel):
    """Classifies size, colour, material and shape of the object in each role.

    The network is nearly the image encoder of the VLVAE: strided convolutions and residual blocks
    with instance norm, flattened to a 200-vector [1, Sec. 5.1]. Two channels with the pixels'
    coordinates are added to the image. It answers for the objects that are right, left, in front
    and behind, and for an only object, whatever the text; the relation word of a text then says
    which object comes first. So every image trains four answers, and the relation cannot be
    ignored.

    Args:
      config: the sizes.
      seed: see GenerativeModel.

    #### References
    [1]: Cremer and Kushman. On the Importance of Learning Aggregate Posteriors in Multimodal
         Variational Autoencoders. 2018.
    """

    def __init__(self, config: ClassifierConfig, seed=0):
        super().__init__(seed=seed, name="attribute_classifier")
        self.config = config
        self.trunk = tf.keras.Sequential(
            [
                ConvolutionNorm(config.early_width, 5, strides=2),
                *[ResidualBlock(config.early_width) for _ in range(config.early_blocks)],
                ConvolutionNorm(config.late_width, 3, strides=2),
                *[ResidualBlock(config.late_width) for _ in range(config.late_blocks)],
                tf.keras.layers.Conv2D(config.bottleneck, 1),
                tf.keras.layers.Flatten(),
            ],
            name="trunk",
        )
        self.head = tf.keras.Sequential(
            [
                tf.keras.layers.Dense(config.hidden_units, tf.nn.leaky_relu),
                tf.keras.layers.Dense(config.hidden_units, tf.nn.leaky_relu),
                tf.keras.layers.Dense(len(ROLES) * sum(_SIZES), dtype="float32"),
            ],
            name="head",
        )

    def logits(self, images: tf.Tensor, training: bool = False) -> Dict[str, tf.Tensor]:
        """Class scores of each attribute.

        Args:
          images: uint8 [B, H, W, 3], or floats in [0, 1].
          training: unused by these layers; kept for others.

        Returns:
          attribute -> float32 [B, roles, classes].
        """
        size = self.config.image_size
        if images.dtype == tf.uint8:
            images = tf.cast(images, tf.float32) / 255.0
        if images.shape[1:3] != [size, size]:
            images = tf.image.resize(images, [size, size], antialias=True)
        images = tf.ensure_shape(images, [None, size, size, 3])
        axis = tf.linspace(-1.0, 1.0, size)
        y, x = tf.meshgrid(axis, axis, indexing="ij")
        grid = tf.broadcast_to(tf.stack([x, y], -1), [tf.shape(images)[0], size, size, 2])
        inputs = tf.concat([2.0 * images - 1.0, grid], -1)
        # Patches of 2x2 pixels as channels: what a strided convolution sees, in a quarter of the
        # memory.
        inputs = tf.nn.space_to_depth(inputs, 2)
        scores = self.head(self.trunk(inputs, training=training), training=training)
        scores = tf.reshape(scores, [-1, len(ROLES), sum(_SIZES)])
        return dict(zip(ATTRIBUTES, tf.split(scores, _SIZES, -1)))

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch, training):
        """Cross-entropy of the four attributes, the mean over the roles that are filled, nats.

        Args:
          batch: "image" [B, H, W, 3]; "roles" int32 [B, 5, 4], see `labels.role_classes`.
        """
        classes = batch["roles"]
        filled = tf.cast(classes >= 0, tf.float32)
        logits = self.logits(batch["image"], training)
        losses, hits = [], []
        for i, name in enumerate(ATTRIBUTES):
            losses.append(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    tf.maximum(classes[..., i], 0), logits[name]
                )
            )
            guesses = tf.argmax(logits[name], -1, output_type=tf.int32)
            hits.append(tf.cast(guesses == classes[..., i], tf.float32))
        losses, hits = tf.stack(losses, -1), tf.stack(hits, -1)
        roles = tf.reduce_sum(filled[..., 0], 1)
        return {
            "loss": tf.reduce_sum(losses * filled, [1, 2]) / roles,
            "accuracy": tf.reduce_sum(hits * filled, [1, 2]) / (4.0 * roles),
        }

    def classify(self, images: tf.Tensor, relations: tf.Tensor) -> Dict[str, tf.Tensor]:
        """The sentence that an image shows, given its relation word.

        Args:
          images: uint8 [B, H, W, 3], of any size.
          relations: string [B], words of `RELATIONS`, or 'none' for an image of one object.

        Returns:
          "texts", string [B]: the whole sentence, nine words or four. For each attribute NAME,
          "NAME", float32 [B, 2, classes]: the probabilities for the first and second object (for
          'none', the second repeats the first).

        Raises:
          tf.errors.InvalidArgumentError: another relation word.
        """
        names = tf.constant((*RELATIONS, "none"))
        known = relations[:, tf.newaxis] == names
        check = tf.debugging.Assert(
            tf.reduce_all(tf.reduce_any(known, 1)),
            ["A relation is one of", *RELATIONS, "or 'none' (one object); got", relations],
        )
        with tf.control_dependencies([check]):
            first = tf.argmax(tf.cast(known, tf.int32), 1, output_type=tf.int32)
        roles = tf.stack([first, tf.gather(tf.constant(OPPOSITE), first)], 1)
        result, words = {}, []
        for name, scores in self.logits(images).items():
            probabilities = tf.nn.softmax(tf.gather(scores, roles, batch_dims=1))
            result[name] = probabilities
            start = VOCABULARY.index(ATTRIBUTES[name][0])
            words.append(start + tf.argmax(probabilities, -1, output_type=tf.int32))
        words = tf.gather(tf.constant(VOCABULARY), tf.stack(words, -1))
        objects = tf.strings.reduce_join(words, axis=-1, separator=" ")
        sentences = tf.strings.join([objects[:, 0], relations, objects[:, 1]], " ")
        result["texts"] = tf.where(first == ONLY, objects[:, 0], sentences)
        return result

    def signatures(self):
        """classify(images, relations), for the export."""

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None, None, 3], tf.uint8, "images"),
                tf.TensorSpec([None], tf.string, "relations"),
            ],
            autograph=False,
        )
        def classify(images, relations):
            return self.classify(images, relations)

        return {"classify": classify}
