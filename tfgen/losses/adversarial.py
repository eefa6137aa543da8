"""The two players' losses of a generative adversarial network, on logits."""

from __future__ import annotations

import math

import tensorflow as tf

__all__ = ["discriminator_loss", "fooling_loss", "jensen_shannon_bound"]


def discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(real) - log(1 - D(fake)) with D = sigmoid(logit), an entry for each pair of logits.

    The discriminator minimises its mean. It is 2 log 2 where D is 1/2 everywhere.

    Args:
      real_logits, fake_logits: float, of shapes that broadcast.

    Returns:
      nats, 0 or more.

    #### References
    [1]: I. Goodfellow et al. Generative Adversarial Nets. NIPS 2014. Equation 1.
    """
    return tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)


def fooling_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(fake): what the generator minimises, in its form that does not saturate.

    Args:
      fake_logits: float [...].

    Returns:
      float [...], nats, 0 or more.

    #### References
    [1]: I. Goodfellow et al. Generative Adversarial Nets. NIPS 2014. Section 3.
    """
    return tf.nn.softplus(-fake_logits)


def jensen_shannon_bound(discriminator_loss: tf.Tensor) -> tf.Tensor:
    """log 2 - loss / 2: a lower bound on the Jensen-Shannon divergence of real and fake.

    It holds in the mean over data, and is tight for the best discriminator. Nats: 0 for equal
    distributions, log 2 for those that share nothing.

    Args:
      discriminator_loss: of `discriminator_loss`, entries or their mean.

    #### References
    [1]: I. Goodfellow et al. Generative Adversarial Nets. NIPS 2014. Theorem 1.
    """
    return math.log(2.0) - 0.5 * discriminator_loss
