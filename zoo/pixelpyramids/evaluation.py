"""Bits per dimension on held-out images, where they are spent, and super-resolution."""

from __future__ import annotations

import dataclasses
import math
from typing import Dict, NamedTuple

import numpy as np
import tensorflow as tf

from tfgen.bijectors import PairedPyramid
from tfgen.data import Source
from tfgen.metrics import bits_per_dim
from tfgen.randomness import Seed, as_seed, fold_in
from tfgen.training import Config
from zoo.pixelpyramids.model import PixelPyramids

__all__ = [
    "PyramidEvaluationConfig",
    "SuperResolution",
    "bicubic",
    "measure_entropies",
    "measure_pixelpyramids",
    "measure_super_resolution",
]


@dataclasses.dataclass
class PyramidEvaluationConfig(Config):
    """How a model is measured, and how what it draws is shown.

    Attributes:
      examples: first examples of the test split that are used; 0 uses all.
      batch_size: images at once.
      temperature: of samples and of super-resolution.
      resolved_levels: halvings that super-resolution undoes; 4 makes a side four times as large.
      resolved_examples: first test images of super-resolution.
      clean_up: whether outliers of the pictures of samples are replaced (`replace_outliers`).
    """

    examples: int = 0
    batch_size: int = 50
    temperature: float = 1.0
    resolved_levels: int = 4
    resolved_examples: int = 64
    clean_up: bool = False


def measure_pixelpyramids(
    model: PixelPyramids, source: Source, evaluation: PyramidEvaluationConfig
) -> Dict[str, float]:
    """Held-out likelihood of discrete images, exact.

    Args:
      model: a trained model.
      source: with "image".
      evaluation: how.

    Returns:
      "bits_per_dim" and its standard error over images, "nats"; and for each level K = 1 .. L
      and for the coarsest image, K = L + 1:
        "bits_per_dim_level_K": what it adds to "bits_per_dim", in bits per dimension of the image;
        "bits_share_level_K": its share of the bits;
        "pixels_share_level_K": its share of the pixels (Fig. 7.8 of the thesis).
    """
    rows = [
        model.compiled_parts(batch["image"]).numpy().astype(np.float64)
        for batch in _first(source, evaluation.examples).batches(evaluation.batch_size)
    ]
    parts = np.concatenate(rows)  # [images, levels + 1]
    bits = np.asarray(bits_per_dim(parts.sum(-1), model.dimensions, 1.0))
    numbers = {
        "bits_per_dim": float(bits.mean()),
        "bits_per_dim_standard_error": float(bits.std() / math.sqrt(len(bits))),
        "nats": float(parts.sum(-1).mean()),
    }
    shapes = model.config.level_shapes()
    area = model.config.image_size**2
    for level, share in enumerate(parts.mean(0), start=1):
        own = float(bits_per_dim(share, model.dimensions, 1.0))
        height, width = shapes[min(level, len(shapes)) - 1]
        numbers[f"bits_per_dim_level_{level}"] = own
        numbers[f"bits_share_level_{level}"] = own / numbers["bits_per_dim"]
        numbers[f"pixels_share_level_{level}"] = height * width / area
    return numbers


def measure_entropies(
    pyramid: PairedPyramid, source: Source, evaluation: PyramidEvaluationConfig
) -> Dict[str, float]:
    """Entropies of the values of single pixels, all channels together, in bits.

    Args:
      pyramid: of any settings.
      source: with "image".
      evaluation: examples and batch size.

    Returns:
      "entropy_image", of I_0; "entropy_level_K", of F_K; "entropy_coarsest", of I_L.
    """
    values = 2**pyramid.bits
    names = ["coarsest", *(f"level_{level}" for level in range(pyramid.levels, 0, -1))]
    counts = {name: np.zeros(values) for name in ("image", *names)}
    for batch in _first(source, evaluation.examples).batches(evaluation.batch_size):
        parts = [batch["image"], *pyramid.inverse_and_log_det(batch["image"])[0]]
        for name, part in zip(counts, parts):
            counts[name] += np.bincount(part.numpy().ravel(), minlength=values)
    numbers = {}
    for name, count in counts.items():
        shares = count[count > 0] / count.sum()
        numbers[f"entropy_{name}"] = float(-(shares * np.log2(shares)).sum())
    return numbers


class SuperResolution(NamedTuple):
    """What `measure_super_resolution` found.

    Attributes:
      numbers: "super_resolution_psnr" and "bicubic_psnr", in dB, means over images.
      coarse, resolved, bicubic, originals: uint8 [N, h, w, C]; values as in the data.
    """

    numbers: Dict[str, float]
    coarse: np.ndarray
    resolved: np.ndarray
    bicubic: np.ndarray
    originals: np.ndarray


def measure_super_resolution(
    model: PixelPyramids,
    source: Source,
    evaluation: PyramidEvaluationConfig,
    temperature: float = 1.0,
    seed: Seed = 0,
) -> SuperResolution:
    """Draws the finest levels of test images again, and compares with bicubic interpolation."""
    levels = min(evaluation.resolved_levels, model.config.levels)

    images = tf.TensorSpec([None, *model.image_shape], tf.uint8)

    @tf.function(input_signature=[images, tf.TensorSpec([2], tf.int32)], autograph=False)
    def resolve(images, seed):
        coarse = images
        for level in range(1, levels + 1):
            coarse, _ = model.pyramid.halve(coarse, level)
        drawn = model.super_resolve(coarse, levels, seed, temperature)
        smooth = bicubic(coarse, images.shape[1:3], model.config.kept, model.config.values)
        peak = model.config.values - 1
        psnr = [_psnr(images, result, peak) for result in (drawn, smooth)]
        return (coarse, drawn, smooth, images), psnr

    pictures, ratios = [], []
    limited = _first(source, evaluation.resolved_examples)
    for index, batch in enumerate(limited.batches(min(evaluation.batch_size, limited.count))):
        found, psnr = resolve(batch["image"], as_seed(fold_in(seed, index)))
        pictures.append([value.numpy() for value in found])
        ratios.append(np.stack(psnr))
    means = np.concatenate(ratios, axis=1).mean(-1)
    numbers = {"super_resolution_psnr": float(means[0]), "bicubic_psnr": float(means[1])}
    return SuperResolution(numbers, *(np.concatenate(part) for part in zip(*pictures)))


def bicubic(images: tf.Tensor, size, kept: str, values: int = 256) -> tf.Tensor:
    """Bicubic interpolation between the pixels that the pyramid kept, at the places they had.

    Args:
      images: uint8 [B, h, w, C], of which pixel (i, j) was pixel (a i + o_a, b j + o_b), where
        a = H / h, b = W / w and o is 0 or, where the second of each pair was kept, a - 1, b - 1.
      size: [H, W].
      kept: "first" or "second".
      values: of a pixel.

    Returns:
      uint8 [B, H, W, C].
    """
    border = 4
    scales = [size[axis] / images.shape[1 + axis] for axis in (0, 1)]
    # A point y of the image (pixel i is at i + 0.5) is at scale * y + translation of the result.
    places = [0.0 if kept == "first" else scale - 1.0 for scale in scales]
    translation = [p + 0.5 - 0.5 * s - border * s for p, s in zip(places, scales)]
    edges = [[0, 0], [border, border], [border, border], [0, 0]]
    padded = tf.cast(images, tf.float32)
    for _ in range(border):
        # One pixel at a time: tf.pad repeats no more than the image has.
        padded = tf.pad(padded, [[min(1, n) for n in edge] for edge in edges], "SYMMETRIC")
    result = tf.raw_ops.ScaleAndTranslate(
        images=padded,
        size=tf.constant(list(size), tf.int32),
        scale=tf.constant(scales, tf.float32),
        translation=tf.constant(translation, tf.float32),
        kernel_type="keyscubic",
        antialias=False,
    )
    result = tf.clip_by_value(tf.round(result), 0.0, values - 1.0)
    return tf.ensure_shape(tf.cast(result, tf.uint8), [None, *size, images.shape[-1]])


def _psnr(images, results, peak):
    """Peak signal-to-noise ratio, dB, [B]; equal images have that of an error of half a level."""
    difference = tf.cast(images, tf.float32) - tf.cast(results, tf.float32)
    error = tf.reduce_mean(tf.square(difference), [1, 2, 3])
    return 10.0 * tf.math.log(peak**2 / tf.maximum(error, 0.25)) / math.log(10.0)


def _first(source, count):
    return dataclasses.replace(source, count=min(count or source.count, source.count))
