"""BLEU of single sentences, for many candidates of an image at once."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import scipy.sparse

from tfgen.metrics.ngrams import NGramCounts

__all__ = ["leave_one_out_bleu", "pairwise_bleu", "sentence_bleu"]

# The two numbers by which the field's code keeps 0/0 and log 0 away. They make the BLEU-4 of a
# sentence of three words 1e-6^(1/4) times a BLEU of its shorter n-grams.
TINY, SMALL = 1e-15, 1e-9


def sentence_bleu(
    ngrams: NGramCounts, candidates: Sequence[int], references: Sequence[int]
) -> np.ndarray:
    """BLEU-1 ... BLEU-N of each candidate against all references together.

        p_n    = sum_g min(h_g(c), max_r h_g(r)) / max(0, length c - n + 1)
        BLEU-N = min(1, exp(1 - length r / length c)) (p_1 ... p_N)^(1/N)

    over the n-grams g of length n, where r in the length is the reference closest in length, the
    shorter one of two as close. The numbers are those of pycocoevalcap.

    Args:
      ngrams: counts of all sentences.
      candidates, references: numbers of sentences in `ngrams`, C and R of them.

    Returns:
      [C, order], of [0, 1].

    #### References
    [1]: K. Papineni, S. Roukos, T. Ward, W. Zhu. BLEU: a method for automatic evaluation of
         machine translation. ACL 2002. Section 2.
    """
    (counts, reference_counts), columns = ngrams.of(candidates, references)
    limit = reference_counts.max(axis=0).toarray()[0]
    correct = _sum_by_order(ngrams, counts, np.minimum(counts.data, limit[counts.indices]), columns)
    lengths, gaps, others = _length_gaps(ngrams, candidates, references)
    return _bleu(correct, lengths, others[gaps.argmin(axis=1)], ngrams.order)


def leave_one_out_bleu(ngrams: NGramCounts, captions: Sequence[int]) -> np.ndarray:
    """BLEU-1 ... BLEU-N of each caption against all the others; see `sentence_bleu`.

    The most that the others have of an n-gram is the most of all, or, for the caption that has
    the most itself, the second most.

    Args:
      captions: numbers of sentences in `ngrams`, C >= 2 of them.

    Returns:
      [C, order], of [0, 1].
    """
    (counts,), columns = ngrams.of(captions)
    by_column = np.lexsort([-counts.data, counts.indices])
    column, count = counts.indices[by_column], counts.data[by_column]
    first = np.concatenate([[True], column[1:] != column[:-1]])[: len(column)]
    most = count[first][np.cumsum(first) - 1]
    second = np.where(np.append(~first[1:], False), np.append(count[1:], 0.0), 0.0)[: len(column)]
    limit = np.empty_like(counts.data)
    limit[by_column] = np.where(first, second, most)
    correct = _sum_by_order(ngrams, counts, np.minimum(counts.data, limit), columns)
    lengths, gaps, others = _length_gaps(ngrams, captions, captions)
    itself = np.argsort(ngrams.lengths[np.asarray(captions)], kind="stable")
    gaps = gaps.astype(np.float64)
    gaps[itself, np.arange(len(captions))] = np.inf
    return _bleu(correct, lengths, others[gaps.argmin(axis=1)], ngrams.order)


def pairwise_bleu(
    ngrams: NGramCounts, candidates: Sequence[int], references: Sequence[int]
) -> np.ndarray:
    """BLEU-1 ... BLEU-N of each candidate against each single reference, [C, R, order]."""
    (counts, reference_counts), columns = ngrams.of(candidates, references)
    orders = ngrams.orders[columns] - 1
    correct = np.zeros([len(candidates), len(references), ngrams.order])
    most = min(counts.data.max(initial=0), reference_counts.data.max(initial=0))
    for times in range(1, int(most) + 1):
        right = _indicator(reference_counts, reference_counts.data >= times).T
        for n in range(ngrams.order):
            left = _indicator(counts, (counts.data >= times) & (orders[counts.indices] == n))
            correct[..., n] += (left @ right).toarray()
    lengths = ngrams.lengths[np.asarray(candidates)][:, None]
    others = np.broadcast_to(ngrams.lengths[np.asarray(references)], correct.shape[:2])
    return _bleu(correct, np.broadcast_to(lengths, others.shape), others, ngrams.order)


def _indicator(counts, chosen):
    data = chosen.astype(np.float64)
    return scipy.sparse.csr_matrix((data, counts.indices, counts.indptr), counts.shape)


def _sum_by_order(ngrams, counts, values, columns):
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    part = row * ngrams.order + ngrams.orders[columns][counts.indices] - 1
    sums = np.bincount(part, values, minlength=counts.shape[0] * ngrams.order)
    return sums.reshape([-1, ngrams.order])


def _length_gaps(ngrams, candidates, references):
    """Lengths [C], |length c - length r| [C, R] and lengths [R], references by rising length."""
    lengths = ngrams.lengths[np.asarray(candidates)]
    others = np.sort(ngrams.lengths[np.asarray(references)], kind="stable")
    return lengths, np.abs(lengths[:, None] - others), others


def _bleu(correct, lengths, reference_lengths, order):
    guesses = np.maximum(lengths[..., None] - np.arange(order), 0)
    precisions = (correct + TINY) / (guesses + SMALL)
    means = np.cumprod(precisions, axis=-1) ** (1.0 / np.arange(1, order + 1))
    ratio = (lengths + TINY) / (reference_lengths + SMALL)
    return means * np.exp(np.minimum(0.0, 1.0 - 1.0 / ratio))[..., None]
