"""Counts of the n-grams of many sentences, made once and shared by all n-gram measures."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np
import scipy.sparse

__all__ = ["NGramCounts"]


class NGramCounts:
    """How often each n-gram, n = 1 ... order, occurs in each sentence.

    The words of all sentences are numbered; the n-gram at a place is the pair of the (n-1)-gram
    there and of the word that follows it, and the different pairs are numbered in turn. So the
    counts are exact for a vocabulary of any size, and a million words take about a second.

    ```python
    ngrams = NGramCounts([["a", "dog", "a"], ["a", "cat"]], order=2)
    ngrams.lengths  # [3, 2]
    ngrams.counts.toarray()  # a, dog, cat, a dog, dog a, a cat: [[2, 1, 0, ...], [1, 0, 1, ...]]
    ```

    Args:
      sentences: lists of words, S of them.
      order: the largest n.

    Attributes:
      counts: scipy.sparse.csr_matrix [S, G], float64, a column for each of the G n-grams.
      orders: [G], the n of each column.
      lengths: [S], words in each sentence.
      order: the largest n.
    """

    def __init__(self, sentences: Sequence[Sequence[str]], order: int = 4):
        vocabulary = {}
        words = np.fromiter(
            (vocabulary.setdefault(w, len(vocabulary)) for s in sentences for w in s), np.int64
        )
        self.order = order
        self.lengths = np.fromiter((len(s) for s in sentences), np.int64, len(sentences))
        ends = np.repeat(np.cumsum(self.lengths), self.lengths)
        owner = np.repeat(np.arange(len(sentences)), self.lengths)
        places, grams = np.arange(len(words)), words
        rows, columns, sizes = [], [], []
        for n in range(1, order + 1):
            if n > 1:
                whole = places + n <= ends[places]
                places = places[whole]
                pairs = grams[whole] * len(vocabulary) + words[places + n - 1]
                grams = np.unique(pairs, return_inverse=True)[1]
            rows.append(owner[places])
            columns.append(grams + sum(sizes))
            sizes.append(int(grams.max()) + 1 if len(grams) else 0)
        self.orders = np.repeat(np.arange(1, order + 1), sizes)
        rows, columns = np.concatenate(rows), np.concatenate(columns)
        self.counts = scipy.sparse.csr_matrix(
            (np.ones(len(rows)), (rows, columns)), shape=(len(sentences), sum(sizes))
        )

    def document_frequency(self, documents: np.ndarray) -> np.ndarray:
        """In how many documents each n-gram occurs, [G].

        Args:
          documents: [S], the number of the document that a sentence belongs to, -1 for none.
        """
        row = np.repeat(np.arange(len(self.lengths)), np.diff(self.counts.indptr))
        document, column = documents[row], self.counts.indices
        document, column = document[document >= 0], column[document >= 0]
        seen = scipy.sparse.csr_matrix(
            (np.ones(len(column), np.int32), (document, column)),
            shape=(int(document.max(initial=-1)) + 1, len(self.orders)),
        )
        return np.bincount(seen.indices, minlength=len(self.orders))

    def of(self, *groups: Sequence[int]) -> Tuple[List[scipy.sparse.csr_matrix], np.ndarray]:
        """Counts of a few groups of sentences over the columns that occur there alone.

        Args:
          *groups: numbers of sentences.

        Returns:
          A matrix [len(group), L] for each group, and which columns [L] of `counts` these are.
        """
        parts = [self.counts[np.asarray(group, np.int64)] for group in groups]
        used, local = np.unique(
            np.concatenate([part.indices for part in parts]), return_inverse=True
        )
        ends = np.cumsum([part.nnz for part in parts])
        matrices = [
            scipy.sparse.csr_matrix(
                (part.data, local[end - part.nnz : end], part.indptr),
                shape=(part.shape[0], len(used)),
            )
            for part, end in zip(parts, ends)
        ]
        return matrices, used
