"""An affine coupling that transforms both halves of a vector."""

from __future__ import annotations

from typing import Callable, Optional, Sequence, Tuple, Union

import tensorflow as tf

from tfgen.bijectors.coupling_network import CouplingNetwork
from tfgen.bijectors.one_pass import OnePassBijector

__all__ = ["DoubleAffineCoupling"]


class DoubleAffineCoupling(OnePassBijector):
    """Two affine maps in turn, each of one half of a vector given the other half.

    For z = [z1, z2], split by index into the first floor(D / 2) entries and the others, and an
    optional conditioning vector c,

        forward:  z1' = z1 * s1(z2, c) + m1(z2, c)       z2' = z2 * s2(z1', c) + m2(z1', c)
        inverse:  z2 = (z2' - m2(z1', c)) / s2(z1', c)   z1 = (z1' - m1(z2, c)) / s1(z2, c)
        forward log-determinant:  sum log s1(z2, c) + sum log s2(z1', c)

    The shifts m and scales s > 0 are networks with bounded log-scales (`CouplingNetwork`). A new
    coupling is the identity.

    ```python
    coupling = DoubleAffineCoupling(event_size=50, conditioning_size=200)
    z, c = tf.zeros([10, 3, 50]), tf.zeros([3, 200])
    coupling.forward(z, conditioning=c)  # [10, 3, 50]
    y, log_det = coupling.forward_and_log_det(z, conditioning=c)  # networks run once
    ```

    The leading axes of z and c broadcast, as samples [n, B, D] and conditioning [B, C].

    #### References
    [1]: C. Cremer, N. Kushman. On the Importance of Learning Aggregate Posteriors in Multimodal
         Variational Autoencoders. The flow distribution.
    [2]: L. Dinh, J. Sohl-Dickstein, S. Bengio. Density estimation using Real NVP. ICLR 2017.
         Section 3.2.
    """

    def __init__(
        self,
        event_size: int,
        hidden_units: Sequence[int] = (200, 200),
        conditioning_size: Optional[int] = None,
        activation: Union[str, Callable] = "swish",
        log_scale_bound: float = 2.0,
        seed: Optional[int] = None,
        dtype=tf.float32,
        validate_args: bool = False,
        name: str = "double_affine_coupling",
    ):
        """Makes the coupling and all its variables.

        Args:
          event_size: D, at least 2.
          hidden_units: widths of the hidden layers of each of the two networks.
          conditioning_size: C, or None for a coupling without conditioning.
          activation: Keras activation of the hidden layers.
          log_scale_bound: the largest absolute log-scale of one affine map.
          seed: makes the initial weights reproducible; None takes Keras' global seed.
          dtype: float32 or float64; kept under any mixed-precision policy.
          validate_args: as in every tfb.Bijector.
          name: name of the bijector, by which a tfb.Chain passes it its conditioning.

        Raises:
          ValueError: an event_size below 2.
        """
        if event_size < 2:
            raise ValueError(
                f"A coupling needs two halves: event_size is 2 or more; got {event_size}."
            )
        dtype = tf.as_dtype(dtype)
        # Without `parameters`: TFP takes bijectors of equal parameters for the same and mixes up
        # their cached results, but two couplings of one configuration have different weights.
        super().__init__(
            forward_min_event_ndims=1, dtype=dtype, validate_args=validate_args, name=name
        )
        self.event_size = event_size
        self.conditioning_size = conditioning_size
        self._sizes = (event_size // 2, event_size - event_size // 2)

        def network(half):
            return CouplingNetwork(
                input_size=self._sizes[1 - half],
                output_size=self._sizes[half],
                hidden_units=hidden_units,
                conditioning_size=conditioning_size,
                activation=activation,
                log_scale_bound=log_scale_bound,
                seed=None if seed is None else 2 * seed + half,
                dtype=dtype.name,
                name=f"{name}_{('first', 'second')[half]}_half",
            )

        self.first_network, self.second_network = network(0), network(1)

    def forward_and_log_det(
        self, x: tf.Tensor, conditioning: Optional[tf.Tensor] = None, training=False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """y = forward(x), [..., D], and log |det dy / dx|, [...]; every network runs once.

        There is no dropout: training and seed are not used.
        """
        del training, seed
        x, conditioning = self._checked(x, conditioning)
        first, second = tf.split(x, self._sizes, axis=-1)
        shift1, log_scale1 = self.first_network(second, conditioning)
        first = first * tf.exp(log_scale1) + shift1
        shift2, log_scale2 = self.second_network(first, conditioning)
        second = second * tf.exp(log_scale2) + shift2
        log_det = tf.reduce_sum(log_scale1, axis=-1) + tf.reduce_sum(log_scale2, axis=-1)
        return tf.concat([first, second], axis=-1), log_det

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning: Optional[tf.Tensor] = None, training=False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """x = inverse(y), [..., D], and log |det dx / dy|, [...]; every network runs once."""
        del training, seed
        y, conditioning = self._checked(y, conditioning)
        first, second = tf.split(y, self._sizes, axis=-1)
        shift2, log_scale2 = self.second_network(first, conditioning)
        second = (second - shift2) * tf.exp(-log_scale2)
        shift1, log_scale1 = self.first_network(second, conditioning)
        first = (first - shift1) * tf.exp(-log_scale1)
        log_det = tf.reduce_sum(log_scale1, axis=-1) + tf.reduce_sum(log_scale2, axis=-1)
        return tf.concat([first, second], axis=-1), -log_det

    def _checked(self, x, conditioning):
        """Both inputs as tensors of the coupling's dtype, or an error that says what is wrong."""
        x = tf.convert_to_tensor(x, self.dtype)
        if x.shape.rank is not None and x.shape[-1] not in (None, self.event_size):
            raise ValueError(
                f"{self.name} transforms vectors of size {self.event_size}; got shape {x.shape}."
            )
        if (conditioning is None) != (self.conditioning_size is None):
            raise ValueError(
                f"{self.name} was made with conditioning_size={self.conditioning_size}, so pass "
                + (
                    "no conditioning."
                    if self.conditioning_size is None
                    else f"conditioning=... of shape [..., {self.conditioning_size}]."
                )
            )
        if conditioning is not None:
            conditioning = tf.cast(conditioning, self.dtype)
            if conditioning.shape[-1] not in (None, self.conditioning_size):
                raise ValueError(
                    f"{self.name} takes a conditioning of size {self.conditioning_size}; got "
                    f"shape {conditioning.shape}."
                )
        return x, conditioning
