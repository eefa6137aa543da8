"""CelebA-HQ, LSUN and ImageNet for PixelPyramids, as folders of images on the user's disk."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from typing import Optional

import numpy as np

from tfgen.data import DataError, Source, Splits, image_folder, in_memory
from tfgen.training import Config, ConfigError, save_png
from zoo.pixelpyramids.comparison import PyramidStudyConfig

__all__ = [
    "FolderConfig",
    "FolderStudyConfig",
    "load_folders",
    "quantised",
    "write_folders",
]

_HELD_OUT = {"validation": ("validation", "valid", "val"), "test": ("test",)}


@dataclasses.dataclass
class FolderConfig(Config):
    """Where images lie, and how they come to their size and splits.

    Attributes:
      directory: a folder of images (PNG, JPEG, WebP ..., in any sub-folders), or one with the
        sub-folders train and test, or train and validation (also valid, val), or all three. In the
        smoke preset "" makes a few noise images.
      crop: side of the central square that is cut out before the images are made smaller; null
        takes the largest, which cuts along the longer side alone.
      validation_share, test_share: of the images for which the folders do not settle it. Without a
        folder of its own, the validation split is a share of the training images; where there is
        one held-out folder, it is the test split.
      check: decode, or header, which finds less and is several times faster.
      max_bad_share: largest share of broken images that are left out.
      seed: of the division into splits.
    """

    directory: str = ""
    crop: Optional[int] = None
    validation_share: float = 0.01
    test_share: float = 0.1
    check: str = "decode"
    max_bad_share: float = 0.01
    seed: int = 0

    def validate(self):
        """Raises ConfigError where no training images would be left."""
        super().validate()
        for name in ("validation_share", "test_share"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ConfigError(
                    f"{name}: got {getattr(self, name)}; wanted more than 0, below 1."
                )
        if self.check not in ("decode", "header"):
            raise ConfigError(f"check: got {self.check!r}; wanted decode or header.")


@dataclasses.dataclass
class FolderStudyConfig(PyramidStudyConfig):
    """A study on a folder of images.

    Attributes:
      data: where the images lie.
    """

    data: FolderConfig = dataclasses.field(default_factory=FolderConfig)


def load_folders(config: FolderStudyConfig, name: str) -> Splits:
    """The images of a folder at the size and number of bits of the model.

    Args:
      config: the study. In its smoke preset, without a directory, noise in such folders.
      name: of the data set, for reports and cards.

    Returns:
      Splits with "image" uint8 [S, S, 3], of values 0 .. 2^bits - 1.

    Raises:
      DataError: the folder cannot be used; the message says which file, why, and what to do.
    """
    if not config.data.directory and config.preset == "smoke":
        with tempfile.TemporaryDirectory() as folder:
            write_folders(pathlib.Path(folder), side=config.model.image_size + 4)
            splits = _read(config, folder, name)
            return splits.map(lambda source: in_memory(source, progress=False, at_once=True))
    if not config.data.directory:
        raise DataError(f"Wanted a folder with {name}: pass --set data.directory=FOLDER.")
    return _read(config, config.data.directory, name)


def quantised(source: Source, bits: int) -> Source:
    """The source with images of the `bits` most significant bits: floor(x / 2^(8 - bits))."""
    if bits == 8:
        return source

    def load(indices):
        features = source.load(indices)
        return {**features, "image": features["image"] // 2 ** (8 - bits)}

    return dataclasses.replace(source, load=load)


def write_folders(directory: pathlib.Path, side: int, count: int = 8) -> None:
    """Writes noise as images: `count` in train, half as many in val."""
    random = np.random.default_rng(0)
    for split, number in (("train", count), ("val", count // 2)):
        for index in range(number):
            # Sizes differ, as those of real images do.
            image = random.integers(0, 256, [side + index % 3, side + index % 2, 3], np.uint8)
            save_png(directory / split / f"{index:05d}.png", image)


def _read(config, directory, name):
    settings, bits, size = config.data, config.model.bits, config.model.image_size
    root = pathlib.Path(directory)
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Wanted a folder with {name}.")
    folders = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    held_out = {
        split: next((folders[known] for known in names if known in folders), None)
        for split, names in _HELD_OUT.items()
    }

    def read(folder, validation, test):
        return image_folder(
            str(folder),
            size,
            settings.seed,
            validation,
            test,
            crop=settings.crop,
            check=settings.check,
            max_bad_share=settings.max_bad_share,
        )

    if "train" not in folders or not any(held_out.values()):
        splits = read(root, settings.validation_share, settings.test_share)
        parts = {split: getattr(splits, split) for split in ("train", "validation", "test")}
        skipped = {"all": splits.description["skipped"]}
    else:
        both = all(held_out.values())
        share = 0.0 if both else settings.validation_share
        found = {"train": read(folders["train"], share, 0.0)}
        found.update(
            {split: read(path, 0.0, 0.0) for split, path in held_out.items() if path is not None}
        )
        parts = {"train": found["train"].train}
        if both:
            parts.update({split: found[split].train for split in held_out})
        else:
            (other,) = (split for split in held_out if split in found)
            parts.update(validation=found["train"].validation, test=found[other].train)
        skipped = {split: splits.description["skipped"] for split, splits in found.items()}
    return Splits(
        **{split: quantised(source, bits) for split, source in parts.items()},
        description={
            "name": name,
            "directory": str(root),
            "image_shape": [size, size, 3],
            "bits": bits,
            # By which readers of cards know how bright a pixel is.
            "levels": 2**bits,
            "crop": settings.crop,
            "counts": {split: source.count for split, source in parts.items()},
            "skipped": skipped,
            "seed": settings.seed,
        },
    )
