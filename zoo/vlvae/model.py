"""The vision-language VAE: one latent code, an image decoder and an autoregressive text decoder."""

from __future__ import annotations

import dataclasses
from typing import Dict, Literal, get_args

import tensorflow as tf
import tensorflow_probability as tfp
from official.modeling import hyperparams

from tfgen import losses
from tfgen.data.vocabulary import Vocabulary
from tfgen.distributions import ConstrainedBeta, CouplingFlow, to_uint8, unit_interval
from tfgen.layers import AutoregressiveTextDecoder, TextEncoder
from tfgen.randomness import Seed, example_normal
from tfgen.training import ConfigError, GenerativeModel, linear_warmup
from zoo.vlvae.networks import (
    ImageDecoder,
    ImageEncoder,
    NetworkConfig,
    SharedDecoder,
    SharedEncoder,
    coarse_size,
)
from zoo.vlvae.text_posterior import TextPosterior

tfd = tfp.distributions

__all__ = ["VLVAE", "VLVAEConfig"]

Objective = Literal["vlvae", "vlvae_joint", "telbo", "jmvae"]


@dataclasses.dataclass
class VLVAEConfig(hyperparams.Config):
    """What a VLVAE is and how it is trained.

    Attributes:
      image_size: pixels a side.
      objective: "vlvae" (Eq. 2, inference from the image), "vlvae_joint" (Eq. 2 with q(z|x,y)),
        "telbo" or "jmvae" (baselines: joint inference, and q(z|x), q(z|y) learned beside it).
      image_weight, text_weight: of the two log-likelihoods in the loss (Sec. 5.3.1; the released
        code has 0.05 and 1000). Reports are always unweighted.
      kl_warmup_steps: the weight of the KL rises linearly from 0 to 1 over them.
      concentration: alpha + beta of the pixels' Beta likelihood (Sec. 5.1.2).
      couplings, flow_hidden_units: of every flow.
      networks: sizes.
    """

    image_size: int = 112
    objective: Objective = "vlvae"
    image_weight: float = 0.05
    text_weight: float = 1000.0
    kl_warmup_steps: int = 20000
    concentration: float = 100.0
    couplings: int = 6
    flow_hidden_units: int = 200
    networks: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)

    def validate(self):
        """Raises ConfigError where the image does not fit the networks."""
        super().validate()
        try:
            coarse_size(self.networks, self.image_size)
        except ValueError as error:
            raise ConfigError(str(error)) from error


class VLVAE(GenerativeModel):
    """log p(x, y) >= E_q(z|x)[log p(x|z) + log p(y|z)] - KL(q(z|x) || N(0, I)).

    Inference sees the image alone, so z keeps what the image tells of the text and the text
    decoder models the rest: which object is named first, which true relation is named.

    Batches are dicts with "image", uint8 [batch, H, W, 3], and "words", int32 [batch, length].
    Objective terms, nats per example: "elbo" of the joint, "log_p_image", "log_p_text", "kl".

    Args:
      config: sizes and objective.
      vocabulary: of the texts.
      seed: of all noise in training.

    #### References
    [1]: Cremer and Kushman. On the Importance of Learning Aggregate Posteriors in Multimodal
         Variational Autoencoders. 2018, Eqs. 1-5, Sec. 5.1.
    [2]: Suzuki et al. Joint Multimodal Learning with Deep Generative Models. 2016 (JMVAE-kl).
    [3]: Vedantam et al. Generative Models of Visually Grounded Imagination. 2018 (TELBO).
    """

    OBJECTIVES = get_args(Objective)

    def __init__(self, config: VLVAEConfig, vocabulary: Vocabulary, seed: Seed = 0, **kwargs):
        super().__init__(seed=seed, **kwargs)
        if config.objective not in self.OBJECTIVES:
            raise ValueError(
                f"model.objective is {config.objective!r}; wanted one of {self.OBJECTIVES}."
            )
        self.config = config
        self.vocabulary = vocabulary
        sizes = config.networks
        self.joint_inference = config.objective != "vlvae"
        self.image_encoder = ImageEncoder(sizes, config.image_size)
        self.shared_encoder = SharedEncoder(sizes)
        if self.joint_inference:
            self.text_encoder = TextEncoder(vocabulary.size, sizes.text_state, sizes.word_embedding)
        if config.objective in ("telbo", "jmvae"):
            self.image_posterior = [ImageEncoder(sizes, config.image_size), SharedEncoder(sizes)]
            self.text_posterior = self.make_text_posterior()
        self.shared_decoder = SharedDecoder(sizes)
        self.image_decoder = ImageDecoder(sizes, config.image_size)
        self.text_decoder = AutoregressiveTextDecoder(
            vocabulary.size,
            vocabulary.length,
            sizes.text_state,
            sizes.word_embedding,
            sizes.hidden_units,
            sizes.text_dropout,
        )

    def make_text_posterior(self) -> TextPosterior:
        """A new q_phi(z|y) of this model's sizes."""
        sizes = self.config.networks
        return TextPosterior(
            sizes.latent_size,
            self.vocabulary.size,
            sizes.text_state,
            sizes.word_embedding,
            self.config.couplings,
            self.config.flow_hidden_units,
        )

    def make_prior_flow(self) -> CouplingFlow:
        """A new q_phi(z) of this model's sizes."""
        return CouplingFlow(
            self.config.networks.latent_size,
            couplings=self.config.couplings,
            hidden_units=(self.config.flow_hidden_units, self.config.flow_hidden_units),
        )

    def prior(self) -> tfd.Distribution:
        """p(z) = N(0, I)."""
        return tfd.MultivariateNormalDiag(tf.zeros([self.config.networks.latent_size]))

    def encode(self, images, words=None, training: bool = False) -> tfd.Distribution:
        """q(z|x), or q(z|x, y) when words are given to a model with joint inference.

        Args:
          images: uint8 [batch, H, W, 3].
          words: int32 [batch, length].

        Raises:
          ValueError: the model has no such posterior.
        """
        image_encoder, shared_encoder = self.image_encoder, self.shared_encoder
        if words is None and self.joint_inference:
            if not hasattr(self, "image_posterior"):
                raise ValueError(
                    "A model with objective 'vlvae_joint' infers z from image and words; pass "
                    "words too, or train with objective 'vlvae', 'telbo' or 'jmvae'."
                )
            image_encoder, shared_encoder = self.image_posterior
        encoding = image_encoder(unit_interval(images), training=training)
        if words is not None and self.joint_inference:
            encoding = tf.concat([encoding, self.text_encoder(words)], -1)
        mean, scale = shared_encoder(encoding, training=training)
        return tfd.MultivariateNormalDiag(mean, scale)

    def decode(self, z, training: bool = False) -> tfd.Distribution:
        """p(x|z): pixels in (0, 1), z [batch, latent] -> event shape [H, W, 3]."""
        return self.image_likelihood(self.shared_decoder(z, training=training))

    def image_likelihood(self, code) -> tfd.Distribution:
        """p(x|z) from the shared decoder's vector [batch, encoding_size]."""
        mean = tf.sigmoid(self.image_decoder(code))
        return tfd.Independent(ConstrainedBeta(mean, self.config.concentration), 3)

    def decode_images(self, z) -> tf.Tensor:
        """The mean image of each code: z [batch, latent] -> uint8 [batch, H, W, 3]."""
        logits = self.image_decoder(self.shared_decoder(z))
        return to_uint8(tf.sigmoid(logits))

    def decode_words(self, z, seed: Seed, temperature=1.0):
        """Sentences from p(y|z): (words int32 [batch, length], logits [batch, length, words]).

        Words that may not stand in their place by the vocabulary are never drawn; a trained
        model gives them next to no probability.
        """
        return self.text_decoder.sample(
            self.shared_decoder(z), seed, temperature, self.vocabulary.allowed
        )

    def text_log_prob(self, z, words) -> tf.Tensor:
        """log p(y|z) in nats: z [batch, latent], words [batch, length] -> [batch]."""
        logits = self.text_decoder(self.shared_decoder(z), words)
        return losses.text_log_likelihood(logits, words)

    def image_log_prob(self, z, images) -> tf.Tensor:
        """log p(x|z) in nats: z [batch, latent], images uint8 [batch, H, W, 3] -> [batch]."""
        return self.decode(z).log_prob(unit_interval(images))

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        images, words = batch["image"], batch["words"]
        posterior = self.encode(images, words, training=training)
        mean, scale = posterior.parameters["loc"], posterior.parameters["scale_diag"]
        z = mean + scale * self._noise("posterior", words, training)
        code = self.shared_decoder(z, training=training)
        log_p_image = self.image_likelihood(code).log_prob(unit_interval(images))
        logits = self.text_decoder(
            code, words, training=training, seed=self.noise_seed("text_dropout", training)
        )
        log_p_text = losses.text_log_likelihood(logits, words)
        kl = losses.gaussian_kl(mean, scale)
        warmup = linear_warmup(self.step, self.config.kl_warmup_steps) if training else 1.0
        weighted = (
            self.config.image_weight * log_p_image
            + self.config.text_weight * log_p_text
            - warmup * kl
        )
        terms = {
            "loss": -weighted,
            "elbo": log_p_image + log_p_text - kl,
            "log_p_image": log_p_image,
            "log_p_text": log_p_text,
            "kl": kl,
        }
        if self.config.objective == "jmvae":
            self._add_jmvae_terms(terms, batch, mean, scale, z, warmup, training)
        elif self.config.objective == "telbo":
            self._add_telbo_terms(terms, batch, warmup, training)
        return terms

    def _add_jmvae_terms(self, terms, batch, mean, scale, z, warmup, training):
        """KL(q(z|x,y) || q(z|x)) and KL(q(z|x,y) || q_phi(z|y)), all parameters learned."""
        image_posterior = self.encode(batch["image"], training=training)
        entropy = tfd.MultivariateNormalDiag(mean, scale).log_prob(z)
        terms["kl_to_image_posterior"] = losses.gaussian_kl(
            mean, scale, image_posterior.parameters["loc"], image_posterior.parameters["scale_diag"]
        )
        terms["kl_to_text_posterior"] = entropy - self.text_posterior.log_prob(z, batch["words"])
        terms["loss"] += warmup * (terms["kl_to_image_posterior"] + terms["kl_to_text_posterior"])

    def _add_telbo_terms(self, terms, batch, warmup, training):
        """Eq. 3 and its image twin: ELBOs of q(z|y) and q(z|x), the decoders held constant."""
        images, words = batch["image"], batch["words"]
        z, log_q = self.text_posterior.sample_and_log_prob(
            words, self.noise_seed("telbo_text", training)
        )
        log_p_text = losses.through_frozen(lambda code: self.text_log_prob(code, words), z)
        kl = log_q - self.prior().log_prob(z)
        terms["elbo_text"] = log_p_text - kl
        terms["loss"] -= self.config.text_weight * log_p_text - warmup * kl
        posterior = self.encode(images, training=training)
        mean, scale = posterior.parameters["loc"], posterior.parameters["scale_diag"]
        z = mean + scale * self._noise("telbo_image", words, training)
        log_p_image = losses.through_frozen(lambda code: self.image_log_prob(code, images), z)
        kl = losses.gaussian_kl(mean, scale)
        terms["elbo_image"] = log_p_image - kl
        terms["loss"] -= self.config.image_weight * log_p_image - warmup * kl

    def _noise(self, name, words, training):
        return example_normal(
            self.noise_seed(name, training), tf.shape(words)[0], [self.config.networks.latent_size]
        )
