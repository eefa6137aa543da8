"""AGAVE: a VAE whose decoder, with a loss of its own, guides a PixelCNN."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional

import tensorflow as tf

from tfgen.distributions import nearest_level
from tfgen.losses import importance_bound
from tfgen.metrics import bits_per_dim
from tfgen.randomness import Seed, fold_in
from tfgen.training import GenerativeModel
from zoo.agave.auxiliary import auxiliary_image, upsample
from zoo.agave.config import AGAVEConfig
from zoo.agave.pixel_decoder import PixelDecoder
from zoo.agave.signatures import agave_signatures
from zoo.vae import VAE

__all__ = ["AGAVE", "Pictures"]


class Pictures(NamedTuple):
    """Images and the auxiliary images f(z) that guided them.

    Attributes:
      images: uint8 [batch, H, W, C].
      auxiliary: uint8 [batch, h, w, c], of as many levels as the images.
    """

    images: tf.Tensor
    auxiliary: tf.Tensor


class AGAVE(GenerativeModel):
    """Auxiliary guided autoregressive variational autoencoder.

        L(x, y) = E_q(z|x)[log P(x | f(z)) + log P(y | f(z))] - lambda KL(q(z|x) || p(z))    (3.13)

    f(z) are the means that a VAE decodes. P(y | f(z)) are independent discretised logistics of the
    auxiliary image y, a simpler x. P(x | f(z)) is a PixelCNN that sees z through f(z) alone, by
    convolutions without masks in each of its layers. The term of y keeps z of use: without it, a
    PixelCNN that can do without z does (`AGAVEConfig.auxiliary_loss`). With lambda = 2, L is the
    sum of a bound of log P(y) and one of log P(x); a larger lambda leaves more to the PixelCNN.

    What is reported does not depend on lambda, and the term of y is no part of it:

        log P(x) >= E_q(z|x)[log P(x | f(z))] - KL(q(z|x) || p(z))                           (3.6)

    Batches have "image", uint8 [batch, H, W, C] of values 0 .. vae.values - 1. Objective terms, in
    nats: "elbo" (3.6), of "log_likelihood", of x, and "kl"; "auxiliary_log_likelihood", of y; in
    bits for each pixel and channel: "bits_per_dim" of x by (3.6), and "auxiliary_bits_per_dim", of
    the VAE by itself: its bound of log P(y).

    ```python
    from zoo.agave import PixelDecoderConfig
    from zoo.vae import VAEConfig

    vae = VAEConfig(image_size=4, channels=1, values=16, strides=(4,), layers=(1,), filters=8,
                    latent_channels=(2,), posterior="gaussian", kl_weight=8.0)
    config = AGAVEConfig(
        vae=vae,
        decoder=PixelDecoderConfig(filters=4, mixtures=2, residual_layers=1, resolutions=1),
    )
    model = AGAVE(config)
    images = tf.zeros([5, 4, 4, 1], tf.uint8)
    model.elbo(images, seed=1)  # [5], nats
    model.importance_bound(images, 10, seed=1)  # [5], nats
    model.sample(3, seed=1)  # uint8 [3, 4, 4, 1]
    ```

    Args:
      config: both parts, and the objective.
      seed: of all noise in training.

    Raises:
      ConfigError: the sizes do not fit.

    #### References
    [1]: T. Lucas. Ph.D. thesis. Chapter 3. T. Lucas, J. Verbeek. Auxiliary Guided Autoregressive
         Variational Autoencoders. ECML 2018.
    """

    def __init__(self, config: AGAVEConfig, seed: Seed = 0, **kwargs):
        super().__init__(seed=seed, **kwargs)
        config.validate()
        self.config = config
        self.vae = VAE(config.vae, seed=seed)
        self.decoder = PixelDecoder(config, seed=seed)
        self.vae.trainable = config.trained_part != "pixelcnn"
        self.decoder.trainable = config.trained_part != "vae"
        self._vae_is_ready = self._decoder_is_ready = False

    @property
    def image_shape(self) -> List[int]:
        """[H, W, C] of the images."""
        return self.decoder.image_shape

    @property
    def auxiliary_shape(self) -> List[int]:
        """[h, w, c] of the auxiliary images."""
        return self.config.vae.target_shape

    @property
    def dimensions(self) -> int:
        """Numbers in an image."""
        return self.decoder.dimensions

    def start_from(self, vae: Optional["AGAVE"] = None, pixelcnn: Optional["AGAVE"] = None) -> None:
        """Takes the VAE of one model and the PixelCNN of another, which were pre-trained.

        Called before `initialise`, which leaves alone what was taken.
        """
        if vae is not None:
            self.vae.set_weights(vae.vae.get_weights())
            self._vae_is_ready = True
        if pixelcnn is not None:
            self.decoder.set_weights(pixelcnn.decoder.get_weights())
            self._decoder_is_ready = True

    def initialise(self, batch: Dict[str, tf.Tensor]) -> None:
        """Sets every weight normalisation from a batch, so that its output is standardised."""
        images = batch["image"]
        if not self._vae_is_ready:
            self.vae.initialise(batch)
        if not self._decoder_is_ready:
            means = self._no_means(images)
            if self.config.trained_part == "both":
                means = self.vae.infer(images, self.noise_seed("initialise", False)).means
            given = upsample(means, self.image_shape[0])
            self.decoder.initialise({"image": images, "conditioning": given})

    def auxiliary_image(self, images: tf.Tensor) -> tf.Tensor:
        """y of x: [batch, H, W, C] -> int32 [batch, h, w, c], 0 .. b - 1."""
        return auxiliary_image(images, self.config.vae)

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        images, part = batch["image"], self.config.trained_part
        terms: Dict[str, tf.Tensor] = {}
        loss, means = 0.0, self._no_means(images)
        if part != "pixelcnn":
            inference = self.vae.infer(images, self.noise_seed("posterior", training))
            means, kl = inference.means, inference.total_kl
            auxiliary = self.auxiliary_log_likelihood(images, means)
            bits = bits_per_dim(auxiliary - kl, self.vae.dimensions, 1.0)
            terms.update(kl=kl, auxiliary_log_likelihood=auxiliary, auxiliary_bits_per_dim=bits)
            loss = self.config.vae.kl_weight * kl
            if self.config.auxiliary_loss:
                loss -= auxiliary
        if part != "vae":
            dropout = self.noise_seed("dropout", training)
            log_likelihood = self.decoder.likelihood(images, means, training, dropout)
            elbo = log_likelihood - terms["kl"] if part == "both" else log_likelihood
            bits = bits_per_dim(elbo, self.dimensions, 1.0)
            terms.update(log_likelihood=log_likelihood, elbo=elbo, bits_per_dim=bits)
            loss -= log_likelihood
        return {"loss": loss, **terms}

    def auxiliary_log_likelihood(self, images: tf.Tensor, means: tf.Tensor) -> tf.Tensor:
        """log P(y | f(z)) of the auxiliary images of x: nats [batch]."""
        return self.vae.log_likelihood(means, self.auxiliary_image(images))

    def elbo(self, images: tf.Tensor, seed: Seed) -> tf.Tensor:
        """One sample of the bound (3.6) of log P(x), nats [batch]; y has no part in it."""
        terms = self.bound_terms(images, seed)
        return terms["log_likelihood"] - terms["kl"]

    def bound_terms(self, images: tf.Tensor, seed: Seed) -> Dict[str, tf.Tensor]:
        """The terms of the bounds: nats [batch].

        Args:
          images: uint8 [batch, H, W, C].
          seed: of z.

        Returns:
          "log_likelihood", of x, "auxiliary_log_likelihood", of y, and "kl".
        """
        inference = self.vae.infer(images, seed)
        return {
            "log_likelihood": self.decoder.likelihood(images, inference.means),
            "auxiliary_log_likelihood": self.auxiliary_log_likelihood(images, inference.means),
            "kl": inference.total_kl,
        }

    def importance_bound(self, images: tf.Tensor, samples: int, seed: Seed) -> tf.Tensor:
        """E log (1/k) sum_i P(x|z_i) p(z_i) / q(z_i|x) <= log P(x), nats [batch].

        Samples are drawn and weighed one after the other, so memory does not grow with them.

        Args:
          images: uint8 [batch, H, W, C].
          samples: k, an int or a scalar; 150 in [1].
          seed: of z.
        """
        features = self.vae.features(images)

        def log_weight(index):
            inference = self.vae.infer(None, fold_in(seed, index), features)
            log_ratio = tf.add_n(inference.log_p) - tf.add_n(inference.log_q)
            return self.decoder.likelihood(images, inference.means) + log_ratio

        log_weights = tf.map_fn(
            log_weight,
            tf.range(samples),
            fn_output_signature=tf.TensorSpec([images.shape[0]], tf.float32),
            parallel_iterations=1,
        )
        return importance_bound(log_weights)

    def sample(self, count, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """Images from the prior: uint8 [count, H, W, C]; see `pictures`."""
        return self.pictures(count, seed, temperature).images

    def pictures(self, count, seed: Seed = 0, temperature=1.0) -> Pictures:
        """z ~ p(z), f(z), x ~ P(x | f(z)).

        Args:
          count: how many.
          seed: of z and of the pixels.
          temperature: of the latents (of their standard deviations) and of the pixels.
        """
        latents = self.vae.sample_latents(count, fold_in(seed, "latents"), temperature)
        return self.paint(self.vae.means(latents), fold_in(seed, "pixels"), temperature)

    def reconstruct(self, images: tf.Tensor, seed: Seed = 0) -> Pictures:
        """z ~ q(z|x), f(z), and another x of P(x | f(z))."""
        means = self.vae.infer(images, fold_in(seed, "latents")).means
        return self.paint(means, fold_in(seed, "pixels"))

    def interpolate(
        self, first: tf.Tensor, second: tf.Tensor, steps: int = 8, seed: Seed = 0
    ) -> Pictures:
        """On the line between the latents of two images: [batch, steps, ...] each.

        The seed is of the pixels; latents are the middles of their posteriors.
        """
        means = self.interpolated_means(first, second, steps)
        pictures = self.paint(tf.reshape(means, [-1, *self.auxiliary_shape]), seed)
        return Pictures(*(tf.reshape(p, [-1, steps, *p.shape[1:]]) for p in pictures))

    def interpolated_means(self, first: tf.Tensor, second: tf.Tensor, steps: int) -> tf.Tensor:
        """f((1 - a) z_A + a z_B), a = 0 .. 1: [batch, steps, h, w, c].

        All latents of the hierarchy move together.
        """
        ends = [self.vae.infer(x, 0, temperature=0.0).latents for x in (first, second)]
        line = []
        for start, end in zip(*ends):
            share = tf.reshape(tf.linspace(0.0, 1.0, steps), [1, -1] + [1] * (end.shape.rank - 1))
            points = (1.0 - share) * start[:, tf.newaxis] + share * end[:, tf.newaxis]
            line.append(tf.reshape(points, [-1, *end.shape[1:]]))
        return tf.reshape(self.vae.means(line), [-1, steps, *self.auxiliary_shape])

    def paint(self, means: tf.Tensor, seed: Seed, temperature=1.0) -> Pictures:
        """x ~ P(x | f(z)) of f(z), [batch, h, w, c]."""
        auxiliary = nearest_level(means, self.config.vae.values, tf.uint8)
        return Pictures(self.decoder.draw(means, seed, temperature), auxiliary)

    def signatures(self) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves, see `agave_signatures`."""
        return agave_signatures(self)

    def _no_means(self, images):
        """f(z) of nothing: a grey image, in the middle of the range."""
        return tf.zeros([tf.shape(images)[0], *self.auxiliary_shape])
