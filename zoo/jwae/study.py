"""A whole comparison of alignments: train, measure, draw, report, export."""

from __future__ import annotations

import os
import pathlib
from typing import Callable, Dict, Optional, Sequence

import tensorflow as tf

from tfgen import serving
from tfgen.data import CaptionVocabulary, Source, Splits
from tfgen.training import RunDirectory, WallClock
from zoo.jwae.comparison import (
    AlignmentConfig,
    linear_baseline,
    load_aligned,
    measure_alignments,
    sentences,
    train_aligned,
    trainings,
)
from zoo.jwae.model import JWAE
from zoo.jwae.reporting import TITLES, alignment_report, draw_alignment

__all__ = ["alignment_study", "export_aligned", "load_first", "measure_study"]


def alignment_study(
    config: AlignmentConfig,
    data: Splits,
    tests: Dict[str, Source],
    run: RunDirectory,
    summary: str,
    example: str,
    labels: str = "",
    label_names: Sequence[str] = (),
    max_megabytes: Optional[float] = None,
    backbone: Optional[Callable[[tf.Tensor], tf.Tensor]] = None,
) -> Dict[str, float]:
    """Everything a recipe of this family does with its data; returns the report's numbers.

    Args:
      config: what is trained; also the card's configuration.
      data: splits with "image" (or "features"), "captions", "caption_count".
      tests: name -> source that is measured on; the first one is drawn.
      run: where checkpoints, figures, report and export go.
      summary: of the card: what the model matches.
      example: a text for the card.
      labels, label_names: see `draw_alignment`.
      max_megabytes: the largest export that is written.
      backbone: the network whose features the data have, if the export is to hold it.
    """
    clock = WallClock(run)
    vocabulary = sentences(config, data.train)
    for training in trainings(config):
        train_aligned(
            config, training, vocabulary, data.train, data.validation, run, callbacks=[clock]
        )
    numbers = measure_study(config, data, tests, run)
    model = load_first(config, data, run)
    draw_alignment(model, next(iter(tests.values())), run, config.evaluation, labels, label_names)
    numbers["wall_seconds"] = clock.seconds()
    introduction = (
        f"{data.description['name']}: {data.train.count} training images with their captions, "
        f"{vocabulary.size} words; codes of {config.model.code_size} numbers; "
        f"{config.training.steps} steps of {config.training.batch_size} pairs each; "
        f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores."
    )
    run.write_report(numbers, alignment_report(config, numbers, list(tests), introduction))
    folder = run.path / "export"
    export_aligned(config, model, numbers, data, folder, summary, example, max_megabytes, backbone)
    run.finish()
    return numbers


def measure_study(
    config: AlignmentConfig, data: Splits, tests: Dict[str, Source], run: RunDirectory
) -> Dict[str, float]:
    """Measures a run whose trainings are finished; see `measure_alignments`."""
    vocabulary = sentences(config, data.train)
    numbers = measure_alignments(config, vocabulary, data.train, tests, run)
    if config.linear_codes:
        numbers.update(linear_baseline(config, vocabulary, data.train, tests))
    return numbers


def load_first(config: AlignmentConfig, data: Splits, run: RunDirectory) -> JWAE:
    """The exported model: the first method with the first share, of the first seed."""
    vocabulary = sentences(config, data.train)
    return load_aligned(config, next(trainings(config)), vocabulary, data.train, run)


def export_aligned(
    config: AlignmentConfig,
    model: JWAE,
    numbers: Dict[str, float],
    data: Splits,
    directory: pathlib.Path,
    summary: str,
    example: str,
    max_megabytes: Optional[float] = None,
    backbone: Optional[Callable[[tf.Tensor], tf.Tensor]] = None,
) -> pathlib.Path:
    """Writes the next version: encode_images, encode_texts, match; see `JWAE.signatures`."""
    vocabulary: CaptionVocabulary = model.vocabulary
    card = serving.Card.of_run(
        config,
        numbers,
        system="jwae",
        summary=summary,
        data=dict(data.description),
        training={
            "method": TITLES[config.variants[0]],
            "labelled_share": config.labelled_shares[0],
            "seeds": [config.seed],
        },
        intended_use="Research and teaching: retrieval of images by texts and of texts by images.",
        limits=[
            "Knows images and words of its training set alone; other words become <unk>.",
            f"Reads the first {vocabulary.length - 2} words of a text.",
            "Similarities are cosines, good for ranking; they are no probabilities.",
        ],
        examples={"texts": [example]},
        vocabulary=list(vocabulary.words),
        references=[
            "Mahajan, Botschen, Gurevych, Roth. Joint Wasserstein Autoencoders for Aligning "
            "Multimodal Embeddings. ICCV Workshops 2019."
        ],
    )
    signatures = model.signatures(backbone)
    return serving.export(signatures, directory, card, max_megabytes=max_megabytes)
