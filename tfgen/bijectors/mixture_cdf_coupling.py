"""The coupling of Flow++: the distribution function of a logistic mixture, and an affine map."""

from __future__ import annotations

from typing import Callable, Tuple

import numpy as np
import tensorflow as tf

from tfgen.bijectors.coupling import Coupling
from tfgen.bijectors.logistic_mixture import inverse_mixture_logit, mixture_logit

__all__ = ["MixtureCDFCoupling"]

# How far the components' centres lie apart at the start, relative to the logistic distribution.
_INITIAL_SPREAD = 0.5


class MixtureCDFCoupling(Coupling):
    """One part of the variables goes through a mixture's CDF that a network of the other part sets.

        inverse (data -> latent):  u = sum_k pi_k sigmoid((y - mean_k) exp(-log_scale_k))
                                   x = logit(u) exp(a) + b
        forward (latent -> data):  the y with logit(u) = (x - b) exp(-a)
        log |det dx / dy| = sum [log u'(y) - log u - log(1 - u) + a]

    where pi, the means, the log-scales, a and b are functions of the given part. Everything is
    computed with logarithms of sums, so that tails stay finite (`mixture_logit`); forward solves
    by bracketed Newton steps, all entries at once (`inverse_mixture_logit`), and differentiates
    by the implicit function theorem. Log-scales are bounded: log_scale = 7 tanh(r / 7), where 7
    is `mixture_log_scale_bound`, and a likewise with `log_scale_bound`.

    For a free entry the network has 2 + 3 K outputs, for all entries together in the order: b of
    each entry; r of a of each entry; logits, means, r of the log-scales, [entries, K] each.

    K components with the same parameters would get the same gradients and stay one for ever, and
    networks start at zero. So the coupling adds fixed constants: the means start spread over half
    of the quantiles of the logistic distribution, with scales that leave the variance of the
    whole at that of the logistic. The coupling starts within 0.06 of the identity on [-3, 3];
    with K = 1 as the identity.

    ```python
    from tfgen.layers import CouplingConvolutions

    coupling = MixtureCDFCoupling(
        6, lambda size, out: CouplingConvolutions(size, out, filters=8), components=4
    )
    x, log_det = coupling.inverse_and_log_det(tf.zeros([2, 8, 8, 6]))  # [2, 8, 8, 6], [2]
    y = coupling.forward(x)
    ```

    #### References
    [1]: J. Ho, X. Chen, A. Srinivas, Y. Duan, P. Abbeel. Flow++: Improving Flow-Based Generative
         Models with Variational Dequantization and Architecture Design. ICML 2019. Section 3.2.
    """

    def __init__(
        self,
        channels: int,
        make_network: Callable[[int, int], tf.keras.layers.Layer],
        split: str = "halves",
        swap: bool = False,
        event_ndims: int = 3,
        components: int = 32,
        log_scale_bound: float = 2.0,
        mixture_log_scale_bound: float = 7.0,
        dtype=tf.float32,
        validate_args: bool = False,
        name: str = "mixture_cdf_coupling",
    ):
        """Makes the coupling and all its variables.

        Args:
          channels, make_network, split, swap, event_ndims, dtype, validate_args, name: as in
            `Coupling`.
          components: K.
          log_scale_bound: the largest |a|, positive.
          mixture_log_scale_bound: the largest log-scale of a component, positive.

        Raises:
          ValueError: fewer than one component, or a bound that is not positive.
        """
        if components < 1:
            raise ValueError(f"A mixture has one component at least; got {components}.")
        for bound, value in (
            ("log_scale_bound", log_scale_bound),
            ("mixture_log_scale_bound", mixture_log_scale_bound),
        ):
            if not value > 0:
                raise ValueError(f"{bound} is positive; got {value}.")
        super().__init__(
            channels,
            make_network,
            2 + 3 * components,
            split,
            swap,
            event_ndims,
            dtype,
            validate_args,
            name,
        )
        self.components = components
        self.log_scale_bound = log_scale_bound
        self.mixture_log_scale_bound = mixture_log_scale_bound
        quantiles = (np.arange(components) + 0.5) / components
        self._initial_means = _INITIAL_SPREAD * np.log(quantiles / (1.0 - quantiles))
        variance = np.mean(self._initial_means**2) / (np.pi**2 / 3.0)
        self._initial_log_scale = 0.5 * np.log1p(-variance)

    def to_latent(self, y: tf.Tensor, raw: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        shift, log_scale, mixture = self._transformation(raw)
        value, log_derivative = mixture_logit(tf.broadcast_to(y, tf.shape(shift)), *mixture)
        return value * tf.exp(log_scale) + shift, log_derivative + log_scale

    def to_data(self, x: tf.Tensor, raw: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        shift, log_scale, mixture = self._transformation(raw)
        y = inverse_mixture_logit((x - shift) * tf.exp(-log_scale), *mixture)
        return y, -mixture_logit(y, *mixture)[1] - log_scale

    def _transformation(self, raw):
        """b, a, and the mixture's logits, means and log-scales."""
        entries = self.free_channels
        shift, log_scale, *mixture = tf.split(
            raw, [entries, entries, *[entries * self.components] * 3], axis=-1
        )
        shape = tf.concat([tf.shape(shift), [self.components]], 0)
        logits, means, log_scales = (tf.reshape(values, shape) for values in mixture)
        means += tf.constant(self._initial_means, self.dtype)
        log_scales = _bounded(log_scales, self.mixture_log_scale_bound) + self._initial_log_scale
        return shift, _bounded(log_scale, self.log_scale_bound), (logits, means, log_scales)


def _bounded(raw, bound):
    return bound * tf.tanh(raw / bound)
