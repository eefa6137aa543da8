"""q_True(z|y): a text posterior fitted to the true posterior of a frozen VLVAE."""

from __future__ import annotations

import tensorflow as tf

from tfgen.randomness import Seed
from tfgen.training import GenerativeModel
from zoo.vlvae.model import VLVAE
from zoo.vlvae.text_posterior import TextPosterior

__all__ = ["TruePosteriorFit"]


class TruePosteriorFit(GenerativeModel):
    """Maximises E_{q_phi(z|y)}[log p(y|z) + log p(z) - log q_phi(z|y)] over phi alone (Eq. 3).

    Batches have "words", int32 [batch, length]. Terms, nats per example: "elbo_text" (the bound
    on log p(y)), "log_p_text", "kl" = KL(q_phi(z|y) || p(z)), one-sample.

    Args:
      vlvae: the model whose p(y|z) and p(z) are used. It is frozen: not a part of this model,
        evaluated with moving averages and without dropout.
      posterior: q_phi(z|y).
      seed: of the draws of z.

    #### References
    [1]: Cremer and Kushman 2018, Eq. 3. [2]: Vedantam et al. 2018 (TELBO).
    """

    def __init__(self, vlvae: VLVAE, posterior: TextPosterior, seed: Seed = 0, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.posterior = posterior
        # Bound methods are not tracked by Keras: the frozen model stays outside this one.
        self._text_log_prob = vlvae.text_log_prob
        self._prior = vlvae.prior

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch, training):
        words = batch["words"]
        z, log_q = self.posterior.sample_and_log_prob(words, self.noise_seed("posterior", training))
        log_p_text = self._text_log_prob(z, words)
        kl = log_q - self._prior().log_prob(z)
        return {
            "loss": kl - log_p_text,
            "elbo_text": log_p_text - kl,
            "log_p_text": log_p_text,
            "kl": kl,
        }
