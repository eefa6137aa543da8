"""COCO captions, and any data set in their layout."""

from __future__ import annotations

import pathlib
import re
from typing import Any, Dict, Hashable, List, Optional

from tfgen.data.captions_files import read_json
from tfgen.data.captions_karpathy import read_karpathy
from tfgen.data.captions_records import CaptionedImages, find_file
from tfgen.data.errors import DataError
from tfgen.data.source import Source, Splits

__all__ = ["coco", "coco_split"]

_NAME = re.compile(r"captions_(train|val|test|held_out)(\d*)\.json")
_LAYOUT = (
    "Wanted COCO's layout: annotations/captions_train2017.json, captions_val2017.json (or of 2014) "
    "and the images in train2017/ and val2017/, in images/, or in images/train2017/ and so on"
)


def coco(
    directory: str,
    image_size: int = 256,
    year: Optional[int] = None,
    seed: int = 0,
    validation_share: float = 0.02,
    *,
    split_file: Optional[str] = None,
    restval: str = "train",
    longest_caption: int = 1000,
    fit: str = "crop",
    crop: Optional[int] = None,
    check: str = "decode",
    max_bad_share: float = 0.01,
) -> Splits:
    """COCO's images [1] with their captions [2], one example an image.

    Without a split file, the images of captions_train*.json train, but for a share that validates,
    and those of captions_val*.json test. Where there is a captions_test*.json too (as
    `write_scenes` makes it; COCO keeps its own back), those test and the others validate.

    Args:
      directory: holds annotations/ and the images, in any of the usual places.
      image_size: height and width of the images that come out.
      year: of the files, 2014 or 2017; None takes the only ones that are there.
      seed: of the choice of what validates.
      validation_share: of the training images, where no images are for validation.
      split_file: Karpathy's dataset_coco.json. It has the captions too: the files in annotations/
        are not read.
      restval: split that the images of its "restval" go to: "train", as nearly all papers have it,
        or "validation".
      longest_caption: characters; longer ones are left out.
      fit, crop: how images come to their size, see `fit_image`.
      check: how the files are checked, see `check_image_files`.
      max_bad_share: largest share of the images, and of the captions, that may be left out.

    Returns:
      Splits with the features "image" uint8 [image_size, image_size, 3]; "captions" string [K],
      filled up with empty strings; "caption_count" int32 []; "image_id" int64 []; "file_name"
      string []. `caption_pairs` makes pairs of an image and a caption from them.

    Raises:
      DataError: the data cannot be used; the message says which file, why, and what to do.

    #### References
    [1] Lin et al. Microsoft COCO: Common Objects in Context. ECCV 2014.
    [2] Chen et al. Microsoft COCO Captions: Data Collection and Evaluation Server. 2015.
    """
    root = _root(directory)
    found = CaptionedImages(longest_caption)
    if split_file is not None:
        read_karpathy(pathlib.Path(split_file), found, lambda *name: _locate(root, *name), restval)
    else:
        files = _annotation_files(root, year)
        if "train" not in files:
            raise DataError(f"There is no captions_train*.json in {root}. {_LAYOUT}.")
        roles = {"train": "train", "val": "test"}
        if "test" in files:
            roles = {"train": "train", "val": "validation", "test": "test"}
        for name, split in roles.items():
            if name in files:
                _read_annotations(files[name], root, name, split, found)
    return found.splits(
        image_size,
        validation_share=validation_share,
        seed=seed,
        fit=fit,
        crop=crop,
        check=check,
        max_bad_share=max_bad_share,
        description={"name": "coco", "directory": str(root), "split_file": split_file},
    )


def coco_split(
    directory: str, split: str, image_size: int = 256, year: Optional[int] = None, **settings
) -> Source:
    """All images of one annotation file in COCO's layout, such as the scenes' "held_out".

    Args:
      directory, image_size, year: as `coco`.
      split: "train", "val", "test" or "held_out": of annotations/captions_SPLIT*.json.
      **settings: longest_caption, fit, crop, check and max_bad_share of `coco`.

    Returns:
      A source with the features of `coco`.

    Raises:
      DataError: as `coco`.
    """
    root = _root(directory)
    files = _annotation_files(root, year)
    if split not in files:
        raise DataError(f"There is no captions_{split}*.json in {root}, only {sorted(files)}.")
    found = CaptionedImages(settings.pop("longest_caption", 1000))
    _read_annotations(files[split], root, split, "test", found)
    return found.source(image_size, **settings)


def _root(directory: str) -> pathlib.Path:
    root = pathlib.Path(directory)
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. {_LAYOUT}.")
    return root


def _annotation_files(root: pathlib.Path, year: Optional[int]) -> Dict[str, pathlib.Path]:
    """Split -> its file."""
    found: Dict[str, Dict[str, pathlib.Path]] = {}
    for folder in (root / "annotations", root):
        for file in sorted(folder.glob("captions_*.json")):
            match = _NAME.fullmatch(file.name)
            if match:
                found.setdefault(match.group(2), {}).setdefault(match.group(1), file)
    if year is not None:
        found = {name: files for name, files in found.items() if name == str(year)}
    if not found:
        wanted = "" if year is None else f" of {year}"
        raise DataError(f"There are no captions_*.json{wanted} in {root}. {_LAYOUT}.")
    if len(found) > 1:
        years = ", ".join(name or "none" for name in sorted(found))
        raise DataError(f"{root} has captions of several years ({years}): pass year=.")
    return next(iter(found.values()))


def _locate(root: pathlib.Path, folder: str, name: str) -> pathlib.Path:
    folders = [f"images/{folder}", folder, "images", ""]
    return find_file(root, folders, name)


def _read_annotations(file, root, name, split, found: CaptionedImages) -> None:
    """Enters the images and captions of one file."""
    content = read_json(file)
    lists: Dict[str, List[Any]] = {}
    for key in ("images", "annotations"):
        lists[key] = content.get(key) if isinstance(content, dict) else None
        if not isinstance(lists[key], list):
            raise DataError(
                f'{file} has no list "{key}": wanted {{"images": [...], "annotations": [...]}}. '
                "Test sets without captions cannot be used."
            )
    folder = _NAME.fullmatch(file.name).group(1, 2)
    for number, image in enumerate(lists["images"]):
        place = f"{file.name}, image {number}"
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
            found.bad_image(place, "lacks its file_name")
        elif not isinstance(image.get("id"), int):
            found.bad_image(place, f"has the id {image.get('id')!r:.40}, wanted a number")
        else:
            path = _locate(root, "".join(folder), image["file_name"])
            found.add_image(image["id"], path, image["file_name"], image["id"], split)
    seen: Dict[Hashable, int] = {}
    for number, annotation in enumerate(lists["annotations"]):
        place = f"{file.name}, annotation {number}"
        if not isinstance(annotation, dict) or not isinstance(annotation.get("image_id"), int):
            found.bad_caption(place, "lacks its image_id")
            continue
        key = annotation.get("id")
        if isinstance(key, int):
            place += f" (id {key})"
            if key in seen:
                found.bad_caption(place, f"has the id of annotation {seen[key]}")
                continue
            seen[key] = number
        found.add_caption(annotation["image_id"], annotation.get("caption"), place)
