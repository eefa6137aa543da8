"""Few pairs and much that is unpaired: a labelled share of a source, the rest torn apart."""

from __future__ import annotations

import dataclasses
from typing import Sequence

import numpy as np
import tensorflow as tf

from tfgen.data.source import Source
from tfgen.data.splitting import split_by_name
from tfgen.randomness import Seed, fold_in

__all__ = ["SemiSupervised", "semi_supervised"]

IMAGE_FEATURES = ("image", "features", "regions", "region_count", "region_boxes", "region_classes")
TEXT_FEATURES = ("text", "words", "captions", "caption_count")


@dataclasses.dataclass(frozen=True)
class SemiSupervised:
    """Three sources made of one: pairs, and images and texts that do not belong together.

    Attributes:
      paired: the labelled examples, with all their features.
      images: the features of the images of the other examples.
      texts: the features of their texts, in another order; index i of `images` and of `texts`
        are parts of one example by chance alone.
    """

    paired: Source
    images: Source
    texts: Source

    def batches(
        self,
        paired_size: int,
        unpaired_size: int,
        *,
        seed: Seed = 0,
        start_step: int = 0,
        shuffle: bool = True,
    ) -> tf.data.Dataset:
        """Batches that go on for ever: dicts of "paired", "images" and "texts".

        Each of the three runs through its source at its own pace.

        Args:
          paired_size, unpaired_size: examples of each kind in a batch.
          seed: of the orders and of what is redrawn; each part has a stream of its own.
          start_step: number of batches to skip, at no cost.
          shuffle: a new order each epoch.
        """
        parts = {}
        for name, size in (
            ("paired", paired_size),
            ("images", unpaired_size),
            ("texts", unpaired_size),
        ):
            parts[name] = getattr(self, name).batches(
                size,
                seed=fold_in(seed, name),
                shuffle=shuffle,
                repeat=True,
                start_step=start_step,
            )
        return tf.data.Dataset.zip(parts)


def semi_supervised(
    source: Source,
    labelled_share: float,
    seed: int = 0,
    image_features: Sequence[str] = IMAGE_FEATURES,
    text_features: Sequence[str] = TEXT_FEATURES,
) -> SemiSupervised:
    """Keeps a share of the pairs and tears the others apart.

    Which examples stay pairs is a function of (seed, index), and examples that are pairs with a
    small share are pairs with a larger one too.

    ```python
    source = tfgen.data.array_source({"image": np.arange(10), "text": np.arange(10).astype("S")})
    parts = semi_supervised(source, 0.3)
    [parts.paired.count, parts.images.count, parts.texts.count]     # [3, 7, 7]
    ```

    Args:
      source: with images and texts, such as `caption_pairs` makes.
      labelled_share: of the examples that stay pairs, in (0, 1).
      seed: of the choice, and of the order of the torn texts.
      image_features: those of the source's features that go with the images.
      text_features: those that go with the texts. What the source redraws each epoch is redrawn
        for the texts as well, and must need no other features. Features in neither, such as names
        and the truth, stay with the pairs alone: they would tell what belongs together.

    Raises:
      ValueError: the share is not in (0, 1), leaves nothing unpaired, or the source has no
        features of one kind.
    """
    if not 0.0 < labelled_share < 1.0:
        raise ValueError(
            f"labelled_share is a share in (0, 1); got {labelled_share}. With 1 there is nothing "
            "to tear apart: use the source itself."
        )
    names = {
        kind: [name for name in wanted if name in source.features]
        for kind, wanted in (("image", image_features), ("text", text_features))
    }
    for kind, found in names.items():
        if not found:
            raise ValueError(
                f"The source has no features of {kind}s among its {sorted(source.features)}."
            )
    # The labelled part is cut off as "validation" usually is; "train" is what is left.
    parts = split_by_name(range(source.count), {"labelled": labelled_share}, seed)
    rest = parts["train"]
    order = np.argsort(_uniform(seed, len(rest)), kind="stable")
    return SemiSupervised(
        paired=_rows(source, parts["labelled"], list(source.features), source.redraw),
        images=_rows(source, rest, names["image"], None),
        texts=_rows(source, rest[order], names["text"], source.redraw),
    )


def _uniform(seed: int, count: int) -> np.ndarray:
    drawn = tf.random.stateless_uniform([count], fold_in(seed, "torn"), dtype=tf.float64)
    return drawn.numpy()


def _rows(source: Source, rows: np.ndarray, names: Sequence[str], redraw) -> Source:
    """The examples `rows`, with the features `names`; what makes others is not computed."""
    with tf.device("/cpu:0"):
        rows = tf.constant(rows)

    def load(indices):
        features = source.load(tf.gather(rows, indices))
        return {name: features[name] for name in names}

    features = {name: source.features[name] for name in names}
    return Source(int(rows.shape[0]), load, features, redraw)
