"""Images with captions, collected from any format, checked, and made into splits."""

from __future__ import annotations

import dataclasses
import logging
import os
import pathlib
import re
import unicodedata
from typing import Any, Dict, Hashable, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data.errors import DataError, Problems
from tfgen.data.image_files import ImageFiles, check_image_files
from tfgen.data.image_folder import image_names
from tfgen.data.source import Source, Splits
from tfgen.data.splitting import split_by_name

__all__ = ["CaptionedImage", "CaptionedImages", "find_file"]

_LOGGER = logging.getLogger("tfgen.data")
SMALLEST_SIDE = 8
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_SPLITS = ("train", "validation", "test")
_NAMES = {"val": "validation", "valid": "validation", "dev": "validation", "": "train"}


@dataclasses.dataclass
class CaptionedImage:
    """One image: its file, its name and number in the annotations, its split and captions."""

    path: str
    file_name: str
    image_id: int
    split: str
    captions: List[str] = dataclasses.field(default_factory=list)


class CaptionedImages:
    """Collects the images and captions of a data set; what cannot be used is left out by name.

    Two counts are kept apart: of images (missing, broken, without captions, with an id that was
    used before) and of captions (empty, over-long, of an image that is not listed...). A caption
    in any script, with emoji or not, is a caption.
    """

    def __init__(self, longest_caption: int = 1000):
        """Starts with no image.

        Args:
          longest_caption: characters that a caption may have.
        """
        self.longest_caption = longest_caption
        self.images: Dict[Hashable, CaptionedImage] = {}
        self.image_problems = Problems("images with captions")
        self.caption_problems = Problems("captions")
        self.unnamed = Problems("image files without a caption")
        self._images = self._captions = 0

    def add_image(
        self, key: Hashable, path: pathlib.Path, name: str, image_id: int, split: str = ""
    ) -> None:
        """Enters an image under a key that its captions name it by."""
        self._images += 1
        split = _NAMES.get(split, split)
        if key in self.images:
            known = self.images[key].file_name
            self.image_problems.add(name, f"has the id {key} of an earlier image, {known}")
        elif not -(2**63) <= image_id < 2**63:
            self.image_problems.add(name, f"has the id {image_id!s:.40}, wanted one of 64 bits")
        elif split not in _SPLITS:
            self.image_problems.add(name, f"is of an unknown split, {split!r}")
        else:
            self.images[key] = CaptionedImage(str(path), name, image_id, split)

    def add_caption(self, key: Hashable, text: Any, place: str) -> None:
        """Enters a caption of the image `key`; `place` names it in messages."""
        self._captions += 1
        if not isinstance(text, str):
            return self.caption_problems.add(place, f"has no text but {text!r:.40}")
        # Lone surrogates come from broken escapes in JSON; no UTF-8 can hold them.
        text = text.encode("utf-8", "replace").decode("utf-8")
        text = " ".join(_CONTROLS.sub(" ", text).split())
        if key not in self.images:
            return self.caption_problems.add(place, f"is of image {key}, which is not listed")
        if not any(_is_said(character) for character in text):
            return self.caption_problems.add(place, "is empty")
        if len(text) > self.longest_caption:
            return self.caption_problems.add(
                place, f"has {len(text)} characters, at most {self.longest_caption} are read"
            )
        self.images[key].captions.append(text)

    def bad_image(self, name: str, reason: str) -> None:
        """Notes an entry that is no image."""
        self._images += 1
        self.image_problems.add(name, reason)

    def bad_caption(self, place: str, reason: str) -> None:
        """Notes an entry that is no caption."""
        self._captions += 1
        self.caption_problems.add(place, reason)

    def note_unnamed(self, folder: pathlib.Path) -> None:
        """Logs the image files below a folder that no caption names, which are not used.

        They are no problems: a folder may well hold more images than have been captioned.
        """
        known = {record.path for record in self.images.values()}
        try:
            paths = [str(folder / name) for name in image_names(folder)]
        except DataError:
            return  # Nothing there is called like an image.
        for path in paths:
            if path not in known:
                self.unnamed.add(path, "has no caption")
        if self.unnamed.items:
            _LOGGER.warning(
                "%d of %d image files in %s have no caption and are not used:\n%s",
                *(len(self.unnamed), len(paths), folder, self.unnamed.listing()),
            )

    def splits(
        self,
        image_size: int,
        *,
        validation_share: float = 0.0,
        test_share: float = 0.0,
        seed: int = 0,
        fit: str = "crop",
        crop: Optional[int] = None,
        check: str = "decode",
        max_bad_share: float = 0.01,
        description: Mapping[str, Any],
    ) -> Splits:
        """Checks the image files and makes the splits.

        Args:
          image_size, fit, crop: see `fit_image`.
          validation_share, test_share: shares that are cut from the training images where no image
            says that it is of that split. A test split that would be empty is the validation
            split.
          seed: of that cut.
          check: see `check_image_files`.
          max_bad_share: largest share of the images, and of the captions, that may be left out.
          description: gets the counts, the longest caption and what was left out.

        Returns:
          Splits with the features "image" uint8 [image_size, image_size, 3]; "captions" string
          [K], filled up with empty strings; "caption_count" int32 []; "image_id" int64 [];
          "file_name" string [].

        Raises:
          DataError: there are too many problems, or no training images.
        """
        images, load, details = self._prepare(image_size, fit, crop, check, max_bad_share)
        parts = _divide(images, validation_share, test_share, seed)
        return Splits(
            **{split: _source(load, parts[split], image_size) for split in _SPLITS},
            description={
                **description,
                "counts": {split: len(parts[split]) for split in _SPLITS},
                **details,
                "seed": seed,
            },
        )

    def source(
        self,
        image_size: int,
        *,
        fit: str = "crop",
        crop: Optional[int] = None,
        check: str = "decode",
        max_bad_share: float = 0.01,
    ) -> Source:
        """All images as one source, whatever their split; see `splits`."""
        images, load, _ = self._prepare(image_size, fit, crop, check, max_bad_share)
        return _source(load, np.arange(len(images)), image_size)

    def _prepare(self, image_size, fit, crop, check, max_bad_share):
        """The usable images, what loads their features by position, what to say of them."""
        images, files = self._usable(check, max_bad_share)
        tables = _tables(images)
        loader = files.loader(image_size, fit, crop)
        lengths = [len(caption.split()) for record in images for caption in record.captions]
        details = {
            "image_shape": [image_size, image_size, 3],
            "captions": len(lengths),
            "captions_each": int(tables["captions"].shape[1]),
            "longest_text": max(lengths),
            "skipped": {
                "images": self.image_problems.summary(),
                "captions": self.caption_problems.summary(),
                "without_captions": self.unnamed.summary(),
            },
            "fit": fit,
            "crop": crop,
        }
        return images, (loader, tables), details

    def _usable(self, check, max_bad_share) -> Tuple[List[CaptionedImage], ImageFiles]:
        if not self._images:
            raise DataError("The annotations list no images.")
        self.caption_problems.settle(
            self._captions, max_bad_share, "Mend or remove these captions."
        )
        images = []
        for record in self.images.values():
            if record.captions:
                images.append(record)
            else:
                self.image_problems.add(record.file_name, "has no caption that can be used")
        paths = [record.path for record in images]
        files = check_image_files(
            paths, self.image_problems, check=check, smallest_side=SMALLEST_SIDE
        )
        self.image_problems.settle(self._images, max_bad_share, "Mend or remove these images.")
        return [images[i] for i in files.kept], files


def find_file(root: pathlib.Path, folders: Sequence[str], name: str) -> pathlib.Path:
    """The first of root/FOLDER/name that exists; the first one, if none does."""
    places = [root / folder / name for folder in folders]
    # Not place.is_file(), which raises an error where the name is longer than names may be.
    return next((place for place in places if os.path.isfile(place)), places[0])


def _is_said(character: str) -> bool:
    """Letters, digits and pictures such as emoji; not punctuation."""
    return character.isalnum() or unicodedata.category(character) == "So"


def _divide(images, validation_share, test_share, seed) -> Dict[str, np.ndarray]:
    own = np.array([record.split for record in images])
    parts = {split: np.flatnonzero(own == split) for split in _SPLITS}
    if not len(parts["train"]):
        raise DataError(f"There are no images left for train, of {len(images)} usable ones.")
    shares = {
        split: share
        for split, share in (("validation", validation_share), ("test", test_share))
        if share and not len(parts[split])
    }
    if shares:
        names = [images[row].file_name for row in parts["train"]]
        cut = split_by_name(names, shares, seed)
        parts = {**parts, **{split: parts["train"][rows] for split, rows in cut.items()}}
    if not len(parts["test"]):
        parts["test"] = parts["validation"]
    if not len(parts["validation"]):
        parts["validation"] = parts["test"]
    empty = [split for split in _SPLITS if not len(parts[split])]
    if empty:
        raise DataError(
            f"There are no images left for {' and '.join(empty)}: of {len(images)} usable ones "
            f"{ {split: len(rows) for split, rows in parts.items()} }."
        )
    return parts


def _tables(images: List[CaptionedImage]) -> Dict[str, tf.Tensor]:
    width = max(len(record.captions) for record in images)
    captions = [record.captions + [""] * (width - len(record.captions)) for record in images]
    with tf.device("/cpu:0"):
        return {
            "captions": tf.constant(captions),
            "caption_count": tf.constant([len(record.captions) for record in images], tf.int32),
            "image_id": tf.constant([record.image_id for record in images], tf.int64),
            "file_name": tf.constant([os.fsencode(record.file_name) for record in images]),
        }


def _source(load_by_position, rows, image_size) -> Source:
    loader, tables = load_by_position
    with tf.device("/cpu:0"):
        rows = tf.constant(rows)

    def load(indices):
        row = tf.gather(rows, indices)
        found = {name: tf.gather(table, row) for name, table in tables.items()}
        return {"image": loader(row), **found}

    features = {"image": tf.TensorSpec([image_size, image_size, 3], tf.uint8)}
    for name, table in tables.items():
        features[name] = tf.TensorSpec(table.shape[1:], table.dtype)
    return Source(int(rows.shape[0]), load, features)
