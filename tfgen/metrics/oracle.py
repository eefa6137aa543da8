"""Scores of many candidates for each image, and the best of them."""

from __future__ import annotations

import itertools
from typing import Dict, List, Optional, Sequence

import numpy as np

from tfgen.metrics.bleu import sentence_bleu
from tfgen.metrics.caption_tokens import tokenize_sets
from tfgen.metrics.captions import (
    BLEU,
    CAPTION_METRICS,
    CAPTION_METRICS_WITHOUT_JAVA,
    JAVA,
    java_scores,
    known_metrics,
    known_references,
)
from tfgen.metrics.cider import CiderSimilarity
from tfgen.metrics.coco_scorers import coco_scorer
from tfgen.metrics.java_scorers import java_metric_problem
from tfgen.metrics.ngrams import NGramCounts

__all__ = ["candidate_scores", "oracle_scores"]


def candidate_scores(
    references: Sequence[Sequence[str]],
    candidates: Sequence[Sequence[str]],
    metrics: Sequence[str] = CAPTION_METRICS_WITHOUT_JAVA,
    tokenizer: str = "plain",
) -> Dict[str, List[np.ndarray]]:
    """Scores every candidate of every image against the image's references.

    The numbers are the `per_example` ones of `caption_scores`: n-grams are counted once for all
    candidates, and each image enters the idf of CIDEr once, however many candidates it has.

    Args:
      references: the captions of each image, N lists of one or more.
      candidates: the generated captions of each image, N lists of one or more. One without a
        word scores 0.
      metrics: names among CAPTION_METRICS. METEOR and SPICE, which take long for many
        candidates, are not among the default.
      tokenizer: see `caption_tokens`.

    Returns:
      For each metric N arrays, of the scores of the image's candidates in their order.

    Raises:
      ValueError: N differs or is 0, an image has no candidate or no reference with a word, a
        metric is none, or CIDEr is asked of a single image.
      ImportError: ROUGE-L is asked for and pycocoevalcap is not installed.
      RuntimeError: METEOR or SPICE cannot be computed here, with the reason.
    """
    known_metrics(metrics, CAPTION_METRICS)
    if len(references) != len(candidates):
        raise ValueError(
            "candidate_scores takes a list of candidates for each list of references; got "
            f"{len(references)} and {len(candidates)} lists."
        )
    for index, group in enumerate(candidates):
        if not len(group):
            raise ValueError(f"candidates[{index}] is empty: an image needs a candidate.")
    for metric in metrics:
        problem = java_metric_problem(metric) if metric in JAVA else None
        if problem:
            raise RuntimeError(problem)
        if metric.startswith("CIDEr") and len(references) < 2:
            raise ValueError(
                f"{metric} weighs words by how few images have them: it needs 2 images, got 1."
            )
    truth = known_references(references, tokenizer)
    given = tokenize_sets(candidates, tokenizer, "candidates")
    rows, reference_rows = _rows(given, 0), _rows(truth, sum(map(len, given)))
    ngrams = NGramCounts(list(itertools.chain(*given, *truth)))
    documents = np.full(len(ngrams.lengths), -1)
    for image, group in enumerate(reference_rows):
        documents[group] = image
    similarity = CiderSimilarity(ngrams, documents)
    pairs = list(zip(rows, reference_rows))
    result = {}
    if set(metrics) & set(BLEU):
        bleu = [sentence_bleu(ngrams, c, r) for c, r in pairs]
        result.update({name: [s[:, n] for s in bleu] for n, name in enumerate(BLEU)})
    if "CIDEr" in metrics:
        result["CIDEr"] = [10.0 * similarity.plain(c, r).mean(axis=1) for c, r in pairs]
    if "CIDEr-D" in metrics:
        result["CIDEr-D"] = [10.0 * similarity.clipped(c, r).mean(axis=1) for c, r in pairs]
    if "ROUGE-L" in metrics:
        result["ROUGE-L"] = _rouge(truth, given)
    for metric in set(metrics) & set(JAVA):
        repeated = [group for group, some in zip(truth, given) for _ in some]
        flat = java_scores(metric, repeated, list(itertools.chain(*given)))[metric][1]
        result[metric] = [flat[group] for group in rows]
    return {metric: result[metric] for metric in metrics}


def oracle_scores(
    scores: Dict[str, Sequence[np.ndarray]], samples: Optional[int] = None
) -> Dict[str, float]:
    """The mean over images of the best candidate's score, chosen for each metric on its own.

    It is the upper bound of any choice among the samples, and never falls with their number.

    ```python
    oracle_scores({"BLEU-4": [np.array([0.1, 0.3]), np.array([0.5, 0.2])]})  # {"BLEU-4": 0.4}
    ```

    Args:
      scores: of `candidate_scores`.
      samples: how many, the first ones, of each image's candidates to choose from; None is all.

    Raises:
      ValueError: samples is less than 1, or an image has fewer candidates.
    """
    for metric, groups in scores.items():
        fewest = min(len(group) for group in groups)
        if samples is not None and not 1 <= samples <= fewest:
            raise ValueError(
                f"samples is from 1 to {fewest}, the fewest candidates of an image in {metric}; "
                f"got {samples}."
            )
    return {
        metric: float(np.mean([np.max(group[:samples]) for group in groups]))
        for metric, groups in scores.items()
    }


def _rows(groups, start):
    ends = start + np.cumsum([len(group) for group in groups])
    return [np.arange(end - len(group), end) for group, end in zip(groups, ends)]


def _rouge(references, candidates):
    scorer = coco_scorer("rouge.rouge").Rouge()
    result = []
    for group, given in zip(references, candidates):
        texts = [" ".join(words) for words in group]
        result.append(np.array([scorer.calc_score([" ".join(words)], texts) for words in given]))
    return result
