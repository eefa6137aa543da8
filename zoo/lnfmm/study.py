"""A whole comparison on images with captions: train, measure, draw, report, export."""

from __future__ import annotations

import pathlib
from typing import Dict, Mapping, Optional, Sequence

import tensorflow as tf

from tfgen import serving
from tfgen.data import Splits, all_captions
from tfgen.training import RunDirectory, WallClock
from zoo.lnfmm.comparison import (
    CaptionStudyConfig,
    caption_trainings,
    load_caption_model,
    make_vocabulary,
    train_caption_model,
)
from zoo.lnfmm.image_evaluation import draw_for_texts
from zoo.lnfmm.measurement import CaptionComparison, Judges, first_examples, measure_captions
from zoo.lnfmm.model import LNFMM
from zoo.lnfmm.reporting import caption_report, draw_captions, draw_code_map, draw_images
from zoo.lnfmm.signatures import Backbone, lnfmm_signatures

__all__ = ["caption_study", "export_lnfmm", "load_first"]

_SHOWN = 8


def caption_study(
    config: CaptionStudyConfig,
    data: Splits,
    run: RunDirectory,
    summary: str,
    judges: Optional[Judges] = None,
    max_megabytes: Optional[float] = None,
    contexts: Optional[Sequence[str]] = None,
    backbone: Optional[Backbone] = None,
) -> Dict[str, float]:
    """Trains all models, measures them on the test split, draws, reports and exports.

    Args:
      config: what is trained and how.
      data: splits with "image" or "features", "captions" and "caption_count", and "objects" for
        an additive prior.
      run: where everything goes.
      summary: of the card.
      judges: of captions of the test split and of images; None where there are none.
      max_megabytes: the largest export that is written.
      contexts: names of the values of the test images' feature "context", which colour a map of
        the shared codes; None draws no map.
      backbone: the network whose features the data have, see `export_lnfmm`.

    Returns:
      The numbers of report.json, those of `measure_captions`.
    """
    clock = WallClock(run)
    vocabulary = make_vocabulary(config, data)
    for training in caption_trainings(config):
        train_caption_model(config, training, vocabulary, data, run, [clock])
    found = measure_captions(config, data, run, judges)
    numbers, first = found.numbers, found.models[config.models[0]]
    _draw(config, found, data, run, contexts)
    numbers["wall_seconds"] = clock.seconds()
    page = caption_report(config, numbers, data, sorted(run.figures.glob("*.png")))
    run.write_report(numbers, page)
    export_lnfmm(
        config, first, numbers, data, run.path / "export", summary, max_megabytes, backbone
    )
    run.finish()
    return numbers


def load_first(config: CaptionStudyConfig, data: Splits, run: RunDirectory) -> LNFMM:
    """The exported model: the first of the comparison, of the first seed."""
    return load_caption_model(config, next(caption_trainings(config)), data, run)


def export_lnfmm(
    config: CaptionStudyConfig,
    model: LNFMM,
    numbers: Mapping[str, float],
    data: Splits,
    directory: pathlib.Path,
    summary: str,
    max_megabytes: Optional[float] = None,
    backbone: Optional[Backbone] = None,
) -> pathlib.Path:
    """Writes the next version: captions, images where it draws them, and both encoders.

    With the backbone of a model that reads features, the export takes images and holds a copy of
    it; without, it takes features.
    """
    limits = [
        "Knows the images and the words of its own training set alone.",
        f"Reads the first {config.caption_length - 2} words of a text.",
    ]
    if model.input_name == "features":
        limits.append(
            "Takes the features of a pre-trained network in the place of images."
            if backbone is None
            else f"Sees what {backbone.application} sees, a pre-trained network that it holds."
        )
    if model.draws_images and not model.config.weights.adversarial:
        limits.append("Draws blurred images: it was trained without a discriminator.")
    if config.seeds > 1:
        limits.append(
            f"Numbers are means over {config.seeds} seeds; this is the model of the first."
        )
    card = serving.Card.of_run(
        config,
        numbers,
        system="lnfmm",
        summary=summary,
        data=dict(data.description),
        training={
            "seeds": [config.seed],
            "seeds_compared": config.seeds,
            "labelled_share": config.labelled_share,
        },
        intended_use="Research and teaching: many captions for an image, many images for one.",
        limits=limits,
        examples={"texts": [all_captions(first_examples(data.test, 1))[0][0]]},
        vocabulary=list(model.vocabulary.words),
        references=[
            "Mahajan, Gurevych, Roth. Latent Normalizing Flows for Many-to-Many Cross-Domain "
            "Mappings. ICLR 2020."
        ],
    )
    signatures = lnfmm_signatures(model, backbone)
    return serving.export(signatures, directory, card, max_megabytes=max_megabytes)


def _draw(config, found: CaptionComparison, data, run, contexts):
    """captions.png, images.png and codes.png, of the models of the first seed."""
    test = first_examples(data.test, config.evaluation.images)
    shown = next(iter(first_examples(test, _SHOWN).batches(min(_SHOWN, test.count))))
    if "image" in shown:
        draw_captions(run.figures / "captions.png", shown["image"].numpy(), found.captions)
    drawing = {name: m for name, m in found.models.items() if getattr(m, "draws_images", False)}
    if drawing:
        texts = [group[0] for group in all_captions(first_examples(data.test, _SHOWN))]
        images = {
            name: draw_for_texts(model, texts, 4, seed=config.seed)
            for name, model in drawing.items()
        }
        draw_images(run.figures / "images.png", texts, images)
    if contexts:
        batch = next(iter(data.test.batches(min(500, data.test.count))))
        first = found.models[config.models[0]]
        codes = tf.function(first.image_features, autograph=False)(batch[first.input_name]).numpy()
        draw_code_map(run.figures / "codes.png", codes, batch["context"].numpy(), contexts)
