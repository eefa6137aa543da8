"""What a PixelCNN is given besides its own pixels: a class, or an image."""

from __future__ import annotations

from typing import Dict, Hashable, Optional

import tensorflow as tf

from tfgen.layers.weight_normalised_convolution import WeightNormalisedConvolution

__all__ = ["PixelConditioning", "in_full_precision"]


class PixelConditioning(tf.keras.layers.Layer):
    """A class as a vector, or an image as maps for each block of a network.

    Exactly one of `classes` and `image_size` is given.

    Args:
      filters: channels of the vector or the maps.
      classes: number of classes.
      image_size: channels of the image.
      stream: a layer without masks that takes maps [B, H, W, filters] and returns its output and a
        dict of maps for the blocks; needed for images.
      **kwargs: name and dtype (or policy), as in every Keras layer.

    Call arguments:
      conditioning: integers [B], or [B, H, W, image_size].
      training, seed: of the stream's dropout.

    Returns:
      [B, 1, 1, filters] for classes, the stream's dict for images.
    """

    def __init__(
        self,
        filters: int,
        classes: Optional[int] = None,
        image_size: Optional[int] = None,
        stream: Optional[tf.keras.layers.Layer] = None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        if (classes is None) == (image_size is None):
            raise ValueError(
                "A PixelCNN is given either a class or an image; got "
                f"classes={classes} and conditioning_size={image_size}."
            )
        self.filters = filters
        self.classes = classes
        self.image_size = image_size
        self.stream = stream
        if classes is not None:
            self.vectors = self.add_weight(
                name="vectors",
                shape=[classes, filters],
                initializer=tf.keras.initializers.RandomNormal(),
                experimental_autocast=False,
            )
        else:
            self.first = WeightNormalisedConvolution(
                image_size, filters, 3, dtype=self.dtype_policy
            )
        self.built = True

    def call(self, conditioning, training: bool = False, seed: Optional[tf.Tensor] = None):
        wanted = "classes, integers [B]"
        if self.image_size is not None:
            wanted = f"an image [B, H, W, {self.image_size}]"
        if conditioning is None:
            raise ValueError(f"This network is given {wanted}: pass conditioning=...; got none.")
        conditioning = tf.convert_to_tensor(conditioning)
        if self.classes is not None:
            if conditioning.shape.rank != 1 or not conditioning.dtype.is_integer:
                raise ValueError(
                    f"This network is given {wanted}; got {conditioning.dtype.name} of shape "
                    f"{conditioning.shape}."
                )
            vectors = tf.gather(self.vectors, conditioning)
            return tf.cast(vectors, self.compute_dtype)[:, tf.newaxis, tf.newaxis]
        if conditioning.shape.rank != 4 or conditioning.shape[-1] != self.image_size:
            raise ValueError(f"This network is given {wanted}; got shape {conditioning.shape}.")
        x = self.first(tf.cast(conditioning, self.compute_dtype))
        _, maps = self.stream(x, training=training, seed=seed)
        return maps


def in_full_precision(maps: Optional[Dict[Hashable, tf.Tensor]]):
    """Maps in float32, or None: images are drawn with float32 matrices under any policy."""
    if maps is None:
        return None
    return {place: tf.cast(map_, tf.float32) for place, map_ in maps.items()}
