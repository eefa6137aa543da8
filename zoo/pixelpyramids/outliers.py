"""Clean-up of samples: pixels unlike their neighbourhood become its median."""

from __future__ import annotations

import numpy as np

__all__ = ["replace_outliers"]


def replace_outliers(
    images: np.ndarray,
    filter_size: int = 7,
    neighbourhood: int = 3,
    share: float = 0.01,
    seed: int = 0,
) -> np.ndarray:
    """Algorithm 2 of the thesis: outliers of drawn colour images are replaced by a median.

    Fine components are differences modulo 2^b, so a draw just beyond 0 or 2^b - 1 comes out at
    the other end of the range, as a lone white or black pixel. This function is for pictures: a
    cleaned image is no sample of the model, and likelihoods do not hold for it.

    An isolation forest looks for outliers of each image among its pixels, described by hue,
    saturation and value less their medians over the neighbourhood (what the forest sees of the
    neighbourhood, and how many outliers there are, the thesis leaves open).

    Args:
      images: uint8 [N, H, W, 3] in 0 .. 255.
      filter_size: side of the window whose median replaces an outlier, for each channel.
      neighbourhood: side of the window that a pixel is compared with.
      share: of the pixels that are taken for outliers.
      seed: of the forest.

    Returns:
      uint8 [N, H, W, 3].

    Raises:
      ValueError: the images are not of three channels of bytes.

    #### References
    [1]: S. Mahajan. Ph.D. thesis. Appendix E.3, Algorithm 2.
    [2]: F. T. Liu, K. M. Ting, Z.-H. Zhou. Isolation Forest. ICDM 2008.
    """
    from scipy import ndimage
    from sklearn.ensemble import IsolationForest

    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
        raise ValueError(
            f"Wanted colour images uint8 [N, H, W, 3]; got {images.dtype} {list(images.shape)}."
        )
    cleaned = images.copy()
    for image, result in zip(images, cleaned):
        colours = _hue_saturation_value(image)
        features = colours - ndimage.median_filter(colours, (neighbourhood, neighbourhood, 1))
        # Hue is an angle: 0.95 and 0.05 are neighbours.
        features[..., 0] = (features[..., 0] + 0.5) % 1.0 - 0.5
        features = features.reshape(-1, 3)
        forest = IsolationForest(random_state=seed, contamination=share)
        outliers = (forest.fit_predict(features) < 0).reshape(image.shape[:2])
        median = ndimage.median_filter(image, (filter_size, filter_size, 1))
        result[outliers] = median[outliers]
    return cleaned


def _hue_saturation_value(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] -> float [H, W, 3] in [0, 1]."""
    from matplotlib.colors import rgb_to_hsv

    return rgb_to_hsv(image / 255.0)
