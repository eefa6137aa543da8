"""The network inside couplings of Flow++: gated convolutions and self-attention."""

from __future__ import annotations

import math
from typing import Optional

import tensorflow as tf

from tfgen.layers.dropout import StatelessDropout
from tfgen.layers.scaled_convolution import NormalisedConvolution, ZeroConvolution
from tfgen.randomness import fold_in

__all__ = ["GatedAttentionNetwork"]

_WAVELENGTHS = [4.0 * 2**octave for octave in range(8)]


class GatedAttentionNetwork(tf.keras.layers.Layer):
    """Residual blocks of gated convolutions and multi-head attention over all positions.

        h = conv3x3(x) + W c
        for each block:
            h = norm(h + gate(dropout(f(conv3x3(f(h))))))       f(v) = [elu(v), elu(-v)]
            h = norm(h + gate(attention(h + P p)))
        output = conv3x3(h), which starts at zero

    where gate(v) = a * sigmoid(b) for [a, b] = conv1x1(v), norm is layer normalisation over the
    channels, and attention is softmax(q k' / sqrt(filters / heads)) v in each head, for
    [q, k, v] = conv1x1(.), over the H W positions of the image. The optional conditioning c is a
    map of the size of the image or one vector for the whole image.

    A position (row, column) has 32 features p: sine and cosine of either coordinate with
    wavelengths 4, 8 .. 512 pixels. P is learned, one for each block. The paper learns a vector for
    each position instead, which ties the network to one image size; with these features the same
    weights serve any.

    The convolutions have a scale and a bias for each channel, which set themselves within
    `data_dependent_initialisation` (`NormalisedConvolution`), where the paper has weight
    normalisation with such an initialisation.

    ```python
    network = GatedAttentionNetwork(3, 6, filters=16, blocks=2)
    network(tf.zeros([5, 8, 8, 3]), training=True, seed=7)  # [5, 8, 8, 6]
    ```

    Time and memory of attention grow with (H W)^2. Convolutions and attention follow the
    mixed-precision policy, softmax and layer normalisation in float32; variables and output keep
    the variable dtype. All variables exist after construction.

    #### References
    [1]: J. Ho, X. Chen, A. Srinivas, Y. Duan, P. Abbeel. Flow++: Improving Flow-Based Generative
         Models with Variational Dequantization and Architecture Design. ICML 2019. Section 3.3.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        filters: int = 96,
        blocks: int = 10,
        heads: int = 4,
        dropout: float = 0.2,
        conditioning_size: Optional[int] = None,
        **kwargs,
    ):
        """Makes the network and its variables.

        Args:
          input_size: channels of the input.
          output_size: channels of the output.
          filters: channels of the hidden layers, a multiple of `heads`.
          blocks: of one gated convolution and one attention each, one at least.
          heads: of the attention.
          dropout: rate within the gated convolutions.
          conditioning_size: channels of the conditioning, None for a network without.
          **kwargs: name and dtype (or policy), as in every Keras layer.

        Raises:
          ValueError: a size below one, or filters that the heads do not divide.
        """
        super().__init__(autocast=False, **kwargs)
        if blocks < 1 or heads < 1 or filters < 1 or filters % heads:
            raise ValueError(
                "Wanted one block and one head at least, and filters that are a multiple of the "
                f"heads; got blocks={blocks}, heads={heads}, filters={filters}."
            )
        self.input_size = input_size
        self.output_size = output_size
        self.filters = filters
        self.blocks = blocks
        self.heads = heads
        self.dropout_rate = dropout
        self.conditioning_size = conditioning_size
        policy = self.dtype_policy
        self.first = NormalisedConvolution(
            input_size, filters, 3, conditioning_size, dtype=policy, name="first"
        )
        self.convolutions = [
            _GatedConvolution(filters, dropout, dtype=policy, name=f"convolution_{index}")
            for index in range(blocks)
        ]
        self.attentions = [
            _GatedAttention(filters, heads, dtype=policy, name=f"attention_{index}")
            for index in range(blocks)
        ]
        self.last = ZeroConvolution(filters, output_size, dtype=policy, name="last")
        self.built = True

    def call(
        self,
        inputs: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed=None,
    ) -> tf.Tensor:
        """Output, [B, H, W, output_size].

        Args:
          inputs: [B, H, W, input_size].
          conditioning: [B, conditioning_size] or [B, H, W, conditioning_size]; not read by a
            network without a conditioning_size.
          training: whether dropout is active.
          seed: of that dropout (`tfgen.randomness.as_seed`).

        Raises:
          ValueError: the conditioning is missing, or of another size; training with dropout and
            without a seed.
        """
        if training and self.dropout_rate and seed is None:
            raise ValueError(
                f"{self.name} has dropout={self.dropout_rate}: pass seed=... when training."
            )
        hidden = self.first(inputs, conditioning=conditioning)
        positions = _position_features(hidden, self.variable_dtype)
        for index, (convolution, attention) in enumerate(zip(self.convolutions, self.attentions)):
            block_seed = None if seed is None else fold_in(seed, index)
            hidden = convolution(hidden, training=training, seed=block_seed)
            hidden = attention(hidden, positions)
        return self.last(hidden)

    def get_config(self):
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "output_size": self.output_size,
            "filters": self.filters,
            "blocks": self.blocks,
            "heads": self.heads,
            "dropout": self.dropout_rate,
            "conditioning_size": self.conditioning_size,
        }


class _Gated(tf.keras.layers.Layer):
    """norm(h + a * sigmoid(b)) for [a, b] = conv1x1(branch)."""

    def __init__(self, filters, branch_size, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.gate = NormalisedConvolution(
            branch_size, 2 * filters, 1, dtype=self.dtype_policy, name="gate"
        )
        self.normalization = tf.keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=self.dtype_policy, name="normalization"
        )
        self.normalization.build(tf.TensorShape([None, None, None, filters]))
        self.built = True

    def _add(self, hidden, branch):
        value, gate = tf.split(self.gate(branch), 2, axis=-1)
        return self.normalization(hidden + value * tf.sigmoid(gate))


class _GatedConvolution(_Gated):
    """norm(h + gate(dropout(f(conv3x3(f(h))))))."""

    def __init__(self, filters, dropout, **kwargs):
        super().__init__(filters, 2 * filters, **kwargs)
        self.convolution = NormalisedConvolution(
            2 * filters, filters, 3, dtype=self.dtype_policy, name="convolution"
        )
        self.dropout = StatelessDropout(dropout, dtype=self.dtype_policy)

    def call(self, hidden, training=False, seed=None):
        branch = _concatenated_elu(self.convolution(_concatenated_elu(hidden)))
        return self._add(hidden, self.dropout(branch, seed=seed, training=training))


class _GatedAttention(_Gated):
    """norm(h + gate(attention(h + P p)))."""

    def __init__(self, filters, heads, **kwargs):
        super().__init__(filters, filters, **kwargs)
        self.heads = heads
        self.size = filters // heads
        self.position_kernel = self.add_weight(
            name="position_kernel",
            shape=[4 * len(_WAVELENGTHS), filters],
            initializer=tf.keras.initializers.RandomNormal(stddev=0.01),
            experimental_autocast=False,
        )
        self.projection = NormalisedConvolution(
            filters, 3 * filters, 1, dtype=self.dtype_policy, name="projection"
        )

    def call(self, hidden, positions):
        embedding = tf.matmul(positions, tf.cast(self.position_kernel, positions.dtype))
        projected = self.projection(hidden + embedding)
        shape = tf.shape(projected)
        count = shape[1] * shape[2]
        projected = tf.reshape(projected, [shape[0], count, 3, self.heads, self.size])
        queries, keys, values = tf.unstack(tf.transpose(projected, [2, 0, 3, 1, 4]))
        scores = tf.matmul(queries * (1.0 / math.sqrt(self.size)), keys, transpose_b=True)
        weights = tf.nn.softmax(tf.cast(scores, self.variable_dtype))
        mixed = tf.matmul(tf.cast(weights, values.dtype), values)
        mixed = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), tf.shape(hidden))
        return self._add(hidden, tf.ensure_shape(mixed, hidden.shape))


def _concatenated_elu(x):
    return tf.concat([tf.nn.elu(x), tf.nn.elu(-x)], axis=-1)


def _position_features(images, dtype):
    """Sines and cosines of rows and columns, [H, W, 4 * wavelengths], computed in a dtype."""
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    frequencies = tf.constant([2.0 * math.pi / length for length in _WAVELENGTHS], dtype)

    def waves(count):
        angles = tf.cast(tf.range(count), dtype)[:, tf.newaxis] * frequencies
        return tf.cast(tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1), images.dtype)

    rows, columns = waves(height), waves(width)
    size = rows.shape[-1]
    return tf.concat(
        [
            tf.broadcast_to(rows[:, tf.newaxis], [height, width, size]),
            tf.broadcast_to(columns[tf.newaxis], [height, width, size]),
        ],
        axis=-1,
    )
