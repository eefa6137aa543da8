"""The numbers of a comparison of captioning models: each model's, their spread, differences."""

from __future__ import annotations

import dataclasses
import statistics
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np

from tfgen.data import Source, Splits, all_captions, caption_pairs, with_words
from tfgen.training import RunDirectory
from zoo.lnfmm.comparison import CaptionStudyConfig, caption_trainings, load_caption_model
from zoo.lnfmm.evaluation import (
    caption_numbers,
    generate_captions,
    image_neighbours,
    mean_terms,
)
from zoo.lnfmm.image_evaluation import ImageJudge, drawn_numbers, judged_numbers

__all__ = [
    "CaptionComparison",
    "Judges",
    "compared_names",
    "first_examples",
    "measure_captions",
    "summarise",
]


class Judges(NamedTuple):
    """Who tells whether captions and images belong together.

    Attributes:
      caption: whether a caption is true of test image i, from i and the caption; None where nobody
        can tell.
      image: how much of what a caption names is seen in an image, see `ImageJudge`; or None.
    """

    caption: Optional[Callable[[int, str], bool]] = None
    image: Optional[ImageJudge] = None


class CaptionComparison(NamedTuple):
    """What `measure_captions` found; models and captions are those of the first seed.

    Attributes:
      numbers: flat, as in report.json.
      models: name -> model.
      captions: name -> the captions of each test image.
    """

    numbers: Dict[str, float]
    models: Dict[str, Any]
    captions: Dict[str, List[List[str]]]


def measure_captions(
    config: CaptionStudyConfig, data: Splits, run: RunDirectory, judges: Optional[Judges] = None
) -> CaptionComparison:
    """Measures all trainings of a run on the test split.

    Args:
      config: what was trained.
      data: splits with captions.
      run: of the trainings.
      judges: of the test split; None where there are none.

    Returns:
      A `CaptionComparison`; its numbers are those of `summarise`, and "references_true" and
      "real_NAME_seen", "real_NAME_seen_by_chance": what the judges say of the data themselves.
    """
    settings, judges = config.evaluation, judges or Judges()
    test = first_examples(data.test, settings.images)
    near = first_examples(data.train, settings.training_images)
    references, known = all_captions(test), all_captions(near)
    neighbours = image_neighbours(test, near, settings.neighbours)
    firsts = [group[0] for group in references]
    images = _images(test, max(settings.texts if judges.image else 0, settings.closest_images))
    rows: Dict[str, List[Mapping[str, float]]] = {name: [] for name in config.models}
    models: Dict[str, Any] = {}
    captions: Dict[str, List[List[str]]] = {}
    for training in caption_trainings(config):
        model = load_caption_model(config, training, data, run)
        said = generate_captions(model, test, settings.samples, settings.batch_size, training.seed)
        found = caption_numbers(said, references, known, neighbours, settings, judges.caption)
        pairs = with_words(caption_pairs(test), model.vocabulary)
        terms = mean_terms(model, pairs, settings.batch_size)
        found.update({key: value for key, value in terms.items() if key != "loss"})
        if getattr(model, "draws_images", False):
            found.update(
                drawn_numbers(model, firsts, images, settings, training.seed, judges.image)
            )
        rows[training.name].append(found)
        if training.seed == config.seed:
            models[training.name], captions[training.name] = model, said
    numbers = summarise(config, rows)
    if judges.caption is not None:
        told = [judges.caption(i, text) for i, group in enumerate(references) for text in group]
        numbers["references_true"] = float(np.mean(told))
    if judges.image is not None:
        real = images[: settings.texts, np.newaxis]
        seen = judged_numbers(real, firsts[: len(real)], judges.image)
        numbers.update({f"real_{key}": value for key, value in seen.items()})
    return CaptionComparison(numbers, models, captions)


def compared_names(config: CaptionStudyConfig) -> Sequence[str]:
    """The numbers by which models are compared seed by seed."""
    count = max(config.evaluation.oracle)
    oracle = tuple(f"oracle_{metric}_{count}" for metric in ("CIDEr-D", "BLEU-4"))
    return (*oracle, "ranked_CIDEr-D", "mBLEU-4", "Div-2", "true")


def summarise(
    config: CaptionStudyConfig, rows: Mapping[str, Sequence[Mapping[str, float]]]
) -> Dict[str, float]:
    """The numbers of all seeds in one dict.

    Args:
      config: of the comparison.
      rows: model -> numbers of each seed, in the order of the seeds.

    Returns:
      "MODEL_NUMBER", the mean over the seeds, and "MODEL_NUMBER_std", the standard deviation (0
      for one seed). Of `compared_names` also "MODEL_NUMBER_seed_K", and for all models but the
      first one "NUMBER_FIRST_minus_MODEL", its mean over pairs of the same seed, with "_std" and
      "_seed_K".
    """
    seeds = range(config.seed, config.seed + config.seeds)
    numbers: Dict[str, float] = {}

    def enter(key, values, each_seed):
        numbers[key] = statistics.mean(values)
        numbers[f"{key}_std"] = statistics.stdev(values) if len(values) > 1 else 0.0
        if each_seed:
            numbers.update({f"{key}_seed_{k}": value for k, value in zip(seeds, values)})

    compared = compared_names(config)
    for name, measured in rows.items():
        for key in measured[0]:
            enter(f"{name}_{key}", [row[key] for row in measured], key in compared)
    first, *others = config.models
    for name in others:
        for key in compared:
            if all(key in row for row in (*rows[first], *rows[name])):
                gaps = [a[key] - b[key] for a, b in zip(rows[first], rows[name])]
                enter(f"{key}_{first}_minus_{name}", gaps, True)
    return numbers


def first_examples(source: Source, count: int) -> Source:
    """The first examples of a source; all of them for a count of 0."""
    return dataclasses.replace(source, count=min(count or source.count, source.count))


def _images(source, count):
    """The first images, uint8 [count, H, W, 3]; none are read for a count of 0."""
    if not count:
        return np.zeros([0, 1, 1, 3], np.uint8)
    batches = first_examples(source, count).batches(256)
    return np.concatenate([batch["image"].numpy() for batch in batches])
