"""The classifier of scenes: which kinds, colours and coloured kinds are there, and where it is."""

from __future__ import annotations

import dataclasses
from typing import Dict

import tensorflow as tf

from tfgen.data.scenes_words import SCENE_COLOURS, SCENE_CONTEXTS, SCENE_KINDS
from tfgen.layers import ConvolutionNorm, ResidualBlock
from tfgen.training import Config, GenerativeModel
from zoo.attribute_classifier.augmentation import mirrored, vary_images

__all__ = ["SceneClassifier", "SceneClassifierConfig", "add_presence", "vary_scenes"]

_PRESENCE = {
    "kinds": len(SCENE_KINDS),
    "colours": len(SCENE_COLOURS),
    "objects": len(SCENE_KINDS) * len(SCENE_COLOURS),
}


@dataclasses.dataclass
class SceneClassifierConfig(Config):
    """Sizes of the network. image_size: images are resized to it, antialiased when shrinking."""

    image_size: int = 64
    early_width: int = 48
    early_blocks: int = 1
    late_width: int = 96
    late_blocks: int = 2


class SceneClassifier(GenerativeModel):
    """Tells which kinds, colours and coloured kinds of objects a scene has, and its context.

    Strided convolutions and residual blocks with instance norm lead to a map of 8x8 positions.
    Each position gives evidence for the presence of everything; that of an image is

        logit = log sum_positions exp(evidence)

    so that a single object anywhere suffices. The context is read off the mean of the map.

    Batches have "image" and what `add_presence` makes of scenes. Terms: "loss", the sum of the
    cross-entropies, nats; "kinds", "colours", "objects", "context", the shares of answers that are
    right.

    Args:
      config: the sizes.
      seed: see GenerativeModel.
    """

    def __init__(self, config: SceneClassifierConfig, seed=0):
        super().__init__(seed=seed, name="scene_classifier")
        self.config = config
        self.trunk = tf.keras.Sequential(
            [
                ConvolutionNorm(config.early_width, 5, strides=2),
                *[ResidualBlock(config.early_width) for _ in range(config.early_blocks)],
                ConvolutionNorm(config.late_width, 3, strides=2),
                *[ResidualBlock(config.late_width) for _ in range(config.late_blocks)],
            ],
            name="trunk",
        )
        # Most things are not there; 64 positions are to say so together.
        self.evidence = tf.keras.layers.Conv2D(
            sum(_PRESENCE.values()),
            1,
            bias_initializer=tf.keras.initializers.Constant(-6.0),
            dtype="float32",
        )
        self.context = tf.keras.layers.Dense(len(SCENE_CONTEXTS), dtype="float32")

    def logits(self, images: tf.Tensor) -> Dict[str, tf.Tensor]:
        """Scores of everything.

        Args:
          images: uint8 [B, H, W, 3], or floats in [0, 1].

        Returns:
          "kinds" [B, 8], "colours" [B, 8], "objects" [B, 64] (kind * 8 + colour), logits of their
          presence; "context" [B, 7], scores of which one is the highest.
        """
        features = self._map(images)
        scores = tf.reduce_logsumexp(self.evidence(features), [1, 2])
        result = dict(zip(_PRESENCE, tf.split(scores, list(_PRESENCE.values()), -1)))
        return {**result, "context": self.context(tf.reduce_mean(features, [1, 2]))}

    def features(self, images: tf.Tensor) -> tf.Tensor:
        """What the network sees, and where, as a vector for other models to begin with.

        Args:
          images: uint8 [B, H, W, 3], or floats in [0, 1].

        Returns:
          float32 [B, 247 + 4 * late_width]: of the 80 kinds, colours and objects the probability p
          of their presence, p times the mean position of their evidence, across and then down, both
          in (-1, 1); the probabilities of the 7 contexts; the means of the map before the answers
          over its four quarters.
        """
        features = tf.cast(self._map(images), tf.float32)
        evidence = self.evidence(features)
        height, width, count = evidence.shape[1:]
        present = tf.sigmoid(tf.reduce_logsumexp(evidence, [1, 2]))
        weights = tf.nn.softmax(tf.reshape(evidence, [-1, height * width, count]), 1)
        across, down = tf.meshgrid(_centres(width), _centres(height))
        positions = [
            present * tf.einsum("p,bpc->bc", tf.reshape(axis, [-1]), weights)
            for axis in (across, down)
        ]
        context = tf.nn.softmax(self.context(tf.reduce_mean(features, [1, 2])))
        window = [height // 2, width // 2]
        quarters = tf.nn.avg_pool2d(features, window, window, "VALID")
        quarters = tf.reshape(quarters, [-1, 4 * features.shape[-1]])
        return tf.concat([present, *positions, context, quarters], -1)

    def _map(self, images):
        """The map of the trunk, [B, image_size / 8, image_size / 8, late_width]."""
        size = self.config.image_size
        if images.dtype == tf.uint8:
            images = tf.cast(images, tf.float32) / 255.0
        if images.shape[1:3] != [size, size]:
            images = tf.image.resize(images, [size, size], antialias=True)
        images = tf.ensure_shape(images, [None, size, size, 3])
        return self.trunk(tf.nn.space_to_depth(2.0 * images - 1.0, 2))

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch, training):
        logits = self.logits(batch["image"])
        scores = logits.pop("context")
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["context"], scores)
        guess = tf.argmax(scores, -1, output_type=batch["context"].dtype)
        terms = {"context": tf.cast(guess == batch["context"], tf.float32)}
        for name, score in logits.items():
            present = tf.cast(batch[name], tf.float32)
            loss += tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(present, score), -1)
            right = (score > 0.0) == (present > 0.5)
            terms[name] = tf.reduce_mean(tf.cast(right, tf.float32), -1)
        return {"loss": loss, **terms}

    def see(self, images: tf.Tensor) -> Dict[str, tf.Tensor]:
        """Probabilities of everything.

        Args:
          images: uint8 [B, H, W, 3], of any size.

        Returns:
          "kinds" [B, 8], "colours" [B, 8], "objects" [B, 8, 8] (kind, colour), each that there is
          one at least; "context" [B, 7], which add up to one.
        """
        logits = self.logits(images)
        context = tf.nn.softmax(logits.pop("context"))
        seen = {name: tf.sigmoid(score) for name, score in logits.items()}
        seen["objects"] = tf.reshape(seen["objects"], [-1, len(SCENE_KINDS), len(SCENE_COLOURS)])
        return {**seen, "context": context}

    def signatures(self):
        """see(images) and features(images), for the export."""
        images = tf.TensorSpec([None, None, None, 3], tf.uint8, "images")

        @tf.function(input_signature=[images], autograph=False)
        def see(images):
            return self.see(images)

        @tf.function(input_signature=[images], autograph=False)
        def features(images):
            return {"features": self.features(images)}

        return {"see": see, "features": features}


def _centres(count: int) -> tf.Tensor:
    """Of `count` cells that divide (-1, 1)."""
    return (2.0 * tf.range(count, dtype=tf.float32) + 1.0) / count - 1.0


def add_presence(features: Dict[str, tf.Tensor]) -> Dict[str, tf.Tensor]:
    """ "image", "context" and what is there, of features of `tfgen.data.scenes`.

    Returns:
      "image"; "kinds", "colours" bool [B, 8], "objects" bool [B, 64] (kind * 8 + colour);
      "context" int32 [B].
    """
    kinds, colours = features["kinds"], features["colours"]
    # Where there is no object, both are -1.
    both = tf.where(kinds < 0, -1, kinds * len(SCENE_COLOURS) + colours)
    present = {
        name: tf.reduce_any(tf.one_hot(value, size, True, False, dtype=tf.bool), 1)
        for (name, size), value in zip(_PRESENCE.items(), (kinds, colours, both))
    }
    return {"image": features["image"], "context": features["context"], **present}


def vary_scenes(features: Dict[str, tf.Tensor], seeds: tf.Tensor) -> Dict[str, tf.Tensor]:
    """Mirrors half of the images and varies all; what is there stays.

    Args:
      features: "image" uint8 [B, S, S, 3], and others.
      seeds: int32 [B, 2].

    Returns:
      "image" float32 [B, S, S, 3] in [0, 1], and the others.
    """
    images = features["image"]
    images = tf.where(mirrored(seeds)[:, None, None, None], tf.reverse(images, [2]), images)
    return {**features, "image": vary_images(images, seeds)}
