"""The models that `tfgen benchmark autoregressive` measures, by name."""

from __future__ import annotations

__all__ = ["GROWING", "SMALL", "count_millions", "make_model", "random_images"]

SMALL = "PixelCNN++, 1 M"

# Name -> filters, residual layers, mixtures.
_PIXEL_CNNS = {"PixelCNN++, 160 filters": (160, 5, 10), SMALL: (32, 2, 5)}


def make_model(name: str):
    """A model that is not trained: a PixelCNN of 32x32 pixels by its name, or PixelPyramids."""
    if name in _PIXEL_CNNS:
        return make_pixel_cnn(32, *_PIXEL_CNNS[name])
    from zoo.pixelpyramids import CoarsestConfig, PixelPyramids, PixelPyramidsConfig

    # The preset paper of pixelpyramids_celebahq256.
    coarsest = CoarsestConfig(filters=32, blocks=2)
    return PixelPyramids(PixelPyramidsConfig(image_size=256, bits=5, coarsest=coarsest))


def make_pixel_cnn(side, filters, residual_layers, mixtures, resolutions=3):
    """A PixelCNN++ of images in colour."""
    from zoo.pixelcnn import PixelCNN, PixelCNNConfig

    return PixelCNN(
        PixelCNNConfig(
            image_size=side,
            filters=filters,
            residual_layers=residual_layers,
            mixtures=mixtures,
            resolutions=resolutions,
        )
    )


def _growing_pyramids(side):
    from zoo.pixelpyramids import CoarsestConfig, PixelPyramids, PixelPyramidsConfig

    return PixelPyramids(
        PixelPyramidsConfig(
            image_size=side,
            u_net_filters=16,
            u_net_depth=1,
            features=16,
            filters=16,
            layers=1,
            components=5,
            coarsest=CoarsestConfig(filters=16, blocks=1, components=5),
        )
    )


# Small models of any side.
GROWING = {
    "PixelPyramids": _growing_pyramids,
    "PixelCNN": lambda side: make_pixel_cnn(side, 16, 1, 5, resolutions=1),
}


def random_images(model, count: int):
    """Noise that the model takes, uint8 [count, H, W, C]."""
    import numpy as np
    import tensorflow as tf

    random = np.random.RandomState(0)
    values = random.randint(0, model.config.values, [count, *model.image_shape])
    return tf.constant(values, tf.uint8)


def count_millions(model) -> float:
    """Millions of numbers that are trained."""
    return sum(variable.shape.num_elements() for variable in model.trainable_variables) / 1e6
