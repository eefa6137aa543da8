"""Inception score, and the network that it and FID are computed with."""

from __future__ import annotations

import os
from typing import Tuple, Union

import numpy as np
import tensorflow as tf

from tfgen.metrics.perceptual import unit_range

__all__ = ["InceptionNetwork", "inception_score"]


class InceptionNetwork(tf.Module):
    """Inception v3 of tf.keras.applications with weights from a file of the user's.

    Nothing is downloaded. The file is Keras's own, with the top of 1000 classes
    (inception_v3_weights_tf_dim_ordering_tf_kernels.h5). Published scores were computed with
    another training of the network (of 2015): numbers of this one compare among themselves.

    Args:
      weights: path of the file.

    Call arguments:
      images: [B, H, W, 3], uint8, or float in [0, 1]; any size, resized to 299x299 (bilinear).

    Returns:
      features [B, 2048] (the average pool, for FID) and probabilities [B, 1000].

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: images of another shape or type.
    """

    def __init__(self, weights: Union[str, os.PathLike]):
        super().__init__()
        if not os.path.exists(weights):
            raise FileNotFoundError(
                f"There are no Inception weights at {weights}. Nothing is downloaded: put Keras's "
                "inception_v3_weights_tf_dim_ordering_tf_kernels.h5 there."
            )
        network = tf.keras.applications.InceptionV3(weights=os.fspath(weights))
        outputs = [network.get_layer("avg_pool").output, network.output]
        self.network = tf.keras.Model(network.input, outputs)

    def __call__(self, images: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        images = unit_range(images)
        if images.shape.rank != 4 or images.shape[-1] != 3:
            raise ValueError(f"Inception takes images [B, H, W, 3]; got {images.shape}.")
        return self._outputs(images)

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)], autograph=False
    )
    def _outputs(self, images):
        return self.network(2.0 * tf.image.resize(images, [299, 299]) - 1.0, training=False)


def inception_score(probabilities: np.ndarray, splits: int = 10) -> Tuple[float, float]:
    """exp of the information between images and classes: how clear and how varied images are.

        IS = exp( E_x KL(p(class | x) || p(class)) ),   p(class) the mean over the images

    from 1 (all images alike to the classifier) to the number of classes. Any classifier will do,
    and on images that are unlike ImageNet one of their own kind does better.

    ```python
    inception_score(np.eye(4), splits=1)  # (4.0, 0.0)
    ```

    Args:
      probabilities: [N, classes], of each image; rows add up to 1.
      splits: the score is computed on so many parts of N / splits images each (published: 10 of
        5000). It grows with the size of a part.

    Returns:
      Mean and standard deviation over the parts.

    Raises:
      ValueError: rows are no probabilities, or there are fewer images than splits.

    #### References
    [1]: T. Salimans et al. Improved techniques for training GANs. NeurIPS 2016. Section 4.
    """
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.ndim != 2 or not 1 <= splits <= len(probabilities):
        raise ValueError(
            f"probabilities is [N, classes] with N >= splits; got {probabilities.shape} and "
            f"{splits} splits."
        )
    sums = probabilities.sum(axis=1)
    if not np.all(probabilities >= 0.0) or not np.allclose(sums, 1.0, atol=1e-3):
        raise ValueError(
            "Rows of probabilities are not negative and add up to 1; got sums from "
            f"{sums.min()} to {sums.max()}. Pass probabilities, not logits."
        )
    scores = []
    for part in np.array_split(probabilities, splits):
        entropies = [_entropy(row) for row in (part, part.mean(axis=0, keepdims=True))]
        scores.append(np.exp(entropies[1].mean() - entropies[0].mean()))
    return float(np.mean(scores)), float(np.std(scores))


def _entropy(rows):
    logs = np.log(rows, out=np.zeros_like(rows), where=rows > 0.0)
    return -(rows * logs).sum(axis=1)
