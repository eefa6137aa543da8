"""The split files of Karpathy, one JSON a data set: images, their splits and their sentences."""

from __future__ import annotations

import pathlib
from typing import Callable

from tfgen.data.captions_files import read_json
from tfgen.data.captions_records import CaptionedImages
from tfgen.data.errors import DataError

__all__ = ["read_karpathy"]

Locate = Callable[[str, str], pathlib.Path]


def read_karpathy(
    file: pathlib.Path, found: CaptionedImages, locate: Locate, restval: str = "train"
) -> None:
    """Reads dataset_coco.json, dataset_flickr30k.json or one like them [1].

    Args:
      file: {"images": [{"filename", "split", "sentences": [{"raw"}], "imgid", and for COCO
        "filepath" and "cocoid"}]}.
      found: gets the images and captions.
      locate: (filepath, filename) -> where the image file is.
      restval: split that the images of "restval" go to.

    Raises:
      DataError: the file cannot be read or is of another form.

    #### References
    [1] Karpathy and Fei-Fei. Deep Visual-Semantic Alignments for Generating Image Descriptions.
        CVPR 2015. Section 4.
    """
    content = read_json(file)
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise DataError(f'{file} is not a split file: wanted {{"images": [...]}}.')
    for number, image in enumerate(images):
        place = f"{file.name}, image {number}"
        wanted = (("filename", str), ("split", str), ("sentences", list))
        wrong = not isinstance(image, dict) or [
            key for key, kind in wanted if not isinstance(image.get(key), kind)
        ]
        if wrong:
            found.bad_image(place, f"lacks {'all keys' if wrong is True else ', '.join(wrong)}")
            continue
        name, folder = image["filename"], str(image.get("filepath", ""))
        key = image.get("cocoid", image.get("imgid", number))
        if not isinstance(key, int):
            found.bad_image(place, f"has the id {key!r:.40}, wanted a number")
            continue
        split = restval if image["split"] == "restval" else image["split"]
        known = key in found.images
        found.add_image(key, locate(folder, name), name, key, split)
        for row, sentence in enumerate(image["sentences"]):
            where = f"{place}, sentence {row}"
            if known:
                found.bad_caption(where, "is of an image whose id was used before")
            else:
                text = sentence.get("raw") if isinstance(sentence, dict) else None
                found.add_caption(key, text, where)
