"""The network inside an affine coupling of vectors."""

from __future__ import annotations

from typing import Callable, Optional, Sequence, Tuple, Union

import tensorflow as tf

from tfgen.bijectors.dense_coupling_network import DenseCouplingNetwork

__all__ = ["CouplingNetwork"]


class CouplingNetwork(DenseCouplingNetwork):
    """Fully connected network from half of a vector, and a conditioning vector, to an affine map.

        shift, raw = DenseCouplingNetwork(x, c)
        log_scale = bound tanh(raw / bound)

    The last layer starts at zero: the map starts as the identity. The scale never leaves
    [exp(-bound), exp(bound)], without which couplings can train to NaN.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        hidden_units: Sequence[int] = (200, 200),
        conditioning_size: Optional[int] = None,
        activation: Union[str, Callable] = "swish",
        log_scale_bound: float = 2.0,
        seed: Optional[int] = None,
        dtype: str = "float32",
        name: Optional[str] = None,
    ):
        """Makes the network and its variables.

        Args:
          output_size: size of the shift and of the log-scale.
          log_scale_bound: the largest absolute log-scale, positive.
          input_size, hidden_units, conditioning_size, activation, seed, dtype, name: as in
            `DenseCouplingNetwork`.
        """
        if not log_scale_bound > 0:
            raise ValueError(f"log_scale_bound is positive; got {log_scale_bound}.")
        super().__init__(
            input_size,
            2 * output_size,
            hidden_units=hidden_units,
            conditioning_size=conditioning_size,
            activation=activation,
            seed=seed,
            dtype=dtype,
            name=name,
        )
        self.output_size = output_size
        self.log_scale_bound = log_scale_bound

    def call(
        self,
        inputs: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed=None,
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Shift and log-scale.

        Args:
          inputs: [..., input_size].
          conditioning: [..., conditioning_size], whose leading axes broadcast with those of
            `inputs`.
          training, seed: not used.

        Returns:
          shift, log_scale: [..., output_size] each.
        """
        shift, raw = tf.split(super().call(inputs, conditioning), 2, axis=-1)
        return shift, self.log_scale_bound * tf.tanh(raw / self.log_scale_bound)

    def get_config(self):
        return {**super().get_config(), "log_scale_bound": self.log_scale_bound}
