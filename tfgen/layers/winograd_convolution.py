"""Convolutions with kernels of 3x3, in a quarter of the multiplications."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

__all__ = ["WinogradConvolution"]

TILE = 4
# Of the places where polynomials are evaluated (and infinity), those of smallest rounding errors
# among the symmetric ones tried: the largest is less than a quarter of that of 0, 1, -1, 2, -2.
POINTS = (0.0, 2.0 / 3.0, -2.0 / 3.0, 1.5, -1.5)


class WinogradConvolution:
    """tf.nn.conv2d of maps of a fixed size with a kernel [3, 3, C, channels] and padding "SAME".

    The convolution of a tile of n = 4x4 outputs is a product of polynomials, which is known from
    its values at 6x6 places [1]: 36 multiplications instead of 144. With K = 36,

        outputs = A sum_C ((B tiles) o (G kernel))      A [16, K], B [K, 36], G [K, 9]

    where the sum over C is a matrix product for each of the K places. On a CPU of two cores, for
    which TensorFlow has no such algorithm, maps of 32x64 pixels and 256 channels take 0.4 to 0.5 of
    the time of tf.nn.conv2d, of 16x16 pixels 0.75, of 8x8 more than all of it. Rounding errors in
    float32 are four times those of a plain sum; half precision is too coarse for it. GPUs have
    their own.

    The kernel is transformed once, when this is made.

    ```python
    kernel, maps = tf.ones([3, 3, 5, 2]), tf.ones([7, 16, 20, 5])
    WinogradConvolution(kernel, height=16, width=20)(maps)  # [7, 16, 20, 2]
    ```

    #### References
    [1]: A. Lavin, S. Gray. Fast Algorithms for Convolutional Neural Networks. CVPR 2016.
    """

    def __init__(self, kernel: tf.Tensor, height: int, width: int):
        """Transforms the kernel.

        Args:
          kernel: [3, 3, C, channels], float32 or float64.
          height, width: of the maps.

        Raises:
          ValueError: a kernel of another size or dtype.
        """
        if list(kernel.shape[:2]) != [3, 3] or kernel.dtype not in (tf.float32, tf.float64):
            raise ValueError(
                "WinogradConvolution takes a kernel [3, 3, C, channels] of float32 or float64; got "
                f"{kernel.dtype.name} {kernel.shape}."
            )
        to_outputs, of_kernel, of_tiles = (
            tf.constant(np.kron(matrix, matrix), kernel.dtype) for matrix in _transforms()
        )
        self._of_tiles, self._to_outputs = of_tiles, to_outputs
        self._size = [height, width]
        _, _, self._inputs, self._channels = kernel.shape
        products = tf.matmul(of_kernel, tf.reshape(kernel, [9, -1]))
        self._kernel = tf.reshape(products, [-1, self._inputs, self._channels])
        self._tiles = [-(-side // TILE) for side in self._size]
        self._places = _places(self._tiles)

    def __call__(self, maps: tf.Tensor) -> tf.Tensor:
        """[B, height, width, C] -> [B, height, width, channels]."""
        batch = tf.shape(maps)[0] if maps.shape[0] is None else maps.shape[0]
        (height, width), (rows, columns) = self._size, self._tiles
        # A gather takes a twentieth of the time of 36 strided slices.
        margins = [[1, 1 + TILE * rows - height], [1, 1 + TILE * columns - width]]
        maps = tf.reshape(tf.pad(maps, [[0, 0], *margins, [0, 0]]), [-1, self._inputs])
        pixels = (TILE * rows + 2) * (TILE * columns + 2)
        places = self._places[:, np.newaxis] + pixels * tf.range(batch)[:, tf.newaxis]
        tiles = tf.gather(maps, tf.reshape(places, [len(self._places), -1]))
        tiles = tf.matmul(self._of_tiles, tf.reshape(tiles, [len(self._places), -1]))
        tiles = tf.reshape(tiles, [len(self._places), -1, self._inputs])
        products = tf.reshape(tf.matmul(tiles, self._kernel), [len(self._places), -1])
        outputs = tf.matmul(self._to_outputs, products)
        outputs = tf.reshape(outputs, [TILE, TILE, batch, rows, columns, self._channels])
        outputs = tf.transpose(outputs, [2, 3, 0, 4, 1, 5])
        outputs = tf.reshape(outputs, [batch, TILE * rows, TILE * columns, self._channels])
        return outputs[:, :height, :width]


def _transforms():
    """Along one axis: A [4, 6], G [6, 3] and B [6, 6].

    The product of polynomials with a tile's 4 and a kernel's 3 coefficients has 6, which follow
    from its values at 6 places: their inverse Vandermonde matrix. A convolution as networks have
    it is the transpose of that product, in the tile.
    """

    def values(coefficients):
        finite = [[point**power for power in range(coefficients)] for point in POINTS]
        return np.array([*finite, [0.0] * (coefficients - 1) + [1.0]])

    return values(TILE).T, values(3), np.linalg.inv(values(TILE + 2)).T


def _places(tiles) -> np.ndarray:
    """Where the pixels of overlapping tiles are in a flat padded map: [36, rows * columns]."""
    starts = [TILE * np.arange(count) for count in tiles]
    offsets = np.arange(TILE + 2)
    rows = offsets[:, None, None, None] + starts[0][:, None]
    columns = offsets[:, None, None] + starts[1]
    return (rows * (TILE * tiles[1] + 2) + columns).reshape((TILE + 2) ** 2, -1)
