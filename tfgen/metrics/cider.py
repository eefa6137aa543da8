"""CIDEr and CIDEr-D between all pairs of captions of two groups."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import scipy.sparse

from tfgen.metrics.ngrams import NGramCounts

__all__ = ["CiderSimilarity"]

# Standard deviation of the length penalty, in words ([1], Section 6).
SIGMA = 6.0


class CiderSimilarity:
    """Similarity of captions by the tf-idf weights of their n-grams, n = 1 ... 4.

    With the count h_g(c) of the n-gram g in a caption c, and over the D documents of a corpus
    (a document is all captions of one image):

        idf_g     = log D - log max(1, number of documents with g)
        w_g(c)    = h_g(c) idf_g,   |c|_n the norm of w(c) over the n-grams of length n
        plain     = 1/4 sum_n  sum_g w_g(c) w_g(r) / (|c|_n |r|_n)
        clipped   = exp(-(length c - length r)^2 / (2 6^2))
                    1/4 sum_n  sum_g min(w_g(c), w_g(r)) w_g(r) / (|c|_n |r|_n)

    CIDEr of a candidate is 10 times the mean of `plain` over its references, CIDEr-D 10 times
    that of `clipped`. A factor 0/0 (a caption of less than n words, or with only words that every
    document has) counts as 0. Words are not stemmed, as in the code that the field uses.

    All pairs are one sparse product. The minimum is taken apart for it: for counts,
    min(h, k) = sum_t [h >= t][k >= t], and terms of t > 1 are few.

    Args:
      ngrams: of the captions to compare and of the corpus.
      documents: [S], the document of each sentence of the corpus, -1 for other sentences.

    #### References
    [1]: R. Vedantam, C. L. Zitnick, D. Parikh. CIDEr: Consensus-based Image Description
         Evaluation. CVPR 2015. Section 4 (CIDEr), Section 6 (CIDEr-D).
    """

    def __init__(self, ngrams: NGramCounts, documents: np.ndarray):
        self.ngrams = ngrams
        frequency = ngrams.document_frequency(documents)
        self.idf = np.log(documents.max(initial=-1) + 1.0) - np.log(np.maximum(frequency, 1.0))

    def plain(self, captions: Sequence[int], others: Sequence[int]) -> np.ndarray:
        """[C, R] of [0, 1]: the CIDEr similarity; symmetric, and positive semi-definite."""
        (_, first), (_, second) = self._vectors(captions, others)
        return (first @ second.T).toarray() / self.ngrams.order

    def clipped(self, candidates: Sequence[int], references: Sequence[int]) -> np.ndarray:
        """[C, R] of [0, 1]: the CIDEr-D similarity of candidates to references."""
        (counts, first), (reference_counts, second) = self._vectors(candidates, references)
        # `first` holds h idf / |c|; one of the h occurrences weighs idf / |c|.
        single = first.data / counts.data
        total = np.zeros([len(candidates), len(references)])
        most = min(counts.data.max(initial=0), reference_counts.data.max(initial=0))
        for times in range(1, int(most) + 1):
            first.data = np.where(counts.data >= times, single, 0.0)
            second.data = np.where(reference_counts.data >= times, second.data, 0.0)
            total += (first @ second.T).toarray()
        lengths = self.ngrams.lengths
        gap = lengths[np.asarray(candidates)][:, None] - lengths[np.asarray(references)]
        return np.exp(-np.square(gap) / (2.0 * SIGMA**2)) * total / self.ngrams.order

    def _vectors(self, *groups):
        """For each group, the counts and the tf-idf vectors with a norm of 1 for each n."""
        matrices, columns = self.ngrams.of(*groups)
        orders, idf = self.ngrams.orders[columns] - 1, self.idf[columns]
        result = []
        for counts in matrices:
            row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
            part = row * self.ngrams.order + orders[counts.indices]
            weights = counts.data * idf[counts.indices]
            norms = np.sqrt(np.bincount(part, np.square(weights)))[part]
            weights = np.divide(weights, norms, out=np.zeros_like(weights), where=norms > 0.0)
            unit = scipy.sparse.csr_matrix((weights, counts.indices, counts.indptr), counts.shape)
            result.append((counts, unit))
        return result
