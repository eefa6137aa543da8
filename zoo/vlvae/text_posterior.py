"""q_phi(z|y): a flow over z given a text."""

from __future__ import annotations

import tensorflow as tf

from tfgen.distributions import CouplingFlow
from tfgen.layers import TextEncoder
from tfgen.randomness import Seed

__all__ = ["TextPosterior"]


class TextPosterior(tf.keras.layers.Layer):
    """q_phi(z|y): six conditional double affine couplings on a GRU encoding of the text.

    Args:
      latent_size: of z.
      vocabulary_size: number of words.
      state_size, embedding_size: of the text encoder.
      couplings, hidden_units: of the flow.

    #### References
    [1]: Cremer and Kushman 2018, Sec. 3 and 5.1.1.
    """

    def __init__(
        self,
        latent_size: int,
        vocabulary_size: int,
        state_size: int = 200,
        embedding_size: int = 100,
        couplings: int = 6,
        hidden_units: int = 200,
        **kwargs,
    ):
        super().__init__(dtype="float32", **kwargs)
        self.latent_size = latent_size
        self.encoder = TextEncoder(vocabulary_size, state_size, embedding_size, dtype="float32")
        self.flow = CouplingFlow(
            latent_size,
            couplings=couplings,
            hidden_units=(hidden_units, hidden_units),
            conditioning_size=state_size,
        )

    def take_encoder(self, other: "TextPosterior") -> None:
        """Sets the text encoder to that of another posterior of the same sizes; the flow stays.

        Both must have been called or built before, so that their variables exist.
        """
        for mine, theirs in zip(self.encoder.variables, other.encoder.variables):
            mine.assign(theirs)

    def build(self, input_shape=None):
        """Makes the text encoder's variables; the flow has its own since construction."""
        if not self.built:
            self.encoder(tf.zeros([1, 1], tf.int32))
        super().build(input_shape)

    def log_prob(self, z: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
        """log q_phi(z|y) in nats: z [..., batch, latent], words [batch, length] -> [..., batch]."""
        return self.flow.log_prob(z, conditioning=self.encoder(words))

    def sample(self, words: tf.Tensor, count: int, seed: Seed, temperature=1.0) -> tf.Tensor:
        """`count` draws for each text: words [batch, length] -> z [count, batch, latent]."""
        return self.flow.sample(
            count, seed=seed, conditioning=self.encoder(words), temperature=temperature
        )

    def sample_and_log_prob(self, words: tf.Tensor, seed: Seed):
        """One reparametrised draw for each text, and its log-density: [batch, latent], [batch]."""
        return self.flow.sample_and_log_prob((), seed=seed, conditioning=self.encoder(words))
