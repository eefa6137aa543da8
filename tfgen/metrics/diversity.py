"""How different the captions of one image are."""

from __future__ import annotations

import itertools
from typing import Dict, Optional, Sequence

import numpy as np

from tfgen.metrics.bleu import leave_one_out_bleu
from tfgen.metrics.caption_tokens import tokenize_sets
from tfgen.metrics.cider import CiderSimilarity
from tfgen.metrics.ngrams import NGramCounts

__all__ = ["caption_diversity", "kernel_diversity"]


def caption_diversity(
    captions: Sequence[Sequence[str]],
    training_captions: Optional[Sequence[Sequence[str]]] = None,
    tokenizer: str = "plain",
) -> Dict[str, float]:
    """Diversity of the captions generated for each image.

    * "uniqueness": different captions of an image / captions of the image, mean over images. (The
      tables' percentage / 100. Beam search, whose captions of one image differ always, has 100
      there: so it is counted by image, not over the set.)
    * "mBLEU-4": BLEU-4 of each caption against the others of its image, mean over the image's
      captions, then over images. Lower is more diverse; 1 for equal captions of four words or
      more. (Code that adds up the counts of all images before it divides gives more.)
    * "Div-1", "Div-2": different 1-grams (2-grams) of an image's captions / number of their
      words, mean over images. 0 for captions without words.
    * "novel": captions, of all images together, that are no training caption; "novel_share" is
      that / all captions.
    * "Self-CIDEr": `kernel_diversity` of the CIDEr similarities (`CiderSimilarity.plain`; with
      its length penalty and clipping CIDEr-D is no kernel) of each image's captions, mean over
      images. The idf is that of the training captions.

    Captions are compared as words, after the tokeniser.

    ```python
    caption_diversity([["a dog runs fast", "a dog runs fast"]])["uniqueness"]  # 0.5
    ```

    Args:
      captions: of each image, N lists of two or more.
      training_captions: of each training image, two or more lists; None leaves novel,
        novel_share and Self-CIDEr out.
      tokenizer: see `caption_tokens`.

    Returns:
      A dict of floats.

    Raises:
      ValueError: there are no images, one has less than two captions, or there are less than
        two training images.

    #### References
    [1]: Q. Wang, A. Chan. Describing like humans: on diversity in image captioning. CVPR 2019.
         Section 4. (Self-CIDEr.)
    [2]: J. Aneja et al. Sequential latent spaces for modeling the intention during diverse image
         captioning. ICCV 2019. Section 4. (The others.)
    """
    if not len(captions):
        raise ValueError("There are no captions to compare: captions is empty.")
    for index, group in enumerate(captions):
        if len(group) < 2:
            raise ValueError(
                f"captions[{index}] has {len(group)} captions; diversity is among two or more."
            )
    if training_captions is not None and len(training_captions) < 2:
        raise ValueError(
            "training_captions takes the captions of two or more images, as CIDEr weighs words "
            f"by how few have them; got {len(training_captions)}."
        )
    given = tokenize_sets(captions, tokenizer, "captions")
    truth = tokenize_sets(training_captions or [], tokenizer, "training_captions")
    ngrams = NGramCounts(list(itertools.chain(*given, *truth)))
    ends = np.cumsum([len(group) for group in given])
    rows = [np.arange(end - len(group), end) for group, end in zip(given, ends)]
    result = {
        "uniqueness": np.mean([len(set(map(tuple, group))) / len(group) for group in given]),
        "mBLEU-4": np.mean([leave_one_out_bleu(ngrams, group)[:, 3].mean() for group in rows]),
    }
    found = [ngrams.of(group)[1] for group in rows]
    words = np.maximum([ngrams.lengths[group].sum() for group in rows], 1)
    for n in (1, 2):
        different = [np.sum(ngrams.orders[columns] == n) for columns in found]
        result[f"Div-{n}"] = np.mean(different / words)
    if truth:
        seen = {tuple(words) for group in truth for words in group}
        novel = sum(tuple(words) not in seen for group in given for words in group)
        result.update({"novel": novel, "novel_share": novel / ends[-1]})
        documents = np.repeat(np.arange(-1, len(truth)), [ends[-1], *map(len, truth)])
        cider = CiderSimilarity(ngrams, documents)
        result["Self-CIDEr"] = np.mean([kernel_diversity(cider.plain(g, g)) for g in rows])
    return {name: float(value) for name, value in result.items()}


def kernel_diversity(kernel: np.ndarray) -> float:
    """Diversity of m things from the matrix of their similarities: 0 all alike, 1 all unlike.

    Let the columns of X be the vectors of m captions. Latent semantic analysis takes X apart
    into topics with strengths sigma_1 >= ... >= sigma_m, its singular values. The share of the
    first topic, r = sigma_1 / sum_i sigma_i, is 1 if all captions are about one thing, and 1/m
    if none has to do with another. On a log scale from 0 to 1 that is

        diversity = -log r / log m

    The singular values of X are the roots of the eigenvalues lambda_i of X^T X, so the inner
    products are all that is needed, and any positive semi-definite similarity may stand for them:

        r = sqrt(lambda_1) / sum_i sqrt(lambda_i)

    Args:
      kernel: [m, m], symmetric, m >= 2. Negative eigenvalues (of rounding) count as 0.

    Returns:
      The diversity; 0 where all similarities are 0 (captions without words are alike).

    Raises:
      ValueError: another shape.

    #### References
    [1]: Q. Wang, A. Chan. Describing like humans: on diversity in image captioning. CVPR 2019.
         Sections 4.1-4.2.
    """
    kernel = np.asarray(kernel, np.float64)
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or len(kernel) < 2:
        raise ValueError(f"kernel is [m, m] with m >= 2; got {kernel.shape}.")
    eigenvalues = np.linalg.eigvalsh(kernel)
    # The root turns an error of 1e-17 into 3e-9; what is rounding counts as none.
    floor = eigenvalues[-1] * len(kernel) * np.finfo(np.float64).eps
    strengths = np.sqrt(np.where(eigenvalues > floor, eigenvalues, 0.0))
    if not strengths[-1] > 0.0:
        return 0.0
    return float(np.log(strengths.sum() / strengths[-1]) / np.log(len(kernel)))
