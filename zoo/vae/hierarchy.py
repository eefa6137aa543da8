"""The latents of a VAE, layer by layer: posterior, prior, and what both cost."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

import tensorflow as tf

from tfgen.bijectors import AutoregressiveMap
from tfgen.distributions import VampPrior, diagonal_log_prob
from tfgen.initialisation import data_dependent_initialisation
from tfgen.layers import MaskedConvolutions
from tfgen.losses import gaussian_kl
from tfgen.randomness import Seed, as_seed, example_normal, fold_in
from zoo.vae.config import VAEConfig
from zoo.vae.networks import BottomUp, Given, Moments, TopDown
from zoo.vae.priors import make_prior

__all__ = ["Inference", "LatentHierarchy"]

_AXES = [-3, -2, -1]


class Inference(NamedTuple):
    """Latents of images, drawn from the posterior, and what they cost.

    Attributes:
      latents: of every stochastic layer, from the top (coarsest) to the bottom: [B, D] vectors or
        [B, h, w, c] maps.
      kl: of every layer, nats [B]: in closed form where posterior and prior are Gaussian, else
        log q(z) - log p(z) at the draw. The KL of the bound is their sum.
      log_q, log_p: of every layer at its draw, given the layers above: nats [B].
      means: f(z), [B, H, W, C] of the target: the means in [-1, 1] of a discretised logistic or a
        Gaussian, the logits of the other likelihoods.
    """

    latents: List[tf.Tensor]
    kl: List[tf.Tensor]
    log_q: List[tf.Tensor]
    log_p: List[tf.Tensor]
    means: tf.Tensor

    @property
    def total_kl(self) -> tf.Tensor:
        """The sum of the layers' KL, nats [B]."""
        return tf.add_n(self.kl)


class LatentHierarchy(tf.keras.layers.Layer):
    """Stochastic layers between a deterministic way up and a way down.

        q(z | x) = prod_l q(z_l | z_<l, x),   p(z) = p(z_1) prod_{l>1} p(z_l | z_<l)

    from the top, z_1, to the bottom. Each q is a Gaussian whose moments are sums of what the way
    up (`BottomUp`) and the layers above (`TopDown`) say, or such a Gaussian through an inverse
    autoregressive flow (`AutoregressiveMap`). p(z_1) is a prior of `make_prior`, the others are
    Gaussians.

    Args:
      config: sizes and parts.
      seed: of initial values of the prior.
    """

    def __init__(self, config: VAEConfig, seed: int = 0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config
        self.latent_shapes = config.latent_shapes()
        self.bottom_up = BottomUp(config)
        self.top_down = TopDown(config)
        self.prior = make_prior(config, self.bottom_up, seed)
        self.flows = _make_flows(config)
        self.built = True

    def initialise(self, points: tf.Tensor, seed: Seed) -> None:
        """Sets every weight normalisation, and the pseudo-inputs of a VampPrior, from images."""
        of_pseudo_inputs = isinstance(self.prior, VampPrior)
        if of_pseudo_inputs:
            self.prior.set_pseudo_inputs(points)
        with data_dependent_initialisation():
            self.infer(self.bottom_up(points), seed)
            if of_pseudo_inputs:
                # The prior has sent the pseudo-inputs through the way up; the data have the say.
                self.bottom_up(points)

    def infer(self, features: Sequence[Moments], seed: Seed, temperature=1.0) -> Inference:
        """Draws every latent from its posterior; see `VAE.infer`.

        Args:
          features: of the way up.
          seed: of the draws.
          temperature: multiplies the standard deviations of the draws.
        """
        latents, kls, log_qs, log_ps = [], [], [], []

        def choose(index: int, given: Optional[Given]) -> tf.Tensor:
            posterior = features[index]
            if given is not None:
                posterior = posterior.merged(given.posterior)
            posterior = posterior.bounded()
            z = _draw(posterior, fold_in(seed, index), temperature)
            log_q = diagonal_log_prob(z, posterior.mean, posterior.log_scale, _AXES)
            if self.flows:
                z, log_det = self.flows[index].forward_and_log_det(
                    z, conditioning=posterior.context
                )
                log_q -= log_det
            latent = self._latent(index, z)
            prior = None if given is None else given.prior.bounded()
            if prior is None:
                log_p = self.prior.log_prob(latent)
            else:
                log_p = diagonal_log_prob(z, prior.mean, prior.log_scale, _AXES)
            latents.append(latent)
            log_qs.append(log_q)
            log_ps.append(log_p)
            kls.append(self._kl(posterior, prior, log_q - log_p))
            return z

        means = self.top_down(choose)
        return Inference(latents, kls, log_qs, log_ps, means)

    def generate(self, count, seed: Seed, temperature=1.0) -> Tuple[List[tf.Tensor], tf.Tensor]:
        """Latents from the prior, top to bottom, [count, ...] each, and f(z)."""
        latents = []

        def choose(index: int, given: Optional[Given]) -> tf.Tensor:
            own = fold_in(as_seed(seed), index)
            if given is None:
                latents.append(self.prior.sample(count, seed=own, temperature=temperature))
                return self._map(0, latents[0])
            z = _draw(given.prior.bounded(), own, temperature)
            latents.append(self._latent(index, z))
            return z

        means = self.top_down(choose)
        return latents, means

    def means(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        """f(z) of latents, top to bottom."""

        def choose(index: int, given: Optional[Given]) -> tf.Tensor:
            del given
            return self._map(index, latents[index])

        return self.top_down(choose)

    def top_moments(self, features: Sequence[Moments]) -> Tuple[tf.Tensor, tf.Tensor]:
        """Mean and scale of the Gaussian of the top latent, [B, D] or [B, h, w, c] each."""
        moments = features[0].bounded()
        return self._latent(0, moments.mean), self._latent(0, tf.exp(moments.log_scale))

    def _latent(self, index, z):
        """A latent as others see it: maps of one pixel are vectors."""
        return z if len(self.latent_shapes[index]) == 3 else tf.squeeze(z, [1, 2])

    def _map(self, index, latent):
        """Undoes `_latent`."""
        return latent if len(self.latent_shapes[index]) == 3 else latent[:, tf.newaxis, tf.newaxis]

    def _kl(self, posterior, prior, drawn):
        """The KL of a layer, nats [B]: closed where there is such a form, else as it was drawn."""
        if self.flows or (prior is None and self.config.prior.type != "standard_normal"):
            return drawn
        moments = [posterior.mean, tf.exp(posterior.log_scale)]
        if prior is not None:
            moments += [prior.mean, tf.exp(prior.log_scale)]
        return gaussian_kl(*[tf.reshape(m, [tf.shape(m)[0], -1]) for m in moments])


def _draw(moments, seed, temperature):
    batch, shape = tf.shape(moments.mean)[0], moments.mean.shape[1:]
    noise = tf.cast(temperature, tf.float32) * example_normal(seed, batch, shape)
    return moments.mean + tf.exp(moments.log_scale) * noise


def _make_flows(config):
    """The flow behind the posterior of every layer, from the top, or none."""
    flows = []
    if config.posterior == "iaf":
        for shape in config.latent_shapes():
            network = MaskedConvolutions(
                shape[-1],
                config.flow_filters,
                config.flow_layers,
                config.kernel_size if len(shape) == 3 else 1,
            )
            flows.append(AutoregressiveMap(shape[-1], network))
    return flows
