"""Networks whose features a model reads, as a recipe's settings name them."""

from __future__ import annotations

from tfgen.data import ImageBackbone
from tfgen.training.configuration import ConfigError

__all__ = ["check_feature_size", "named_backbone"]


def named_backbone(
    application: str, layer: str, weights: str, key: str = "weights", without: str = ""
) -> ImageBackbone:
    """The network of the settings `application`, `layer` and `weights`.

    Args:
      application, layer, weights: as of `ImageBackbone`; layer "" takes its default.
      key: name of the setting of the weights.
      without: the setting that does without features, such as "model.image.type=pixels".

    Raises:
      ConfigError: no weights are named.
      DataError: the weights cannot be used.
    """
    if not weights:
        raise ConfigError(
            f"{key}: got ''; wanted the path of the weights on this disk of {application}, whose "
            f"features the model reads. Nothing is downloaded. {without} does without."
        )
    return ImageBackbone(application, weights, layer or None)


def check_feature_size(backbone, size: int, key: str) -> None:
    """Raises ConfigError where a model expects features of another size.

    Args:
      backbone: with `application` and `shape`, such as an `ImageBackbone`.
      size: that the model expects.
      key: name of its setting.
    """
    if list(backbone.shape) != [size]:
        raise ConfigError(
            f"{key}: got {size}; wanted that of the features of {backbone.application}, "
            f"{list(backbone.shape)}."
        )
