"""What the captions of a model are worth: the protocols of the captioning field."""

from __future__ import annotations

import dataclasses
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data import Source
from tfgen.metrics import (
    candidate_scores,
    caption_diversity,
    caption_scores,
    consensus_ranking,
    nearest_neighbours,
    oracle_scores,
)
from tfgen.randomness import Seed, fold_in
from tfgen.training import Config, ConfigError

__all__ = [
    "CaptionEvaluationConfig",
    "caption_numbers",
    "generate_captions",
    "image_neighbours",
    "mean_terms",
]

_RANKED = ("BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr-D")
_POOLED_SIDE = 8


@dataclasses.dataclass
class CaptionEvaluationConfig(Config):
    """How captions, and the images drawn for captions, are measured.

    Attributes:
      images: first test images to caption, 2 or more, as one has no CIDEr; 0 takes all.
      samples: captions drawn for each.
      oracle: numbers of samples, the first ones, to choose the best from.
      neighbours: training images whose captions rank the samples.
      training_images: first training images to look for neighbours in, 2 or more; 0 takes all.
      best: best-ranked captions whose diversity is measured.
      batch_size: images captioned at once.
      texts: first test captions, one an image, that images are drawn for and judged, where there
        is a judge.
      images_per_text: images drawn for each.
      closest_images: first test images whose nearest image that a model draws for their caption is
        looked for (IvOM); 0 leaves it out.
      closest_starts, closest_iterations: of that search.
    """

    images: int = 1000
    samples: int = 100
    oracle: Tuple[int, ...] = (20, 100)
    neighbours: int = 60
    training_images: int = 0
    best: int = 5
    batch_size: int = 32
    texts: int = 500
    images_per_text: int = 4
    closest_images: int = 0
    closest_starts: int = 2
    closest_iterations: int = 100

    def validate(self):
        """Raises ConfigError for fewer samples or images than the metrics need."""
        super().validate()
        for name in ("images", "training_images"):
            if getattr(self, name) < 0 or getattr(self, name) == 1:
                raise ConfigError(
                    f"evaluation.{name}: got {getattr(self, name)}; wanted 0 (all) or 2 or more, "
                    "as CIDEr weighs words by how many images' captions have them."
                )
        wanted = max((*self.oracle, self.best))
        if self.samples < wanted or min((*self.oracle, self.best - 1, self.neighbours)) < 1:
            raise ConfigError(
                f"samples: got {self.samples}; wanted {wanted} or more, for oracle={self.oracle} "
                f"and best={self.best}; oracle and neighbours from 1, best from 2."
            )
        for name, least in (("texts", 2), ("images_per_text", 1), ("closest_images", 0)):
            if getattr(self, name) < least:
                raise ConfigError(
                    f"evaluation.{name}: got {getattr(self, name)}; wanted {least} or more."
                )
        for name in ("batch_size", "closest_starts", "closest_iterations"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"evaluation.{name}: got {getattr(self, name)}; wanted 1 or more."
                )


def generate_captions(
    model, source: Source, samples: int, batch_size: int = 32, seed: Seed = 0
) -> List[List[str]]:
    """Captions of every image.

    Args:
      model: with texts_from_images.
      source: of images.
      samples: captions for each image.
      batch_size: images at once.
      seed: of the draws.

    Returns:
      N lists of `samples` captions.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def speak(images, seed):
        return model.texts_from_images(images, samples, seed)

    captions: List[List[str]] = []
    for index, batch in enumerate(source.batches(batch_size)):
        texts = speak(batch[model.input_name], fold_in(seed, index))
        captions += [[text.decode() for text in row] for row in texts.numpy()]
    return captions


def mean_terms(model, source: Source, batch_size: int = 32) -> Dict[str, float]:
    """The mean of each term of the objective over a source of pairs, nats per example.

    Args:
      model: compiled; each batch has noise of its own, the same in every evaluation.
      source: of pairs.
      batch_size: of the batches.
    """
    read = [name for name, spec in source.features.items() if spec.dtype != tf.string]
    batches = source.batches(batch_size).map(lambda batch: {name: batch[name] for name in read})
    return model.evaluate(batches, return_dict=True, verbose=0)


def image_neighbours(
    test: Source, training: Source, neighbours: int, batch_size: int = 256
) -> np.ndarray:
    """Training images like each test image, the same for all models.

    Images are compared by the features of a fixed network (their cosine), where the source has
    them as "features", else by their pixels, averaged down to 8x8 positions.

    Args:
      test, training: with "features" or "image".
      neighbours: how many, of all training images at most.
      batch_size: images read at once.

    Returns:
      ints [test images, neighbours], the nearest first.
    """
    name = "features" if "features" in test.features else "image"
    distance = "cosine" if name == "features" else "euclidean"
    queries, known = (_descriptions(source, name, batch_size) for source in (test, training))
    return nearest_neighbours(queries, known, min(neighbours, len(known)), distance)


def caption_numbers(
    candidates: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    training_captions: Sequence[Sequence[str]],
    neighbours: np.ndarray,
    config: CaptionEvaluationConfig,
    is_true: Optional[Callable[[int, str], bool]] = None,
) -> Dict[str, float]:
    """Accuracy and diversity of the captions of a model (Tables 4.1 to 4.3).

    Args:
      candidates: the samples of each test image.
      references: its captions.
      training_captions: of the training images.
      neighbours: of `image_neighbours`, whose captions rank the samples.
      config: counts.
      is_true: whether a caption is true of test image i; None leaves out what asks it.

    Returns:
      "oracle_METRIC_K", the mean of the best of K samples; "ranked_METRIC", of the set of the
      best-ranked captions; "uniqueness", "mBLEU-4", "Div-1", "Div-2", "novel_share" of the best
      ones; "true", the share of all samples that are true, and "ranked_true" of the best-ranked.
    """
    scores = candidate_scores(references, candidates, ("BLEU-4", "CIDEr-D"))
    numbers = {
        f"oracle_{metric}_{count}": value
        for count in config.oracle
        for metric, value in oracle_scores(scores, count).items()
    }
    order = consensus_ranking(candidates, training_captions, neighbours).order
    ranked = [[group[i] for i in rows] for group, rows in zip(candidates, order)]
    first = [group[0] for group in ranked]
    accuracy = caption_scores(references, first, _RANKED).scores
    numbers.update({f"ranked_{metric}": value for metric, value in accuracy.items()})
    best = [group[: config.best] for group in ranked]
    diversity = caption_diversity(best, training_captions)
    for name in ("uniqueness", "mBLEU-4", "Div-1", "Div-2", "novel_share", "Self-CIDEr"):
        numbers[name] = diversity[name]
    if is_true is not None:
        truths = [[is_true(i, text) for text in group] for i, group in enumerate(candidates)]
        numbers["true"] = float(np.mean(truths))
        numbers["ranked_true"] = float(np.mean([is_true(i, text) for i, text in enumerate(first)]))
    return numbers


def _descriptions(source, name, batch_size):
    """Vectors by which the images of a source are compared, float [N, size]."""

    # Only what is returned is computed: where there are features, no image is read.
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)
    def describe(indices):
        values = source.load(indices)[name]
        if name == "features":
            return values
        side = min(_POOLED_SIDE, *values.shape[1:3])
        pooled = tf.image.resize(tf.cast(values, tf.float32) / 255.0, [side, side], method="area")
        return tf.reshape(pooled, [-1, side * side * values.shape[-1]])

    starts = range(0, source.count, batch_size)
    return np.concatenate(
        [
            describe(tf.range(start, min(start + batch_size, source.count), dtype=tf.int64)).numpy()
            for start in starts
        ]
    )
