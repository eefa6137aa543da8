"""Flows of vectors: one that carries codes from domain to domain, one for conditional priors."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

from tfgen.bijectors.additive_coupling import AdditiveCoupling
from tfgen.bijectors.affine_coupling import AffineCoupling
from tfgen.bijectors.conditional_act_norm import ConditionalActNorm
from tfgen.bijectors.dense_coupling_network import DenseCouplingNetwork
from tfgen.bijectors.half_swap import HalfSwap
from tfgen.bijectors.sequence import BijectorSequence

__all__ = ["alignment_flow", "conditional_prior_flow"]


def alignment_flow(
    size: int = 992,
    steps: int = 12,
    couplings: int = 4,
    hidden_units: int = 1024,
    activation: str = "swish",
    seed: Optional[int] = None,
    dtype=tf.float32,
    name: str = "alignment_flow",
) -> BijectorSequence:
    """An invertible map between the codes of two domains.

    Each step is `couplings` additive couplings, which shift the second half of the variables and
    the first in turn and scale it by a sigmoid(r + 5) of its own for each variable, and then the
    halves change places.

        inverse   image codes -> text codes, f_phi_s; with log |det df / dz_v|
        forward   text codes -> image codes, its inverse

    A new flow shrinks every variable to about 0.993^(steps * couplings / 2) of it, and swaps.

    ```python
    flow = alignment_flow(size=8, steps=2, hidden_units=16)
    text_code, log_det = flow.inverse_and_log_det(tf.ones([3, 8]))  # [3, 8], [3]
    image_code = flow.forward(text_code)  # ones again
    ```

    Args:
      size: number of variables, two at least.
      steps: one at least.
      couplings: in each step, one at least; with one, the swaps alone change the half.
      hidden_units: width of the one hidden layer of each coupling's network.
      activation: of the hidden layer.
      seed: makes the initial weights reproducible; None takes Keras' global seed.
      dtype: float32 or float64.
      name: name of the flow.

    Returns:
      A bijector of [..., size]; log-determinants [...].

    Raises:
      ValueError: fewer than two variables, or a number below one.

    #### References
    [1]: S. Mahajan, I. Gurevych, S. Roth. Latent Normalizing Flows for Many-to-Many Cross-Domain
         Mappings. ICLR 2020. Section 3 and Appendix B.1; steps and couplings as in the release.
    [2]: L. Dinh, D. Krueger, Y. Bengio. NICE: Non-linear Independent Components Estimation. 2014.
    """
    _check(size, "alignment_flow", steps=steps, couplings=couplings)
    parts = []
    for step in range(steps):
        for index in range(couplings):
            number = step * couplings + index
            parts.append(
                AdditiveCoupling(
                    size,
                    _networks(hidden_units, activation, None, seed, number, dtype),
                    swap=index % 2 == 1,
                    event_ndims=1,
                    trainable_scale=True,
                    dtype=dtype,
                    name=f"{name}_coupling_{number}",
                )
            )
        parts.append(HalfSwap(size, event_ndims=1, name=f"{name}_swap_{step}"))
    return BijectorSequence(parts, name=name)


def conditional_prior_flow(
    size: int = 32,
    conditioning_size: int = 992,
    steps: int = 16,
    hidden_units: int = 1024,
    activation: str = "swish",
    seed: Optional[int] = None,
    dtype=tf.float32,
    name: str = "conditional_prior_flow",
) -> BijectorSequence:
    """A flow of a domain's own latents given the shared ones.

    Each step is, from latents to noise, a conditional activation normalisation, an affine
    coupling that shifts the second half and scales it by sigmoid(r + 2), and a swap of the halves.
    The networks of the two have one hidden layer and see the conditioning.

        inverse   latents z' -> noise, f_phi_t^-1(z' | z_s), with log |det d noise / dz'|
        forward   noise -> latents z'

    so that log p(z' | z_s) = log p(noise) + inverse_log_det_jacobian(z', conditioning=z_s). The
    couplings contract towards noise; a new flow turns a variable into about 0.88^(steps / 2) of
    it, which a noise of standard deviation 0.25 suits.

    ```python
    flow = conditional_prior_flow(size=4, conditioning_size=6, steps=2, hidden_units=16)
    z, shared = tf.ones([5, 3, 4]), tf.ones([3, 6])  # five latents for each of three
    noise, log_det = flow.inverse_and_log_det(z, conditioning=shared)  # [5, 3, 4], [5, 3]
    ```

    Args:
      size: number of variables, two at least: the release has 32 for texts and, with
        hidden_units=512, 64 for images.
      conditioning_size: of the vectors z_s.
      steps: one at least.
      hidden_units: width of the hidden layers.
      activation: of the hidden layers.
      seed: makes the initial weights reproducible; None takes Keras' global seed.
      dtype: float32 or float64.
      name: name of the flow.

    Returns:
      A bijector of [..., size] with conditioning=[..., conditioning_size], whose leading axes
      broadcast; log-determinants [...].

    Raises:
      ValueError: fewer than two variables, or a number below one.

    #### References
    [1]: S. Mahajan, I. Gurevych, S. Roth. Latent Normalizing Flows for Many-to-Many Cross-Domain
         Mappings. ICLR 2020. Eq. 7 and Appendix B.1; without the 1x1 convolution of the text
         flow, which the release leaves out.
    """
    _check(size, "conditional_prior_flow", conditioning_size=conditioning_size, steps=steps)
    parts = []
    for step in range(steps):
        normalisations = _networks(hidden_units, activation, None, seed, 2 * step, dtype)
        couplings = _networks(
            hidden_units, activation, conditioning_size, seed, 2 * step + 1, dtype
        )
        parts += [
            ConditionalActNorm(
                size,
                lambda outputs, make=normalisations: make(conditioning_size, outputs),
                event_ndims=1,
                dtype=dtype,
                name=f"{name}_normalisation_{step}",
            ),
            AffineCoupling(
                size, couplings, event_ndims=1, dtype=dtype, name=f"{name}_coupling_{step}"
            ),
            HalfSwap(size, event_ndims=1, name=f"{name}_swap_{step}"),
        ]
    return BijectorSequence(parts, name=name)


def _networks(hidden_units, activation, conditioning_size, seed, number, dtype):
    """Makes the network of one part of a flow from its input and output size."""

    def make(input_size, output_size):
        return DenseCouplingNetwork(
            input_size,
            output_size,
            hidden_units=(hidden_units,),
            conditioning_size=conditioning_size,
            activation=activation,
            seed=None if seed is None else 1000 * seed + number,
            dtype=tf.as_dtype(dtype).name,
        )

    return make


def _check(size, owner, **numbers):
    if size < 2:
        raise ValueError(
            f"{owner} transforms one half of the variables given the other: size is 2 or more; "
            f"got {size}."
        )
    for number, value in numbers.items():
        if value < 1:
            raise ValueError(f"{owner} wants {number} of 1 or more; got {value}.")
