"""MNIST, CIFAR-10 and ImageNet for comparisons of priors, from the user's disk."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import tempfile
from typing import Any, Dict, Optional

from tfgen.data import (
    Splits,
    cifar10,
    imagenet32,
    imagenet64,
    mnist,
    write_cifar10,
    write_imagenet,
    write_mnist,
)
from tfgen.training import Config, ConfigError
from zoo.mar_scf.comparison import ComparisonConfig
from zoo.mar_scf.presets import comparison_presets, paper_training

__all__ = [
    "ImageNetComparison",
    "ImageNetConfig",
    "ImageSetComparison",
    "ImageSetConfig",
    "imagenet_presets",
    "load_image_set",
]

# Name -> what reads the set, and what writes a few images in its format.
SETS = {
    "mnist": (mnist, write_mnist),
    "cifar10": (cifar10, write_cifar10),
    "imagenet32": (imagenet32, functools.partial(write_imagenet, size=32)),
    "imagenet64": (imagenet64, functools.partial(write_imagenet, size=64)),
}


@dataclasses.dataclass
class ImageSetConfig(Config):
    """Where a published set of images lies, and how it is cut.

    Attributes:
      directory: a folder with the set's files, or a data folder of tensorflow_datasets in which it
        is prepared; "" is the default one of these (in the smoke preset: no data is needed).
      validation_share: share of the training images that validate. 0 validates on the test images,
        as the released code does.
    """

    directory: str = ""
    validation_share: float = 0.1

    def validate(self):
        """Raises ConfigError where no training images would be left."""
        super().validate()
        if not 0.0 <= self.validation_share < 1.0:
            raise ConfigError(
                f"validation_share: got {self.validation_share}; wanted 0 or more, below 1."
            )


@dataclasses.dataclass
class ImageNetConfig(ImageSetConfig):
    """Where ImageNet lies, and how it is cut.

    Attributes:
      unpack_to: a folder to unpack the pixels to, once; null keeps them in memory, or reads PNG
        files one by one.
    """

    validation_share: float = 0.01
    unpack_to: Optional[str] = None


@dataclasses.dataclass
class ImageSetComparison(ComparisonConfig):
    """A comparison of priors on a published set of images.

    Attributes:
      data: where the set lies.
    """

    data: ImageSetConfig = dataclasses.field(default_factory=ImageSetConfig)


@dataclasses.dataclass
class ImageNetComparison(ImageSetComparison):
    """A comparison of priors on ImageNet.

    Attributes:
      data: where ImageNet lies.
    """

    data: ImageNetConfig = dataclasses.field(default_factory=ImageNetConfig)


def imagenet_presets(preset: str, size: int) -> Dict[str, Any]:
    """Settings of an `ImageNetComparison` on images of 32 or 64 pixels a side."""
    settings = comparison_presets(preset)
    levels = {} if size == 32 else {"levels": 4}
    settings["model"] = dataclasses.replace(settings["model"], image_size=size, **levels)
    if preset == "paper":
        settings["model"].filters = 256
        settings.update(
            priors=("mar",), training=paper_training(steps=1_000_000, steps_per_epoch=5000)
        )
    if preset in ("quick", "embedded"):
        # An image of 64 x 64 pixels takes four times as long as one of 32 x 32.
        settings["training"].batch_size //= (size // 32) ** 2
    return settings


def load_image_set(name: str, config: ImageSetComparison) -> Splits:
    """The images of a set; in the smoke preset without a directory, noise in its files.

    Args:
      name: mnist, cifar10, imagenet32 or imagenet64.
      config: with the settings of the data. The smoke preset takes a set of any size.

    Raises:
      DataError: the data cannot be used; the message says which file, why, and what to do.
    """
    read, write = SETS[name]
    smoke, settings = config.preset == "smoke", config.data.as_dict()
    directory = settings.pop("directory")
    settings["allow_partial"] = smoke
    if directory or not smoke:
        return read(directory or None, **settings)
    with tempfile.TemporaryDirectory() as folder:
        write(pathlib.Path(folder))
        return read(folder, **settings)
