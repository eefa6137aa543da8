"""Joint Wasserstein autoencoders: images and texts in one space of Gaussian codes."""

from __future__ import annotations

from typing import Callable, Dict, Optional

import tensorflow as tf

from tfgen import losses
from tfgen.data.vocabulary import Vocabulary
from tfgen.metrics import maximum_mean_discrepancy
from tfgen.randomness import Seed, example_normal
from tfgen.training import AdversarialModel
from zoo.jwae.config import JWAEConfig
from zoo.jwae.networks import CodeDiscriminator, PixelPath, VectorPath, WordPath

__all__ = ["JWAE", "cosines"]


class JWAE(AdversarialModel):
    """An autoencoder of images and one of texts whose deterministic codes are aligned.

        loss = lambda_1 |x - g_v(f_v(x))| - lambda_2 log p(y | f_t(y))
             + lambda_3 D_JS(F_v || N(0, I)) + lambda_4 D_JS(F_t || N(0, I)) + supervised,

    where F_v and F_t are the distributions of the codes of all images and of all texts. The
    divergences are trained by one discriminator for both encoders, with as many draws of the prior
    as there are codes; the encoders minimise -log D(code). The supervised loss is either

        |f_v(x) - f_t(y)|^2      or      `tfgen.losses.ranking_hinge` of the codes' cosines,

    over the pairs of a batch. A text that says the same as another pair's is no negative of it;
    with several replicas, negatives are those of the replica's own share of the batch.
    All terms are means over examples; the adversarial terms see the codes as they are, and cosines
    alone scale them. The baselines are settings (`as_variant`).

    Batches are dicts. Images are "image", uint8 [batch, H, W, 3], or "features", float
    [batch, size]; texts "words", int32 [batch, length], or "text_vector", float [batch, size].
    "paired", bool [batch], says in which rows they belong together; without it they do in all.
    Rows that are not pairs have no part in the supervised loss, whose mean is over the pairs.

    Objective terms [batch]: "supervised", and where they are trained "image_reconstruction",
    "text_reconstruction" (nats, of words), "image_adversarial", "text_adversarial" (nats),
    "image_kl", "text_kl" (nats), "discrepancy" (MMD^2). Adversarial terms are left out of the
    loss in evaluation, because the discriminators of two steps give no comparable numbers.

    Args:
      config: sizes and objective.
      vocabulary: of the texts; None where these are vectors.
      seed: of all noise in training.

    Raises:
      ConfigError: the settings do not fit together.
      ValueError: words without a vocabulary.

    #### References
    [1]: S. Mahajan, T. Botschen, I. Gurevych, S. Roth. Joint Wasserstein Autoencoders for
         Aligning Multimodal Embeddings. ICCV Workshops 2019.
    [2]: S. Mahajan's thesis, chapter 3 and appendix A: equations 3.1 to 3.9.
    """

    def __init__(
        self,
        config: JWAEConfig,
        vocabulary: Optional[Vocabulary] = None,
        seed: Seed = 0,
        name: Optional[str] = None,
    ):
        super().__init__(seed=seed, name=name)
        config.validate()
        if config.text.type == "words" and vocabulary is None:
            raise ValueError("A model of words needs their vocabulary; got None.")
        self.config = config
        self.vocabulary = vocabulary
        size = config.code_size
        outputs = 2 * size if config.regulariser == "vae" else size
        image, text = config.image, config.text
        decoded = config.image_weight > 0
        if image.type == "pixels":
            self.image_path = PixelPath(image, outputs, decoded)
        else:
            units = (image.encoder_units, image.decoder_units)
            self.image_path = VectorPath(image.size, outputs, *units, image.norm, decoded)
        decoded = config.text_weight > 0
        if text.type == "words":
            self.text_path = WordPath(text, vocabulary, outputs, decoded)
        else:
            units = (text.encoder_units, text.decoder_units)
            self.text_path = VectorPath(text.size, outputs, *units, "mean_square", decoded)
        self.image_feature, self.text_feature = config.image_feature, config.text_feature
        if config.regulariser == "adversarial":
            self.set_discriminator(
                CodeDiscriminator(size, config.discriminator_units, config.leaky_slope),
                code_shape=(2, size),
                every=config.discriminator_every,
                sum_gradients=config.as_released,
            )

    def encode_images(self, images) -> tf.Tensor:
        """Codes of images: uint8 [batch, H, W, 3] or features [batch, size] -> [batch, d]."""
        return self._code(self.image_path.encode(images))

    def encode_words(self, words) -> tf.Tensor:
        """Codes of sentences, as word ids [batch, length] or vectors, -> [batch, d]."""
        return self._code(self.text_path.encode(words))

    def encode_texts(self, texts) -> tf.Tensor:
        """Codes of sentences, string [batch] (or vectors [batch, size]) -> [batch, d]."""
        words = texts if self.vocabulary is None else self.vocabulary.encode(texts)
        return self.encode_words(words)

    def match(self, images, texts) -> tf.Tensor:
        """Similarity of every image with every text, the cosine of their codes.

        Args:
          images: [N, ...], as of `encode_images`.
          texts: [M], as of `encode_texts`.

        Returns:
          float32 [N, M], in [-1, 1]; higher is closer.
        """
        return cosines(self.encode_images(images), self.encode_texts(texts))

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        config, terms = self.config, {}
        images, texts = batch[self.image_feature], batch[self.text_feature]
        rows = tf.shape(images)[0]
        image_code, image_kl = self._posterior("image", self.image_path, images, training)
        text_code, text_kl = self._posterior("text", self.text_path, texts, training)

        terms["supervised"] = self._supervised(image_code, text_code, texts, batch.get("paired"))
        loss = terms["supervised"]
        if config.image_weight > 0:
            error = self.image_path.reconstruction_loss(image_code, images, training)
            terms["image_reconstruction"] = error
            loss += config.image_weight * error
        if config.text_weight > 0:
            seed = self.noise_seed("words", training)
            error = self.text_path.reconstruction_loss(text_code, texts, training, seed)
            terms["text_reconstruction"] = error
            loss += config.text_weight * error

        if config.regulariser == "vae":
            terms["image_kl"], terms["text_kl"] = image_kl, text_kl
            loss += config.regulariser_weight * (image_kl + text_kl)
        elif config.regulariser == "mmd":
            discrepancy = maximum_mean_discrepancy(image_code, text_code)
            terms["discrepancy"] = tf.fill([rows], discrepancy)
            loss += config.regulariser_weight * terms["discrepancy"]
        elif config.regulariser == "adversarial":
            for name, code in (("image_adversarial", image_code), ("text_adversarial", text_code)):
                terms[name] = losses.fooling_loss(self.discriminator(code))
                if training:
                    loss += config.regulariser_weight * terms[name]
        return {"loss": loss, **terms}

    @tf.autograph.experimental.do_not_convert
    def real_and_fake(self, batch):
        """2 draws of the prior and 2 codes for each row, [batch, 2, d]."""
        codes = [
            self.encode_images(batch[self.image_feature]),
            self.encode_words(batch[self.text_feature]),
        ]
        fake = tf.stack(codes, 1)
        seed = self.noise_seed("prior", training=True)
        return example_normal(seed, tf.shape(fake)[0], fake.shape[1:]), fake

    def signatures(
        self, backbone: Optional[Callable[[tf.Tensor], tf.Tensor]] = None
    ) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves: codes of images, codes of texts, similarities.

        "match" compares each image with texts of its own, string [batch, K] (or vectors
        [batch, K, size]), so that requests can be batched: all arguments have the same rows.

        Args:
          backbone: the network whose features the model reads, with the attribute `image_size`, so
            that the export takes images and holds a copy of it; None leaves it with features.
        """
        spec, read = self.image_path.spec, backbone or tf.identity
        if backbone is not None:
            spec = tf.TensorSpec([None, backbone.image_size, backbone.image_size, 3], tf.uint8)
        images = tf.TensorSpec(spec.shape, spec.dtype, name="images")
        size, dtype = [], tf.string
        if self.vocabulary is None:
            size, dtype = self.text_path.spec.shape[1:], tf.float32
        texts = tf.TensorSpec([None, *size], dtype, name="texts")
        candidates = tf.TensorSpec([None, None, *size], dtype, name="texts")

        @tf.function(input_signature=[images], autograph=False)
        def encode_images(images):
            return {"codes": self.encode_images(read(images))}

        @tf.function(input_signature=[texts], autograph=False)
        def encode_texts(texts):
            return {"codes": self.encode_texts(texts)}

        @tf.function(input_signature=[images, candidates], autograph=False)
        def match(images, texts):
            codes = self.encode_texts(tf.reshape(texts, [-1, *size]))
            codes = tf.reshape(codes, [*tf.unstack(tf.shape(texts)[:2]), self.config.code_size])
            image_codes = tf.math.l2_normalize(self.encode_images(read(images)), 1)
            return {
                "similarities": tf.einsum("nd,nkd->nk", image_codes, tf.math.l2_normalize(codes, 2))
            }

        return {"encode_images": encode_images, "encode_texts": encode_texts, "match": match}

    def _code(self, encoded):
        """The point that stands for an input: of a VAE, its posterior's mean."""
        encoded = tf.cast(encoded, tf.float32)[:, : self.config.code_size]
        return tf.math.l2_normalize(encoded, 1) if self.config.as_released else encoded

    def _posterior(self, name, path, inputs, training):
        """The code that the objective works on, and its KL to the prior where it is drawn."""
        encoded = path.encode(inputs)
        if self.config.regulariser != "vae":
            return self._code(encoded), None
        mean, scale = tf.split(tf.cast(encoded, tf.float32), 2, -1)
        scale = tf.nn.softplus(scale) + 1e-6
        seed = self.noise_seed(f"{name}_posterior", training)
        noise = example_normal(seed, tf.shape(mean)[0], [self.config.code_size])
        return mean + scale * noise, losses.gaussian_kl(mean, scale)

    def _supervised(self, image_code, text_code, texts, paired):
        """The supervised loss of each row, [batch], whose mean is that over the pairs."""
        if self.config.supervision == "mse":
            error = tf.reduce_sum(tf.math.squared_difference(image_code, text_code), 1)
        else:
            same = tf.reduce_all(texts[:, tf.newaxis] == texts, 2)
            error = losses.ranking_hinge(
                cosines(image_code, text_code),
                self.config.margin,
                self.config.negatives,
                paired,
                same,
            )
        if paired is None:
            return error
        share = tf.reduce_mean(tf.cast(paired, tf.float32))
        # A batch without pairs has share 0 and no error: 0, and not 0 / 0.
        return tf.where(paired, error, tf.zeros_like(error)) / tf.where(share > 0, share, 1.0)


def cosines(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Cosines of all pairs of codes: [N, d] and [M, d] -> [N, M]."""
    first, second = tf.math.l2_normalize(first, 1), tf.math.l2_normalize(second, 1)
    return tf.matmul(first, second, transpose_b=True)
