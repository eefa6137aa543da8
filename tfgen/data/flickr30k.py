"""Flickr30k: photographs with five captions each."""

from __future__ import annotations

import pathlib
from typing import Dict, Optional, Tuple

from tfgen.data.captions_files import read_lines, read_rows
from tfgen.data.captions_karpathy import read_karpathy
from tfgen.data.captions_records import CaptionedImages, find_file
from tfgen.data.errors import DataError
from tfgen.data.source import Splits

__all__ = ["flickr30k"]

_FILES = ("results_20130124.token", "results.csv", "Flickr30k.token.txt", "captions.txt")
_FOLDERS = ("flickr30k_images", "flickr30k-images", "images", "Images", "")
_LISTS = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}


def flickr30k(
    directory: str,
    image_size: int = 256,
    seed: int = 0,
    validation_share: float = 0.032,
    test_share: float = 0.032,
    *,
    captions: Optional[str] = None,
    split_file: Optional[str] = None,
    longest_caption: int = 1000,
    fit: str = "crop",
    crop: Optional[int] = None,
    check: str = "decode",
    max_bad_share: float = 0.01,
) -> Splits:
    """Flickr30k [1] (or Flickr8k, which has the same files), one example an image.

    The captions come in any of three forms: the .token file (`NAME#NUMBER<TAB>CAPTION`), the table
    `image_name| comment_number| comment`, or the table `image,caption`.

    Args:
      directory: holds the captions and flickr30k_images/ (or flickr30k-images/, images/).
      image_size: height and width of the images that come out.
      seed: of the division into splits, where no split file is given.
      validation_share, test_share: 1000 of 31 783 images each, by default.
      captions: path of the captions; None looks for results_20130124.token, results.csv,
        captions.txt in the folder and in flickr30k_images/.
      split_file: Karpathy's dataset_flickr30k.json (which has the captions too), or a folder with
        train.txt, val.txt and test.txt, each a list of the images' names, with or without ".jpg".
        With a list, an image that stands in none is left out, as a matter of course.
      longest_caption, fit, crop, check, max_bad_share: as `coco`.

    Returns:
      Splits with the features of `coco`; "image_id" is the number in the name of the file.
      Image files that no caption names are told as by `captioned_folder`.

    Raises:
      DataError: the data cannot be used; the message says which file, why, and what to do.

    #### References
    [1] Young et al. From Image Descriptions to Visual Denotations: New Similarity Metrics for
        Semantic Inference over Event Descriptions. TACL 2014.
    """
    root = pathlib.Path(directory)
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Wanted the folder of Flickr30k.")
    found = CaptionedImages(longest_caption)
    if split_file is not None and pathlib.Path(split_file).is_file():
        read_karpathy(
            pathlib.Path(split_file), found, lambda _, name: find_file(root, _FOLDERS, name)
        )
    else:
        lists = None if split_file is None else _read_lists(pathlib.Path(split_file))
        file = pathlib.Path(captions) if captions else _captions_file(root)
        _read_captions(file, root, lists, found)
        if lists is None:
            found.note_unnamed(next(root / name for name in _FOLDERS if (root / name).is_dir()))
    return found.splits(
        image_size,
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        fit=fit,
        crop=crop,
        check=check,
        max_bad_share=max_bad_share,
        description={"name": "flickr30k", "directory": str(root), "split_file": split_file},
    )


def _captions_file(root: pathlib.Path) -> pathlib.Path:
    for folder in (root, *(root / name for name in _FOLDERS[:2])):
        for name in _FILES:
            if (folder / name).is_file():
                return folder / name
    raise DataError(
        f"There are no captions in {root}: wanted {', '.join(_FILES)}, or pass captions=."
    )


def _read_lists(folder: pathlib.Path) -> Dict[str, str]:
    """Name of an image without its suffix -> its split."""
    if not folder.is_dir():
        raise DataError(
            f"There is no {folder}: wanted dataset_flickr30k.json, or a folder with "
            f"{', '.join(_LISTS.values())}."
        )
    splits: Dict[str, str] = {}
    for split, name in _LISTS.items():
        file = folder / name
        try:
            lines = file.read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"The list {file} cannot be read: {error}.") from None
        for line in lines:
            stem = line[:-4] if line.endswith(".jpg") else line
            if splits.setdefault(stem, split) != split:
                raise DataError(f"{file}: {line} is in the list of {splits[stem]} too.")
    return splits


def _read_captions(file, root, lists, found: CaptionedImages) -> None:
    """Enters every image when its first caption comes."""
    seen = set()
    for place, name, number, caption in _rows(file, found):
        stem = name[:-4] if name.endswith(".jpg") else name
        if lists is not None and stem not in lists:
            continue
        if name not in found.images:
            digits = "".join(filter(str.isdigit, stem.split("_")[0]))
            image_id = int(digits[:18]) if digits else len(found.images)
            path = find_file(root, _FOLDERS, name)
            found.add_image(name, path, name, image_id, lists[stem] if lists else "")
        if number is not None and (name, number) in seen:
            found.bad_caption(place, f"is a second caption number {number} of {name}")
            continue
        seen.add((name, number))
        found.add_caption(name, caption, place)


def _rows(file: pathlib.Path, found: CaptionedImages):
    """(place, image, number or None, caption) of every good line."""
    lines = read_lines(file, found.bad_caption)
    head = lines[0][1] if lines else ""
    if "\t" in head and "#" in head:
        return _token_rows(lines, file.name, found)
    if "|" in head:
        return _bar_rows(lines[1:], file.name, found)
    return _comma_rows(lines[1:], file.name, found)


def _token_rows(lines, name, found):
    for number, line in lines:
        place = f"{name}, line {number}"
        key, tab, caption = line.partition("\t")
        image, mark, count = key.strip().rpartition("#")
        if not tab or not mark:
            found.bad_caption(place, f"wants NAME#NUMBER<TAB>CAPTION, is {line.strip()!r:.60}")
        else:
            yield place, image, count, caption


def _bar_rows(lines, name, found):
    for number, line in lines:
        place = f"{name}, line {number}"
        cells: Tuple[str, ...] = tuple(cell.strip() for cell in line.split("|", 2))
        if len(cells) != 3 or not cells[0]:
            found.bad_caption(place, f"wants NAME| NUMBER| CAPTION, is {line.strip()!r:.60}")
        else:
            yield (place, *cells)


def _comma_rows(lines, name, found):
    for number, (image, caption) in read_rows(lines, ",", 2, name, found.bad_caption):
        yield f"{name}, line {number}", image.strip(), None, caption
