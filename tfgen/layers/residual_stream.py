"""Residual blocks at several resolutions, down and up again, with skip connections between."""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Optional, Sequence

import tensorflow as tf

from tfgen.layers.gated_residual import GatedResidual
from tfgen.layers.weight_normalised_convolution import WeightNormalisedConvolution
from tfgen.randomness import fold_in

__all__ = ["BlockPlace", "ResidualStream"]


class BlockPlace(NamedTuple):
    """Where a block stands: on the way down or up, at which resolution, its number there."""

    up: bool
    level: int
    index: int


class ResidualStream(tf.keras.layers.Layer):
    """Gated residual blocks at several resolutions: one of the streams of PixelCNN++.

    At each level but the last there are n blocks on the way down, a convolution with strides of 2,
    the levels below, an upsampling by 2, and n + 1 blocks on the way up; at the last level n and
    n. Each block on the way up has a skip connection from the way down, the last made first: the
    outputs of all blocks and the input of the level. Upsampling is a product with a matrix for each
    of the four pixels that one becomes: a transposed convolution of 2 x 2.

    Args:
      filters: channels of inputs and outputs.
      context, kernel_size: of the convolutions (`WeightNormalisedConvolution`).
      residual_layers: n, blocks in a row.
      levels: resolutions; sides of images are multiples of 2^(levels - 1).
      sides: how many more sides of `filters` channels all blocks take.
      conditioning_size: channels of the conditioning of all blocks, None for none.
      dropout: of all blocks.
      **kwargs: name and dtype (or policy), as in every Keras layer.
    """

    def __init__(
        self,
        filters: int,
        context: str,
        kernel_size,
        residual_layers: int,
        levels: int,
        sides: int = 0,
        conditioning_size: Optional[int] = None,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if residual_layers < 1 or levels < 1:
            raise ValueError(
                f"A stream has one block and one level at least; got residual_layers="
                f"{residual_layers} and levels={levels}."
            )
        self.filters = filters
        self.context = context
        self.kernel_size = kernel_size
        self.residual_layers = residual_layers
        self.levels = levels
        self.sides = sides
        self.conditioning_size = conditioning_size
        self.dropout = dropout

        def block(skips):
            return GatedResidual(
                filters,
                context,
                kernel_size,
                side_sizes=[filters] * (sides + skips),
                conditioning_size=conditioning_size,
                dropout=dropout,
                dtype=self.dtype_policy,
            )

        def convolution(outputs, *sizes, **settings):
            return WeightNormalisedConvolution(
                filters, outputs, *sizes, dtype=self.dtype_policy, **settings
            )

        self.down_blocks = [[block(0) for _ in range(residual_layers)] for _ in range(levels)]
        self.up_blocks = [
            [block(1) for _ in range(residual_layers + int(level < levels - 1))]
            for level in range(levels)
        ]
        self.reduce = [
            convolution(filters, kernel_size, strides=2, context=context) for _ in range(levels - 1)
        ]
        self.expand = [convolution(4 * filters) for _ in range(levels - 1)]
        self.built = True

    def call(
        self,
        x: tf.Tensor,
        sides: Sequence[Dict[BlockPlace, tf.Tensor]] = (),
        conditioning: Optional[Dict[BlockPlace, tf.Tensor]] = None,
        training: bool = False,
        seed: Optional[tf.Tensor] = None,
    ):
        """Output and the outputs of all blocks.

        Args:
          x: [B, H, W, filters].
          sides: for each side, the maps of all blocks.
          conditioning: the maps of all blocks.
          training, seed: of the dropout.

        Returns:
          [B, H, W, filters], and a dict of the outputs of all blocks at their own resolutions.
        """
        outputs: Dict[BlockPlace, tf.Tensor] = {}

        def run(place, x, skip):
            block_sides = [side[place] for side in sides] + ([] if skip is None else [skip])
            block_seed = None if seed is None else fold_in(seed, len(outputs))
            outputs[place] = self.block(place)(
                x,
                sides=block_sides,
                conditioning=None if conditioning is None else conditioning[place],
                training=training,
                seed=block_seed,
            )
            return outputs[place]

        def coarser(level, x):
            y = self.walk(self.reduce[level](x), run, coarser, level + 1)
            return tf.nn.depth_to_space(self.expand[level](y), 2)

        return self.walk(x, run, coarser), outputs

    def walk(self, x, run: Callable, coarser: Callable, level: int = 0):
        """The order of blocks and skips from one level on, whatever is computed.

        Args:
          x: input of the level.
          run: (place, x, skip or None) -> output of the block at this place.
          coarser: (level, x) -> what comes back from the levels below this one.
          level: where to start.

        Returns:
          output of the level.
        """
        skips = [x]
        for index in range(len(self.down_blocks[level])):
            skips.append(run(BlockPlace(False, level, index), skips[-1], None))
        x = skips.pop() if level == self.levels - 1 else coarser(level, skips[-1])
        for index in range(len(self.up_blocks[level])):
            x = run(BlockPlace(True, level, index), x, skips.pop())
        return x

    def block(self, place: BlockPlace) -> GatedResidual:
        """The block that stands there."""
        return (self.up_blocks if place.up else self.down_blocks)[place.level][place.index]

    def places(self, level: int):
        """Places of the blocks of a level, in the order in which they are computed."""
        for up, blocks in ((False, self.down_blocks), (True, self.up_blocks)):
            for index in range(len(blocks[level])):
                yield BlockPlace(up, level, index)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "context": self.context,
            "kernel_size": self.kernel_size,
            "residual_layers": self.residual_layers,
            "levels": self.levels,
            "sides": self.sides,
            "conditioning_size": self.conditioning_size,
            "dropout": self.dropout,
        }
