"""Masked and inverse autoregressive flows."""

from __future__ import annotations

from typing import Callable, Optional, Sequence, Tuple, Union

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.bijectors.channel_bijector import ChannelBijector, sizes

tfb = tfp.bijectors

__all__ = ["MaskedAutoregressive"]


class MaskedAutoregressive(ChannelBijector):
    """Each entry of a vector is scaled and shifted by functions of the entries before it.

        one pass:   v_d = (u_d - shift_d(u_1 .. u_{d-1}, c)) exp(-log_scale_d(u_1 .. u_{d-1}, c))
        in a loop:  u_d = v_d exp(log_scale_d(u_1 .. u_{d-1}, c)) + shift_d(u_1 .. u_{d-1}, c)
        log |det dv / du| = -sum_d log_scale_d,   log_scale = bound tanh(raw / bound)

    The masked autoregressive flow has its one pass from data to latent (v = inverse(u)): for
    densities. With inverse=True it is the inverse autoregressive flow, whose one pass goes from
    latent to data (v = forward(u)): for samples, and posteriors that are evaluated at their own
    samples. The other direction takes D passes, in a loop of the graph.

    Shift and raw come from one masked network (tfb.AutoregressiveNetwork) of all entries and an
    optional conditioning vector c. A new flow is the identity. Put a `ReverseChannels` between
    two of them, so that each begins at the other end.

    ```python
    flow = MaskedAutoregressive(6, hidden_units=(64, 64), conditioning_size=10)
    y, c = tf.zeros([5, 6]), tf.zeros([5, 10])
    x, log_det = flow.inverse_and_log_det(y, conditioning=c)  # [5, 6], [5], one pass
    flow.forward(x, conditioning=c)  # 6 passes
    ```

    Shapes: [..., D] and conditioning [..., K], whose leading axes broadcast; log-determinants
    [...], in nats. The masks of the weights are constraints of the variables: optimizers of Keras
    respect them, and whoever assigns weights by hand has to do the same.

    #### References
    [1]: G. Papamakarios, T. Pavlakou, I. Murray. Masked Autoregressive Flow for Density
         Estimation. NeurIPS 2017. Section 3, Equations 3 to 5.
    [2]: D. Kingma et al. Improving Variational Inference with Inverse Autoregressive Flow. NeurIPS
         2016. Section 3, Equation 5.
    [3]: M. Germain, K. Gregor, I. Murray, H. Larochelle. MADE: Masked Autoencoder for Distribution
         Estimation. ICML 2015. Section 3.
    """

    def __init__(
        self,
        size: int,
        hidden_units: Sequence[int] = (200, 200),
        conditioning_size: Optional[int] = None,
        inverse: bool = False,
        activation: Union[str, Callable] = "swish",
        log_scale_bound: float = 2.0,
        seed: Optional[int] = None,
        dtype=tf.float32,
        validate_args: bool = False,
        name: str = "masked_autoregressive",
    ):
        """Makes the flow and all its variables.

        Args:
          size: D, 2 or more, or 1 with a conditioning.
          hidden_units: widths of the hidden layers of the network, one at least.
          conditioning_size: K, or None for a flow without conditioning.
          inverse: False for the masked autoregressive flow (fast densities), True for the inverse
            autoregressive flow (fast samples).
          activation: Keras activation of the hidden layers.
          log_scale_bound: the largest absolute log-scale of an entry, positive.
          seed: makes the initial weights reproducible; None takes Keras' global seed.
          dtype: float32 or float64; kept under any mixed-precision policy.
          validate_args: as in every tfb.Bijector.
          name: name of the bijector, by which a tfb.Chain passes it its conditioning.

        Raises:
          ValueError: a size, a width or a bound that makes no flow.
        """
        super().__init__(size, 1, name, dtype, validate_args)
        if size < 2 and conditioning_size is None:
            raise ValueError(f"Without a conditioning, {name} needs a size of 2 or more; got 1.")
        if not hidden_units:
            raise ValueError("hidden_units has one width at least; got ().")
        if not log_scale_bound > 0:
            raise ValueError(f"log_scale_bound is positive; got {log_scale_bound}.")
        self.conditioning_size = conditioning_size
        self.log_scale_bound = log_scale_bound
        self._one_pass_is_forward = inverse
        # A hidden unit sees one entry at least, so the first entry has none. With a constant in
        # front of the vector, its shift and scale too are networks of the conditioning.
        self._constants = 0 if conditioning_size is None else 1
        self.network = tfb.AutoregressiveNetwork(
            params=2,
            event_shape=[self._constants + size],
            hidden_units=list(hidden_units),
            activation=activation,
            kernel_initializer=_InitialKernels(seed, len(hidden_units) * (1 + self._constants)),
            dtype=self.dtype.name,
            conditional=conditioning_size is not None,
            conditional_event_shape=None if conditioning_size is None else [conditioning_size],
        )
        # The network's layers of sums and activations compute in the policy of this moment.
        policy = tf.keras.mixed_precision.global_policy()
        tf.keras.mixed_precision.set_global_policy(self.dtype.name)
        try:
            self.network.build(tf.TensorShape([None, self._constants + size]))
        finally:
            tf.keras.mixed_precision.set_global_policy(policy)
        self.flow = tfb.MaskedAutoregressiveFlow(self._shift_and_log_scale)

    def forward_and_log_det(
        self,
        x: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed=None,
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """y = forward(x), [..., D], and log |det dy / dx|, [...]."""
        direction = self._one_pass if self._one_pass_is_forward else self._loop
        return direction(*self._checked_both(x, conditioning))

    def inverse_and_log_det(
        self,
        y: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed=None,
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """x = inverse(y), [..., D], and log |det dx / dy|, [...]."""
        direction = self._loop if self._one_pass_is_forward else self._one_pass
        return direction(*self._checked_both(y, conditioning))

    def _one_pass(self, u, conditioning):
        shift, log_scale = self._shift_and_log_scale(u, conditioning)
        return (u - shift) * tf.exp(-log_scale), -tf.reduce_sum(log_scale, axis=-1)

    def _loop(self, v, conditioning):
        # The loop starts from zeros like its input, which has to have all leading axes.
        if conditioning is not None:
            batch = tf.broadcast_dynamic_shape(tf.shape(v)[:-1], tf.shape(conditioning)[:-1])
            static = tf.broadcast_static_shape(v.shape[:-1], conditioning.shape[:-1])
            v = tf.broadcast_to(v, tf.concat([batch, [self.channels]], 0))
            v = tf.ensure_shape(v, static.concatenate([self.channels]))
        # A tensor of its own keeps TFP from remembering a result of older weights.
        u = self.flow.forward(tf.identity(v), conditioning=conditioning)
        _, log_scale = self._shift_and_log_scale(u, conditioning)
        return u, tf.reduce_sum(log_scale, axis=-1)

    def _shift_and_log_scale(self, u, conditioning=None):
        """Both for every entry, [..., D] each."""
        if conditioning is None:
            outputs = self.network(u)
        else:
            first = tf.zeros([*sizes(u)[:-1], 1], u.dtype)
            outputs = self.network(tf.concat([first, u], -1), conditional_input=conditioning)
        shift, raw = tf.unstack(outputs[..., self._constants :, :], num=2, axis=-1)
        return shift, self.log_scale_bound * tf.tanh(raw / self.log_scale_bound)

    def _checked_both(self, x, conditioning):
        """Both inputs, without a conditioning that the flow has no use for."""
        x = self._checked(x)
        if self.conditioning_size is None:
            return x, None
        if conditioning is None:
            raise ValueError(
                f"{self.name} was made with conditioning_size={self.conditioning_size}, so pass "
                f"conditioning=... of shape [..., {self.conditioning_size}]."
            )
        conditioning = tf.cast(conditioning, self.dtype)
        if conditioning.shape[-1] not in (None, self.conditioning_size):
            raise ValueError(
                f"{self.name} takes a conditioning of size {self.conditioning_size}; got shape "
                f"{conditioning.shape}."
            )
        return x, conditioning


class _InitialKernels(tf.keras.initializers.Initializer):
    """HeUniform with another seed for each kernel of the hidden layers, then zeros."""

    def __init__(self, seed: Optional[int], hidden_kernels: int):
        self.seed = seed
        self.hidden_kernels = hidden_kernels
        self.made = 0

    def __call__(self, shape, dtype=None, **kwargs):
        self.made += 1
        if self.made > self.hidden_kernels:
            return tf.zeros(shape, dtype)
        seed = None if self.seed is None else 1000 * self.seed + self.made
        return tf.keras.initializers.HeUniform(seed=seed)(shape, dtype)
