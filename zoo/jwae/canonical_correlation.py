"""Canonical correlation analysis of images and texts, the linear baseline."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

__all__ = ["CanonicalCorrelation", "pooled_pixels", "word_counts"]


class CanonicalCorrelation:
    """Linear maps of images and texts to codes whose entries correlate most.

    The principal components of either side come first: they make the analysis quick, and
    possible where there are more dimensions than examples. The codes' entries have variance 1.

    ```python
    images = np.random.RandomState(0).normal(size=[50, 6])
    texts = images[:, :4] ** 3
    analysis = CanonicalCorrelation(code_size=2).fit(images, texts)
    analysis.encode_images(images)  # [50, 2]
    ```

    Args:
      code_size: number of pairs of directions.
      components: principal components kept at most of images and of texts.

    #### References
    [1]: B. Klein, G. Lev, G. Sadeh, L. Wolf. Associating Neural Word Embeddings with Deep Image
         Representations using Fisher Vectors. CVPR 2015. (CCA with these features in Table 3.3.)
    """

    def __init__(self, code_size: int = 16, components: int = 64):
        if not 1 <= code_size <= components:
            raise ValueError(
                f"Wanted 1 <= code_size <= components; got {code_size} and {components}."
            )
        self.code_size, self.components = code_size, components

    def fit(self, images: np.ndarray, texts: np.ndarray) -> "CanonicalCorrelation":
        """Learns from pairs.

        Args:
          images: [N, A].
          texts: [N, B], row i belongs to row i of the images.

        Returns:
          Itself.

        Raises:
          ValueError: there are fewer independent directions than `code_size`.
        """
        from sklearn.cross_decomposition import CCA

        self._image_components = _principal(images, self.components)
        self._text_components = _principal(texts, self.components)
        images, texts = self._image_components(images), self._text_components(texts)
        found = min(images.shape[1], texts.shape[1])
        if found < self.code_size:
            raise ValueError(
                f"code_size is {self.code_size}, but the data have {found} independent directions."
            )
        self._analysis = CCA(self.code_size, scale=False, max_iter=2000)
        scores = self._analysis.fit_transform(images, texts)
        self._scales = [side.std(0) for side in scores]
        return self

    def encode_images(self, images: np.ndarray) -> np.ndarray:
        """[N, A] -> codes [N, code_size]."""
        return self._analysis.transform(self._image_components(images)) / self._scales[0]

    def encode_texts(self, texts: np.ndarray) -> np.ndarray:
        """[N, B] -> codes [N, code_size]."""
        # scikit-learn transforms the second side together with a first one only.
        other = np.zeros([len(texts), self._analysis.x_weights_.shape[0]])
        _, scores = self._analysis.transform(other, self._text_components(texts))
        return scores / self._scales[1]


def pooled_pixels(images: tf.Tensor, side: int = 8) -> np.ndarray:
    """Images as vectors: uint8 [N, H, W, 3], averaged to side x side -> float32 [N, 3 side^2]."""
    small = tf.image.resize(tf.cast(images, tf.float32) / 255.0, [side, side], method="area")
    return tf.reshape(small, [tf.shape(small)[0], -1]).numpy()


def word_counts(words: tf.Tensor, size: int) -> np.ndarray:
    """Sentences as vectors: word ids [N, length] -> how often each of `size` words occurs."""
    return tf.math.bincount(words, minlength=size, maxlength=size, axis=-1).numpy()


def _principal(values, components):
    from sklearn.decomposition import PCA

    values = np.asarray(values, np.float64)
    # "auto" is exact for small data and randomised for large: thousands of words take seconds.
    analysis = PCA(min(components, *values.shape), svd_solver="auto", random_state=0).fit(values)
    kept = analysis.explained_variance_ > 1e-9 * max(analysis.explained_variance_[0], 1e-300)
    return lambda x: analysis.transform(np.asarray(x, np.float64))[:, kept]
