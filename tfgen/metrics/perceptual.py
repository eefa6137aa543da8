"""LPIPS: the distance of two images to the eye of a network."""

from __future__ import annotations

import os
from typing import Union

import numpy as np
import tensorflow as tf

__all__ = ["PerceptualDistance", "unit_range"]

# For each stage: the window of the max pool (stride 2) before it, and its convolutions as
# (stride, padding). Features are taken after the last ReLU of each stage.
NETWORKS = {
    "alex": [(None, [(4, 2)]), (3, [(1, 2)]), (3, [(1, 1)]), (None, [(1, 1)]), (None, [(1, 1)])],
    "vgg": [
        (None, [(1, 1)] * 2),
        (2, [(1, 1)] * 2),
        (2, [(1, 1)] * 3),
        (2, [(1, 1)] * 3),
        (2, [(1, 1)] * 3),
    ],
}
# Of ImageNet, for images in [0, 1].
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PerceptualDistance(tf.Module):
    """LPIPS distance with weights from a file of the user's; nothing is downloaded.

    With the features y_l of stage l, scaled to norm 1 over their channels at each place, and
    learnt weights w_l >= 0 of the channels,

        d(a, b) = sum_l 1/(H_l W_l) sum_{h,w,c} w_lc (y_l(a) - y_l(b))_hwc^2

    It is the squared Euclidean distance of the vectors sqrt(w_lc / (H_l W_l)) y_lhwc, so that
    all pairs of a set cost one pass of the network an image.

    Args:
      weights: path of a NumPy archive (.npz) with, for stage s = 1 ... 5 and convolution
        i = 1, 2 ... in it, "conv{s}_{i}/kernel" [height, width, in, out] and
        "conv{s}_{i}/bias" [out], and "linear{s}" [channels]. They are made from the published
        PyTorch files: kernels are those of torchvision's alexnet or vgg16 with the axes
        transposed by (2, 3, 1, 0), "linear{s}" is lin{s-1}.model.1.weight[0, :, 0, 0] of LPIPS.
      network: "alex" or "vgg", the one that the weights are of.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: the file lacks an array, a weight of a channel is negative, or there is no such
        network.

    #### References
    [1]: R. Zhang et al. The unreasonable effectiveness of deep features as a perceptual metric.
         CVPR 2018. Equation 1.
    """

    def __init__(self, weights: Union[str, os.PathLike], network: str = "alex"):
        super().__init__()
        if network not in NETWORKS:
            raise ValueError(f"network is one of {', '.join(NETWORKS)}; got {network!r}.")
        names = [
            f"conv{stage}_{index}/{part}"
            for stage, (_, convolutions) in enumerate(NETWORKS[network], start=1)
            for index in range(1, len(convolutions) + 1)
            for part in ("kernel", "bias")
        ] + [f"linear{stage}" for stage in range(1, 6)]
        if not os.path.exists(weights):
            raise FileNotFoundError(
                f"There are no LPIPS weights at {weights}. Nothing is downloaded: make a .npz "
                f"with the arrays {', '.join(names)} (see PerceptualDistance)."
            )
        with np.load(weights) as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise ValueError(
                    f"{weights} is no archive of LPIPS weights for the network {network!r}: it "
                    f"lacks {', '.join(missing)}."
                )
            self.arrays = {name: tf.constant(file[name], tf.float32) for name in names}
        for name in names[-5:]:
            if np.min(self.arrays[name]) < 0.0:
                raise ValueError(f"{name} of {weights} has a negative weight; LPIPS has none.")
        self.stages = NETWORKS[network]

    def embed(self, images: tf.Tensor) -> tf.Tensor:
        """Vectors whose squared distances are LPIPS.

        Args:
          images: [B, H, W, 3], uint8, or float in [0, 1].

        Returns:
          [B, size]; 8 million numbers an image for "vgg" at 256x256.
        """
        images = unit_range(images)
        if images.shape.rank != 4 or images.shape[-1] != 3:
            raise ValueError(f"LPIPS takes images [B, H, W, 3]; got {images.shape}.")
        return self._embed(images)

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)], autograph=False
    )
    def _embed(self, images):
        hidden = (images - tf.constant(MEAN)) / tf.constant(DEVIATION)
        vectors = []
        for stage, (pool, convolutions) in enumerate(self.stages, start=1):
            if pool:
                hidden = tf.nn.max_pool2d(hidden, pool, 2, "VALID")
            for index, (stride, padding) in enumerate(convolutions, start=1):
                name = f"conv{stage}_{index}"
                edge = [padding, padding]
                hidden = tf.nn.conv2d(
                    hidden, self.arrays[f"{name}/kernel"], stride, [[0, 0], edge, edge, [0, 0]]
                )
                hidden = tf.nn.relu(hidden + self.arrays[f"{name}/bias"])
            norms = tf.sqrt(tf.reduce_sum(tf.square(hidden), axis=-1, keepdims=True))
            unit = hidden / (norms + 1e-10)
            places = tf.cast(tf.shape(hidden)[1] * tf.shape(hidden)[2], tf.float32)
            weighted = unit * tf.sqrt(self.arrays[f"linear{stage}"] / places)
            vectors.append(tf.reshape(weighted, [tf.shape(images)[0], -1]))
        return tf.concat(vectors, axis=1)

    def distance(self, images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
        """[B]: LPIPS of each image to the other one in its place; see `embed`."""
        gaps = self.embed(images) - self.embed(others)
        return tf.reduce_sum(tf.square(gaps), axis=1)

    def diversity(self, images: tf.Tensor) -> tf.Tensor:
        """Mean LPIPS over all pairs of two or more images, such as those drawn for one text.

        With the vectors v_i, sum_{i<j} |v_i - v_j|^2 = n sum_i |v_i - mean|^2.
        """
        vectors = self.embed(images)
        if vectors.shape[0] < 2:
            raise ValueError(f"Diversity is among two or more images; got {vectors.shape[0]}.")
        spread = tf.reduce_sum(tf.square(vectors - tf.reduce_mean(vectors, axis=0)))
        return 2.0 * spread / (vectors.shape[0] - 1.0)


def unit_range(images: tf.Tensor) -> tf.Tensor:
    """Images as float32 in [0, 1], from uint8 or from floats, which are in [0, 1] already.

    Raises:
      ValueError: another type.
    """
    images = tf.convert_to_tensor(images)
    if images.dtype == tf.uint8:
        return tf.cast(images, tf.float32) / 255.0
    if not images.dtype.is_floating:
        raise ValueError(f"Images are uint8, or float in [0, 1]; got {images.dtype.name}.")
    return tf.cast(images, tf.float32)
