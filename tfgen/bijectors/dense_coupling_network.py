"""The fully connected network inside couplings of vectors."""

from __future__ import annotations

from typing import Callable, Optional, Sequence, Union

import tensorflow as tf

from tfgen.bijectors.conditioning import checked_conditioning

__all__ = ["DenseCouplingNetwork"]


class DenseCouplingNetwork(tf.keras.layers.Layer):
    """Fully connected network from a vector, and a conditioning vector, to a vector.

        hidden = activation(W_x x + W_c c + b), and further dense layers
        output = dense(hidden)

    The last layer starts at zero. The first layer treats its two inputs apart, so that
    [n, B, size] and a conditioning [B, C] broadcast without copies, and the conditioning of n
    samples is projected once.

    ```python
    network = DenseCouplingNetwork(3, 8, hidden_units=(64, 64), conditioning_size=5)
    network(tf.zeros([10, 2, 3]), conditioning=tf.ones([2, 5]))  # [10, 2, 8]
    ```

    All variables exist after construction. They have the dtype of the layer whatever the
    mixed-precision policy: densities stay exact.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        hidden_units: Sequence[int] = (200, 200),
        conditioning_size: Optional[int] = None,
        activation: Union[str, Callable] = "swish",
        seed: Optional[int] = None,
        dtype: str = "float32",
        name: Optional[str] = None,
    ):
        """Makes the network and its variables.

        Args:
          input_size: size of x.
          output_size: size of the output.
          hidden_units: widths of the hidden layers, one at least.
          conditioning_size: size of the conditioning vector, None for a network without.
          activation: Keras activation of the hidden layers. Smooth ones make smooth densities and
            fit mixtures in fewer steps than leaky_relu; swish was the best of those tried.
          seed: makes the initial weights reproducible; None takes Keras' global seed.
          dtype: dtype of variables and computation.
          name: name of the layer.
        """
        super().__init__(name=name, dtype=dtype)
        if not hidden_units:
            raise ValueError("hidden_units has one width at least; got ().")
        self.input_size = input_size
        self.output_size = output_size
        self.hidden_units = tuple(hidden_units)
        self.conditioning_size = conditioning_size
        self.activation = tf.keras.activations.get(activation)
        self.seed = seed

        def dense(index, inputs, units, **kwargs):
            kernel_seed = None if seed is None else 1000 * seed + index
            kwargs.setdefault(
                "kernel_initializer", tf.keras.initializers.HeUniform(seed=kernel_seed)
            )
            layer = tf.keras.layers.Dense(units, dtype=dtype, **kwargs)
            layer.build(tf.TensorShape([None, inputs]))
            return layer

        first, last = hidden_units[0], hidden_units[-1]
        self.input_layer = dense(0, input_size, first)
        self.conditioning_layer = None
        if conditioning_size is not None:
            self.conditioning_layer = dense(1, conditioning_size, first, use_bias=False)
        self.hidden_layers = [
            dense(2 + index, inputs, units)
            for index, (inputs, units) in enumerate(zip(hidden_units[:-1], hidden_units[1:]))
        ]
        self.output_layer = dense(
            2 + len(self.hidden_layers), last, output_size, kernel_initializer="zeros"
        )
        self.built = True

    def call(
        self,
        inputs: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed=None,
    ) -> tf.Tensor:
        """Output, [..., output_size].

        Args:
          inputs: [..., input_size].
          conditioning: [..., conditioning_size], whose leading axes broadcast with those of
            `inputs`; not read by a network without a conditioning_size.
          training, seed: not used, there is no dropout here; every coupling network takes them.

        Raises:
          ValueError: the conditioning is missing, or of another size.
        """
        conditioning = checked_conditioning(
            self.name, conditioning, self.conditioning_size, self.dtype
        )
        hidden = _apply(self.input_layer, inputs)
        if conditioning is not None:
            hidden += _apply(self.conditioning_layer, conditioning)
        hidden = self.activation(hidden)
        for layer in self.hidden_layers:
            hidden = self.activation(_apply(layer, hidden))
        return _apply(self.output_layer, hidden)

    def get_config(self):
        config = super().get_config()
        config.update(
            input_size=self.input_size,
            output_size=self.output_size,
            hidden_units=self.hidden_units,
            conditioning_size=self.conditioning_size,
            activation=tf.keras.activations.serialize(self.activation),
            seed=self.seed,
        )
        del config["trainable"]
        return config


def _apply(dense, inputs):
    """Applies a Keras dense layer, which wants a batch axis, to a tensor with or without one."""
    return dense(inputs[tf.newaxis])[0] if inputs.shape.rank == 1 else dense(inputs)
