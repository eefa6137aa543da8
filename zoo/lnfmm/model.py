"""LNFMM: a joint model of images and texts with a shared code and flow priors of the rest."""

from __future__ import annotations

import math
from typing import Dict, NamedTuple, Optional, Tuple

import tensorflow as tf

from tfgen import losses
from tfgen.bijectors import alignment_flow
from tfgen.data import CaptionVocabulary
from tfgen.distributions import DiscretisedLaplace, to_uint8, unit_interval
from tfgen.randomness import Seed, example_normal
from tfgen.training import AdversarialModel, linear_warmup
from zoo.lnfmm.config import LNFMMConfig
from zoo.lnfmm.discriminator import ImageDiscriminator
from zoo.lnfmm.flow_prior import FlowPrior, gaussian_log_prob
from zoo.lnfmm.image_networks import FeatureEncoder, ImageDecoder, ImageEncoder
from zoo.lnfmm.signatures import lnfmm_signatures
from zoo.lnfmm.text_networks import TextNetworks

__all__ = ["LNFMM"]


class _Draw(NamedTuple):
    """One draw of a posterior N(mean, scale^2 I), and log q of it, nats [batch]."""

    mean: tf.Tensor
    value: tf.Tensor
    log_q: tf.Tensor


class LNFMM(AdversarialModel):
    """Latent normalizing flows for many-to-many mappings between images and texts.

    Each encoder tells a shared code and latents of its own domain, z_v = [z_s, z'_v] from the
    image, z_t = [z_s, z'_t] from the text. An invertible f carries the shared code of an image to
    that of its texts; flow priors p(z'_t | z_s) and p(z'_v | z_s) know what the shared code leaves
    open, each given the shared code in its own domain. All posteriors are Gaussians of a fixed
    scale around the encoders' codes, of which one draw is taken.

    The loss, in nats per example, is Eq. 4.10 with every term an exact density:

        lambda_1 KL(q(z_s | x_v) || q(z_s | x_t))                                     of pairs
        + lambda_2 KL(q(z'_t | x_t) || p(z'_t | z_s)) - lambda_4 log p(x_t | z_s, z'_t)
        + lambda_3 KL(q(z'_v | x_v) || p(z'_v | z_s)) - lambda_5 log p(x_v | z_s, z'_v)
        - crossed_text log p(x_t | f(z_s^v), z'_t) - crossed_image log p(x_v | f^-1(z_s^t), z'_v)

    * The first term. A matching pair has one shared posterior, q(z_s | x_t, x_v) = q(z_s | x_t) =
      q(z_s | x_v), and by Eq. 4.9 the text's, seen from the image, is
      N(f(z); z_s^t, a^2 I) |det df / dz|. Hence, for z ~ q(z_s | x_v),

          KL = E[log q(z | x_v) + |f(z) - z_s^t|^2 / (2 a^2) - log |det df / dz|] + constant

      so that the log-determinant is subtracted, as in the paper's Eq. 10. The thesis writes
      KL(q(z_s | x_t, x_v) || uniform), with Eq. 4.9 for q: taken by the letter that would add the
      log-determinant, and with it reward a map that shrinks codes to a point.
    * The KLs of the priors have the signs of the thesis (Eqs. 4.7 and 4.8); those of the paper
      (Eqs. 7 and 8) are the negatives.
    * The two last terms, of pairs, are those of the released code: the texts leave open from
      which domain the z_s of a pair is. Of a pair the KLs are the mean over both.

    Rows that are no pairs (`batch["paired"]` false) have the second and the third line alone.

    With `weights.adversarial`, -log D of the decoded image and its text's code is added. Its
    gradient is that of the image decoder alone, as the discriminator "does not affect the joint
    latent space" (Sec. 4.4.2). D learns to tell images from those decoded from their own codes;
    rows that are no pairs have zeros in the place of the text's code. It does not count in
    evaluation, because the discriminators of two steps give no comparable numbers.

    Batches have "image", uint8 [batch, H, W, 3]; "words", int32 [batch, length]; "features",
    float [batch, feature_size], where those are the input; and "paired", bool [batch], where not
    all are. Reported terms, nats per example: "caption_bound" <= log p(x_t | x_v) and
    "image_bound" <= log p(x_v | x_t), of the pairs (rows that are no pairs count as if they were);
    the log-likelihoods, KLs and "alignment", unweighted.

    ```python
    vocabulary = CaptionVocabulary.from_texts(["a red ball", "a cube"], minimum_count=1)
    small = {"attention_size": 0, "text_state": 4, "decoder_state": 4}
    config = LNFMMConfig(shared_size=4, alignment_steps=1, text_prior_steps=1, image_prior_steps=1)
    config.networks.override(small)
    model = LNFMM(config, vocabulary)
    drawn = model.images_from_text(["a red ball"], count=3, seed=0)  # uint8 [1, 3, 64, 64, 3]
    texts = model.texts_from_images(drawn[0], count=2, seed=0)  # string [3, 2]
    ```

    Args:
      config: variant, sizes and weights.
      vocabulary: of the captions.
      seed: of all noise in training.

    #### References
    [1]: S. Mahajan. Multimodal representation learning for diverse synthesis. Thesis, TU
         Darmstadt. Chapter 4 and Appendix B. ("The thesis")
    [2]: S. Mahajan, I. Gurevych, S. Roth. Latent Normalizing Flows for Many-to-Many Cross-Domain
         Mappings. ICLR 2020.
    """

    def __init__(
        self, config: LNFMMConfig, vocabulary: CaptionVocabulary, seed: Seed = 0, **kwargs
    ):
        super().__init__(seed=seed, **kwargs)
        config.validate()
        self.config = config
        self.vocabulary = vocabulary
        sizes, shared = config.networks, config.shared_size
        self.draws_images = config.variant != "txt"
        encoder = FeatureEncoder if sizes.image_input == "features" else ImageEncoder
        self.image_encoder = encoder(
            sizes, shared + (config.image_size if self.draws_images else 0)
        )
        self.text_networks = TextNetworks(
            sizes, vocabulary, shared + config.text_size, config.beams
        )
        self.alignment: Optional[tf.Module] = None
        if config.variant != "mse":
            self.alignment = alignment_flow(
                shared, config.alignment_steps, hidden_units=config.alignment_units
            )
        excess = config.base_scale**2 if config.as_released else 0.0
        self.text_prior = FlowPrior(
            config.text_size,
            shared,
            config.text_prior_steps,
            config.text_prior_units,
            config.base_scale,
            excess,
            name="text_prior",
        )
        if self.draws_images:
            self.image_decoder = ImageDecoder(sizes)
            if config.weights.adversarial:
                judge = ImageDiscriminator(
                    sizes, shared + config.text_size, config.discriminator_width
                )
                self.set_discriminator(judge, code_shape=(1, judge.row_size))
            self.image_prior = FlowPrior(
                config.image_size,
                shared,
                config.image_prior_steps,
                config.image_prior_units,
                config.base_scale,
                excess,
                name="image_prior",
            )

    discriminator_terms = ("discriminator_loss", "js_of_images")

    @property
    def input_name(self) -> str:
        """The feature of a batch that tells of the image: "image" or "features"."""
        return self.config.networks.input_name

    def image_features(self, inputs) -> tf.Tensor:
        """The code by which images are compared with one another, [batch, shared_size]."""
        return self.image_codes(inputs)[0]

    def image_codes(self, inputs) -> Tuple[tf.Tensor, tf.Tensor]:
        """Posterior means of z_s, in the image domain, and of z'_v (of no dimension in LNFMM-TXT).

        Args:
          inputs: uint8 images [batch, H, W, 3], or features [batch, feature_size].
        """
        if self.config.networks.image_input == "pixels":
            inputs = unit_interval(inputs)
        code = self.image_encoder(inputs)
        return code[:, : self.config.shared_size], code[:, self.config.shared_size :]

    def text_codes(self, words) -> Tuple[tf.Tensor, tf.Tensor]:
        """Posterior means of z_s, in the text domain, and of z'_t, from words [batch, length]."""
        code = self.text_networks.encode(words)
        return code[:, : self.config.shared_size], code[:, self.config.shared_size :]

    def to_text_domain(self, shared) -> Tuple[tf.Tensor, tf.Tensor]:
        """f: shared codes of images [..., size] -> those of texts, and log |det|, nats [...]."""
        if self.alignment is None:
            return shared, tf.zeros(tf.shape(shared)[:-1])
        return self.alignment.inverse_and_log_det(shared)

    def to_image_domain(self, shared) -> tf.Tensor:
        """f^-1: shared codes of texts [..., size] -> those of images."""
        if self.alignment is None:
            return shared
        return self.alignment.forward_and_log_det(shared)[0]

    def caption_log_prob(self, shared, specific, words, training=False, seed=None) -> tf.Tensor:
        """log p(x_t | z_s, z'_t), z_s in the text domain, nats [batch]."""
        code = tf.concat([shared, specific], -1)
        return self.text_networks.log_prob(code, words, training, seed)

    def image_log_prob(self, shared, specific, images) -> tf.Tensor:
        """log p(x_v | z_s, z'_v), z_s in the image domain, nats [batch].

        Of discrete pixels, exactly: `DiscretisedLaplace`, which is the thesis' l1 norm but for a
        constant away from black and white. As released it is the l1 norm over the scale, a
        density on the reals with mass outside of the range of pixels, and no likelihood.
        """
        medians, scale = self.decode_pixels(shared, specific), self.config.pixel_scale
        if self.config.as_released:
            offset = tf.abs(unit_interval(images) - medians)
            count = tf.cast(tf.size(offset[0]), tf.float32)
            return -tf.reduce_sum(offset, [1, 2, 3]) / scale - count * tf.math.log(2.0 * scale)
        return DiscretisedLaplace(2.0 * medians - 1.0, math.log(2.0 * scale)).log_prob(images)

    def decode_pixels(self, shared, specific) -> tf.Tensor:
        """The median image of each code, float [batch, H, W, 3] in (0, 1)."""
        return tf.sigmoid(self.image_decoder(tf.concat([shared, specific], -1)))

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        config, weights = self.config, self.config.weights
        words = batch["words"]
        count = tf.shape(words)[0]
        pairs = tf.ones([count]) if "paired" not in batch else tf.cast(batch["paired"], tf.float32)
        warmup = linear_warmup(self.step, config.kl_warmup_steps) if training else 1.0

        text_shared, text_own = self.text_codes(words)
        image_shared, image_own = self.image_codes(batch[self.input_name])
        text_shared = self._draw("text_shared", text_shared, config.shared_scale, training)
        image_shared = self._draw("image_shared", image_shared, config.shared_scale, training)
        text_own = self._draw("text_own", text_own, config.text_scale, training)
        carried, log_det = self.to_text_domain(image_shared.value)
        terms = {"alignment": self._alignment(image_shared, carried, log_det, text_shared.mean)}

        for name, shared in (("", text_shared.value), ("_crossed", carried)):
            seed = self.noise_seed(f"dropout{name}", training)
            terms[f"log_p_text{name}"] = self.caption_log_prob(
                shared, text_own.value, words, training, seed
            )
        self._add_kls(terms, "text", text_own, self.text_prior, (text_shared.value, carried))
        loss = self._domain_loss(terms, "text", weights.text, weights.crossed_text, pairs)
        loss += warmup * weights.text_prior * _kl(terms, "text", pairs)
        terms["caption_bound"] = terms["log_p_text_crossed"] - terms["kl_text_crossed"]

        if self.draws_images:
            image_own = self._draw("image_own", image_own, config.image_scale, training)
            back = self.to_image_domain(text_shared.value)
            both = self.image_log_prob(
                tf.concat([image_shared.value, back], 0),
                tf.concat([image_own.value] * 2, 0),
                tf.concat([batch["image"]] * 2, 0),
            )
            terms["log_p_image"], terms["log_p_image_crossed"] = both[:count], both[count:]
            self._add_kls(terms, "image", image_own, self.image_prior, (image_shared.value, back))
            if self.discriminator is not None:
                rows = self._decoded_rows(batch, image_shared.value, image_own.value, pairs)
                terms["adversarial"] = losses.fooling_loss(self.discriminator(rows))
                loss += weights.adversarial * terms["adversarial"] if training else 0.0
            loss += self._domain_loss(terms, "image", weights.image, weights.crossed_image, pairs)
            loss += warmup * weights.image_prior * _kl(terms, "image", pairs)
            if not config.as_released:
                terms["image_bound"] = terms["log_p_image_crossed"] - terms["kl_image_crossed"]
        return {"loss": loss + weights.alignment * pairs * terms["alignment"], **terms}

    @tf.autograph.experimental.do_not_convert
    def real_and_fake(self, batch):
        """Images, and those decoded from draws of their own codes, each with its text's code."""
        pairs = tf.cast(batch.get("paired", tf.ones(tf.shape(batch["words"])[:1])), tf.float32)
        codes = self.image_codes(batch[self.input_name])
        scales = (self.config.shared_scale, self.config.image_scale)
        shared, own = (
            self._draw(f"discriminated_{scale_of}", code, scale, True).value
            for scale_of, code, scale in zip(("shared", "own"), codes, scales)
        )
        fake = self._decoded_rows(batch, shared, own, pairs)
        pixels = self.discriminator.row_size - self.discriminator.condition_size
        real = self.discriminator.join(unit_interval(batch["image"]), fake[:, pixels:])
        return real[:, tf.newaxis], fake[:, tf.newaxis]

    def texts_from_images(self, images, count=1, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """Captions: z_s = f(code of the image), z'_t ~ p(z'_t | z_s), the likeliest text found.

        Args:
          images: uint8 [batch, H, W, 3], or features [batch, feature_size] of a model of those.
          count: captions for each, an int or a scalar tensor.
          seed: int or pair of ints.
          temperature: of the latents; 0 gives one caption for an image.

        Returns:
          string [batch, count].
        """
        shared = self.to_text_domain(self.image_codes(images)[0])[0]
        code = self._completed(shared, self.text_prior, count, seed, temperature)
        texts = self.text_networks.generate(tf.reshape(code, [-1, code.shape[-1]]))
        return tf.reshape(texts, [-1, count])

    def images_from_text(self, texts, count=1, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """Images: z_s = f^-1(code of the text), z'_v ~ p(z'_v | z_s), the median image.

        Args:
          texts: string [batch], any sentences.
          count, seed, temperature: as of `texts_from_images`.

        Returns:
          uint8 [batch, count, H, W, 3].

        Raises:
          ValueError: of an LNFMM-TXT.
        """
        if not self.draws_images:
            raise ValueError(
                "LNFMM-TXT (model.variant=txt) is a generative model of texts alone and draws no "
                "images. Train with model.variant=lnfmm."
            )
        shared = self.to_image_domain(self.text_codes(self.vocabulary.encode(texts))[0])
        code = self._completed(shared, self.image_prior, count, seed, temperature)
        flat = tf.reshape(code, [-1, code.shape[-1]])
        size = self.config.shared_size
        images = to_uint8(self.decode_pixels(flat[:, :size], flat[:, size:]))
        return tf.reshape(images, [-1, count, *images.shape[1:]])

    def encode_images(self, images) -> Dict[str, tf.Tensor]:
        """ "shared", the code in the text domain, where texts compare with it, and "specific"."""
        shared, specific = self.image_codes(images)
        return {"shared": self.to_text_domain(shared)[0], "specific": specific}

    def encode_texts(self, texts) -> Dict[str, tf.Tensor]:
        """ "shared" [batch, shared_size] and "specific" [batch, text_size] of strings [batch]."""
        shared, specific = self.text_codes(self.vocabulary.encode(texts))
        return {"shared": shared, "specific": specific}

    def signatures(self) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves; see each method for the meaning."""
        return lnfmm_signatures(self)

    def _draw(self, name, mean, scale, training) -> _Draw:
        shape = mean.shape[1:]
        offset = scale * example_normal(self.noise_seed(name, training), tf.shape(mean)[0], shape)
        return _Draw(mean, mean + offset, gaussian_log_prob(offset, scale))

    def _decoded_rows(self, batch, shared, own, pairs):
        """Decoded images with the codes of their texts, whose encoders learn nothing from them."""
        words = tf.concat(self.text_codes(batch["words"]), -1) * pairs[:, tf.newaxis]
        decoded = self.decode_pixels(*map(tf.stop_gradient, (shared, own)))
        return self.discriminator.join(decoded, tf.stop_gradient(words))

    def _alignment(self, image_shared: _Draw, carried, log_det, text_mean):
        """log q(z_s | x_v) - log q(z_s | x_t), both seen from the image, of one draw."""
        if self.config.as_released:
            scale = self.config.base_scale
            log_q = gaussian_log_prob(carried, scale) + scale**2 * carried.shape[-1]
        else:
            log_q = gaussian_log_prob(carried - text_mean, self.config.alignment_scale)
        return image_shared.log_q - log_q - log_det

    @staticmethod
    def _add_kls(terms, domain, own: _Draw, prior, shared):
        """KL of the domain's own latents given its shared code, and given the carried one."""
        log_prob = prior.log_prob(tf.concat([own.value] * 2, 0), tf.concat(shared, 0))
        for name, value in zip(("", "_crossed"), tf.split(log_prob, 2)):
            terms[f"kl_{domain}{name}"] = own.log_q - value

    @staticmethod
    def _domain_loss(terms, domain, weight, crossed_weight, pairs):
        own, crossed = terms[f"log_p_{domain}"], terms[f"log_p_{domain}_crossed"]
        return -weight * own - crossed_weight * pairs * crossed

    @staticmethod
    def _completed(shared, prior, count, seed, temperature):
        """[z_s, z'] with draws of z', [batch, count, size]."""
        specific = prior.sample(shared, count, seed, temperature)
        shape = [tf.shape(shared)[0], tf.shape(specific)[1], shared.shape[-1]]
        return tf.concat([tf.broadcast_to(shared[:, tf.newaxis], shape), specific], -1)


def _kl(terms, domain, pairs):
    """That of the domain's own code, and for pairs its mean with that of the carried one."""
    own, crossed = terms[f"kl_{domain}"], terms[f"kl_{domain}_crossed"]
    return own + 0.5 * pairs * (crossed - own)
