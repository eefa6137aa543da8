"""U-Net: features of an image at every scale, joined by skip connections."""

from __future__ import annotations

import tensorflow as tf

from tfgen.bijectors.channel_bijector import sizes

__all__ = ["BatchNorm", "UNet"]


class BatchNorm(tf.keras.layers.BatchNormalization):
    """Batch normalisation that can also normalise by the batch without learning from it.

    In training, maps are normalised by the moments of their batch, and the moving averages
    follow these; otherwise by the moving averages. With `batch_statistics`, the moments are those
    of the batch whatever `training` says, and only training moves the averages.

    Call: [batch, H, W, C] -> the same shape.
    """

    def call(self, x, training: bool = False, batch_statistics: bool = False):
        if training or not batch_statistics:
            return super().call(x, training=training)
        mean, variance = tf.nn.moments(tf.cast(x, tf.float32), [0, 1, 2])
        normed = tf.nn.batch_normalization(
            tf.cast(x, tf.float32), mean, variance, self.beta, self.gamma, self.epsilon
        )
        return tf.cast(normed, x.dtype)


class UNet(tf.keras.layers.Layer):
    """Convolutions down to small maps and up again, with skip connections between equal sizes.

        h_0 = block(x; f);      h_k = block(max_pool(h_{k-1}); f 2^k)       k = 1 .. depth
        u_depth = h_depth;      u_k = block([h_k, up(u_{k+1})]; f 2^k / 2)  k = depth - 1 .. 0
        result = convolution 1x1 of u_0

    where block(.; c) is two 3x3 convolutions of c channels, each with batch norm and ReLU, and up
    doubles the size by bilinear interpolation. Not to grow where it goes up, h_depth has half of
    its channels, and u_0 has f.

    ```python
    network = UNet(filters=8, depth=2, outputs=5)
    network(tf.zeros([3, 16, 32, 1]))  # [3, 16, 32, 5]
    network(tf.zeros([3, 7, 9, 1]))  # [3, 7, 9, 5]
    ```

    Maps of odd sizes are pooled with their last row or column alone, and come up to the size of
    the skip connection, so any size works.

    #### References
    [1]: O. Ronneberger, P. Fischer, T. Brox. U-Net: Convolutional Networks for Biomedical Image
         Segmentation. MICCAI 2015.
    [2]: S. Mahajan, S. Roth. PixelPyramids. ICCV 2021. Section 3.3.
    """

    def __init__(
        self,
        filters: int = 64,
        depth: int = 4,
        outputs: int = 100,
        momentum: float = 0.99,
        **kwargs,
    ):
        """Makes the network.

        Args:
          filters: f, channels of the first block; they double with every halving of the map.
          depth: how often the map is halved, 1 or more.
          outputs: channels of the result.
          momentum: of the moving averages of batch norm.
          **kwargs: name and dtype, as in every Keras layer.

        Raises:
          ValueError: no halving, or fewer than 2 filters.
        """
        super().__init__(**kwargs)
        if depth < 1 or filters < 2:
            raise ValueError(
                f"A U-Net wants depth >= 1 and filters >= 2; got depth={depth}, filters={filters}."
            )
        self.filters = filters
        self.depth = depth
        self.outputs = outputs
        self.momentum = momentum

        widths = [filters * 2**k for k in range(depth)] + [filters * 2 ** (depth - 1)]
        self.down = [_Block(width, width, momentum) for width in widths]
        # The first convolution halves what is joined, the second prepares the next level.
        self.up = [
            _Block(widths[k], widths[k] // 2 if k else filters, momentum) for k in range(depth)
        ]
        self.last = tf.keras.layers.Conv2D(outputs, 1)

    def call(self, x, training: bool = False, batch_statistics: bool = False):
        """Features of images.

        Args:
          x: [batch, H, W, C].
          training: whether batch norm uses the moments of the batch and learns from them.
          batch_statistics: see `BatchNorm`.

        Returns:
          [batch, H, W, outputs].
        """
        norm = {"training": training, "batch_statistics": batch_statistics}
        x = tf.cast(x, self.compute_dtype)
        skips = [self.down[0](x, **norm)]
        for block in self.down[1:]:
            pooled = tf.nn.max_pool2d(skips[-1], 2, 2, "SAME")
            skips.append(block(pooled, **norm))
        maps = skips.pop()
        for block in self.up[::-1]:
            skip = skips.pop()
            maps = block(tf.concat([skip, _doubled(maps, skip)], -1), **norm)
        return self.last(maps)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "depth": self.depth,
            "outputs": self.outputs,
            "momentum": self.momentum,
        }


class _Block(tf.keras.layers.Layer):
    """Convolution, batch norm, ReLU, twice: [batch, H, W, .] -> [batch, H, W, second]."""

    def __init__(self, first: int, second: int, momentum: float, **kwargs):
        super().__init__(**kwargs)
        # Batch norm takes away what a bias would add.
        self.convolutions = [
            tf.keras.layers.Conv2D(
                width, 3, padding="same", use_bias=False, kernel_initializer="he_uniform"
            )
            for width in (first, second)
        ]
        self.norms = [BatchNorm(momentum=momentum) for _ in (first, second)]

    def call(self, x, training=False, batch_statistics=False):
        for convolution, norm in zip(self.convolutions, self.norms):
            x = tf.nn.relu(norm(convolution(x), training, batch_statistics))
        return x


def _doubled(maps, like):
    """Bilinear interpolation to twice the size, cut to that of another map.

    Written as weighted sums of neighbours, which run on all cores, gradients too; the kernel of
    tf.image.resize, whose numbers these are, runs on one.
    """
    for axis in (1, 2):
        shape = sizes(maps)
        length = shape[axis]
        before = tf.concat([_part(maps, axis, 0, 1), _part(maps, axis, 0, length - 1)], axis)
        after = tf.concat(
            [_part(maps, axis, 1, length), _part(maps, axis, length - 1, length)], axis
        )
        near = 0.75 * maps
        pairs = tf.stack([near + 0.25 * before, near + 0.25 * after], axis + 1)
        shape[axis] = 2 * length
        maps = tf.reshape(pairs, shape)
    _, height, width, _ = sizes(like)
    return maps[:, :height, :width]


def _part(maps, axis, start, stop):
    """Rows (axis 1) or columns (axis 2) start .. stop - 1."""
    return maps[:, start:stop] if axis == 1 else maps[:, :, start:stop]
