"""Conditional VAEs of captions, with Gaussian priors: the baselines of LNFMM."""

from __future__ import annotations

from typing import Dict, Tuple

import tensorflow as tf

from tfgen import losses
from tfgen.data import CaptionVocabulary
from tfgen.distributions import unit_interval
from tfgen.randomness import Seed, as_seed, example_normal
from tfgen.training import GenerativeModel, linear_warmup
from zoo.lnfmm.config import ConditionalVAEConfig
from zoo.lnfmm.image_networks import FeatureEncoder, ImageEncoder
from zoo.lnfmm.signatures import caption_signature
from zoo.lnfmm.text_networks import TextNetworks

__all__ = ["ConditionalVAE"]

_LOG_SCALE_BOUND = 5.0


class ConditionalVAE(GenerativeModel):
    """log p(x_t | x_v) >= E_q[log p(x_t | z, x_v)] - KL(q(z | x_t, x_v) || p(z | x_v)).

    The encoders and the decoder are those of LNFMM; all Gaussians are diagonal. The prior is

        "gaussian"   N(mean(x_v), scale(x_v)^2), of a linear layer of the image's code (CVAE)
        "additive"   N(sum_k c_k mean_k, s^2 I), where c_k is the share of kind k among the
                     image's objects (AG-CVAE)

    The additive prior takes the true shares in training alone. A linear classifier of the image's
    code learns them beside the captions, and stands for the detector of [2] when captions are
    generated or the model is measured, so that the bound knows nothing but the image. The means
    are trained; in [2] they are drawn.

    Batches have "image" or "features" and "words" as those of `LNFMM`; "objects", float [batch,
    objects], how many of each kind there are, for the additive prior. Terms, nats per example:
    "caption_bound", "log_p_text", "kl_text", and "objects", the classifier's cross-entropy.

    Args:
      config: prior and sizes.
      vocabulary: of the captions.
      seed: of all noise in training.

    #### References
    [1]: K. Sohn, H. Lee, X. Yan. Learning Structured Output Representation using Deep Conditional
         Generative Models. NeurIPS 2015.
    [2]: L. Wang, A. Schwing, S. Lazebnik. Diverse and Accurate Image Description Using a
         Variational Auto-Encoder with an Additive Gaussian Encoding Space. NeurIPS 2017.
    """

    def __init__(
        self,
        config: ConditionalVAEConfig,
        vocabulary: CaptionVocabulary,
        seed: Seed = 0,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        config.validate()
        self.config = config
        self.vocabulary = vocabulary
        sizes = config.networks
        encoder = FeatureEncoder if sizes.image_input == "features" else ImageEncoder
        self.image_encoder = encoder(sizes, config.code_size)
        self.text_networks = TextNetworks(sizes, vocabulary, config.code_size, config.beams)
        self.posterior_layer = tf.keras.layers.Dense(2 * config.latent_size, dtype="float32")
        if config.prior == "gaussian":
            self.prior_layer = tf.keras.layers.Dense(2 * config.latent_size, dtype="float32")
        else:
            self.classifier = tf.keras.layers.Dense(config.objects, dtype="float32")
            # Each mean is a vector of length 1, as in [2].
            initial = tf.random.stateless_normal(
                [config.objects, config.latent_size], as_seed(seed)
            )
            self.means = tf.Variable(tf.math.l2_normalize(initial, -1), name="object_means")

    @property
    def input_name(self) -> str:
        """The feature of a batch that tells of the image: "image" or "features"."""
        return self.config.networks.input_name

    def image_features(self, inputs) -> tf.Tensor:
        """The code that the decoder and the prior see, [batch, code_size].

        Args:
          inputs: uint8 images [batch, H, W, 3], or features [batch, feature_size].
        """
        if self.config.networks.image_input == "pixels":
            inputs = unit_interval(inputs)
        return self.image_encoder(inputs)

    def posterior(self, code, words) -> Tuple[tf.Tensor, tf.Tensor]:
        """Mean and standard deviation of q(z | x_t, x_v), [batch, latent_size] each."""
        both = tf.concat([code, self.text_networks.encode(words)], -1)
        return _mean_and_scale(self.posterior_layer(both))

    def prior(self, code, objects=None) -> Tuple[tf.Tensor, tf.Tensor]:
        """Mean and standard deviation of p(z | x_v), [batch, latent_size] each.

        Args:
          code: of the image.
          objects: float [batch, objects], how many of each kind there are; None lets the
            classifier tell. Of the additive prior alone.
        """
        if self.config.prior == "gaussian":
            return _mean_and_scale(self.prior_layer(code))
        if objects is None:
            shares = tf.nn.softmax(self.classifier(code))
        else:
            shares = _shares(objects)
        mean = tf.matmul(shares, self.means)
        return mean, tf.fill(tf.shape(mean), self.config.prior_scale)

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        code = self.image_features(batch[self.input_name])
        words, objects = batch["words"], batch.get("objects")
        mean, scale = self.posterior(code, words)
        noise = example_normal(
            self.noise_seed("posterior", training), tf.shape(mean)[0], mean.shape[1:]
        )
        log_p_text = self.text_networks.log_prob(
            tf.concat([code, mean + scale * noise], -1),
            words,
            training,
            self.noise_seed("dropout", training),
        )
        prior = self.prior(code, objects if training else None)
        kl = losses.gaussian_kl(mean, scale, *prior)
        warmup = linear_warmup(self.step, self.config.kl_warmup_steps) if training else 1.0
        terms = {
            "loss": self.config.kl_weight * warmup * kl - log_p_text,
            "caption_bound": log_p_text - kl,
            "log_p_text": log_p_text,
            "kl_text": kl,
        }
        if self.config.prior == "additive":
            if objects is None:
                raise ValueError(
                    "The additive prior learns from the objects of the images: batches need "
                    '"objects", float [batch, objects]. Without them take model.prior=gaussian.'
                )
            terms["objects"] = tf.nn.softmax_cross_entropy_with_logits(
                _shares(objects), self.classifier(code)
            )
            terms["loss"] += terms["objects"]
        return terms

    def texts_from_images(self, images, count=1, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """Captions: z ~ p(z | x_v), the likeliest text found.

        Args:
          images: uint8 [batch, H, W, 3], or features [batch, feature_size] of a model of those.
          count: captions for each, an int or a scalar tensor.
          seed: int or pair of ints.
          temperature: of the latents; 0 gives one caption for an image.

        Returns:
          string [batch, count].
        """
        code = self.image_features(images)
        mean, scale = (value[:, tf.newaxis] for value in self.prior(code))
        shape = [tf.shape(code)[0], count, self.config.latent_size]
        noise = tf.random.stateless_normal(shape, as_seed(seed))
        z = mean + scale * noise * tf.cast(temperature, tf.float32)
        code = tf.broadcast_to(code[:, tf.newaxis], [*shape[:2], code.shape[-1]])
        code = tf.reshape(tf.concat([code, z], -1), [-1, code.shape[-1] + z.shape[-1]])
        return tf.reshape(self.text_networks.generate(code), [-1, count])

    def signatures(self) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves."""
        return caption_signature(self)


def _mean_and_scale(outputs):
    mean, raw = tf.split(outputs, 2, -1)
    return mean, tf.exp(_LOG_SCALE_BOUND * tf.tanh(raw / _LOG_SCALE_BOUND))


def _shares(objects):
    objects = tf.cast(objects, tf.float32)
    return tf.math.divide_no_nan(objects, tf.reduce_sum(objects, -1, keepdims=True))
