"""The network of an autoregressive prior over the channels of a map."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.layers.conv_lstm import ConvLSTM
from tfgen.layers.conv_lstm_matrices import ConvLSTMMatrices

__all__ = ["ChannelPriorNetwork"]

# Maps of up to as many pixels times filters are stepped through by matrix products.
SMALL_MAPS = 128


class ChannelPriorNetwork(tf.keras.layers.Layer):
    """Mean and log-scale of each channel of a map from the channels before it, and a map r or not.

        H_j = ConvLSTM([l_{j-1}, e(r)], H_{j-1}),   l_0 = 0
        e(r) = conv(relu(conv(r)))
        mean_j, raw_j = conv(H_j),   log_scale_j = bound tanh(raw_j / bound)

    with e of 5x5 and the last convolution of 3x3. That one starts at zero: mean 0 and scale 1.
    The scale never leaves [exp(-bound), exp(bound)], without which densities can train to NaN.

    ```python
    network = ChannelPriorNetwork(channels=6, conditioning_channels=6, kernel_size=5, dilation=2)
    l, r = tf.zeros([3, 16, 16, 6]), tf.zeros([3, 16, 16, 6])
    mean, log_scale = network(l, conditioning=r)  # [3, 16, 16, 6] each

    context, state, channel = network.context(r), None, tf.zeros([3, 16, 16, 1])
    (mean, log_scale), state = network.step(channel, state, context)  # of the first channel
    ```

    Defaults are those of the released models; for images of 32x32 these take kernels of 5, 5 and 3
    and dilations of 2, 1 and 1 at their three levels. The same weights serve any image size.

    All variables exist after construction, in the layer's variable dtype, which the results have
    too. The convolutions follow the mixed-precision policy.

    #### References
    [1]: A. Bhattacharyya, S. Mahajan, M. Fritz, B. Schiele, S. Roth. Normalizing Flows with
         Multi-Scale Autoregressive Priors. CVPR 2020.
    [2]: S. Mahajan. Ph.D. thesis. Eqs. 6.4 to 6.6.
    """

    def __init__(
        self,
        channels: int,
        conditioning_channels: Optional[int] = None,
        filters: int = 32,
        layers: int = 3,
        kernel_size: int = 3,
        dilation: int = 1,
        embedding_channels: int = 4,
        peephole: bool = True,
        log_scale_bound: float = 5.0,
        recompute: bool = False,
        **kwargs,
    ):
        """Makes the network and its variables.

        Args:
          channels: of the map l, one at least.
          conditioning_channels: of the map r, or None for a network without.
          filters: of the recurrence, and of the hidden layer of the embedding.
          layers: of the recurrence.
          kernel_size: of the recurrence, odd.
          dilation: of the recurrence.
          embedding_channels: of e(r).
          peephole: whether the gates of the recurrence see its cells.
          log_scale_bound: the largest absolute log-scale, positive.
          recompute: compute the activations of the recurrence again for the gradient instead of
            keeping them.
          **kwargs: name and dtype, as in every Keras layer.

        Raises:
          ValueError: no channels, or a bound that is not positive.
        """
        super().__init__(**kwargs)
        if channels < 1:
            raise ValueError(f"A map has one channel at least; got channels={channels}.")
        if not log_scale_bound > 0:
            raise ValueError(f"log_scale_bound is positive; got {log_scale_bound}.")
        self.channels = channels
        self.conditioning_channels = conditioning_channels
        self.filters = filters
        self.layers = layers
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.embedding_channels = embedding_channels
        self.peephole = peephole
        self.log_scale_bound = log_scale_bound
        self.recompute = recompute
        conditional = conditioning_channels is not None

        def convolution(inputs, outputs, size, **arguments):
            layer = tf.keras.layers.Conv2D(
                outputs, size, padding="same", dtype=self.dtype_policy, **arguments
            )
            layer.build(tf.TensorShape([None, None, None, inputs]))
            return layer

        self.recurrence = ConvLSTM(
            input_channels=1,
            filters=filters,
            layers=layers,
            kernel_size=kernel_size,
            dilation=dilation,
            peephole=peephole,
            context_channels=embedding_channels if conditional else None,
            recompute=recompute,
            dtype=self.dtype_policy,
        )
        self.embedding = []
        if conditional:
            self.embedding = [
                convolution(conditioning_channels, filters, 5, activation="relu"),
                convolution(filters, embedding_channels, 5),
            ]
        self.output_layer = convolution(filters, 2, 3, kernel_initializer="zeros")
        self.built = True

    def call(
        self,
        inputs: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed: Optional[tf.Tensor] = None,
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Mean and log-scale of every channel of a given map, in one pass.

        Args:
          inputs: l, [B, H, W, channels].
          conditioning: r, [B, H, W, conditioning_channels], or None.
          training, seed: not used, for there is no dropout.

        Returns:
          mean, log_scale: [B, H, W, channels] each; channel j depends on l's channels before j.
        """
        before = tf.transpose(inputs[..., :-1], [3, 0, 1, 2])[..., tf.newaxis]
        before = tf.pad(before, [[1, 0], *[[0, 0]] * 4])
        hidden = self.recurrence(before, context=self._embed(conditioning), time_major=True)
        shape = tf.shape(hidden)
        output = self.output_layer(tf.reshape(hidden, tf.concat([[-1], shape[2:]], 0)))
        output = tf.reshape(output, tf.concat([shape[:-1], [2]], 0))
        mean, raw = tf.unstack(tf.transpose(output, [4, 1, 2, 3, 0]))
        return self._bounded(tf.ensure_shape(mean, inputs.shape), raw)

    def context(
        self, conditioning: Optional[tf.Tensor], image_shape: Optional[Sequence[int]] = None
    ) -> Any:
        """What every `step` needs, of r [B, H, W, conditioning_channels] and of the weights.

        To be made again when the weights have changed.

        Args:
          conditioning: r, or None without conditioning channels.
          image_shape: [H, W] of the maps to come, where known: steps over small maps are then
            matrix products, which take half the time.
        """
        embedded = self._embed(conditioning)
        if image_shape is None or np.prod(image_shape) * self.filters > SMALL_MAPS:
            return self.recurrence.context_gates(embedded)
        return _MatrixSteps(self, *image_shape, embedded)

    def step(
        self, previous: tf.Tensor, state: Any = None, context: Any = None
    ) -> Tuple[Tuple[tf.Tensor, tf.Tensor], Any]:
        """Mean and log-scale of the next channel, and the state after it.

        Args:
          previous: [B, H, W, 1], the channel before, zeros at the first step.
          state: of the step before, None at the first step.
          context: what `context(conditioning)` returned.

        Returns:
          (mean, log_scale), [B, H, W, 1] each, and the new state.
        """
        if isinstance(context, _MatrixSteps):
            mean, raw, state = context.step(previous, state)
        else:
            hidden, state = self.recurrence.step(previous, state, context)
            mean, raw = tf.split(self.output_layer(hidden), 2, axis=-1)
        return self._bounded(mean, raw), state

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "conditioning_channels": self.conditioning_channels,
            "filters": self.filters,
            "layers": self.layers,
            "kernel_size": self.kernel_size,
            "dilation": self.dilation,
            "embedding_channels": self.embedding_channels,
            "peephole": self.peephole,
            "log_scale_bound": self.log_scale_bound,
            "recompute": self.recompute,
        }

    def _embed(self, conditioning):
        wanted = self.conditioning_channels
        if wanted is None and conditioning is not None:
            raise ValueError(
                f"{self.name} was made without conditioning_channels, so pass no conditioning; "
                f"got one of shape {conditioning.shape}."
            )
        if wanted is not None and (conditioning is None or conditioning.shape[-1] != wanted):
            got = "none" if conditioning is None else f"one of shape {conditioning.shape}"
            raise ValueError(
                f"{self.name} was made with conditioning_channels={wanted}, so pass "
                f"conditioning=... of shape [B, H, W, {wanted}]; got {got}."
            )
        for layer in self.embedding:
            conditioning = layer(conditioning)
        return conditioning

    def _bounded(self, mean, raw):
        mean, raw = tf.cast(mean, self.variable_dtype), tf.cast(raw, self.variable_dtype)
        return mean, self.log_scale_bound * tf.tanh(raw / self.log_scale_bound)


class _MatrixSteps:
    """The steps of a network over small maps of one size."""

    def __init__(self, network, height, width, embedded):
        self._dtype = network.compute_dtype
        self._shape = [-1, height, width, 1]
        self._recurrence = ConvLSTMMatrices(network.recurrence, height, width, embedded)
        kernel, bias = (tf.cast(weights, self._dtype) for weights in network.output_layer.weights)
        self._output = self._recurrence.convolution(kernel)
        self._bias = tf.repeat(bias, height * width)

    def step(self, previous, state):
        pixels = tf.reshape(tf.cast(previous, self._dtype), [-1, self._shape[1] * self._shape[2]])
        hidden, state = self._recurrence.step(pixels, state)
        moments = tf.split(tf.matmul(hidden, self._output) + self._bias, 2, axis=-1)
        return (*(tf.reshape(moment, self._shape) for moment in moments), state)
