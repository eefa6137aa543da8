"""Bidirectional recurrent text encoder."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

from tfgen.layers.recurrence import Recurrence

__all__ = ["BidirectionalTextEncoder"]


class BidirectionalTextEncoder(tf.keras.layers.Layer):
    """Word ids [batch, length] -> codes of sentences, float32 [batch, size].

    Layers of GRUs read the embedded words in both directions; each layer sees both directions'
    states of the layer below. The states of the last one are pooled:

        "mean"  the mean of [forward_t, backward_t] over the words that count
        "last"  [forward state after the last word, backward state after the first word]

    and go through a linear layer to `output_size`, or come as they are, size 2 * state_size.
    The code of a text without any word is that of a zero vector.

    ```python
    encoder = BidirectionalTextEncoder(vocabulary_size=9, state_size=8, embedding_size=4)
    words = tf.constant([[3, 1, 4], [1, 0, 0]])
    mask = tf.constant([[True, True, True], [True, False, False]])
    encoder(words, mask=mask)  # [2, 16]
    encoder.states(words, mask)  # [2, 3, 16]
    ```

    Args:
      vocabulary_size: number of words.
      state_size: of each GRU, per direction.
      embedding_size: of the words.
      layers: number of bidirectional GRUs, one at least.
      pooling: "mean" or "last".
      output_size: of the linear layer; None for none.

    Call arguments:
      words: int [batch, length], ids in [0, vocabulary_size), padding too.
      mask: bool [batch, length], true where a word counts, false for the padding behind it; None
        counts all. What is masked has no influence.

    #### References
    [1]: S. Mahajan, I. Gurevych, S. Roth. Latent Normalizing Flows for Many-to-Many Cross-Domain
         Mappings. ICLR 2020. Appendix B.1: two layers of 1024, mean and linear in the release.
    [2]: S. Mahajan, T. Botschen, I. Gurevych, S. Roth. Joint Wasserstein Autoencoders for
         Aligning Multimodal Embeddings. ICCV Workshops 2019: the GRU text path.
    """

    POOLINGS = ("mean", "last")

    def __init__(
        self,
        vocabulary_size: int,
        state_size: int = 1024,
        embedding_size: int = 300,
        layers: int = 2,
        pooling: str = "mean",
        output_size: Optional[int] = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if layers < 1:
            raise ValueError(f"A text encoder has one layer at least; got layers={layers}.")
        if pooling not in self.POOLINGS:
            raise ValueError(f"pooling is one of {', '.join(self.POOLINGS)}; got {pooling!r}.")
        self.vocabulary_size = vocabulary_size
        self.state_size = state_size
        self.embedding_size = embedding_size
        self.layer_count = layers
        self.pooling = pooling
        self.output_size = output_size
        self.embedding = tf.keras.layers.Embedding(vocabulary_size, embedding_size)
        self.forward_layers = [Recurrence(state_size, "gru") for _ in range(layers)]
        self.backward_layers = [Recurrence(state_size, "gru") for _ in range(layers)]
        self.linear = None
        if output_size is not None:
            self.linear = tf.keras.layers.Dense(output_size, dtype="float32")

    def call(self, words, mask=None):
        states, ends = self._run(words, mask)
        if self.pooling == "last":
            code = tf.cast(tf.concat(ends, -1), tf.float32)
        else:
            states = tf.cast(states, tf.float32)
            weights = tf.ones(tf.shape(words)) if mask is None else tf.cast(mask, tf.float32)
            count = tf.maximum(tf.reduce_sum(weights, 1, keepdims=True), 1.0)
            code = tf.reduce_sum(states * weights[..., tf.newaxis], 1) / count
        return code if self.linear is None else self.linear(code)

    def states(self, words, mask=None) -> tf.Tensor:
        """States of the last layer at each word, both directions, [batch, length, 2 state_size].

        Those at masked words have no meaning.
        """
        return self._run(words, mask)[0]

    def _run(self, words, mask):
        states = self.embedding(words)
        for forward, backward in zip(self.forward_layers, self.backward_layers):
            ahead, first = forward(states, mask=mask)
            back, last = backward(states, mask=mask, reverse=True)
            states = tf.concat([ahead, back], -1)
        return states, [*first, *last]

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "state_size": self.state_size,
            "embedding_size": self.embedding_size,
            "layers": self.layer_count,
            "pooling": self.pooling,
            "output_size": self.output_size,
        }
