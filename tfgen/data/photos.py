"""Patches of the two photographs that come with scikit-learn."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data.source import Source, Splits
from tfgen.data.stateless import example_seeds, seeded_uniform
from tfgen.randomness import fold_in

__all__ = ["photos"]

# Columns of each photograph that belong to a split. Strips, because what a photograph shows
# changes mostly from top to bottom; of multiples of 16 pixels, the blocks of their JPEG files, so
# that no pixel is decoded from another split's block; placed so that each split has something of
# everything: of the pagoda, the trees, the lake and the sky, of the flower and its background.
_STRIPS: Dict[str, Dict[str, Tuple[Tuple[int, int], ...]]] = {
    "china.jpg": {
        "train": ((0, 64), (144, 288), (384, 640)),
        "validation": ((64, 144),),
        "test": ((288, 384),),
    },
    "flower.jpg": {
        "train": ((0, 128), (224, 400), (480, 640)),
        "validation": ((400, 480),),
        "test": ((128, 224),),
    },
}
_BLOCK = 16
_ATTRIBUTION = (
    "china.jpg by danielbuechele and flower.jpg by vultilion (flickr.com), CC BY 2.0, as "
    "distributed with scikit-learn; cut into patches, and made smaller"
)


def photos(
    image_size: int = 32,
    train: int = 50000,
    validation: int = 1000,
    test: int = 2000,
    seed: int = 0,
    *,
    scales: Sequence[int] = (1, 2),
    flip: bool = False,
) -> Splits:
    """Square patches of scikit-learn's two photographs, a Chinese pagoda and a dahlia.

    They are installed with scikit-learn; nothing is fetched. The photographs (427 x 640 pixels)
    are divided into upright strips. Training patches lie in strips of their own, 73 % of the
    pixels, and so do validation (12 %) and test patches (15 %): no pixel is seen by two splits.
    Each patch of a split has a position of its own, and patches overlap.

    Patches come equally often from both photographs and from each scale. A photograph at scale s
    is made smaller by taking the mean of s x s pixels; that gives more to see than one scale does,
    and smoother edges than a JPEG file's. Strips are whole at every scale.

    ```python
    splits = photos(image_size=32)
    batch = next(iter(splits.train.batches(16, shuffle=True)))["image"]     # [16, 32, 32, 3]
    ```

    Args:
      image_size: height and width of the patches.
      train, validation, test: numbers of patches.
      seed: which positions these are, in which order: a patch is a function of (seed, split,
        index).
      scales: one or more of 1, 2, 4, 8 and 16.
      flip: mirrors each training patch with probability 1/2, for good; `shift_and_flip(0)` as the
        `transform` of `Source.batches` tosses the coin anew each epoch.

    Returns:
      Splits with the feature "image" uint8 [image_size, image_size, 3].

    Raises:
      ValueError: a size or scale does not fit the strips, or there are not as many positions.
    """
    scales = tuple(scales)
    wrong = [scale for scale in scales if scale < 1 or _BLOCK % scale]
    if wrong or not scales or len(set(scales)) != len(scales) or image_size < 1:
        raise ValueError(
            "Wanted one or more different scales of 1, 2, 4, 8, 16 and image_size >= 1; got "
            f"{list(scales)} and {image_size}."
        )
    views = [(name, scale) for name in _STRIPS for scale in scales]
    pictures = [_shrink(_photograph(name), scale) for name, scale in views]
    firsts = np.cumsum([0] + [picture.shape[0] * picture.shape[1] for picture in pictures])
    with tf.device("/cpu:0"):
        pixels = tf.constant(np.concatenate([picture.reshape(-1, 3) for picture in pictures]))
    counts = {"train": train, "validation": validation, "test": test}

    def source(split, count):
        stream = fold_in(seed, "photos", split)
        share = -(-count // len(views))
        corners, widths = [], []
        for number, ((name, scale), picture) in enumerate(zip(views, pictures)):
            places = _places(picture.shape[:2], _STRIPS[name][split], scale, image_size)
            if len(places) < share:
                raise ValueError(
                    f"{count} patches for {split} are {share} of {name} at scale {scale}, but it "
                    f"has {len(places)} positions for patches of {image_size} pixels. Wanted fewer "
                    "patches, smaller ones, or other scales."
                )
            keys = example_seeds(fold_in(stream, number), np.zeros_like(places), places)
            order = np.argsort(tf.bitcast(keys, tf.int64).numpy(), kind="stable")
            corners.append(firsts[number] + places[order[:share]])
            widths.append(np.full(share, picture.shape[1]))
        # Example i is number i // len(views) of view i % len(views).
        corners = np.stack(corners, 1).reshape(-1)[:count].astype(np.int32)
        widths = np.stack(widths, 1).reshape(-1)[:count].astype(np.int32)
        with tf.device("/cpu:0"):
            corners, widths = tf.constant(corners), tf.constant(widths)
        steps = tf.range(image_size)
        coins = fold_in(stream, "flip")

        def load(indices):
            corner, width = tf.gather(corners, indices), tf.gather(widths, indices)
            rows = corner[:, tf.newaxis] + width[:, tf.newaxis] * steps
            columns = tf.broadcast_to(steps, tf.shape(rows))
            if flip and split == "train":
                seeds = example_seeds(coins, tf.zeros_like(indices), indices)
                mirrored = seeded_uniform(seeds, 1) < 0.5
                columns = tf.where(mirrored, tf.reverse(columns, [1]), columns)
            places = rows[:, :, tf.newaxis] + columns[:, tf.newaxis]
            return {"image": tf.gather(pixels, places)}

        spec = tf.TensorSpec([image_size, image_size, 3], tf.uint8)
        return Source(count, load, {"image": spec})

    return Splits(
        **{split: source(split, count) for split, count in counts.items()},
        description={
            "name": "photos",
            "origin": _ATTRIBUTION,
            "image_shape": [image_size, image_size, 3],
            "levels": 256,
            "strips": {
                name: {split: [list(strip) for strip in strips] for split, strips in parts.items()}
                for name, parts in _STRIPS.items()
            },
            "scales": list(scales),
            "flip": flip,
            "counts": counts,
            "seed": seed,
        },
    )


def _photograph(name: str) -> np.ndarray:
    """uint8 [height, width, 3]."""
    from sklearn.datasets import load_sample_image

    return np.asarray(load_sample_image(name))


def _shrink(picture: np.ndarray, scale: int) -> np.ndarray:
    """The mean of each scale x scale pixels, rounded; the last rows are left out if need be."""
    height, width = picture.shape[0] // scale, picture.shape[1] // scale
    blocks = picture[: height * scale, : width * scale].astype(np.int64)
    sums = blocks.reshape(height, scale, width, scale, 3).sum((1, 3))
    return ((sums + scale**2 // 2) // scale**2).astype(np.uint8)


def _places(shape, strips, scale, image_size) -> np.ndarray:
    """Numbers (row x width + column) of the upper left corners of the patches inside strips."""
    height, width = shape
    columns: List[int] = []
    for first, last in strips:
        columns += range(first // scale, last // scale - image_size + 1)
    rows = np.arange(max(0, height - image_size + 1), dtype=np.int64)
    return (rows[:, np.newaxis] * width + np.array(columns, np.int64)).reshape(-1)
