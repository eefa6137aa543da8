"""Few pairs and much that is unpaired, in batches of one form."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfgen.data import Source, split_by_name
from tfgen.data.semi_supervised import IMAGE_FEATURES, TEXT_FEATURES

__all__ = ["partly_paired"]


def partly_paired(source: Source, labelled_share: float, seed: int = 0) -> Source:
    """A source whose rows are pairs for a share; the others have the text of another image.

    Which rows stay pairs is as in `tfgen.data.semi_supervised`. Every row has an image and a
    text, so that all batches have one form; "paired" says whether they belong together. With a
    share of 1 all do.

    ```python
    source = tfgen.data.array_source({"image": np.arange(10), "text": np.arange(10).astype("S")})
    rows = next(iter(partly_paired(source, 0.3).batches(10)))
    tf.reduce_sum(tf.cast(rows["paired"], tf.int32))    # 3
    ```

    Args:
      source: with images and texts, such as `caption_pairs` makes.
      labelled_share: of the rows that are pairs, in (0, 1].
      seed: of the division.

    Returns:
      A source of as many examples, with the features of images and texts, and "paired", bool [].
      Other features of the source stay with a share of 1 alone: of the torn rows they would tell
      what belongs together.

    Raises:
      ValueError: the share is out of range, or the source lacks images or texts.
    """
    if labelled_share == 1.0:

        def load_pairs(indices):
            return {**source.load(indices), "paired": tf.ones_like(indices, tf.bool)}

        features = {**source.features, "paired": tf.TensorSpec([], tf.bool)}
        return Source(source.count, load_pairs, features, source.redraw)

    if not 0.0 < labelled_share < 1.0:
        raise ValueError(f"labelled_share is a share in (0, 1]; got {labelled_share}.")
    images = [name for name in IMAGE_FEATURES if name in source.features]
    texts = [name for name in TEXT_FEATURES if name in source.features]
    if not images or not texts:
        raise ValueError(
            f"Wanted a source with images and texts; its features are {sorted(source.features)}."
        )
    parts = split_by_name(range(source.count), {"labelled": labelled_share}, seed)
    labelled = np.isin(np.arange(source.count), parts["labelled"])
    # Each text goes to the next image of a random circle, so that none stays where it was.
    circle = np.random.RandomState(seed).permutation(parts["train"])
    partner = np.arange(source.count)
    partner[circle] = np.roll(circle, 1)
    with tf.device("/cpu:0"):
        labelled, partner = tf.constant(labelled), tf.constant(partner)

    def load(indices):
        # In a graph, what is not returned is not computed: no image is loaded twice.
        own, other = source.load(indices), source.load(tf.gather(partner, indices))
        return {
            **{name: own[name] for name in images},
            **{name: other[name] for name in texts},
            "paired": tf.gather(labelled, indices),
        }

    features = {name: source.features[name] for name in (*images, *texts)}
    features["paired"] = tf.TensorSpec([], tf.bool)
    return Source(source.count, load, features, source.redraw)
