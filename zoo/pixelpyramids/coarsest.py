"""The distribution of the coarsest image of the pyramid: a PixelCNN++."""

from __future__ import annotations

from typing import Optional

import tensorflow as tf

from tfgen.distributions import DiscretisedLogisticMixture, image_noise, level_centres
from tfgen.layers import PixelCNNPlusPlus
from tfgen.randomness import Seed, as_seed
from zoo.pixelpyramids.config import PixelPyramidsConfig
from zoo.pixelpyramids.pixel_mixtures import PixelMixtures

__all__ = ["CoarsestImage"]


class CoarsestImage(tf.keras.layers.Layer):
    """p(I_L) = prod over pixels of a mixture of logistics given the earlier pixels, Eq. 7.6.

    ```python
    from zoo.pixelpyramids import CoarsestConfig

    coarsest = CoarsestImage(PixelPyramidsConfig(coarsest=CoarsestConfig(filters=8, blocks=1)))
    coarsest.log_prob(tf.zeros([5, 4, 4, 3], tf.uint8))  # [5], nats
    coarsest.sample(2, seed=7)  # int32 [2, 4, 4, 3]
    ```

    Args:
      config: sizes of the pyramid and, in config.coarsest, of the network.
      **kwargs: name and dtype.

    #### References
    [1]: T. Salimans, A. Karpathy, X. Chen, D. P. Kingma. PixelCNN++. ICLR 2017.
    """

    def __init__(self, config: PixelPyramidsConfig, **kwargs):
        super().__init__(**kwargs)
        settings = config.coarsest
        self.size = config.coarsest_size
        self.channels = config.channels
        self.values = config.values
        self.mixtures = PixelMixtures(config, settings.components)
        self.network = PixelCNNPlusPlus(
            config.channels,
            self.mixtures.parameters,
            filters=settings.filters,
            residual_layers=settings.blocks,
            levels=settings.resolutions,
            dropout=settings.dropout,
            name="network",
        )

    @property
    def sequential_steps(self) -> int:
        """Pixels, which are drawn one after the other."""
        return self.size**2

    def distribution(
        self, images: tf.Tensor, training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> DiscretisedLogisticMixture:
        """The distribution of every pixel given the earlier ones of integer images [B, H, W, C]."""
        return self.mixtures.distribution(self._outputs(images, training, seed))

    def log_prob(
        self, images: tf.Tensor, training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> tf.Tensor:
        """log p(I_L) of integers [B, H, W, C]: [B], nats; the seed is that of the dropout."""
        return self.distribution(images, training, seed).log_prob(images)

    def sample(self, count, seed: Seed, temperature=1.0) -> tf.Tensor:
        """int32 [count, H, W, C]; temperature is that of `PixelMixtures`."""
        shape = [self.size, self.size]
        noise = image_noise(as_seed(seed), count, [*shape, self.mixtures.noise_size])

        # All pixels are drawn in every step, of the same noise; after step k the first k are
        # those of the image, as they depend on each other in this order. So small an image is
        # done before a cache of earlier rows would be filled.
        def body(index, images):
            outputs = self._outputs(images)
            return index + 1, self.mixtures.from_noise(outputs, noise, temperature)

        first = tf.zeros([count, *shape, self.channels], tf.int32)
        _, images = tf.while_loop(
            lambda index, _: index < self.sequential_steps,
            body,
            (0, first),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, *first.shape[1:]])),
            maximum_iterations=self.sequential_steps,
        )
        return images

    def _outputs(self, images, training=False, seed=None):
        return self.network(
            level_centres(images, self.values), training=training, seed=seed if training else None
        )
