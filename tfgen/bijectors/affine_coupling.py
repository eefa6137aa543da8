"""The coupling of Real NVP and Glow: a shift and a scale."""

from __future__ import annotations

from typing import Callable, Tuple

import tensorflow as tf

from tfgen.bijectors.coupling import Coupling

__all__ = ["AffineCoupling"]

_INITIAL_LOGIT = 2.0


class AffineCoupling(Coupling):
    """One part of the variables is shifted and scaled by a network of the other part.

        inverse (data -> latent):  x = (y + m(given)) * sigma(given)
        forward (latent -> data):  y = x / sigma(given) - m(given)
        log |det dx / dy| = sum log sigma(given)

        scale="sigmoid"      sigma = sigmoid(r + 2)                  (released Glow, mAR-SCF, LNFMM)
        scale="exponential"  sigma = exp(bound * tanh(r / bound))    (Real NVP, with a bound)

    for outputs m and r of the network. With the exponential scale and a network that starts at
    zero the coupling starts as the identity, with the sigmoid as a contraction by 0.88: its scale
    never exceeds one. Unbounded scales can train to NaN. See `Coupling` for the splits.

    ```python
    from tfgen.layers import CouplingConvolutions

    coupling = AffineCoupling(6, lambda size, out: CouplingConvolutions(size, out, filters=8))
    x, log_det = coupling.inverse_and_log_det(tf.zeros([2, 8, 8, 6]))  # [2, 8, 8, 6], [2]
    ```

    #### References
    [1]: L. Dinh, J. Sohl-Dickstein, S. Bengio. Density estimation using Real NVP. ICLR 2017.
         Eq. 7 and 8, with the shift after the scale.
    [2]: D. P. Kingma, P. Dhariwal. Glow: Generative Flow with Invertible 1x1 Convolutions.
         NeurIPS 2018. Table 1, and the released code for the sigmoid.
    """

    def __init__(
        self,
        channels: int,
        make_network: Callable[[int, int], tf.keras.layers.Layer],
        split: str = "halves",
        swap: bool = False,
        event_ndims: int = 3,
        scale: str = "sigmoid",
        log_scale_bound: float = 2.0,
        dtype=tf.float32,
        validate_args: bool = False,
        name: str = "affine_coupling",
    ):
        """Makes the coupling and all its variables.

        Args:
          channels, make_network, split, swap, event_ndims, dtype, validate_args, name: as in
            `Coupling`. The network has two outputs for an entry: first the shifts m of all, then
            the r.
          scale: "sigmoid" or "exponential".
          log_scale_bound: the largest absolute log-scale of the exponential, positive.

        Raises:
          ValueError: an unknown scale, or a bound that is not positive.
        """
        if scale not in ("sigmoid", "exponential"):
            raise ValueError(f"scale is sigmoid or exponential; got {scale!r}.")
        if not log_scale_bound > 0:
            raise ValueError(f"log_scale_bound is positive; got {log_scale_bound}.")
        super().__init__(
            channels, make_network, 2, split, swap, event_ndims, dtype, validate_args, name
        )
        self.scale = scale
        self.log_scale_bound = log_scale_bound

    def to_latent(self, y: tf.Tensor, raw: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        shift, log_scale = self._shift_and_log_scale(raw)
        return (y + shift) * tf.exp(log_scale), log_scale

    def to_data(self, x: tf.Tensor, raw: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        shift, log_scale = self._shift_and_log_scale(raw)
        return x * tf.exp(-log_scale) - shift, -log_scale

    def _shift_and_log_scale(self, raw):
        shift, raw = tf.split(raw, 2, axis=-1)
        if self.scale == "sigmoid":
            return shift, tf.math.log_sigmoid(raw + _INITIAL_LOGIT)
        return shift, self.log_scale_bound * tf.tanh(raw / self.log_scale_bound)
