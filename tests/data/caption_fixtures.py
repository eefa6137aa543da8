"""Small captioning sets on disk in the true formats of COCO, Flickr30k and Karpathy's splits."""

from __future__ import annotations

import json
import pathlib
from typing import Dict, List

from PIL import Image

__all__ = ["karpathy", "solid", "write_coco", "write_flickr"]


def solid(path: pathlib.Path, value: int, size: int = 9) -> None:
    """Writes an image of one grey, by which it is known again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size + 3, size), (value, value, value)).save(path)


def write_coco(root: pathlib.Path, year: str = "2017", train: int = 6, val: int = 3) -> Dict:
    """images 1..train and train + 1..train + val, of grey 10 * id, with two captions each."""
    contents, number = {}, 0
    for split, count in (("train", train), ("val", val)):
        images, annotations = [], []
        for _ in range(count):
            number += 1
            name = f"{number:012d}.png"
            solid(root / f"{split}{year}" / name, 10 * number)
            images.append({"license": 3, "file_name": name, "height": 9, "width": 12, "id": number})
            for caption in range(2):
                annotations.append(
                    {
                        "image_id": number,
                        "id": 100 * number + caption,
                        "caption": f"Picture {number}, told for the time {caption}.",
                    }
                )
        contents[split] = {"info": {}, "images": images, "licenses": [], "annotations": annotations}
    save_coco(root, contents, year)
    return contents


def save_coco(root: pathlib.Path, contents: Dict, year: str = "2017") -> None:
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    for split, content in contents.items():
        file = root / "annotations" / f"captions_{split}{year}.json"
        file.write_text(json.dumps(content), encoding="utf-8")


def karpathy(splits: List[str], folders: List[str]) -> Dict:
    """The content of dataset_coco.json over the images of `write_coco`."""
    images = []
    for number, (split, folder) in enumerate(zip(splits, folders), 1):
        images.append(
            {
                "filepath": folder,
                "filename": f"{number:012d}.png",
                "imgid": number - 1,
                "cocoid": number,
                "split": split,
                "sentids": [number],
                "sentences": [
                    {"tokens": ["a", "b"], "raw": f"A raw {number}!", "imgid": number - 1}
                ],
            }
        )
    return {"images": images, "dataset": "coco"}


def write_flickr(root: pathlib.Path, form: str, count: int = 6) -> pathlib.Path:
    """Images of grey 20 * n with two captions each, the second of them quoted."""
    names = [f"{1000 + n}.jpg" for n in range(1, count + 1)]
    for number, name in enumerate(names, 1):
        solid(root / "flickr30k_images" / name, 20 * number)
    rows = [
        (name, k, f'Man {n} says "hi" , {k} .') for n, name in enumerate(names, 1) for k in range(2)
    ]
    if form == "token":
        file, head = root / "results_20130124.token", []
        lines = [f"{name}#{k}\t{text}" for name, k, text in rows]
    elif form == "bar":
        file, head = root / "results.csv", ["image_name| comment_number| comment"]
        lines = [f"{name}| {k}| {text}" for name, k, text in rows]
    else:
        file, head = root / "captions.txt", ["image,caption"]
        quoted = [(name, text.replace('"', '""')) for name, _, text in rows]
        lines = [f'{name},"{text}"' for name, text in quoted]
    file.write_text("\n".join(head + lines) + "\n", encoding="utf-8")
    return file
