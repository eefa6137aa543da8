"""An affine map of each channel whose shift and scale come from a network of the conditioning."""

from __future__ import annotations

from typing import Callable, Optional, Tuple

import tensorflow as tf

from tfgen.bijectors.channel_bijector import ChannelBijector, sizes

__all__ = ["ConditionalActNorm"]


class ConditionalActNorm(ChannelBijector):
    """Activation normalisation by a network of the conditioning c.

        bias(c), raw(c) = halves of network(c),   log_scale = bound tanh(raw / bound)
        inverse (data -> latent):  x = (y + bias(c)) * exp(log_scale(c))
        forward (latent -> data):  y = x * exp(-log_scale(c)) - bias(c)
        inverse log-determinant:   sum over the event of log_scale(c)

    With a network whose last layer starts at zero, a new map is the identity. Nothing in it is
    set from data; an `ActNorm` in front of it is.

    ```python
    class Linear(tf.keras.layers.Dense):
        def call(self, conditioning, training=False, seed=None):
            return super().call(conditioning)

    def make_network(output_size):
        network = Linear(output_size, kernel_initializer="zeros")
        network.build([None, 200])
        return network

    norm = ConditionalActNorm(channels=32, make_network=make_network, event_ndims=1)
    y, c = tf.zeros([5, 32]), tf.zeros([5, 200])
    x, log_det = norm.inverse_and_log_det(y, conditioning=c)  # [5, 32], [5]
    ```

    Images may be conditioned on vectors [..., K], of which each position gets the same affine
    map, or on maps [..., H, W, K] with a map for each position (conditioning_ndims=3). The
    leading axes of y and c broadcast, as samples [n, B, ...] and conditioning [B, K].

    #### References
    [1]: S. Mahajan, I. Gurevych, S. Roth. Latent Normalizing Flows for Many-to-Many Cross-Domain
         Mappings. ICLR 2020. Appendix B.1: the layers of the text flow.
    """

    def __init__(
        self,
        channels: int,
        make_network: Callable,
        event_ndims: int = 3,
        conditioning_ndims: int = 1,
        log_scale_bound: float = 2.0,
        dtype=tf.float32,
        validate_args: bool = False,
        name: str = "conditional_act_norm",
    ):
        """Makes the map and its network.

        Args:
          channels: C.
          make_network: function of the output size, 2 C, to a Keras layer with all its variables,
            called as network(conditioning, training=..., seed=...) -> [..., 2 C]. Its last layer
            starts at zero.
          event_ndims: 3 for images [H, W, C], 1 for vectors [C].
          conditioning_ndims: 1 for a conditioning [..., K], or 3 for maps [..., H, W, K], which
            images alone can have.
          log_scale_bound: the largest absolute log-scale, positive.
          dtype: float32 or float64, of the variables of the network too.
          validate_args: as in every tfb.Bijector.
          name: name of the bijector, by which a tfb.Chain passes it its conditioning.

        Raises:
          ValueError: a bound that is not positive, or numbers of axes that do not go together.
        """
        if not log_scale_bound > 0:
            raise ValueError(f"log_scale_bound is positive; got {log_scale_bound}.")
        super().__init__(channels, event_ndims, name, dtype, validate_args)
        if conditioning_ndims not in (1, event_ndims):
            raise ValueError(
                f"Events of {event_ndims} axes have a conditioning of 1 or {event_ndims} axes; "
                f"got conditioning_ndims={conditioning_ndims}."
            )
        self.conditioning_ndims = conditioning_ndims
        self.log_scale_bound = log_scale_bound
        self.network = make_network(2 * channels)

    def forward_and_log_det(
        self,
        x: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed=None,
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """y = x exp(-log_scale(c)) - bias(c), and log |det dy / dx|, [...]."""
        x = self._checked(x)
        bias, log_scale = self._bias_and_log_scale(conditioning, training, seed)
        y = x * tf.exp(-log_scale) - bias
        return y, -self._log_det_of(y, log_scale)

    def inverse_and_log_det(
        self,
        y: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed=None,
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """x = (y + bias(c)) exp(log_scale(c)), and log |det dx / dy|, [...]."""
        y = self._checked(y)
        bias, log_scale = self._bias_and_log_scale(conditioning, training, seed)
        x = (y + bias) * tf.exp(log_scale)
        return x, self._log_det_of(x, log_scale)

    def _bias_and_log_scale(self, conditioning, training, seed):
        """Both with the axes of an event, of which height and width may be 1."""
        if conditioning is None:
            wanted = "[..., K]" if self.conditioning_ndims == 1 else "[..., H, W, K]"
            raise ValueError(
                f"{self.name} has a network of the conditioning, so pass conditioning=... of "
                f"shape {wanted}."
            )
        conditioning = tf.cast(conditioning, self.dtype)
        try:
            if conditioning.shape.rank == self.conditioning_ndims:  # networks want a batch axis
                outputs = self.network(conditioning[tf.newaxis], training=training, seed=seed)[0]
            else:
                outputs = self.network(conditioning, training=training, seed=seed)
        except ValueError as error:
            raise ValueError(
                f"The network of {self.name} does not take a conditioning of shape "
                f"{conditioning.shape}: {error}"
            ) from error
        outputs = tf.cast(outputs, self.dtype)
        if self.conditioning_ndims < self.event_ndims:
            outputs = outputs[..., tf.newaxis, tf.newaxis, :]
        bias, raw = tf.split(outputs, 2, axis=-1)
        return bias, self.log_scale_bound * tf.tanh(raw / self.log_scale_bound)

    def _log_det_of(self, result, log_scale):
        """Sums log_scale over the event, for every example of the result."""
        axes = list(range(-self.event_ndims, 0))
        log_det = tf.reduce_sum(log_scale, axis=axes)
        if self.conditioning_ndims < self.event_ndims:
            log_det *= self._positions(result)
        return tf.broadcast_to(log_det, sizes(result)[: result.shape.rank - self.event_ndims])
