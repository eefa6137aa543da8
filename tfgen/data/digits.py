"""Real handwritten digits of 8 x 8 pixels, which come with scikit-learn."""

from __future__ import annotations

import hashlib

import numpy as np

from tfgen.data.array_source import array_source
from tfgen.data.source import Splits

__all__ = ["digits"]

_TEST, _VALIDATION = 300, 200
_LEVELS = 17


def digits(seed: int = 0) -> Splits:
    """The 1797 handwritten digits of scikit-learn [1]: 8 x 8 pixels with 17 grey levels, 0 to 16.

    They are installed with scikit-learn; nothing is fetched. The division into 1297 training, 200
    validation and 300 test digits is drawn from `seed` and stratified: in each split the share of
    each digit is that of the whole set, to within one or two examples. The set does not say who
    wrote what, so one writer's digits lie in several splits.

    ```python
    splits = digits()
    batch = next(iter(splits.train.batches(16)))
    levels = splits.description["levels"]             # 17: the values are 0 to 16
    ```

    Args:
      seed: of the division into splits.

    Returns:
      Splits with the features "image" uint8 [8, 8, 1] and "label" int32 [].

    #### References
    [1] Alpaydin and Kaynak. Optical Recognition of Handwritten Digits. UCI Machine Learning
        Repository, 1998 (scikit-learn holds its test part).
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    images = data.images.astype(np.uint8)[..., np.newaxis]
    labels = data.target.astype(np.int32)
    order = _stratified_order(labels, seed)
    parts = {
        "test": order[:_TEST],
        "validation": order[_TEST : _TEST + _VALIDATION],
        "train": order[_TEST + _VALIDATION :],
    }
    arrays = {"image": images, "label": labels}
    return Splits(
        **{split: array_source(arrays, np.sort(rows)) for split, rows in parts.items()},
        description={
            "name": "digits",
            "origin": "scikit-learn, load_digits (UCI, optical recognition of handwritten digits)",
            "image_shape": list(images.shape[1:]),
            "levels": _LEVELS,
            "classes": 10,
            "counts": {split: len(parts[split]) for split in ("train", "validation", "test")},
            "seed": seed,
        },
    )


def _stratified_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """An order of which every stretch has about the shares of the classes of the whole set.

    The k-th of the n examples of a class, in an order drawn for it, stands at (k + 1/2) / n of the
    way.
    """
    hashes = [
        hashlib.blake2b(f"{seed}/{number}".encode(), digest_size=8).digest()
        for number in range(len(labels))
    ]
    drawn = np.array(sorted(range(len(labels)), key=hashes.__getitem__))
    places = np.empty(len(labels))
    for label in np.unique(labels):
        members = drawn[labels[drawn] == label]
        places[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(places, kind="stable")
