"""The VQ-VAE: codes from a PixelCNN, images from codes."""

from __future__ import annotations

import math
from typing import Dict, List

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.distributions import image_noise, in_range
from tfgen.initialisation import data_dependent_initialisation
from tfgen.layers import GatedPixelCNN, sample_pixels
from tfgen.metrics import bits_per_dim
from tfgen.randomness import Seed, as_seed, fold_in
from tfgen.training import GenerativeModel
from zoo.vae.vq_autoencoder import VQAutoencoder
from zoo.vae.vq_config import VQVAEConfig

tfd = tfp.distributions

__all__ = ["VQVAE"]


class VQVAE(GenerativeModel):
    """A generative model of images through a map of codes; it trains the prior of the codes.

        log P(x) >= log P(x | e_c(x)) + log P(c(x)),   P(c) = prod_ij P(c_ij | earlier codes)

    with the codes c(x) of a trained `VQAutoencoder`, which is held constant, and a gated PixelCNN
    whose inputs are the entries of the codebook and whose outputs are K logits. The bound is exact
    in every part: the codes are a function of the image. With uniform noise in the likelihoods of
    densities it holds in the mean over that noise.

    Batches have "image". Objective terms: "log_prob_codes", which is trained, "log_likelihood", of
    the image given its codes, and their sum "elbo", nats; "bits_per_dim", of the bound.

    ```python
    config = VQVAEConfig(
        image_size=8, channels=1, filters=8, blocks=1, codes=16, code_size=4,
        prior_filters=8, prior_layers=2, prior_kernel_size=3,
    )
    model = VQVAE(VQAutoencoder(config))
    images = tf.zeros([5, 8, 8, 1], tf.uint8)
    codes = model.encode(images)  # int32 [5, 2, 2]
    model.decode(codes)  # p(x | codes)
    model.elbo(images)  # [5], nats
    model.sample(3, seed=1)  # uint8 [3, 8, 8, 1]
    ```

    Args:
      autoencoder: of the first phase; it becomes part of this model, and is no longer trained.
      seed: of dequantisation noise.

    #### References
    [1]: A. van den Oord, O. Vinyals, K. Kavukcuoglu. Neural Discrete Representation Learning.
         NeurIPS 2017. Sections 3.3 and 4.2.
    """

    def __init__(self, autoencoder: VQAutoencoder, seed: Seed = 0, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.config: VQVAEConfig = autoencoder.config
        config = self.config
        autoencoder.trainable = False
        self.autoencoder = autoencoder
        self.network = GatedPixelCNN(
            config.code_size,
            config.codes,
            filters=config.prior_filters,
            layers=config.prior_layers,
            kernel_size=config.prior_kernel_size,
            first_kernel_size=max(3, config.prior_kernel_size),
        )
        side = config.code_side
        # Called eagerly, samples come from this graph, which is made once.
        specs = [tf.TensorSpec([None, side, side, config.codes]), tf.TensorSpec([], tf.float32)]
        self._compiled_draw = tf.function(self._draw, input_signature=specs, autograph=False)

    @property
    def image_shape(self) -> List[int]:
        """[H, W, C] of the images."""
        return self.config.image_shape

    @property
    def dimensions(self) -> int:
        """Numbers in an image."""
        return math.prod(self.image_shape)

    def initialise(self, batch: Dict[str, tf.Tensor]) -> None:
        """Sets every weight normalisation of the prior from a batch."""
        codes = self.encode(batch["image"])
        with data_dependent_initialisation():
            self.logits(codes)

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        images = batch["image"]
        codes = self.encode(images)
        log_prob_codes = self.log_prob_codes(codes)
        noise = self.noise_seed("dequantisation", training)
        log_likelihood = self.log_likelihood(codes, images, noise)
        elbo = log_prob_codes + log_likelihood
        return {
            "loss": -log_prob_codes,
            "elbo": elbo,
            "log_likelihood": log_likelihood,
            "log_prob_codes": log_prob_codes,
            "bits_per_dim": bits_per_dim(elbo, self.dimensions, 1.0),
        }

    def encode(self, images: tf.Tensor) -> tf.Tensor:
        """c(x): uint8 [B, H, W, C] -> int32 [B, h, w].

        Raises:
          tf.errors.InvalidArgumentError: pixels are out of range.
        """
        return self.autoencoder.quantise(images).codes

    def logits(self, codes: tf.Tensor) -> tf.Tensor:
        """Of every code given the earlier ones: int32 [B, h, w] -> [B, h, w, K]."""
        return self.network(self.autoencoder.quantiser.lookup(codes))

    def log_prob_codes(self, codes: tf.Tensor) -> tf.Tensor:
        """log P(c), exact: int32 [B, h, w] -> nats [B]."""
        entries = -tf.nn.sparse_softmax_cross_entropy_with_logits(codes, self.logits(codes))
        return tf.reduce_sum(entries, axis=[1, 2])

    def decode(self, codes: tf.Tensor) -> tfd.Distribution:
        """p(x | c), a distribution of images, see `Likelihood.distribution`."""
        return self.autoencoder.likelihood.distribution(self.autoencoder.means(codes))

    def log_likelihood(self, codes: tf.Tensor, images: tf.Tensor, seed: Seed = 0) -> tf.Tensor:
        """log P(x | c), nats [B]; the seed is of the noise of a likelihood that is a density."""
        means = self.autoencoder.means(codes)
        return self.autoencoder.likelihood.log_prob(means, images, seed)

    def elbo(self, images: tf.Tensor, seed: Seed = 0) -> tf.Tensor:
        """The bound on log P(x): uint8 [B, H, W, C] -> nats [B]."""
        codes = self.encode(images)
        return self.log_likelihood(codes, images, seed) + self.log_prob_codes(codes)

    def sample_codes(self, count, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """Maps of codes from the prior, one after the other: int32 [count, h, w].

        The temperature divides the logits; at 0 each code is the likeliest given the earlier.
        """
        side = self.config.code_side
        noise = image_noise(as_seed(seed), count, [side, side, self.config.codes])
        draw = self._compiled_draw if tf.executing_eagerly() else self._draw
        return draw(noise, tf.cast(temperature, tf.float32))

    def sample(self, count, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """Images c ~ P(c), x ~ P(x | c): uint8 [count, H, W, C].

        The temperature is that of the codes and of the pixels, see `Likelihood.draw`.
        """
        codes = self.sample_codes(count, fold_in(seed, "codes"), temperature)
        means = self.autoencoder.means(codes)
        drawn = self.autoencoder.likelihood.draw(means, fold_in(seed, "pixels"), temperature)
        return tf.cast(drawn, tf.uint8)

    def middle(self, codes: tf.Tensor) -> tf.Tensor:
        """The images of the means of p(x | c): int32 [B, h, w] -> uint8 [B, H, W, C].

        Raises:
          tf.errors.InvalidArgumentError: codes are out of range.
        """
        codes = in_range("codes", codes, self.config.codes)
        return self.autoencoder.likelihood.middle(self.autoencoder.means(codes))

    def reconstruct(self, images: tf.Tensor) -> tf.Tensor:
        """The image of the means for the codes of images: uint8 [B, H, W, C]."""
        return self.middle(self.encode(images))

    def signatures(self) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves.

        score: images -> elbo = log_likelihood + log_prob_codes, nats; and bits_per_dim.
        sample: count, seed, temperature -> images. encode_codes: images -> codes int32
        [batch, h, w]. decode_codes: codes -> images of the means. reconstruct: images -> images.
        """
        side = self.config.code_side
        images = tf.TensorSpec([None, *self.image_shape], tf.uint8, name="images")
        codes = tf.TensorSpec([None, side, side], tf.int32, name="codes")
        count = tf.TensorSpec([], tf.int32, name="count")
        seed = tf.TensorSpec([], tf.int64, name="seed")
        temperature = tf.TensorSpec([], tf.float32, name="temperature")

        @tf.function(input_signature=[images], autograph=False)
        def score(images):
            codes = self.encode(images)
            log_likelihood = self.log_likelihood(codes, images)
            log_prob_codes = self.log_prob_codes(codes)
            elbo = log_likelihood + log_prob_codes
            return {
                "elbo": elbo,
                "log_likelihood": log_likelihood,
                "log_prob_codes": log_prob_codes,
                "bits_per_dim": bits_per_dim(elbo, self.dimensions, 1.0),
            }

        @tf.function(input_signature=[count, seed, temperature], autograph=False)
        def sample(count, seed, temperature):
            return {"images": self.sample(count, seed, temperature)}

        @tf.function(input_signature=[images], autograph=False)
        def encode_codes(images):
            return {"codes": self.encode(images)}

        @tf.function(input_signature=[codes], autograph=False)
        def decode_codes(codes):
            return {"images": self.middle(codes)}

        @tf.function(input_signature=[images], autograph=False)
        def reconstruct(images):
            return {"images": self.reconstruct(images)}

        return {
            "score": score,
            "sample": sample,
            "encode_codes": encode_codes,
            "decode_codes": decode_codes,
            "reconstruct": reconstruct,
        }

    def _draw(self, noise, temperature):
        quantiser = self.autoencoder.quantiser

        def pixel(logits, noise):
            # The largest of logits with Gumbel noise is a draw of the softmax.
            gumbel = -tf.math.log(-tf.math.log(noise))
            code = tf.argmax(logits + temperature * gumbel, axis=-1, output_type=tf.int32)
            return quantiser.lookup(code)

        return quantiser.nearest(sample_pixels(self.network, pixel, noise))
