"""A classifier of attribute words, and the correctness of texts measured with it."""

from __future__ import annotations

from typing import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfgen.data.vocabulary import Vocabulary
from tfgen.distributions import unit_interval
from tfgen.randomness import Seed
from tfgen.training import GenerativeModel
from zoo.vlvae.networks import ImageEncoder, NetworkConfig

__all__ = ["WordClassifier", "word_correctness"]


class WordClassifier(GenerativeModel):
    """Says of each word whether it is true of an image, independently of the other words.

    The network is the image encoder of the VLVAE with one more layer: its vector, a leaky ReLU,
    and one logit a word. It is trained on its own, before the VLVAE, and shares nothing with it.

    Batches have "image", uint8 [batch, H, W, 3], and "labels", [batch, words], 1 where the word is
    true. Terms: "loss", the cross-entropy of all words, nats per example; "accuracy", the share of
    the words that are judged right, [batch].

    Args:
      config: sizes of the image encoder.
      image_size: pixels a side.
      words: number of words.
      seed: see GenerativeModel.

    #### References
    [1]: Cremer and Kushman 2018, Sec. 5.3: the correctness of CelebA's texts.
    """

    def __init__(
        self, config: NetworkConfig, image_size: int, words: int, seed: Seed = 0, **kwargs
    ):
        super().__init__(seed=seed, **kwargs)
        self.image_encoder = ImageEncoder(config, image_size)
        self.head = tf.keras.layers.Dense(words, dtype="float32")

    def logits(self, images, training: bool = False) -> tf.Tensor:
        """uint8 [batch, H, W, 3] -> float32 [batch, words]."""
        code = self.image_encoder(unit_interval(images), training=training)
        return self.head(tf.nn.leaky_relu(code))

    def probabilities(self, images) -> tf.Tensor:
        """Of each word being true: uint8 [batch, H, W, 3] -> float32 [batch, words]."""
        return tf.sigmoid(self.logits(images))

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch, training):
        labels = tf.cast(batch["labels"], tf.float32)
        logits = self.logits(batch["image"], training)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
        right = tf.cast((logits > 0) == (labels > 0.5), tf.float32)
        return {"loss": tf.reduce_sum(entropy, -1), "accuracy": tf.reduce_mean(right, -1)}


def word_correctness(
    probabilities: Callable,
    vocabulary: Vocabulary,
    images: np.ndarray,
    texts: Sequence,
    batch_size: int = 100,
) -> np.ndarray:
    """The share of each text's words to which a classifier gives a probability over 50 %.

    The order of the words is ignored and blanks are not counted; a word that is said twice counts
    twice. (The paper does not say what a text without words scores: here 0.)

    Args:
      probabilities: images [B, H, W, 3] -> [B, words] of the vocabulary's words in its order, the
        blank left out: `WordClassifier.probabilities`, best as a tf.function.
      vocabulary: whose last word is the blank.
      images: uint8 [N, H, W, 3].
      texts: string [N].
      batch_size: images classified at once.

    Returns:
      float [N], each in [0, 1].

    #### References
    [1]: Cremer and Kushman 2018, Sec. 5.3.
    """
    if vocabulary.blank is None or vocabulary.words[-1] != vocabulary.blank:
        raise ValueError(f"Wanted a vocabulary whose last word is its blank; got {vocabulary}.")
    shares = []
    for start in range(0, len(images), batch_size):
        likely = probabilities(images[start : start + batch_size]).numpy() > 0.5
        ids = vocabulary.encode(texts[start : start + batch_size]).numpy()
        spoken = ids < vocabulary.size - 1
        hits = np.take_along_axis(np.pad(likely, [[0, 0], [0, 1]]), ids, 1) & spoken
        shares.append(hits.sum(1) / np.maximum(spoken.sum(1), 1))
    return np.concatenate(shares)
