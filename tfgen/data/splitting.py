"""Splits of data that come without splits of their own."""

from __future__ import annotations

import hashlib
from typing import Dict, Mapping, Sequence

import numpy as np

from tfgen.data.errors import DataError

__all__ = ["split_by_name"]


def split_by_name(
    names: Sequence[str], shares: Mapping[str, float], seed: int = 0
) -> Dict[str, np.ndarray]:
    """Divides examples over splits by a hash of (seed, name).

    The examples are ranked by their hashes and cut at the shares. So the split of an example does
    not depend on the order of the files, and a file that is added or breaks later moves no more
    than one other example over each cut: what was validated on is not trained on next time.

    Args:
      names: a name for each example; equal names stay together only by chance.
      shares: split -> share of the examples, in [0, 1); the rest goes to "train". A split with a
        positive share gets one example at least.
      seed: another seed gives another division.

    Returns:
      split (those of `shares`, and "train") -> positions in `names`, increasing, int64.

    Raises:
      DataError: nothing would be left for training.
    """
    wrong = {split: share for split, share in shares.items() if not 0.0 <= share < 1.0}
    if wrong or sum(shares.values()) >= 1.0:
        raise ValueError(
            f"Wanted shares in [0, 1) that leave something for training; got {dict(shares)}."
        )
    # Surrogates stand for the bytes of file names that are no UTF-8.
    coded = [f"{seed}/{name}".encode("utf-8", "surrogatepass") for name in names]
    hashes = [hashlib.blake2b(name, digest_size=8).digest() for name in coded]
    ranked = np.array(sorted(range(len(names)), key=hashes.__getitem__), np.int64)
    result, first = {}, 0
    for split, share in shares.items():
        size = max(round(share * len(names)), 1 if share > 0 else 0)
        result[split] = np.sort(ranked[first : first + size])
        first += size
    if first >= len(names):
        raise DataError(
            f"{len(names)} examples are too few to divide over "
            f"{', '.join(split for split in shares if shares[split] > 0)} and train."
        )
    result["train"] = np.sort(ranked[first:])
    return result
