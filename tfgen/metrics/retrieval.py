"""Recall@K and median rank of retrieval between images and texts, both ways."""

from __future__ import annotations

from typing import Callable, Dict, Optional, Sequence

import numpy as np

__all__ = ["retrieval_scores", "similarity_retrieval_scores"]

# Cosines in float64 that differ by less are equal: rounding, not the model, set them apart.
ROUNDING = 1e-9


def similarity_retrieval_scores(
    similarities: np.ndarray,
    image_of_text: Optional[Sequence[int]] = None,
    ks: Sequence[int] = (1, 5, 10),
) -> Dict[str, float]:
    """Recall@K and median rank from similarities of all images and texts.

    * Image to text: an image is found at rank k if the first of *its* texts (any of its five, in
      COCO and Flickr30k) is the k-th of all texts. Text to image: the rank of its only image.
    * Recall@K is the share of queries found at rank K or better, the median rank (from 1) the
      middle one over the queries.
    * Ties are counted in expectation: equal similarities stand in random order, and the mean over
      all orders has a closed form. With b better items, w wrong and c right ones at the
      similarity of the first right item,

          P(rank <= K) = 1 - C(w, s) / C(w + c, s),  s = min(max(K - b, 0), w + c)
          E rank       = b + (w + c + 1) / (c + 1)

      So a model that gives all items one code scores what chance does. Counting ties as wins
      would give it 100 %, and counting them as losses would punish the true ties of texts that
      two images share.

    ```python
    similarity_retrieval_scores([[0.9, 0.1], [0.2, 0.3]], ks=[1])["text_to_image_recall@1"]  # 1.0
    ```

    Args:
      similarities: [images, texts], higher is closer.
      image_of_text: [texts], the image that each text belongs to; None for the same number of
        texts for each image, those of the first image first.
      ks: the K of Recall@K.

    Returns:
      "image_to_text_recall@K" and "text_to_image_recall@K", from 0 to 1, for each K, and
      "image_to_text_median_rank" and "text_to_image_median_rank".

    Raises:
      ValueError: shapes do not fit, an image has no text, a similarity is not finite.
    """
    similarities = np.asarray(similarities)
    if similarities.ndim != 2:
        raise ValueError(f"similarities is [images, texts]; got {similarities.shape}.")
    owners = _owners(*similarities.shape, image_of_text)
    return _both_ways(
        lambda rows: similarities[rows], lambda rows: similarities[:, rows].T, owners, ks, 0.0, 1024
    )


def retrieval_scores(
    image_codes: np.ndarray,
    text_codes: np.ndarray,
    image_of_text: Optional[Sequence[int]] = None,
    ks: Sequence[int] = (1, 5, 10),
    block: int = 256,
) -> Dict[str, float]:
    """`similarity_retrieval_scores` of the cosines of codes, in blocks of queries.

    Args:
      image_codes: [images, D].
      text_codes: [texts, D].
      image_of_text, ks: see `similarity_retrieval_scores`.
      block: queries at once; memory is a few times block * max(images, texts) numbers, 50 MB
        for each of them at 25 000 texts.

    Raises:
      ValueError: as there; a code of zeros has no cosine.
    """
    images, texts = (
        _unit(codes, name)
        for codes, name in ((image_codes, "image_codes"), (text_codes, "text_codes"))
    )
    if images.shape[1] != texts.shape[1]:
        raise ValueError(
            f"Codes of images and texts have one size; got {images.shape} and {texts.shape}."
        )
    owners = _owners(len(images), len(texts), image_of_text)
    return _both_ways(
        lambda rows: images[rows] @ texts.T,
        lambda rows: texts[rows] @ images.T,
        owners,
        ks,
        ROUNDING,
        block,
    )


def _owners(images, texts, image_of_text):
    if image_of_text is None:
        if not images or texts % images or not texts:
            raise ValueError(
                f"{texts} texts are not the same number for each of {images} images: "
                "say which belongs to which by image_of_text."
            )
        return np.arange(texts) // (texts // images)
    owners = np.asarray(image_of_text)
    if owners.shape != (texts,) or not np.array_equal(np.unique(owners), np.arange(images)):
        raise ValueError(
            f"image_of_text gives, for each of {texts} texts, the number of one of {images} "
            f"images, and each image has a text; got shape {owners.shape} with "
            f"{len(np.unique(owners))} different numbers."
        )
    return owners


def _unit(codes, name):
    codes = np.asarray(codes, np.float64)
    if codes.ndim != 2:
        raise ValueError(f"{name} is [items, size]; got {codes.shape}.")
    norms = np.linalg.norm(codes, axis=1, keepdims=True)
    if not np.all(norms > 0.0) or not np.all(np.isfinite(norms)):
        bad = int(np.flatnonzero(~((norms[:, 0] > 0.0) & np.isfinite(norms[:, 0])))[0])
        raise ValueError(f"{name}[{bad}] has the norm {norms[bad, 0]}: it has no cosine.")
    return codes / norms


def _both_ways(image_rows: Callable, text_rows: Callable, owners, ks, tolerance, block):
    if any(k < 1 for k in ks):
        raise ValueError(f"ks are counts from 1; got {list(ks)}.")
    images = np.arange(owners.max() + 1)
    result = {}
    for name, rows, query_owners, item_owners in (
        ("image_to_text", image_rows, images, owners),
        ("text_to_image", text_rows, owners, images),
    ):
        found = np.zeros(len(ks))
        ranks = []
        for start in range(0, len(query_owners), block):
            part = np.arange(start, min(start + block, len(query_owners)))
            right = query_owners[part][:, None] == item_owners
            better, wrong, same = _counts(rows(part), right, tolerance)
            ranks.append(better + (wrong + same + 1.0) / (same + 1.0))
            found += [_chance(better, wrong, same, k).sum() for k in ks]
        for k, sum_found in zip(ks, found):
            result[f"{name}_recall@{k}"] = float(sum_found / len(query_owners))
        result[f"{name}_median_rank"] = float(np.median(np.concatenate(ranks)))
    return result


def _counts(similarities, right, tolerance):
    """Items above the best right one, and wrong and right ones as good as it, by query."""
    if not np.isfinite(similarities).all():
        raise ValueError("A similarity is not finite: the codes or the model are broken.")
    best = np.where(right, similarities, -np.inf).max(axis=1, keepdims=True)
    better = (similarities > best + tolerance).sum(axis=1)
    as_good = np.abs(similarities - best) <= tolerance
    return better, (as_good & ~right).sum(axis=1), (as_good & right).sum(axis=1)


def _chance(better, wrong, same, k):
    """P(one of the `same` is among the first k), with the ties in random order."""
    slots = np.clip(k - better, 0, wrong + same)
    none = np.ones(len(better))
    for taken in range(int(slots.max(initial=0))):
        left = np.maximum(wrong - taken, 0) / np.maximum(wrong + same - taken, 1)
        none *= np.where(taken < slots, left, 1.0)
    return 1.0 - none
