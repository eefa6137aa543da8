"""The coupling of NICE: a shift."""

from __future__ import annotations

from typing import Callable, Tuple

import tensorflow as tf

from tfgen.bijectors.coupling import Coupling

__all__ = ["AdditiveCoupling"]

_INITIAL_LOGIT = 5.0


class AdditiveCoupling(Coupling):
    """One part of the variables is shifted by a network of the other part.

        inverse (data -> latent):  x = (y + m(given)) * sigma
        forward (latent -> data):  y = x / sigma - m(given)
        log |det dx / dy| = sum log sigma

    where sigma = 1, or with `trainable_scale=True` sigma = sigmoid(r + 5) for a trainable r of
    each free channel that starts at zero (as in the released LNFMM), so that sigma starts at
    0.993. See `Coupling` for the splits.

    ```python
    from tfgen.layers import CouplingConvolutions

    coupling = AdditiveCoupling(6, lambda size, out: CouplingConvolutions(size, out, filters=8))
    x, log_det = coupling.inverse_and_log_det(tf.zeros([2, 8, 8, 6]))  # [2, 8, 8, 6], [2]
    ```

    #### References
    [1]: L. Dinh, D. Krueger, Y. Bengio. NICE: Non-linear Independent Components Estimation. 2014.
         Section 3.2.
    """

    def __init__(
        self,
        channels: int,
        make_network: Callable[[int, int], tf.keras.layers.Layer],
        split: str = "halves",
        swap: bool = False,
        event_ndims: int = 3,
        trainable_scale: bool = False,
        dtype=tf.float32,
        validate_args: bool = False,
        name: str = "additive_coupling",
    ):
        """Makes the coupling and all its variables.

        Args:
          channels, make_network, split, swap, event_ndims, dtype, validate_args, name: as in
            `Coupling`. The network has one output for an entry, the shift.
          trainable_scale: whether the shifted part is scaled too, the same for all inputs.
        """
        super().__init__(
            channels, make_network, 1, split, swap, event_ndims, dtype, validate_args, name
        )
        self.scale_logit = None
        if trainable_scale:
            self.scale_logit = tf.Variable(
                tf.zeros([self.free_channels], self.dtype), name=f"{name}_scale_logit"
            )

    def to_latent(self, y: tf.Tensor, raw: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        x = y + raw
        if self.scale_logit is None:
            return x, tf.zeros_like(x)
        log_scale = tf.math.log_sigmoid(self.scale_logit + _INITIAL_LOGIT)
        return x * tf.exp(log_scale), tf.zeros_like(x) + log_scale

    def to_data(self, x: tf.Tensor, raw: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        if self.scale_logit is None:
            y = x - raw
            return y, tf.zeros_like(y)
        log_scale = tf.math.log_sigmoid(self.scale_logit + _INITIAL_LOGIT)
        y = x * tf.exp(-log_scale) - raw
        return y, tf.zeros_like(y) - log_scale
