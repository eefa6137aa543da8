"""Variational autoencoders of images: any number of stochastic layers, free choice of parts."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.distributions import in_range, level_centres
from tfgen.losses import importance_bound
from tfgen.metrics import bits_per_dim
from tfgen.randomness import Seed, fold_in
from tfgen.training import GenerativeModel, linear_warmup
from tfgen.training.updates import sum_over_replicas
from zoo.vae.config import VAEConfig
from zoo.vae.hierarchy import Inference, LatentHierarchy
from zoo.vae.likelihood import Likelihood
from zoo.vae.networks import Moments
from zoo.vae.signatures import make_signatures

tfd = tfp.distributions

__all__ = ["VAE"]


class VAE(GenerativeModel):
    """A ResNet-VAE: one layer is a Gaussian VAE, more are a top-down (ladder) hierarchy.

        log P(x) >= E_q[log P(x | z)] - sum_l KL(q(z_l | z_<l, x) || p(z_l | z_<l))

    The way up (`BottomUp`) is deterministic. On the way down (`TopDown`) the layers are drawn one
    after the other (`LatentHierarchy`). The prior of the top latent and the likelihood are free
    choices: those of `make_prior` and of `Likelihood`.

    Batches have "image", uint8 [batch, H, W, C] of values 0 .. config.values - 1, and "target",
    where the decoded image is another one. Objective terms: "elbo", the bound with KL weight 1;
    "log_likelihood", the expected one; "kl", and "kl_1" .. of every layer from the top, where there
    are several: nats; "bits_per_dim", of the bound. The loss has the weight, warm-up and free nats
    of the configuration.

    ```python
    config = VAEConfig(
        image_size=8, channels=1, strides=(2, 2), layers=(1, 1), latent_channels=(2, 4), filters=8
    )
    model = VAE(config)
    images = tf.zeros([5, 8, 8, 1], tf.uint8)
    model.elbo(images, seed=1)  # [5], nats
    model.importance_bound(images, samples=10)  # [5], nats
    inference = model.infer(images, seed=1)
    inference.kl  # of both layers, [5] each, nats
    model.decode(inference.latents)  # p(x | z), a DiscretisedLogistic
    model.sample(3, seed=1, temperature=0.8)  # uint8 [3, 8, 8, 1]
    ```

    Args:
      config: architecture, sizes, parts.
      seed: of all noise in training, and of initial values of the prior.

    Raises:
      ConfigError: the sizes do not fit.

    #### References
    [1]: D. P. Kingma, M. Welling. Auto-Encoding Variational Bayes. ICLR 2014.
    [2]: D. Kingma, T. Salimans, R. Jozefowicz, X. Chen, I. Sutskever, M. Welling. Improving
         Variational Inference with Inverse Autoregressive Flow. NeurIPS 2016. Section 5.1,
         appendix C; free bits: appendix C.8.
    [3]: C. Sonderby, T. Raiko, L. Maaloe, S. Sonderby, O. Winther. Ladder Variational
         Autoencoders. NeurIPS 2016.
    """

    def __init__(self, config: VAEConfig, seed: Seed = 0, **kwargs):
        super().__init__(seed=seed, **kwargs)
        config.validate()
        self.config = config
        self.hierarchy = LatentHierarchy(config, seed if isinstance(seed, int) else 0)
        self.likelihood = Likelihood(config)

    @property
    def image_shape(self) -> List[int]:
        """[H, W, C] of the images that are encoded."""
        return self.config.image_shape

    @property
    def target_shape(self) -> List[int]:
        """[H, W, C] of the images that are decoded."""
        return self.config.target_shape

    @property
    def latent_shapes(self) -> List[List[int]]:
        """Shape of every latent of an image, from the top: [D] or [h, w, c]."""
        return self.config.latent_shapes()

    @property
    def dimensions(self) -> int:
        """Numbers in a decoded image."""
        height, width, channels = self.target_shape
        return height * width * channels

    def initialise(self, batch: Dict[str, tf.Tensor]) -> None:
        """Sets every weight normalisation, and the pseudo-inputs of a VampPrior, from a batch."""
        points = self._points(batch["image"])
        self.hierarchy.initialise(points, fold_in(self.seed, "initialisation"))

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        config, seed = self.config, self.noise_seed("latents", training)
        inference = self.infer(batch["image"], seed)
        log_likelihood = self.log_likelihood(inference.means, self._target(batch), seed)
        weight, kl = config.kl_weight, inference.kl
        if training:
            weight *= linear_warmup(self.step, config.kl_warmup_steps)
            kl = [self._beyond_free_nats(value) for value in kl]
        elbo = log_likelihood - inference.total_kl
        terms = {
            "loss": weight * tf.add_n(kl) - log_likelihood,
            "elbo": elbo,
            "log_likelihood": log_likelihood,
            "kl": inference.total_kl,
            "bits_per_dim": bits_per_dim(elbo, self.dimensions, 1.0),
        }
        if len(kl) > 1:
            terms.update({f"kl_{layer + 1}": value for layer, value in enumerate(inference.kl)})
        return terms

    def features(self, images: tf.Tensor) -> List[Moments]:
        """What the way up makes of integer images [B, H, W, C], for several calls of `infer`.

        Raises:
          tf.errors.InvalidArgumentError: pixels are out of range.
        """
        return self.hierarchy.bottom_up(self._points(images))

    def infer(
        self,
        images: Optional[tf.Tensor],
        seed: Seed,
        features: Optional[Sequence[Moments]] = None,
        temperature=1.0,
    ) -> Inference:
        """Draws every latent of images from its posterior, from the top to the bottom.

        Args:
          images: integers [B, H, W, C], 0 .. values - 1; not read where there are features.
          seed: of the draws.
          features: of the images (`features`), where they are known.
          temperature: multiplies the standard deviations of the draws. The densities of `log_q`
            are those of the posterior itself at such draws.
        """
        features = self.features(images) if features is None else features
        return self.hierarchy.infer(features, seed, temperature)

    def sample_latents(self, count, seed: Seed = 0, temperature=1.0) -> List[tf.Tensor]:
        """Latents from the prior, from the top to the bottom: [count, ...] of `latent_shapes`.

        The temperature multiplies the standard deviations.
        """
        return self.hierarchy.generate(count, seed, temperature)[0]

    def means(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        """f(z), [B, H, W, C] of the target, see `Inference`."""
        return self.hierarchy.means(latents)

    def distribution(self, means: tf.Tensor) -> tfd.Distribution:
        """p(y | z) given f(z), see `Likelihood`: a `DiscretisedLogistic` where it is one."""
        return self.likelihood.distribution(means)

    def log_likelihood(self, means: tf.Tensor, targets: tf.Tensor, seed: Seed = 0) -> tf.Tensor:
        """log P(y | z) given f(z), nats [B].

        Args:
          means: f(z).
          targets: integers [B, H, W, C].
          seed: of the noise of a likelihood that is a density, which then gives a bound.

        Raises:
          tf.errors.InvalidArgumentError: pixels are out of range.
        """
        targets = in_range("targets", targets, self.config.levels)
        return self.likelihood.log_prob(means, targets, fold_in(seed, "dequantisation"))

    def encode(self, images: tf.Tensor) -> tfd.Distribution:
        """q(z | x) of the top latent, a diagonal Gaussian of vectors [D] or maps [h, w, c].

        Raises:
          ValueError: the posterior is a flow; `infer` draws from it.
        """
        if self.hierarchy.flows:
            raise ValueError(
                "Posteriors with a flow are known at their own draws: call infer(images, seed), "
                "or infer(images, seed, temperature=0.0) for their middles."
            )
        mean, scale = self.hierarchy.top_moments(self.features(images))
        return tfd.Independent(tfd.Normal(mean, scale), len(self.latent_shapes[0]))

    def decode(self, latents: Sequence[tf.Tensor]) -> tfd.Distribution:
        """p(y | z), a distribution of images [B, H, W, C]."""
        return self.distribution(self.means(latents))

    def elbo(
        self, images: tf.Tensor, seed: Seed = 0, targets: Optional[tf.Tensor] = None
    ) -> tf.Tensor:
        """One draw of the bound on log P(x): uint8 [batch, H, W, C] -> nats [batch].

        Where the decoded image is another one, the bound is on the log-probability of `targets`.
        """
        inference = self.infer(images, seed)
        targets = images if targets is None else targets
        return self.log_likelihood(inference.means, targets, seed) - inference.total_kl

    def importance_bound(
        self,
        images: tf.Tensor,
        samples: int,
        seed: Seed = 0,
        targets: Optional[tf.Tensor] = None,
    ) -> tf.Tensor:
        """log mean_k P(x, z_k) / q(z_k | x), a tighter bound: nats [batch].

        Args:
          images, targets: as in `elbo`.
          samples: k; their passes follow one another.
          seed: of the draws.
        """
        features = self.features(images)
        targets = images if targets is None else targets

        def log_weight(index):
            own = fold_in(seed, index)
            inference = self.infer(None, own, features)
            log_likelihood = self.log_likelihood(inference.means, targets, own)
            return log_likelihood + tf.add_n(inference.log_p) - tf.add_n(inference.log_q)

        weights = tf.map_fn(
            log_weight,
            tf.range(samples),
            parallel_iterations=1,
            fn_output_signature=tf.TensorSpec([images.shape[0]], tf.float32),
        )
        return importance_bound(weights)

    def sample(self, count, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """Images z ~ p(z), x ~ p(x | z): uint8 [count, H, W, C].

        The temperature multiplies the standard deviations of latents and pixels. Without the noise
        of the pixels, `middle(sample_latents(...))` are the images of the means.
        """
        means = self.hierarchy.generate(count, seed, temperature)[1]
        drawn = self.likelihood.draw(means, fold_in(seed, "pixels"), temperature)
        return tf.cast(drawn, tf.uint8)

    def middle(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        """The images of the means of p(y | z): uint8 [B, H, W, C]."""
        return self.likelihood.middle(self.means(latents))

    def reconstruct(self, images: tf.Tensor) -> tf.Tensor:
        """The image of the mean for the middle of the posterior: uint8 [batch, H, W, C]."""
        return self.likelihood.middle(self.infer(images, 0, temperature=0.0).means)

    def interpolate(self, first: tf.Tensor, second: tf.Tensor, steps: int = 8) -> tf.Tensor:
        """Images on the line between the latents of two: uint8 [batch, steps, H, W, C]."""
        starts, ends = (
            self.infer(images, 0, temperature=0.0).latents for images in (first, second)
        )
        points = []
        for start, end in zip(starts, ends):
            share = tf.reshape(tf.linspace(0.0, 1.0, steps), [-1, *[1] * (start.shape.rank - 1)])
            line = (1.0 - share) * start[:, tf.newaxis] + share * end[:, tf.newaxis]
            points.append(tf.reshape(line, [-1, *start.shape[1:]]))
        return tf.reshape(self.middle(points), [-1, steps, *self.target_shape])

    def signatures(self) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves, see `make_signatures`."""
        return make_signatures(self)

    def _beyond_free_nats(self, kl):
        """The KL of a layer, without its gradient where the global batch has it for free."""
        if not self.config.free_nats:
            return kl
        total = sum_over_replicas(tf.stack([tf.reduce_sum(kl), tf.cast(tf.size(kl), kl.dtype)]))
        return tf.where(total[0] > self.config.free_nats * total[1], kl, tf.stop_gradient(kl))

    def _points(self, images):
        """Images in [-1, 1], as the way up takes them."""
        values = self.config.values
        return level_centres(in_range("images", images, values), values)

    def _target(self, batch):
        if not self.config.has_own_target:
            return batch["image"]
        if "target" not in batch:
            raise ValueError(
                f"The decoded image is another one, {self.target_shape} of {self.config.levels} "
                f'levels: a batch needs "target" beside "image"; got {sorted(batch)}.'
            )
        return batch["target"]
