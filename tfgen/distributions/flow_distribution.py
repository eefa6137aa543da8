"""Density of images by a flow whose latents have priors of their own."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple, Union

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.bijectors import MultiScale, OnePassBijector
from tfgen.randomness import Seed, as_seed, fold_in

tfd = tfp.distributions

__all__ = ["FlowDistribution"]


class FlowDistribution(tfd.Distribution):
    """Images x = f^{-1}(l_1, ..., h_n), each latent with a prior given what remains after it.

        log p(x) = log p(h_n) + sum_{i<n} log p(l_i | r_i) + log |det df / dx|

    where f is a `MultiScale` flow and r_i the half of level i that goes on to the next level.
    With priors N(0, I) this is the flow of Real NVP; priors that read r_i may be Glow's
    (`GaussianMap` with a network) or autoregressive over channels (`ChannelAutoregressive`).

    ```python
    from tfgen.bijectors import MultiScale, Squeeze
    from tfgen.distributions import GaussianMap

    flow = MultiScale([Squeeze(), Squeeze()])
    priors = [GaussianMap([4, 4, 2]), GaussianMap([2, 2, 8])]
    images = FlowDistribution(flow, priors, image_shape=[8, 8, 1])
    images.log_prob(tf.zeros([3, 8, 8, 1]))  # [3], nats
    x = images.sample(3, seed=1, temperature=0.7)  # [3, 8, 8, 1]
    latents = images.latents(x)  # [3, 4, 4, 2], [3, 2, 2, 8]
    images.from_latents(latents)  # x again
    ```

    #### References
    [1]: A. Bhattacharyya, S. Mahajan, M. Fritz, B. Schiele, S. Roth. Normalizing Flows with
         Multi-Scale Autoregressive Priors. CVPR 2020. Eqs. 2-4 and Algorithm 1.
    [2]: L. Dinh, J. Sohl-Dickstein, S. Bengio. Density estimation using Real NVP. ICLR 2017.
    """

    def __init__(
        self,
        flow: OnePassBijector,
        priors: Sequence[tfd.Distribution],
        image_shape: Sequence[int],
        validate_args: bool = False,
        name: str = "FlowDistribution",
    ):
        """Joins a flow and its priors.

        Args:
          flow: a `MultiScale`, or a bijector of images that splits nothing off.
          priors: one for each latent, from the finest to the coarsest, with
            log_prob(l, conditioning=r) -> [B] and
            sample(sample_shape, seed=..., conditioning=r, temperature=...).
          image_shape: [H, W, C] of samples. log_prob takes other heights and widths where the
            priors do.
          validate_args: as in every tfd.Distribution.
          name: name of the distribution.

        Raises:
          ValueError: there are not as many priors as latents, or one is of another shape.
        """
        parameters = dict(locals())
        if not isinstance(flow, MultiScale):
            flow = MultiScale([flow])
        self.flow = flow
        self.priors = list(priors)
        self.image_shape = tuple(image_shape)
        shapes = flow.latent_shapes(self.image_shape)
        if len(self.priors) != len(shapes):
            raise ValueError(
                f"The flow has {len(shapes)} latents, of shapes "
                f"{[shape.as_list() for shape in shapes]}; wanted as many priors, "
                f"got {len(self.priors)}."
            )
        for prior, shape in zip(self.priors, shapes):
            if not prior.event_shape.is_compatible_with(shape):
                raise ValueError(
                    f"For images {list(self.image_shape)}, the prior {prior.name} is of a latent "
                    f"{shape.as_list()}; it has the event shape {prior.event_shape.as_list()}."
                )
        super().__init__(
            dtype=flow.levels[0].dtype or tf.float32,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=False,
            parameters=parameters,
            name=name,
        )

    def latents(self, x: tf.Tensor, conditioning=None) -> List[tf.Tensor]:
        """Images [B, H, W, C] -> [l_1, ..., l_{n-1}, h_n]."""
        return self.flow.inverse_and_log_det(x, conditioning=conditioning)[0]

    def from_latents(self, latents: Sequence[tf.Tensor], conditioning=None) -> tf.Tensor:
        """[l_1, ..., l_{n-1}, h_n] -> images [B, H, W, C]."""
        return self.flow.forward_and_log_det(latents, conditioning=conditioning)[0]

    def log_prob_parts(
        self, x: tf.Tensor, conditioning=None, training: bool = False, seed: Optional[Seed] = None
    ) -> List[tf.Tensor]:
        """The share of every level in log p(x), nats: a list of [B], which sum to it.

        The share of level i is log p(l_i | r_i) + log |det| of the level's own bijectors.

        Args:
          x: [B, H, W, C].
          conditioning: for the bijectors.
          training: whether dropout is active.
          seed: of that dropout.
        """
        levels = self.flow.split(
            x, conditioning=conditioning, training=training, seed=_folded(seed, "flow")
        )
        parts = []
        for index, (prior, level) in enumerate(zip(self.priors, levels)):
            kwargs = {"training": training, "seed": _folded(seed, "prior", index)}
            if level.rest is not None:
                kwargs["conditioning"] = level.rest
            parts.append(prior.log_prob(level.latent, **kwargs) + level.log_det)
        return parts

    def from_latents_and_log_prob(
        self, latents: Sequence[tf.Tensor], conditioning=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Images [B, H, W, C] of latents, and log p(l_1, ..., h_n) of the latents, nats [B]."""
        terms = [None] * len(self.priors)

        def given(index, rest):
            kwargs = {} if rest is None else {"conditioning": rest}
            terms[index] = self.priors[index].log_prob(latents[index], **kwargs)
            return latents[index]

        images, _ = self.flow.join(given, conditioning=conditioning)
        return images, tf.add_n(terms)

    def _log_prob(self, x, conditioning=None, training=False, seed=None):
        return tf.add_n(self.log_prob_parts(x, conditioning, training, seed))

    def _call_sample_n(
        self,
        sample_shape,
        seed,
        conditioning=None,
        temperature: Union[float, tf.Tensor] = 1.0,
    ):
        seed = tfp.random.sanitize_seed(seed) if seed is None else as_seed(seed)
        count = tf.reshape(sample_shape, [])

        def draw(index, rest):
            own = {"seed": fold_in(seed, index), "temperature": temperature}
            if rest is None:
                return self.priors[index].sample(count, **own)
            return self.priors[index].sample(conditioning=rest, **own)

        return self.flow.join(draw, conditioning=conditioning)[0]

    def _event_shape(self):
        return tf.TensorShape(self.image_shape)

    def _event_shape_tensor(self):
        return tf.constant(self.image_shape, tf.int32)

    def _default_event_space_bijector(self):
        return tfp.bijectors.Identity(validate_args=self.validate_args)

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}


def _folded(seed, *data):
    return None if seed is None else fold_in(seed, *data)
