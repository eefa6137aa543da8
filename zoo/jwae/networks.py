"""Encoders and decoders of images and texts, and the discriminator of codes."""

from __future__ import annotations

from typing import Sequence, Tuple

import tensorflow as tf

from tfgen.data.vocabulary import Vocabulary
from tfgen.layers import BidirectionalTextEncoder, RecurrentTextDecoder, word_mask
from tfgen.losses import text_log_likelihood
from zoo.jwae.config import ImagePathConfig, TextPathConfig

__all__ = ["CodeDiscriminator", "PixelPath", "VectorPath", "WordPath", "reconstruction_error"]


class VectorPath(tf.keras.layers.Layer):
    """Fully connected encoder and decoder of vectors.

    Args:
      size: of the vectors.
      outputs: of the encoder.
      encoder_units, decoder_units: hidden layers, each with ReLU.
      norm: see `reconstruction_error`.
      decoded: whether there is a decoder.
    """

    def __init__(
        self,
        size: int,
        outputs: int,
        encoder_units: Sequence[int],
        decoder_units: Sequence[int],
        norm: str,
        decoded: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.size, self.norm = size, norm
        self.encoder = _dense(encoder_units, outputs)
        self.decoder = _dense(decoder_units, size) if decoded else None

    @property
    def spec(self) -> tf.TensorSpec:
        """Of a batch of inputs."""
        return tf.TensorSpec([None, self.size], tf.float32)

    def encode(self, vectors) -> tf.Tensor:
        """Vectors [batch, size] -> [batch, outputs]."""
        return self.encoder(tf.cast(vectors, self.compute_dtype))

    def decode(self, codes) -> tf.Tensor:
        """Codes [batch, d] -> vectors [batch, size]."""
        return self.decoder(tf.cast(codes, self.compute_dtype))

    def reconstruction_loss(self, codes, vectors, training=False, seed=None) -> tf.Tensor:
        """The error of the decoded codes, [batch]."""
        return reconstruction_error(vectors, self.decode(codes), self.norm)


class PixelPath(tf.keras.layers.Layer):
    """Convolutional encoder and decoder of images.

    The paper works on features of pre-trained networks. These are for images that there is no
    such network for: patches become channels, convolutions of stride 2 halve the map, fully
    connected layers follow. The decoder is the mirror image, with nearest-neighbour upsampling.

    Args:
      config: sizes.
      outputs: of the encoder.
      decoded: whether there is a decoder.
    """

    def __init__(self, config: ImagePathConfig, outputs: int, decoded: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        widths = [config.width * 2**level for level in range(config.downsamplings + 1)]
        side = config.image_size // (config.patch_size * 2**config.downsamplings)
        self.convolutions = [_convolution(widths[0])]
        self.convolutions += [_convolution(width, strides=2) for width in widths[1:]]
        self.flatten = tf.keras.layers.Flatten()
        self.encoder = _dense(config.encoder_units, outputs, _wide_layer())
        self.decoder = None
        if decoded:
            self.decoder = _dense(config.decoder_units, side * side * widths[-1])
            self.map = tf.keras.layers.Reshape([side, side, widths[-1]])
            self.mirrored = [_convolution(width) for width in reversed(widths[:-1])]
            self.to_patches = tf.keras.layers.Conv2D(
                3 * config.patch_size**2, 3, padding="same", dtype="float32"
            )

    @property
    def spec(self) -> tf.TensorSpec:
        """Of a batch of inputs."""
        return tf.TensorSpec([None, self.config.image_size, self.config.image_size, 3], tf.uint8)

    def encode(self, images) -> tf.Tensor:
        """Images uint8 [batch, H, W, 3] -> [batch, outputs]."""
        h = tf.cast(2.0 * _unit(images) - 1.0, self.compute_dtype)
        h = tf.nn.space_to_depth(h, self.config.patch_size)
        for convolution in self.convolutions:
            h = convolution(h)
        return self.encoder(self.flatten(h))

    def decode(self, codes) -> tf.Tensor:
        """Codes [batch, d] -> images float32 [batch, H, W, 3] in (0, 1)."""
        h = self.map(tf.nn.relu(self.decoder(tf.cast(codes, self.compute_dtype))))
        for convolution in self.mirrored:
            h = tf.repeat(tf.repeat(h, 2, axis=1), 2, axis=2)
            h = convolution(h)
        return tf.sigmoid(tf.nn.depth_to_space(self.to_patches(h), self.config.patch_size))

    def reconstruction_loss(self, codes, images, training=False, seed=None) -> tf.Tensor:
        """The error of the decoded codes, [batch], with pixels in [0, 1]."""
        return reconstruction_error(_unit(images), self.decode(codes), self.config.norm)


class WordPath(tf.keras.layers.Layer):
    """Bidirectional GRU encoder and GRU decoder of sentences (Eq. 3.5).

    Words count up to the end word (a blank, where that fills up short texts), and that counts,
    too. A start word in front is not read: the decoder has its own, and to predict one is free.

    Args:
      config: sizes.
      vocabulary: of the sentences.
      outputs: of the encoder.
      decoded: whether there is a decoder.
    """

    def __init__(
        self,
        config: TextPathConfig,
        vocabulary: Vocabulary,
        outputs: int,
        decoded: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.spec = tf.TensorSpec([None, vocabulary.length], tf.int32)
        self._end_id = getattr(vocabulary, "end_id", None)
        self._first = 0 if self._end_id is None else 1
        if self._end_id is None and vocabulary.blank is not None:
            self._end_id = vocabulary.words.index(vocabulary.blank)
        self.encoder = BidirectionalTextEncoder(
            vocabulary.size,
            config.encoder_state,
            config.embedding_size,
            config.encoder_layers,
            output_size=outputs,
        )
        self.encoder.embedding.embeddings_initializer = tf.keras.initializers.RandomUniform(
            -1.0, 1.0
        )
        self.encoder.linear.kernel_initializer = _wide_layer()
        self.decoder = None
        if decoded:
            self.decoder = RecurrentTextDecoder(
                vocabulary.size,
                config.decoder_state,
                config.embedding_size,
                cell="gru",
                code="state",
                word_dropout=config.word_dropout,
            )

    def sentences(self, words) -> Tuple[tf.Tensor, tf.Tensor]:
        """Word ids without the start word, and which of them count, bool."""
        words = tf.cast(words, tf.int32)[:, self._first :]
        if self._end_id is None:
            return words, tf.ones_like(words, tf.bool)
        return words, word_mask(words, self._end_id)

    def encode(self, words) -> tf.Tensor:
        """Word ids [batch, length] -> [batch, outputs]."""
        words, mask = self.sentences(words)
        return self.encoder(words, mask=mask)

    def reconstruction_loss(self, codes, words, training=False, seed=None) -> tf.Tensor:
        """-log p(y | code), nats, [batch]; in training with word dropout by `seed`."""
        words, mask = self.sentences(words)
        logits = self.decoder(codes, words, training=training, seed=seed)
        return -text_log_likelihood(logits, words, mask)


class CodeDiscriminator(tf.keras.layers.Layer):
    """Codes [batch, d] -> logits of "drawn from the prior", float32 [batch].

    The paper's last layer has two units; their softmax knows nothing but their difference, which
    is this one logit.

    Args:
      code_size: d.
      units: hidden layers.
      slope: of the leaky ReLUs.
    """

    def __init__(self, code_size: int, units: Sequence[int], slope: float, **kwargs):
        super().__init__(**kwargs)
        self.slope = slope
        self.hidden = [tf.keras.layers.Dense(size) for size in units]
        self.logit = tf.keras.layers.Dense(1, dtype="float32")
        for layer, size in zip([*self.hidden, self.logit], [code_size, *units]):
            layer.build([None, size])

    def call(self, codes):
        for layer in self.hidden:
            codes = tf.nn.leaky_relu(layer(codes), self.slope)
        return self.logit(codes)[:, 0]


def reconstruction_error(x: tf.Tensor, decoded: tf.Tensor, norm: str) -> tf.Tensor:
    """The error of a reconstruction, float32 [batch].

    Args:
      x, decoded: float [batch, ...].
      norm: "l1", sum |x - y|; "l2", (sum (x - y)^2)^(1/2); "mean_square", mean (x - y)^2.
    """
    difference = tf.cast(x, tf.float32) - tf.cast(decoded, tf.float32)
    difference = tf.reshape(difference, [tf.shape(difference)[0], -1])
    if norm == "l1":
        return tf.reduce_sum(tf.abs(difference), 1)
    if norm == "l2":
        # The root has no slope at 0.
        return tf.sqrt(tf.reduce_sum(tf.square(difference), 1) + 1e-12)
    return tf.reduce_mean(tf.square(difference), 1)


def _dense(units, outputs, last_layer="glorot_uniform"):
    layers = [tf.keras.layers.Dense(size, activation="relu") for size in units]
    last = tf.keras.layers.Dense(outputs, kernel_initializer=last_layer, dtype="float32")
    return tf.keras.Sequential([*layers, last])


def _wide_layer():
    """8 times Glorot's spread: codes of pixels and words then start near the prior's spread.

    With Keras' initial values those of images start at 0.13 and those of texts at 0.006. A cosine's
    gradient grows as 1 / |code|, and there drowns what the discriminator says.
    """
    return tf.keras.initializers.VarianceScaling(64.0, "fan_avg", "uniform")


def _convolution(filters, strides=1):
    return tf.keras.layers.Conv2D(filters, 3, strides, padding="same", activation="relu")


def _unit(images):
    return tf.cast(images, tf.float32) / 255.0
