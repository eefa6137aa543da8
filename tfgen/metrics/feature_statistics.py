"""Mean and covariance of features over batches, and the distance of two such Gaussians."""

from __future__ import annotations

from typing import Dict, Optional

import numpy as np
import tensorflow as tf

__all__ = ["FeatureStatistics", "frechet_distance"]


class FeatureStatistics(tf.keras.metrics.Metric):
    """Mean and covariance of feature vectors, what the Frechet inception distance compares.

    Sums are kept in float64 and added up over replicas.

    ```python
    statistics = FeatureStatistics(size=2)
    statistics.update_state([[0.0, 0.0], [2.0, 0.0]])
    statistics.update_state([[0.0, 2.0], [2.0, 2.0]])
    statistics.result()  # mean [1, 1], covariance [[4/3, 0], [0, 4/3]], count 4
    ```

    Args:
      size: of a feature vector, D. 2048 for FID.
    """

    def __init__(self, size: int, name: str = "feature_statistics"):
        super().__init__(name=name, dtype="float64")
        self.size = size
        self.count = self.add_weight("count", initializer="zeros")
        self.total = self.add_weight("total", shape=[size], initializer="zeros")
        self.products = self.add_weight("products", shape=[size, size], initializer="zeros")

    def update_state(self, features, sample_weight: Optional[tf.Tensor] = None):
        """Adds features [B, D]; sample_weight [B], 0 or 1, leaves some out."""
        features = tf.cast(features, tf.float64)
        counted = tf.ones(tf.shape(features)[:1], tf.float64)
        if sample_weight is not None:
            counted = tf.cast(sample_weight, tf.float64)
            features = tf.math.multiply_no_nan(features, counted[:, None])
        self.count.assign_add(tf.reduce_sum(counted))
        self.total.assign_add(tf.reduce_sum(features, axis=0))
        self.products.assign_add(tf.matmul(features, features, transpose_a=True))

    def result(self) -> Dict[str, tf.Tensor]:
        """ "mean" [D], "covariance" [D, D] (with n - 1; zeros for one example) and "count"."""
        mean = tf.math.divide_no_nan(self.total, self.count)
        scatter = self.products - self.count * mean[:, None] * mean
        covariance = tf.math.divide_no_nan(scatter, tf.maximum(self.count - 1.0, 0.0))
        return {"mean": mean, "covariance": covariance, "count": tf.identity(self.count)}

    def reset_state(self):
        for variable in self.variables:
            variable.assign(tf.zeros_like(variable))

    def get_config(self):
        return {"size": self.size, "name": self.name}


def frechet_distance(first: Dict[str, tf.Tensor], second: Dict[str, tf.Tensor]) -> float:
    """Squared Wasserstein distance of two Gaussians; of Inception features, the FID.

        |m_1 - m_2|^2 + Tr(S_1 + S_2 - 2 (S_1^1/2 S_2 S_1^1/2)^1/2)

    The matrix in the root is symmetric, so that its eigenvalues are real and the trace needs no
    root of a general matrix.

    Args:
      first, second: "mean" [D] and "covariance" [D, D], as `FeatureStatistics.result` gives.
        With fewer examples than D the covariance is singular and the distance of finite samples
        is far too large: FID takes 10 000 or more.

    Raises:
      ValueError: sizes differ.

    #### References
    [1]: M. Heusel et al. GANs trained by a two time-scale update rule converge to a local Nash
         equilibrium. NeurIPS 2017. Equation 6.
    """
    means = [np.asarray(part["mean"], np.float64) for part in (first, second)]
    covariances = [np.asarray(part["covariance"], np.float64) for part in (first, second)]
    if means[0].shape != means[1].shape:
        raise ValueError(
            f"Statistics are of features of one size; got {means[0].shape} and {means[1].shape}."
        )
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ covariances[1] @ root)
    trace = np.trace(covariances[0]) + np.trace(covariances[1])
    trace -= 2.0 * np.sqrt(np.maximum(cross, 0.0)).sum()
    return float(np.square(means[0] - means[1]).sum() + trace)
