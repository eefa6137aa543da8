"""Any folder of images with a file of captions: a table, or lines of JSON."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Dict, Iterator, List, Optional, Tuple

from tfgen.data.captions_files import read_json, read_lines, read_rows
from tfgen.data.captions_records import CaptionedImages
from tfgen.data.errors import DataError
from tfgen.data.source import Splits

__all__ = ["captioned_folder"]

_IMAGE_KEYS = ("image", "file_name", "filename", "image_name", "file", "path", "image_path")
_CAPTION_KEYS = ("caption", "captions", "text", "texts", "sentence", "comment", "description")
_SPLIT_KEYS = ("split",)
_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}

Row = Tuple[str, Any, Any, str]


def captioned_folder(
    directory: str,
    captions: str,
    image_size: int = 256,
    seed: int = 0,
    validation_share: float = 0.1,
    test_share: float = 0.1,
    *,
    longest_caption: int = 1000,
    fit: str = "crop",
    crop: Optional[int] = None,
    check: str = "decode",
    max_bad_share: float = 0.01,
) -> Splits:
    """A person's own images and captions, one example an image.

    The file of captions is one of

    * a table, .csv (commas) or .tsv and .txt (tabs), with a head that names the columns of the
      image and the caption (such as `file_name,text`) and perhaps of the split; without a known
      name in the head, all lines are rows `IMAGE,CAPTION`;
    * lines of JSON, .jsonl: {"file_name": ..., "text": ...} or {"image": ..., "captions": [...]};
    * a JSON list of such objects, .json.

    An image may have several captions, in several rows or in a list.

    Args:
      directory: the folder; the names of images are relative to it.
      captions: path of the file.
      image_size: height and width of the images that come out.
      seed: of the division into splits, which goes by the images' names (see `split_by_name`).
      validation_share, test_share: shares of the images, where the file names no splits ("train",
        "validation" or "val", "test"). With test_share 0 the test split is the validation split.
      longest_caption, fit, crop, check, max_bad_share: as `coco`.

    Returns:
      Splits with the features of `coco`; "image_id" counts the images in the order of the file.
      Image files that no caption names are not used: they are logged, and counted in
      description["skipped"]["without_captions"].

    Raises:
      DataError: the data cannot be used; the message says which file, why, and what to do.
    """
    root, file = pathlib.Path(directory), pathlib.Path(captions)
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Wanted a folder of images.")
    found = CaptionedImages(longest_caption)
    for name, content, split, place in _rows(file, found):
        if not isinstance(name, str) or not name.strip():
            found.bad_caption(place, "names no image")
            continue
        name = pathlib.PurePosixPath(name.strip().replace("\\", "/")).as_posix()
        if name not in found.images:
            split = "" if split is None else str(split).strip()
            found.add_image(name, root / name, name, len(found.images), split)
        for text in content if isinstance(content, list) else [content]:
            found.add_caption(name, text, place)
    found.note_unnamed(root)
    return found.splits(
        image_size,
        validation_share=validation_share,
        test_share=test_share,
        seed=seed,
        fit=fit,
        crop=crop,
        check=check,
        max_bad_share=max_bad_share,
        description={
            "name": "captioned_folder",
            "directory": str(root),
            "captions_file": file.name,
        },
    )


def _rows(file: pathlib.Path, found: CaptionedImages) -> Iterator[Row]:
    """(image, caption or captions, split or None, place) of every good row."""
    suffix = file.suffix.lower()
    if suffix == ".json":
        content = read_json(file)
        if not isinstance(content, list):
            raise DataError(
                f'{file} is no list: wanted [{{"file_name": ..., "text": ...}}, ...]. Files in '
                "COCO's form are read by tfgen.data.coco."
            )
        numbered = [(f"{file.name}, entry {n}", entry) for n, entry in enumerate(content)]
        yield from _objects(numbered, found)
    elif suffix in (".jsonl", ".ndjson"):
        yield from _objects(_json_lines(file, found), found)
    elif suffix in _DELIMITERS:
        yield from _table(file, _DELIMITERS[suffix], found)
    else:
        raise DataError(
            f"{file} is of no known kind: wanted .csv, .tsv, .txt (tabs), .jsonl or .json."
        )


def _json_lines(file, found):
    for number, line in read_lines(file, found.bad_caption):
        place = f"{file.name}, line {number}"
        try:
            yield place, json.loads(line)
        except (ValueError, RecursionError) as error:
            found.bad_caption(place, f"is not valid JSON ({getattr(error, 'msg', error)})")


def _objects(numbered, found: CaptionedImages) -> Iterator[Row]:
    for place, entry in numbered:
        if not isinstance(entry, dict):
            found.bad_caption(place, f"is no JSON object but {entry!r:.40}")
            continue
        values = [_first(entry, keys) for keys in (_IMAGE_KEYS, _CAPTION_KEYS, _SPLIT_KEYS)]
        yield (*values, place)


def _first(entry: Dict[str, Any], keys) -> Any:
    return next((entry[key] for key in keys if key in entry), None)


def _table(file, delimiter: str, found: CaptionedImages) -> Iterator[Row]:
    lines = read_lines(file, found.bad_caption)
    head = [cell.strip().strip('"').lower() for cell in lines[0][1].split(delimiter)]
    columns = [_position(head, keys) for keys in (_IMAGE_KEYS, _CAPTION_KEYS, _SPLIT_KEYS)]
    if columns[0] is None or columns[1] is None:
        head, columns = ["image", "caption"], [0, 1, None]
    else:
        lines = lines[1:]
    for number, cells in read_rows(lines, delimiter, len(head), file.name, found.bad_caption):
        values = [None if column is None else cells[column] for column in columns]
        yield (*values, f"{file.name}, line {number}")


def _position(head: List[str], keys) -> Optional[int]:
    return next((head.index(key) for key in keys if key in head), None)
