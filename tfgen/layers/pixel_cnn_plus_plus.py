"""The network of PixelCNN++: a function of the pixels above and to the left."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

from tfgen.layers.pixel_cnn_plus_plus_steps import PixelCNNPlusPlusSteps
from tfgen.layers.pixel_conditioning import PixelConditioning, in_full_precision
from tfgen.layers.residual_stream import ResidualStream
from tfgen.layers.weight_normalised_convolution import WeightNormalisedConvolution
from tfgen.randomness import fold_in

__all__ = ["PixelCNNPlusPlus"]


class PixelCNNPlusPlus(tf.keras.layers.Layer):
    """Maps whose value at a pixel is a function of the earlier pixels: rows above, and the left.

    Two streams of gated residual blocks at several resolutions (`ResidualStream`): one of the rows
    above, with kernels of 2 x 3, and one of all earlier pixels, with kernels of 2 x 2, whose blocks
    see those of the first. All channels of a pixel see the same; how the channels of a pixel depend
    on each other is up to the distribution.

    The network may be given a class, or an image of the same size whose pixels it may all see. The
    image goes through a stream of the same blocks without masks; at its output, the block at the
    same place of the PixelCNN++ looks through a 1 x 1 convolution (AGAVE, section 3.5 of [2]). A
    class has a vector that all blocks take.

    ```python
    network = PixelCNNPlusPlus(3, 100, filters=8, residual_layers=1, levels=2, dropout=0.0)
    network(tf.zeros([2, 8, 8, 3]))  # [2, 8, 8, 100]
    conditional = PixelCNNPlusPlus(1, 30, filters=8, residual_layers=1, levels=1, classes=10)
    conditional(tf.zeros([2, 4, 4, 1]), conditioning=tf.constant([3, 9]))  # [2, 4, 4, 30]
    ```

    Convolutions are weight-normalised and set themselves within `data_dependent_initialisation`.
    `tfgen.layers.sample_pixels` draws images with it. All variables exist after construction.

    #### References
    [1]: T. Salimans, A. Karpathy, X. Chen, D. P. Kingma. PixelCNN++. ICLR 2017. Sections 2.2 to
         2.5. Its released code upsamples the first stream with kernels of 2 x 3 instead of 2 x 2.
    [2]: T. Lucas. Ph.D. thesis.
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        filters: int = 160,
        residual_layers: int = 5,
        levels: int = 3,
        dropout: float = 0.5,
        classes: Optional[int] = None,
        conditioning_size: Optional[int] = None,
        **kwargs,
    ):
        """Makes the network and its variables.

        Args:
          input_size: channels of the image.
          output_size: channels of the maps.
          filters: channels of the streams.
          residual_layers: blocks in a row at each resolution.
          levels: resolutions, each half of that before. 1 is for tiny images.
          dropout: of all blocks.
          classes: number of classes, None for a network without.
          conditioning_size: channels of an image that is given, None for a network without.
          **kwargs: name and dtype (or policy), as in every Keras layer.

        Raises:
          ValueError: no block or level, or both classes and an image.
        """
        super().__init__(autocast=False, **kwargs)
        self.input_size = input_size
        self.output_size = output_size
        self.filters = filters
        self.residual_layers = residual_layers
        self.levels = levels
        self.dropout = dropout
        self.classes = classes
        self.conditioning_size = conditioning_size

        def stream(context, kernel_size, sides=0, size=None):
            return ResidualStream(
                filters,
                context,
                kernel_size,
                residual_layers,
                levels,
                sides=sides,
                conditioning_size=size,
                dropout=dropout,
                dtype=self.dtype_policy,
            )

        def convolution(inputs, outputs, *sizes, **settings):
            return WeightNormalisedConvolution(
                inputs, outputs, *sizes, dtype=self.dtype_policy, **settings
            )

        # One channel more, of ones: it tells the zeros outside of the image from those within.
        first = input_size + 1
        self.rows_above = convolution(first, filters, (2, 3), context="above", strict=True)
        self.row_above = convolution(first, filters, (1, 3), context="above", strict=True)
        self.left = convolution(first, filters, (2, 1), context="before", strict=True)
        self.conditioning = None
        size = None
        if classes is not None or conditioning_size is not None:
            image_stream = stream("all", 3) if conditioning_size is not None else None
            self.conditioning = PixelConditioning(
                filters, classes, conditioning_size, image_stream, dtype=self.dtype_policy
            )
            size = filters
        self.above = stream("above", (2, 3), size=size)
        self.before = stream("before", (2, 2), sides=1, size=size)
        self.head = convolution(filters, output_size)
        self.built = True

    def call(
        self,
        inputs: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed: Optional[tf.Tensor] = None,
    ) -> tf.Tensor:
        """All pixels of given images at once.

        Args:
          inputs: [B, H, W, input_size], best in [-1, 1]; H and W multiples of 2^(levels - 1).
          conditioning: classes, integers [B], or an image [B, H, W, conditioning_size].
          training: whether units are dropped.
          seed: of the dropout, not read otherwise.

        Returns:
          [B, H, W, output_size] in the variable dtype.
        """
        self.check_size(inputs.shape)
        given = self.given(conditioning, training, None if seed is None else fold_in(seed, 0))
        x = tf.cast(inputs, self.compute_dtype)
        x = tf.concat([x, tf.ones_like(x[..., :1])], axis=-1)
        seeds = [None if seed is None else fold_in(seed, stream) for stream in (1, 2)]
        _, above = self.above(
            self.rows_above(x), conditioning=given, training=training, seed=seeds[0]
        )
        y, _ = self.before(
            self.row_above(x) + self.left(x),
            sides=[above],
            conditioning=given,
            training=training,
            seed=seeds[1],
        )
        return tf.cast(self.head(tf.nn.elu(y)), self.variable_dtype)

    def given(self, conditioning, training=False, seed=None):
        """What every block takes of the conditioning, by place, or None."""
        if self.conditioning is None:
            if conditioning is not None:
                raise ValueError(
                    f"{self.name} was made without classes and conditioning_size, so pass no "
                    f"conditioning; got one of shape {conditioning.shape}."
                )
            return None
        maps = self.conditioning(conditioning, training=training, seed=seed)
        if isinstance(maps, dict):
            return maps
        return {place: maps for level in range(self.levels) for place in self.above.places(level)}

    def check_size(self, shape):
        """ValueError where images of this shape do not fit the network."""
        divisor = 2 ** (self.levels - 1)
        sides = [side for side in shape[1:3] if side is not None]
        if shape[-1] != self.input_size or any(side % divisor for side in sides):
            raise ValueError(
                f"{self.name} takes images [B, H, W, {self.input_size}] whose sides are multiples "
                f"of {divisor} for its {self.levels} levels; got shape {shape}."
            )

    def steps(self, batch, height: int, width: int, conditioning=None) -> PixelCNNPlusPlusSteps:
        """The network in the order in which an image is drawn, see `sample_pixels`."""
        self.check_size([batch, height, width, self.input_size])
        given = in_full_precision(self.given(conditioning))
        return PixelCNNPlusPlusSteps(self, batch, height, width, given)

    def get_config(self):
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "output_size": self.output_size,
            "filters": self.filters,
            "residual_layers": self.residual_layers,
            "levels": self.levels,
            "dropout": self.dropout,
            "classes": self.classes,
            "conditioning_size": self.conditioning_size,
        }
