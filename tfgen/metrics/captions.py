"""The captioning field's measures of accuracy."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence

import numpy as np

from tfgen.metrics.caption_tokens import tokenize_sets
from tfgen.metrics.cider import CiderSimilarity
from tfgen.metrics.coco_scorers import coco_scorer
from tfgen.metrics.java_scorers import java_metric_problem, java_metric_scores
from tfgen.metrics.ngrams import NGramCounts

__all__ = ["CAPTION_METRICS", "CAPTION_METRICS_WITHOUT_JAVA", "CaptionScores", "caption_scores"]

BLEU = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
JAVA = ("METEOR", "SPICE")
CAPTION_METRICS_WITHOUT_JAVA = (*BLEU, "ROUGE-L", "CIDEr", "CIDEr-D")
CAPTION_METRICS = (*CAPTION_METRICS_WITHOUT_JAVA, *JAVA)
# A word that no reference has: what METEOR and SPICE are given for a caption without words.
NO_WORD = "zzqxzzqx"


class CaptionScores(NamedTuple):
    """What `caption_scores` returns.

    Attributes:
      scores: the score of the whole set by metric.
      per_example: [N] scores of the single captions by metric.
      missing: why, in words, by metric that was asked for and is in neither of the others.
    """

    scores: Dict[str, float]
    per_example: Dict[str, np.ndarray]
    missing: Dict[str, str]


def caption_scores(
    references: Sequence[Sequence[str]],
    candidates: Sequence[str],
    metrics: Sequence[str] = CAPTION_METRICS,
    tokenizer: str = "plain",
) -> CaptionScores:
    """Scores one caption for each image against the image's references.

    * "BLEU-1" ... "BLEU-4": of the whole set, not the mean of the sentences' BLEU.
    * "ROUGE-L": F-measure (beta 1.2) of the longest common subsequence, mean over images.
    * "CIDEr-D": what the field's code computes and its tables call CIDEr. From 0 to 10.
    * "CIDEr": as first defined, without CIDEr-D's clipping of counts and length penalty (see
      `CiderSimilarity`); higher than CIDEr-D. From 0 to 10.
    * "METEOR", "SPICE": where Java and their files are present; METEOR alone starts for
      10 s and more.

    All but CIDEr come from pycocoevalcap, and are comparable to published numbers with the
    tokenizer "ptb". The idf of CIDEr and CIDEr-D is that of the references given: numbers of
    test sets of different sizes do not compare.

    ```python
    result = caption_scores(
        [["a dog runs on grass", "the dog is running"], ["a cat sleeps on a bed"]],
        ["a dog runs on the grass", "a cat sits on a bed"],
        metrics=["BLEU-4", "CIDEr-D"],
    )
    result.scores["BLEU-4"], result.per_example["CIDEr-D"]
    ```

    Args:
      references: the captions of each image, N lists of one or more. Those without a word are
        left out.
      candidates: N captions. One without a word scores 0.
      metrics: names among CAPTION_METRICS.
      tokenizer: see `caption_tokens`.

    Returns:
      CaptionScores. A metric that cannot be computed is in `missing` alone.

    Raises:
      ValueError: N is 0 or differs, an image has no reference with a word, or a metric is none.
      ImportError: pycocoevalcap is not installed and a metric needs it.
      RuntimeError: the tokenizer "ptb" or a metric in Java failed though its files are there.
    """
    known_metrics(metrics, CAPTION_METRICS)
    if isinstance(candidates, str) or len(references) != len(candidates):
        raise ValueError(
            "caption_scores takes one candidate for each list of references; got "
            f"{len(references)} lists and {len(candidates)} candidates."
        )
    kept = known_references(references, tokenizer)
    given = [
        words[0] for words in tokenize_sets([[c] for c in candidates], tokenizer, "candidates")
    ]
    missing = {}
    for metric in metrics:
        problem = java_metric_problem(metric) if metric in JAVA else None
        if metric.startswith("CIDEr") and len(kept) < 2:
            problem = f"{metric} weighs words by how few images have them: it needs 2 images."
        if problem:
            missing[metric] = problem
    found = {}
    for metric in metrics:
        if metric not in missing and metric not in found:
            found.update(_compute(metric, kept, given))
    found = {metric: found[metric] for metric in metrics if metric in found}
    return CaptionScores(
        {metric: float(score) for metric, (score, _) in found.items()},
        {metric: np.asarray(scores) for metric, (_, scores) in found.items()},
        missing,
    )


def known_metrics(metrics: Sequence[str], known: Sequence[str]):
    """Raises ValueError for a metric that is not among the known ones."""
    for metric in [metrics] if isinstance(metrics, str) else metrics:
        if metric not in known or isinstance(metrics, str):
            raise ValueError(f"metrics is a list of some of {', '.join(known)}; got {metric!r}.")


def known_references(references: Sequence[Sequence[str]], tokenizer: str) -> List[List[List[str]]]:
    """References as words, without those that have none.

    Raises:
      ValueError: there are no images, or one of them has no reference with a word.
    """
    if not len(references):
        raise ValueError("There are no captions to score: references is empty.")
    kept = [
        [words for words in group if words]
        for group in tokenize_sets(references, tokenizer, "references")
    ]
    for index, group in enumerate(kept):
        if not group:
            raise ValueError(
                f"references[{index}] is {list(references[index])!r}: an image needs a reference "
                "with at least one word. Leave the image out."
            )
    return kept


def java_scores(metric, references, candidates):
    """`java_metric_scores` of words; a candidate without any scores 0."""
    scores = java_metric_scores(
        metric,
        [[" ".join(words) for words in group] for group in references],
        [" ".join(words) or NO_WORD for words in candidates],
    )
    return {metric: scores}


def _compute(metric, references, candidates):
    """The score and the scores of the examples, by metric; more than one metric for BLEU."""
    if metric in JAVA:
        return java_scores(metric, references, candidates)
    if metric == "CIDEr":
        scores = _plain_cider(references, candidates)
        return {metric: (scores.mean(), scores)}
    truth = {i: [" ".join(words) for words in group] for i, group in enumerate(references)}
    given = {i: [" ".join(words)] for i, words in enumerate(candidates)}
    if metric in BLEU:
        bleu = coco_scorer("bleu.bleu").Bleu(4)
        return dict(zip(BLEU, zip(*bleu.compute_score(truth, given, verbose=0))))
    if metric == "ROUGE-L":
        scorer = coco_scorer("rouge.rouge").Rouge()
    else:
        scorer = coco_scorer("cider.cider").Cider()
    return {metric: scorer.compute_score(truth, given)}


def _plain_cider(references, candidates):
    images = len(candidates)
    owners = np.repeat(np.arange(images), [len(group) for group in references])
    ngrams = NGramCounts([*candidates, *(words for group in references for words in group)])
    similarity = CiderSimilarity(ngrams, np.concatenate([np.full(images, -1), owners]))
    ends = images + np.cumsum([len(group) for group in references])
    return 10.0 * np.array(
        [
            similarity.plain([image], range(end - len(group), end)).mean()
            for image, (group, end) in enumerate(zip(references, ends))
        ]
    )
