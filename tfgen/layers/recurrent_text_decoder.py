"""Recurrent text decoder: teacher-forced over whole sentences, or word by word."""

from __future__ import annotations

from typing import Optional, Tuple

import tensorflow as tf

from tfgen.layers.dropout import StatelessDropout
from tfgen.layers.recurrence import Recurrence
from tfgen.randomness import example_uniform, fold_in

__all__ = ["RecurrentTextDecoder"]


class RecurrentTextDecoder(tf.keras.layers.Layer):
    """p(y | h) = prod_t p(y_t | y_<t, h) by layers of LSTMs or GRUs and a linear layer to logits.

    The code h enters in one of three ways:

        "inputs"  joined to the embedding of the previous word at each step
        "state"   state_0 = tanh(W h + b), for every layer
        "both"    both

    Before the first word stands a start vector of its own. In training, word dropout puts another
    vector of its own in the place of previous words, so that the decoder has to use the code;
    embedding dropout then drops entries of the embeddings. The targets stay as they are.

    ```python
    decoder = RecurrentTextDecoder(vocabulary_size=9, state_size=8, embedding_size=4)
    code, words = tf.zeros([2, 6]), tf.constant([[3, 1, 0], [5, 0, 0]])
    decoder(code, words)  # logits of every word given those before it, [2, 3, 9]
    state, context = decoder.start(code)
    previous = tf.fill([2], decoder.start_id)
    logits, state = decoder.step(previous, state, context)  # the same, of the first word, [2, 9]
    ```

    `tfgen.losses.text_log_likelihood(decoder(code, words), words, word_mask(words, end_id))` is
    log p(y | h) in nats, `generate_texts` draws from it. Those two methods and `start_id` are all
    that generation knows of a decoder.

    Args:
      vocabulary_size: number of words, the end word among them.
      state_size: of each recurrent layer.
      embedding_size: of the words.
      layers: number of recurrent layers, one at least.
      cell: "gru" or "lstm".
      code: "inputs", "state" or "both".
      word_dropout: share of previous words hidden in training, in [0, 1).
      embedding_dropout: share of entries of the embeddings dropped in training, in [0, 1).

    Call arguments:
      code: float [batch, size], h.
      words: int [batch, length], the sentences, of any ids in [0, vocabulary_size) behind their
        end. A start word, where the vocabulary has one, is left off. The length is static.
      training, seed: for the dropouts; a seed is not read unless `training`.

    Returns:
      logits, float32 [batch, length, vocabulary_size].

    #### References
    [1]: S. Mahajan, I. Gurevych, S. Roth. Latent Normalizing Flows for Many-to-Many Cross-Domain
         Mappings. ICLR 2020. Appendix B.1: an LSTM of 512.
    [2]: S. Mahajan, T. Botschen, I. Gurevych, S. Roth. Joint Wasserstein Autoencoders for
         Aligning Multimodal Embeddings. ICCV Workshops 2019: the GRU that starts from the code.
    [3]: S. Bowman et al. Generating Sentences from a Continuous Space. CoNLL 2016. Section 3.1:
         word dropout.
    """

    CODES = ("inputs", "state", "both")

    def __init__(
        self,
        vocabulary_size: int,
        state_size: int = 512,
        embedding_size: int = 512,
        layers: int = 1,
        cell: str = "lstm",
        code: str = "inputs",
        word_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if code not in self.CODES:
            raise ValueError(f"code is one of {', '.join(self.CODES)}; got {code!r}.")
        if layers < 1:
            raise ValueError(f"A text decoder has one layer at least; got layers={layers}.")
        if not 0.0 <= word_dropout < 1.0:
            raise ValueError(f"Wanted a word_dropout in [0, 1); got {word_dropout}.")
        self.vocabulary_size = vocabulary_size
        self.state_size = state_size
        self.embedding_size = embedding_size
        self.layer_count = layers
        self.cell = cell
        self.code = code
        self.word_dropout = word_dropout
        self.start_id = vocabulary_size
        self._hidden_id = vocabulary_size + 1
        rows = vocabulary_size + (2 if word_dropout else 1)
        self.embedding = tf.keras.layers.Embedding(rows, embedding_size)
        self.embedding_dropout = StatelessDropout(embedding_dropout)
        self.recurrence = [Recurrence(state_size, cell) for _ in range(layers)]
        first = self.recurrence[0]
        # The product of the first kernel with [embedding, code], the code's part taken apart: it
        # is the same for all words.
        self.from_code = self.initial = None
        if code != "state":
            self.from_code = tf.keras.layers.Dense(first.projection_size, use_bias=False)
        if code != "inputs":
            self.initial = tf.keras.layers.Dense(
                layers * first.state_parts * state_size, activation="tanh"
            )
        self.output_layer = tf.keras.layers.Dense(vocabulary_size, dtype="float32")

    def build(self, input_shape):
        """Makes all variables: those that are made inside a loop over words would be lost."""
        code_shape, size = tf.TensorShape([None, input_shape[-1]]), self.embedding_size
        self.embedding.build([None])
        for layer in self.recurrence:
            layer.build(tf.TensorShape([None, None, size]))
            size = self.state_size
        for dense in (self.from_code, self.initial):
            if dense is not None:
                dense.build(code_shape)
        self.output_layer.build(tf.TensorShape([None, size]))
        super().build(input_shape)

    def call(self, code, words, training=False, seed: Optional[tf.Tensor] = None):
        words = tf.cast(words, tf.int32)
        previous = words[:, :-1]
        if training and self.word_dropout:
            noise = example_uniform(
                fold_in(seed, "word_dropout"), tf.shape(words)[0], previous.shape[1:]
            )
            previous = tf.where(noise < self.word_dropout, self._hidden_id, previous)
        start = tf.fill([tf.shape(words)[0], 1], self.start_id)
        embedded = self.embedding(tf.concat([start, previous], 1))
        if training and self.embedding_dropout.rate:
            embedded = self.embedding_dropout(
                embedded, seed=fold_in(seed, "embedding_dropout"), training=True
            )
        state, context = self.start(code)
        hidden, extra = embedded, [value[:, tf.newaxis] for value in context]
        for layer, initial_state in zip(self.recurrence, state):
            steps = sum(extra, layer.project(hidden))
            (hidden, _), extra = layer(steps, state=initial_state, projected=True), ()
        return self.output_layer(hidden)

    def start(self, code) -> Tuple[tuple, tuple]:
        """What a sentence begins with.

        Args:
          code: float [batch, size].

        Returns:
          state, nested tuples of tensors [batch, ...] that `step` replaces, and context, a tuple
          of tensors [batch, ...] that it reads.
        """
        code = tf.cast(code, self.compute_dtype)
        if not self.built:
            with tf.init_scope(), tf.name_scope(self.name):
                self.build(code.shape)
        context = () if self.from_code is None else (self.from_code(code),)
        if self.initial is None:
            states = [
                layer.initial_state(tf.shape(code)[0], code.dtype) for layer in self.recurrence
            ]
            return tuple(states), context
        parts = self.recurrence[0].state_parts
        values = tf.split(self.initial(code), self.layer_count * parts, -1)
        return tuple(tuple(values[i : i + parts]) for i in range(0, len(values), parts)), context

    def step(self, words, state: tuple, context: tuple) -> Tuple[tf.Tensor, tuple]:
        """One step of every sentence.

        Args:
          words: int [batch], the previous words; `start_id` at first.
          state, context: of `start`, or of the step before.

        Returns:
          logits of the next words, float32 [batch, vocabulary_size], and the new state.
        """
        hidden, extra, new_state = self.embedding(words), context, []
        for layer, old in zip(self.recurrence, state):
            new_state.append(layer.step(sum(extra, layer.project(hidden)), old))
            hidden, extra = new_state[-1][0], ()
        return self.output_layer(hidden), tuple(new_state)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "state_size": self.state_size,
            "embedding_size": self.embedding_size,
            "layers": self.layer_count,
            "cell": self.cell,
            "code": self.code,
            "word_dropout": self.word_dropout,
            "embedding_dropout": self.embedding_dropout.rate,
        }
