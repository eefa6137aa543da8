"""Retrieval in both directions, and how Gaussian the codes are."""

from __future__ import annotations

import dataclasses
from typing import Dict

import numpy as np
import tensorflow as tf

from tfgen.data import Source
from tfgen.metrics import discrepancy_to_normal, retrieval_scores
from tfgen.randomness import Seed, fold_in
from tfgen.training import Config
from zoo.jwae.model import JWAE

__all__ = ["Codes", "RetrievalConfig", "encode_source", "measure_codes"]


@dataclasses.dataclass
class RetrievalConfig(Config):
    """How much is measured.

    Attributes:
      images: the first test images: 1000 in the paper, of either data set.
      captions: of an image, the first ones. Some images of COCO have six or seven, of which the
        usual protocol keeps five.
      batch_size: examples encoded at once.
      prior_samples: of N(0, I), for the discrepancy.
    """

    images: int = 1000
    captions: int = 5
    batch_size: int = 100
    prior_samples: int = 5000


@dataclasses.dataclass(frozen=True)
class Codes:
    """Codes of images and of their texts.

    Attributes:
      images: float32 [N, d].
      texts: float32 [M, d].
      image_of_text: int [M], the row of the image that each text belongs to.
    """

    images: np.ndarray
    texts: np.ndarray
    image_of_text: np.ndarray


def encode_source(model: JWAE, source: Source, evaluation: RetrievalConfig) -> Codes:
    """Codes of the first images of a source and of their first texts.

    Args:
      model: that encodes.
      source: with the model's images, and with "captions" string [K] and "caption_count"; or,
        one for each image, "text", or "text_vector" where the model reads vectors.
      evaluation: how many.
    """
    some = dataclasses.replace(source, count=min(evaluation.images, source.count))
    encode_images = tf.function(model.encode_images, reduce_retracing=True, autograph=False)
    encode_texts = tf.function(model.encode_texts, reduce_retracing=True, autograph=False)
    images, texts, owners = [], [], []
    for batch in some.batches(evaluation.batch_size):
        images.append(encode_images(batch[model.image_feature]).numpy())
        first = sum(map(len, images[:-1]))
        rows = np.arange(first, first + len(images[-1]))
        if model.vocabulary is None:
            said, counts = batch["text_vector"], np.ones_like(rows)
        elif "captions" in batch:
            counts = np.minimum(batch["caption_count"].numpy(), evaluation.captions)
            present = tf.sequence_mask(counts, batch["captions"].shape[1])
            said = tf.boolean_mask(batch["captions"], present)
        else:
            said, counts = batch["text"], np.ones_like(rows)
        texts.append(encode_texts(said).numpy())
        owners.append(np.repeat(rows, counts))
    return Codes(np.concatenate(images), np.concatenate(texts), np.concatenate(owners))


def measure_codes(codes: Codes, evaluation: RetrievalConfig, seed: Seed = 0) -> Dict[str, float]:
    """The numbers of Tables 3.3 to 3.6, and the distance of the codes to the prior.

    Args:
      codes: of a test set.
      evaluation: how many samples of the prior.
      seed: of these.

    Returns:
      "image_to_text_recall@K" and "text_to_image_recall@K" for K = 1, 5, 10, in percent (an image
      is found by any of its texts, cosine similarity), their sum "recall_sum" and their median
      ranks; "image_mmd" and "text_mmd", the squared MMD of either distribution of codes to
      N(0, I); "image_spread" and "text_spread", the root mean square of the codes' entries around
      their mean, 1 for the prior. Codes of vae_mh are the means of its posteriors, which spread
      less than the draws that its loss compares with the prior.
    """
    scores = retrieval_scores(codes.images, codes.texts, codes.image_of_text)
    numbers = {name: 100.0 * value if "recall" in name else value for name, value in scores.items()}
    numbers["recall_sum"] = sum(value for name, value in numbers.items() if "recall" in name)
    for name, values in (("image", codes.images), ("text", codes.texts)):
        numbers[f"{name}_mmd"] = float(
            discrepancy_to_normal(values, fold_in(seed, name), evaluation.prior_samples)
        )
        numbers[f"{name}_spread"] = float(np.sqrt(values.var(0).mean()))
    return numbers
