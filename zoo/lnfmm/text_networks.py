"""Networks between texts and vectors."""

from __future__ import annotations

import tensorflow as tf

from tfgen import losses
from tfgen.data import CaptionVocabulary
from tfgen.layers import (
    BidirectionalTextEncoder,
    RecurrentTextDecoder,
    generate_texts,
    word_mask,
)
from zoo.lnfmm.config import CaptionNetworkConfig

__all__ = ["TextNetworks"]


class TextNetworks(tf.keras.layers.Layer):
    """Reads captions into codes, and writes captions from codes.

    Args:
      config: sizes.
      vocabulary: of the captions. Their ids come as `CaptionVocabulary.encode` makes them, with
        the start word, which neither the encoder nor the decoder takes for a word.
      output_size: of the codes that come out.
      beams: of the search for a caption; 1 takes the likeliest word at each step.
    """

    def __init__(
        self,
        config: CaptionNetworkConfig,
        vocabulary: CaptionVocabulary,
        output_size: int,
        beams: int = 1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary = vocabulary
        self.beams = beams
        self.encoder = BidirectionalTextEncoder(
            vocabulary.size,
            config.text_state,
            config.word_embedding,
            config.text_layers,
            output_size=output_size,
        )
        self.decoder = RecurrentTextDecoder(
            vocabulary.size,
            config.decoder_state,
            config.decoder_embedding,
            word_dropout=config.word_dropout,
            embedding_dropout=config.embedding_dropout,
        )

    def encode(self, words) -> tf.Tensor:
        """int32 [batch, length], with the start word -> float32 [batch, output_size]."""
        words = words[:, 1:]
        return self.encoder(words, mask=word_mask(words, self.vocabulary.end_id))

    def log_prob(self, code, words, training: bool = False, seed=None) -> tf.Tensor:
        """log p(x_t | code), every word given the true ones before it, nats [batch].

        Args:
          code: float [batch, size].
          words: int32 [batch, length], with the start word.
          training, seed: for the dropouts.
        """
        words = words[:, 1:]
        logits = self.decoder(code, words, training=training, seed=seed)
        return losses.text_log_likelihood(logits, words, word_mask(words, self.vocabulary.end_id))

    def generate(self, code) -> tf.Tensor:
        """The caption of each code, float [rows, size] -> string [rows]."""
        vocabulary = self.vocabulary
        ids = tf.range(vocabulary.size)
        unsaid = (vocabulary.pad_id, vocabulary.start_id, vocabulary.unknown_id)
        texts = generate_texts(
            self.decoder,
            code,
            end_id=vocabulary.end_id,
            length=vocabulary.length - 1,
            method="greedy" if self.beams == 1 else "beam",
            beams=self.beams,
            allowed=tf.reduce_all([ids != word for word in unsaid], axis=0),
            pad_id=vocabulary.pad_id,
        )
        return vocabulary.decode(texts.words[:, 0])
