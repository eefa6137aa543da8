"""Writes scenes to disk as a data set in COCO's layout."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import tempfile
from typing import Dict

import numpy as np
import tensorflow as tf

from tfgen.data.errors import DataError
from tfgen.data.scenes import SceneSplits

__all__ = ["write_scenes"]

_SPLITS = {"train": "train", "validation": "val", "test": "test", "held_out": "held_out"}
"""Split -> its name in the files."""
_DATE = "2020-01-01 00:00:00"
_MOST_IDS = 5
"""Captions or objects that a picture may have; keeps the ids of the splits apart."""


def write_scenes(
    splits: SceneSplits, directory: str, batch_size: int = 32, progress: bool = True
) -> Dict[str, int]:
    """Writes rendered scenes in COCO's layout, which `coco` and pycocotools read.

    ```python
    splits = tfgen.data.scenes(16, train=3, validation=0, test=0, held_out=0, jit_compile=False)
    write_scenes(splits, "some_scenes", progress=False)["train"]     # 3
    ```

    There are images/SPLIT/*.png, annotations/captions_SPLIT.json and
    annotations/instances_SPLIT.json, SPLIT being train, val, test or held_out. Boxes are COCO's
    (left, top, width, height in pixels); the categories are the kinds of objects. An object's
    annotation also has its "colour" and "size", an image its "context". The folder appears whole
    or not at all.

    Args:
      splits: of `scenes`; empty splits are left out.
      directory: must not exist, or be empty.
      batch_size: pictures rendered at once.
      progress: shows a Keras progress bar for each split.

    Returns:
      Split -> pictures written.

    Raises:
      DataError: there is something at `directory` already.
    """
    target = pathlib.Path(directory)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(
            f"{target} exists already and is not an empty folder. Name another place, or remove "
            "it first: nothing is overwritten."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = pathlib.Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
    try:
        (partial / "annotations").mkdir()
        written, number = {}, 1
        for split, name in _SPLITS.items():
            source = getattr(splits, split)
            if source.count:
                if progress:
                    print(f"Writing {source.count} scenes of {name}", flush=True)
                bar = tf.keras.utils.Progbar(source.count, unit_name="image") if progress else None
                _write_split(source.batches(batch_size), name, number, splits, partial, bar)
                number += source.count
                written[split] = source.count
        os.chmod(partial, 0o755)  # A temporary folder is for its owner alone.
        if target.exists():
            target.rmdir()
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return written


def _write_split(batches, name, first, splits: SceneSplits, root, bar) -> None:
    from PIL import Image

    description = splits.description
    size = description["image_shape"][0]
    folder = root / "images" / name
    folder.mkdir(parents=True)
    images, captions, instances = [], [], []
    for batch in batches.as_numpy_iterator():
        for row, pixels in enumerate(batch["image"]):
            number = first + len(images)
            file_name = f"{number:012d}.png"
            Image.fromarray(pixels).save(folder / file_name)
            image = {"id": number, "file_name": file_name, "width": size, "height": size}
            place = description["contexts"][batch["context"][row]]
            images.append({**image, "license": 1, "date_captured": _DATE, "context": place})
            for caption in batch["captions"][row]:
                ids = {"id": _MOST_IDS * first + len(captions), "image_id": number}
                captions.append({**ids, "caption": caption.decode()})
            example = {key: batch[key][row] for key in ("kinds", "colours", "sizes", "boxes")}
            for instance in _instances(example, description, size):
                ids = {"id": _MOST_IDS * first + len(instances), "image_id": number}
                instances.append({**ids, **instance})
        if bar is not None:
            bar.update(len(images))
    head = {
        "info": {
            "description": "Rendered scenes with captions",
            "version": "1.0",
            "year": 2020,
            "contributor": "tfgen",
            "url": "",
            "date_created": _DATE,
            "seed": description["seed"],
            "held_out": description["held_out"],
        },
        "licenses": [{"id": 1, "name": "rendered", "url": ""}],
        "images": images,
    }
    categories = [
        {"id": number, "name": kind, "supercategory": "object"}
        for number, kind in enumerate(description["kinds"], 1)
    ]
    for kind, content in (
        ("captions", {"annotations": captions}),
        ("instances", {"annotations": instances, "categories": categories}),
    ):
        file = root / "annotations" / f"{kind}_{name}.json"
        file.write_text(json.dumps({**head, **content}), encoding="utf-8")


def _instances(example, description, size):
    for i in np.flatnonzero(example["kinds"] >= 0):
        top, left, bottom, right = (round(float(size * edge), 2) for edge in example["boxes"][i])
        box = [left, top, round(right - left, 2), round(bottom - top, 2)]
        yield {
            "category_id": int(example["kinds"][i]) + 1,
            "bbox": box,
            "area": round(box[2] * box[3], 2),
            "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
            "iscrowd": 0,
            "colour": description["colours"][example["colours"][i]],
            "size": description["sizes"][example["sizes"][i]],
        }
