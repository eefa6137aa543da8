"""The VLVAE as people use it: images from text, text from images, samples, scores."""

from __future__ import annotations

from typing import Dict, Optional

import tensorflow as tf

from tfgen import losses
from tfgen.data.vocabulary import Vocabulary
from tfgen.distributions import CouplingFlow
from tfgen.randomness import Seed, as_seed, fold_in
from zoo.vlvae.model import VLVAE
from zoo.vlvae.text_posterior import TextPosterior

__all__ = ["TextImageGenerator"]


class TextImageGenerator(tf.Module):
    """A trained VLVAE with the densities that draw its z.

    Args:
      vlvae: the model.
      vocabulary: that reads and writes sentences.
      text_posterior: q(z|y) that images_from_text draws from.
      prior: density that `sample` draws from; None is the model's N(0, I).

    #### References
    [1]: Cremer and Kushman 2018, Sec. 3 and 4.
    """

    def __init__(
        self,
        vlvae: VLVAE,
        text_posterior: TextPosterior,
        prior: Optional[CouplingFlow] = None,
        name: str = "text_image_generator",
    ):
        super().__init__(name=name)
        self.vlvae = vlvae
        self.vocabulary: Vocabulary = vlvae.vocabulary
        self.text_posterior = text_posterior
        self.prior = prior

    def images_from_text(self, texts, count: int = 1, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """Draws images for sentences: z ~ q(z|y), the mean image of p(x|z).

        Args:
          texts: string [batch].
          count: images for each.
          seed: int or pair of ints.
          temperature: scales the flow's base distribution.

        Returns:
          uint8 [batch, count, H, W, 3].

        Raises:
          tf.errors.InvalidArgumentError: a sentence is not of the form; lists the vocabulary.
        """
        words = self.vocabulary.encode(texts)
        z = self.text_posterior.sample(words, count, as_seed(seed), temperature)
        images = self.vlvae.decode_images(tf.reshape(z, [-1, z.shape[-1]]))
        return _group(images, count)

    def texts_from_images(
        self, images, count: int = 1, seed: Seed = 0, temperature=1.0
    ) -> tf.Tensor:
        """Describes images: z ~ q(z|x), y ~ p(y|z).

        Args:
          images: uint8 [batch, H, W, 3].
          count: sentences for each.
          seed: int or pair of ints.
          temperature: of the words' logits.

        Returns:
          string [batch, count].
        """
        posterior = self.vlvae.encode(images)
        z = self._posterior_sample(posterior, count, fold_in(seed, "posterior"))
        words, _ = self.vlvae.decode_words(z, fold_in(seed, "words"), temperature)
        return self.vocabulary.decode(_group(words, count))

    def sample(self, count: int, seed: Seed = 0, temperature=1.0) -> Dict[str, tf.Tensor]:
        """Draws pairs: z from the prior, image and sentence from the same z.

        Returns:
          {"images": uint8 [count, H, W, 3], "texts": string [count]}.
        """
        z = self.sample_prior(count, fold_in(seed, "prior"), temperature)
        words, _ = self.vlvae.decode_words(z, fold_in(seed, "words"))
        return {"images": self.vlvae.decode_images(z), "texts": self.vocabulary.decode(words)}

    def sample_prior(self, count: int, seed: Seed, temperature=1.0) -> tf.Tensor:
        """z [count, latent] from the prior in use."""
        if self.prior is not None:
            return self.prior.sample(count, seed=as_seed(seed), temperature=temperature)
        size = self.vlvae.config.networks.latent_size
        return temperature * tf.random.stateless_normal([count, size], as_seed(seed))

    def reconstruct(self, images) -> tf.Tensor:
        """Decodes the posterior's mean: uint8 [batch, H, W, 3] -> the same."""
        return self.vlvae.decode_images(self.vlvae.encode(images).mean())

    def interpolate(self, first, second, steps: int = 8) -> tf.Tensor:
        """Decodes points on the line between two images' codes.

        Args:
          first, second: uint8 [batch, H, W, 3].
          steps: images a row, the two ends included.

        Returns:
          uint8 [batch, steps, H, W, 3].
        """
        start, end = self.vlvae.encode(first).mean(), self.vlvae.encode(second).mean()
        share = tf.linspace(0.0, 1.0, steps)[:, tf.newaxis, tf.newaxis]
        z = (1.0 - share) * start + share * end
        return _group(self.vlvae.decode_images(tf.reshape(z, [-1, z.shape[-1]])), steps)

    def score(self, images, texts, seed: Seed = 0) -> Dict[str, tf.Tensor]:
        """The ELBO of log p(x, y) and its terms, one draw of z, nats, float32 [batch].

        All rows share the noise of that draw, so that the score of a pair does not depend on
        what else is in the batch.
        """
        words = self.vocabulary.encode(texts)
        posterior = self.vlvae.encode(images)
        mean, scale = posterior.mean(), posterior.stddev()
        z = mean + scale * tf.random.stateless_normal([1, mean.shape[-1]], as_seed(seed))
        log_p_image = self.vlvae.image_log_prob(z, images)
        log_p_text = self.vlvae.text_log_prob(z, words)
        kl = losses.gaussian_kl(mean, scale)
        return {
            "elbo": log_p_image + log_p_text - kl,
            "log_p_image": log_p_image,
            "log_p_text": log_p_text,
            "kl": kl,
        }

    def signatures(self) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves; see each method for the meaning."""
        size = self.vlvae.config.image_size
        texts = tf.TensorSpec([None], tf.string, name="texts")
        images = tf.TensorSpec([None, size, size, 3], tf.uint8, name="images")
        count = tf.TensorSpec([], tf.int32, name="count")
        seed = tf.TensorSpec([], tf.int64, name="seed")
        temperature = tf.TensorSpec([], tf.float32, name="temperature")

        @tf.function(input_signature=[texts, count, seed, temperature], autograph=False)
        def images_from_text(texts, count, seed, temperature):
            return {"images": self.images_from_text(texts, count, seed, temperature)}

        @tf.function(input_signature=[images, count, seed], autograph=False)
        def texts_from_images(images, count, seed):
            return {"texts": self.texts_from_images(images, count, seed)}

        @tf.function(input_signature=[count, seed, temperature], autograph=False)
        def sample(count, seed, temperature):
            return self.sample(count, seed, temperature)

        @tf.function(input_signature=[images, texts], autograph=False)
        def score(images, texts):
            return self.score(images, texts)

        @tf.function(input_signature=[images], autograph=False)
        def encode(images):
            posterior = self.vlvae.encode(images)
            return {"mean": posterior.mean(), "scale": posterior.stddev()}

        return {
            "images_from_text": images_from_text,
            "texts_from_images": texts_from_images,
            "sample": sample,
            "score": score,
            "encode": encode,
        }

    def _posterior_sample(self, posterior, count, seed):
        """count draws of each posterior, stacked [count * batch, latent]."""
        mean, scale = posterior.mean(), posterior.stddev()
        noise = tf.random.stateless_normal(tf.concat([[count], tf.shape(mean)], 0), as_seed(seed))
        return tf.reshape(mean + scale * noise, [-1, mean.shape[-1]])


def _group(values, count):
    """[count * batch, ...] -> [batch, count, ...]."""
    values = tf.reshape(values, tf.concat([[count, -1], tf.shape(values)[1:]], 0))
    axes = tf.concat([[1, 0], tf.range(2, tf.rank(values))], 0)
    return tf.transpose(values, axes)
