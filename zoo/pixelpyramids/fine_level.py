"""The distribution of a fine component of the pyramid given the coarse image of its level."""

from __future__ import annotations

import math
from typing import Any, Optional, Tuple, Union

import tensorflow as tf

from tfgen.distributions import DiscretisedLogisticMixture, level_centres
from tfgen.layers import ConvLSTM, UNet
from tfgen.layers.conv_lstm_winograd import ConvLSTMWinograd
from tfgen.randomness import Seed, fold_in
from zoo.pixelpyramids.config import PixelPyramidsConfig
from zoo.pixelpyramids.pixel_mixtures import PixelMixtures
from zoo.pixelpyramids.sub_images import join_sub_images, split_sub_images

__all__ = ["FineLevel"]


class FineLevel(tf.keras.layers.Layer):
    """p(F_i | I_i): autoregressive over 4^n sub-images, with all pixels of one drawn at once.

        p(F | I) = prod_s p(F^s | F^1, ..., F^{s-1}, I)          s = 1 .. 4^n, Eq. 7.5
        x_s = [U^s, e(F^{s-1})],  h_s = ConvLSTM(x_s, h_{s-1}),  U = UNet(I),  e(F^0) = 0
        p(F^s | ...) = prod over pixels of a mixture of discretised logistics, whose parameters
                       are a linear function of [h_s, x_s] at the pixel

    where F^s and U^s are the sub-images of F and of the features U after n squeezes. A given F is
    scored in one pass; a draw takes 4^n steps, whatever the size of the image.

    The paper leaves open how outputs and sub-images before enter. From h_s alone, whose gates are
    half shut at first, the network learns less from sub-images than it loses by seeing U in a
    ConvLSTM of quarter size: the direct way from x_s mends that. Differences are small but for
    edges, so e is a logarithm on both sides of 0, asinh(d) / asinh(2^b / 2) of a difference of d
    levels; without modulo difference, pixels enter as they are.

    Args:
      config: sizes.
      level: i, from 1, the finest.
      **kwargs: name and dtype.

    #### References
    [1]: S. Mahajan, S. Roth. PixelPyramids. ICCV 2021. Eq. 5 and Section 3.3.
    """

    def __init__(self, config: PixelPyramidsConfig, level: int, **kwargs):
        super().__init__(**kwargs)
        self.level = level
        self.channels = config.channels
        self.values = config.values
        self.differences = config.modulo_difference
        self.mixtures = PixelMixtures(config, config.components)
        self.squeezes = config.level_squeezes()[level - 1]
        self.u_net = UNet(
            config.u_net_filters,
            config.level_depths()[level - 1],
            config.features,
            config.norm_momentum,
            name="u_net",
        )
        # A step is another place of a block, not a later moment of the same: it starts from little
        # of what the one before it had in its cells.
        self.recurrence = ConvLSTM(
            config.features + config.channels,
            filters=config.filters,
            layers=config.layers,
            kernel_size=config.kernel_size,
            recompute=config.recompute,
            forget_bias=-1.0,
            name="recurrence",
        )
        # Small at first, so that the mixtures begin where `initialise` puts them.
        small = tf.keras.initializers.VarianceScaling(1e-2)
        # In single precision, as half of it does not tell 256 values apart.
        self.outputs = tf.keras.layers.Dense(
            self.mixtures.parameters,
            kernel_initializer=small,
            dtype=self.variable_dtype,
            name="outputs",
        )
        self.outputs.build([None, config.filters + self.recurrence.input_channels])

    @property
    def sequential_steps(self) -> int:
        """How many steps a draw takes, one after the other: 4^n."""
        return 4**self.squeezes

    def call(
        self,
        fine: tf.Tensor,
        coarse: tf.Tensor,
        training: bool = False,
        batch_statistics: bool = False,
    ) -> tf.Tensor:
        """Parameters of the mixture of every pixel given the sub-images before its own.

        Args:
          fine: F, integers [B, H, W, C].
          coarse: I, integers of the same shape.
          training, batch_statistics: for batch norm, see `tfgen.layers.BatchNorm`.

        Returns:
          [B, H, W, parameters], for `distribution`.
        """
        features = self.features(coarse, training, batch_statistics)
        given = split_sub_images(self._encoded(fine, features.dtype), self.squeezes)
        previous = tf.concat([tf.zeros_like(given[:1]), given[:-1]], 0)
        inputs = tf.concat([features, previous], -1)
        hidden = self.recurrence(inputs, time_major=True)
        return join_sub_images(self.outputs(tf.concat([hidden, inputs], -1)), self.squeezes)

    def log_prob(
        self,
        fine: tf.Tensor,
        coarse: tf.Tensor,
        training: bool = False,
        batch_statistics: bool = False,
    ) -> tf.Tensor:
        """log p(F | I) of integers [B, H, W, C]: [B], nats."""
        parameters = self(fine, coarse, training=training, batch_statistics=batch_statistics)
        return self.distribution(parameters).log_prob(fine)

    def sample(
        self, coarse: tf.Tensor, seed: Seed, temperature=1.0, batch_statistics: bool = False
    ) -> tf.Tensor:
        """A draw of F for each I: integers [B, H, W, C], of the same shape and dtype.

        Args:
          coarse: I, of a static height and width.
          seed: an int or a pair of ints.
          temperature: see `PixelMixtures`.
          batch_statistics: for batch norm.
        """
        features = self.features(coarse, False, batch_statistics)
        steps, recurrence = self.sequential_steps, self.recurrence
        size = features.shape[2:4]
        if ConvLSTMWinograd.pays(recurrence, *size):
            recurrence = ConvLSTMWinograd(recurrence, *size)

        def draw(index, previous, state):
            parameters, state = self.step(features[index], previous, state, recurrence)
            return self.mixtures.sample(parameters, fold_in(seed, index), temperature), state

        drawn, state = draw(0, None, None)
        sequence = tf.TensorArray(tf.int32, steps, element_shape=drawn.shape).write(0, drawn)

        def body(index, drawn, state, sequence):
            drawn, state = draw(index, drawn, state)
            return index + 1, drawn, state, sequence.write(index, drawn)

        # Unrolled, the graph is no faster, and slow to trace.
        *_, sequence = tf.while_loop(
            lambda index, *_: index < steps,
            body,
            (1, drawn, state, sequence),
            maximum_iterations=steps - 1,
        )
        # Squeezes work on floats, which hold these integers exactly.
        fine = join_sub_images(tf.cast(sequence.stack(), tf.float32), self.squeezes)
        return tf.cast(fine, coarse.dtype)

    def initialise(self, fine: tf.Tensor) -> None:
        """Sets the biases of the mixture's parameters from fine components [B, H, W, C].

        All means are those of the channels; the scales of the components go from an eighth of what
        the standard deviations ask for to all of it. A training that began with scales as wide as
        the range would spend its first thousand steps on narrowing them.
        """
        mean, variance = tf.nn.moments(level_centres(fine, self.values), [0, 1, 2])
        # A logistic has the standard deviation pi / sqrt(3) of its scale.
        scale = tf.sqrt(3.0 * variance) / math.pi
        smallest, components = self.mixtures.smallest_scale, self.mixtures.components
        log_scale = tf.math.log(tf.maximum(scale, 2.0 * smallest / self.values))
        narrower = tf.linspace(-math.log(8.0), 0.0, components)
        bias = self.outputs.bias
        means = tf.repeat(mean, components)
        log_scales = tf.reshape(log_scale[:, tf.newaxis] + narrower, [-1])
        rest = tf.zeros(bias.shape[0] - components - means.shape[0] - log_scales.shape[0])
        parts = [tf.zeros([components]), means, log_scales, rest]
        bias.assign(tf.cast(tf.concat(parts, 0), bias.dtype))

    def features(
        self, coarse: tf.Tensor, training: bool = False, batch_statistics: bool = False
    ) -> tf.Tensor:
        """U^1 .. U^{4^n}: integers [B, H, W, C] -> [4^n, B, H / 2^n, W / 2^n, features]."""
        maps = self.u_net(
            level_centres(coarse, self.values), training=training, batch_statistics=batch_statistics
        )
        return split_sub_images(maps, self.squeezes)

    def step(
        self,
        features: tf.Tensor,
        previous: Optional[tf.Tensor],
        state: Any,
        recurrence: Union[ConvLSTM, ConvLSTMWinograd, None] = None,
    ) -> Tuple[tf.Tensor, Any]:
        """One step of the recurrence.

        Args:
          features: U^s, [B, h, w, features].
          previous: F^{s-1}, integers [B, h, w, C]; None at the first step.
          state: what the step before returned; None at the first.
          recurrence: what takes the step; None is the layer's own ConvLSTM.

        Returns:
          parameters of the mixture of F^s, [B, h, w, parameters], and the state.
        """
        if previous is None:
            previous = tf.zeros_like(features[..., : self.channels])
        else:
            previous = self._encoded(previous, features.dtype)
        inputs = tf.concat([features, previous], -1)
        hidden, state = (recurrence or self.recurrence).step(inputs, state)
        return self.outputs(tf.concat([hidden, inputs], -1)), state

    def distribution(self, parameters: tf.Tensor) -> DiscretisedLogisticMixture:
        """The distribution of integer images of parameters [..., H, W, parameters]."""
        return self.mixtures.distribution(parameters)

    def _encoded(self, fine: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        """e(F), of a step's inputs: in -1 .. 1."""
        # In float32 first: half precision would round some of the 256 values together.
        centred = level_centres(fine, self.values)
        if self.differences:
            half = self.values / 2.0
            centred = tf.asinh(half * centred) / math.asinh(half)
        return tf.cast(centred, dtype)
