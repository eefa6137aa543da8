"""Consensus re-ranking: candidates ordered by the captions of similar training images."""

from __future__ import annotations

import itertools
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from tfgen.metrics.bleu import pairwise_bleu
from tfgen.metrics.caption_tokens import tokenize_sets
from tfgen.metrics.captions import BLEU, known_metrics
from tfgen.metrics.cider import CiderSimilarity
from tfgen.metrics.ngrams import NGramCounts

__all__ = ["ConsensusRanking", "consensus_ranking", "nearest_neighbours"]


class ConsensusRanking(NamedTuple):
    """What `consensus_ranking` returns, for each of N images.

    Attributes:
      order: numbers of the image's candidates, best first; of equal ones the earlier first.
      scores: consensus scores of the candidates, in the order in which they were given.
    """

    order: List[np.ndarray]
    scores: List[np.ndarray]


def nearest_neighbours(
    queries: np.ndarray,
    features: np.ndarray,
    neighbours: int,
    distance: str = "euclidean",
    block: int = 1024,
) -> np.ndarray:
    """The nearest of many feature vectors for each query, in blocks of queries.

    Args:
      queries: [Q, D].
      features: [M, D].
      neighbours: how many, K, from 1 to M.
      distance: "euclidean" or "cosine" (1 - cosine; a vector of zeros is at 1 from all).
      block: queries at once; memory is block * M numbers.

    Returns:
      [Q, K] ints, rows of `features`, nearest first; of equal rows the earlier one first.

    Raises:
      ValueError: shapes do not fit, K is out of range, or there is no such distance.
    """
    queries, features = np.asarray(queries), np.asarray(features)
    if queries.ndim != 2 or features.ndim != 2 or queries.shape[1] != features.shape[1]:
        raise ValueError(
            "nearest_neighbours takes queries [Q, D] and features [M, D]; got "
            f"{queries.shape} and {features.shape}."
        )
    if not 1 <= neighbours <= len(features):
        raise ValueError(f"neighbours is from 1 to {len(features)}; got {neighbours}.")
    if distance not in ("euclidean", "cosine"):
        raise ValueError(f'distance is "euclidean" or "cosine"; got {distance!r}.')
    if distance == "cosine":
        queries, features = _unit(queries), _unit(features)
    else:
        # Around their mean, squares are small and their difference keeps its digits.
        mean = features.mean(axis=0, dtype=np.float64)
        queries, features = queries - mean, features - mean
    squares = np.square(features).sum(axis=1)
    result = np.empty([len(queries), neighbours], np.int64)
    for start in range(0, len(queries), block):
        part = queries[start : start + block]
        # |q - f|^2 without |q|^2, which does not change the order.
        gaps = squares - 2.0 * (part @ features.T)
        border = np.partition(gaps, neighbours - 1, axis=1)[:, neighbours - 1 : neighbours]
        for row, (gap, limit) in enumerate(zip(gaps, border)):
            near = np.flatnonzero(gap <= limit)
            result[start + row] = near[np.argsort(gap[near], kind="stable")][:neighbours]
    return result


def consensus_ranking(
    candidates: Sequence[Sequence[str]],
    training_captions: Sequence[Sequence[str]],
    neighbours: np.ndarray,
    metric: str = "CIDEr-D",
    best: Optional[int] = None,
    tokenizer: str = "plain",
) -> ConsensusRanking:
    """Ranks each image's candidates by their likeness to captions of training images like it.

        score(c) = mean of the `best` largest sim(c, r), r in the captions of the neighbours

    No caption of the image itself is needed. The idf of CIDEr is that of all training captions,
    so that an image's ranking does not depend on what else is in the test set.

    ```python
    training = [["a red ball", "one red ball"], ["a blue box"], ["a green cone", "one cone"]]
    near = nearest_neighbours([[0.1]], [[0.0], [5.0], [9.0]], neighbours=1)
    ranking = consensus_ranking([["a blue box", "a red ball"]], training, near)
    ranking.order[0]  # [1, 0]
    ```

    Args:
      candidates: captions generated for each image, N lists.
      training_captions: captions of each training image, M lists.
      neighbours: [N, K] ints, the training images nearest to each image (`nearest_neighbours`).
      metric: "CIDEr-D", "CIDEr" or "BLEU-1" ... "BLEU-4", against one caption at a time.
      best: how many captions of the neighbours, those most like the candidate, count (m in [1],
        where K = 90 and m = 125); None is all.
      tokenizer: see `caption_tokens`.

    Returns:
      ConsensusRanking; its scores are those of the metric (10 at most for CIDEr, 1 for BLEU).

    Raises:
      ValueError: counts do not fit, there is no such metric, an image's neighbours have no
        caption with a word, or best is less than 1.

    #### References
    [1]: J. Devlin et al. Exploring Nearest Neighbor Approaches for Image Captioning. 2015.
         Section 3.2. (The consensus caption.)
    [2]: J. Mao et al. Deep Captioning with Multimodal Recurrent Neural Networks. ICLR 2015.
         Section 8. (Candidates of a model ranked so.)
    """
    known_metrics([metric], ("CIDEr-D", "CIDEr", *BLEU))
    neighbours = np.asarray(neighbours)
    if neighbours.ndim != 2 or len(neighbours) != len(candidates):
        raise ValueError(
            "neighbours is [N, K], training images for each of N lists of candidates; got "
            f"{neighbours.shape} and {len(candidates)} lists."
        )
    if best is not None and best < 1:
        raise ValueError(f"best counts captions, from 1; got {best}.")
    given = tokenize_sets(candidates, tokenizer, "candidates")
    truth = tokenize_sets(training_captions, tokenizer, "training_captions")
    ngrams = NGramCounts(list(itertools.chain(*given, *truth)))
    starts = np.cumsum([0, *map(len, given), *map(len, truth)])
    rows = [np.arange(*bounds) for bounds in zip(starts[:-1], starts[1:])]
    rows, training_rows = rows[: len(given)], rows[len(given) :]
    if metric in BLEU:
        place = BLEU.index(metric)
    else:
        documents = np.repeat(np.arange(-1, len(truth)), [sum(map(len, given)), *map(len, truth)])
        cider = CiderSimilarity(ngrams, documents)
    scores = []
    for image, (own, near) in enumerate(zip(rows, neighbours)):
        references = np.concatenate([training_rows[index] for index in near])
        references = references[ngrams.lengths[references] > 0]
        if not len(references):
            raise ValueError(
                f"The neighbours of image {image}, training images {near.tolist()}, have no "
                "caption with a word."
            )
        if metric in BLEU:
            likeness = pairwise_bleu(ngrams, own, references)[..., place]
        elif metric == "CIDEr":
            likeness = 10.0 * cider.plain(own, references)
        else:
            likeness = 10.0 * cider.clipped(own, references)
        if best is not None and best < len(references):
            likeness = -np.partition(-likeness, best - 1, axis=1)[:, :best]
        scores.append(likeness.mean(axis=1))
    return ConsensusRanking([np.argsort(-score, kind="stable") for score in scores], scores)


def _unit(vectors):
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros(vectors.shape), where=norms > 0.0)
