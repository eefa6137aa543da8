"""A whole study of PixelPyramids: train, measure, draw, report, export."""

from __future__ import annotations

import os
import pathlib
from typing import Any, Dict, Optional

import numpy as np

from tfgen import serving
from tfgen.data import Splits
from tfgen.training import RunDirectory, WallClock
from zoo.pixelpyramids.comparison import (
    PyramidStudyConfig,
    compare_variants,
    train_variants,
)
from zoo.pixelpyramids.evaluation import measure_super_resolution
from zoo.pixelpyramids.model import PixelPyramids
from zoo.pixelpyramids.reporting import draw_study, study_report

__all__ = ["export_pixelpyramids", "measure_study", "pyramid_study"]


def pyramid_study(
    config: PyramidStudyConfig,
    data: Splits,
    run: RunDirectory,
    summary: str,
    max_megabytes: Optional[float] = None,
    **card: Any,
) -> Dict[str, float]:
    """Everything a recipe of this family does with its data; returns the report's numbers.

    Args:
      config: what is trained; also the card's configuration.
      data: splits with "image", of values 0 .. 2^bits - 1.
      run: where checkpoints, figures, report and export go.
      summary: of the card: what the model draws.
      max_megabytes: the largest export that is written.
      **card: more of the card, such as its licence.
    """
    clock = WallClock(run)
    train_variants(config, data, run, callbacks=[clock])
    numbers, models, resolved = measure_study(config, data, run)
    numbers["wall_seconds"] = clock.seconds()
    model = config.model
    together = "one level after the other" if config.levels_apart else "all levels together"
    introduction = (
        f"{data.description['name']}: {data.train.count} training, {data.test.count} test images "
        f"of {model.image_size} pixels a side, {model.bits} bits; {model.levels} levels, U-Nets "
        f"from {model.u_net_filters} filters, ConvLSTMs of {model.filters}; "
        f"{config.training.steps} steps of {config.training.batch_size} images, {together}; "
        f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores. Bits per dimension are exact."
    )
    run.write_report(numbers, study_report(config, numbers, introduction))
    # Report and export first: a figure that fails loses nothing.
    first = models[config.variants[0]]
    export_pixelpyramids(
        config, first, numbers, data, run.path / "export", summary, max_megabytes, **card
    )
    draw_study(config, models, resolved, numbers, run)
    run.finish()
    return numbers


def measure_study(config: PyramidStudyConfig, data: Splits, run: RunDirectory):
    """Numbers of `compare_variants` and of super-resolution, the models, the pictures.

    Returns:
      numbers, variant -> model of the first seed, `SuperResolution` of the first variant's.
    """
    numbers, models = compare_variants(config, data, run)
    resolved = measure_super_resolution(
        models[config.variants[0]], data.test, config.evaluation, config.temperature, config.seed
    )
    numbers.update(resolved.numbers)
    return numbers, models, resolved


def export_pixelpyramids(
    config: PyramidStudyConfig,
    model: PixelPyramids,
    numbers: Dict[str, float],
    data: Splits,
    directory: pathlib.Path,
    summary: str,
    max_megabytes: Optional[float] = None,
    **card: Any,
) -> pathlib.Path:
    """Writes the next version: log_prob, sample, super_resolve."""
    example = next(iter(data.test.batches(1)))["image"]
    parts = model.pyramid.inverse_and_log_det(example)[0]
    limits = [
        "Knows images of its own training set alone, at its own size.",
        "super_resolve takes images that were made smaller by leaving out rows and columns, as "
        "the pyramid does, not by averaging.",
    ]
    if model.config.bits < 8:
        limits.append(f"Pixels are of {model.config.bits} bits, 0 to {model.config.values - 1}.")
    full_card = serving.Card.of_run(
        config,
        numbers,
        system="pixelpyramids",
        summary=summary,
        data=dict(data.description),
        intended_use="Research and teaching: exact probabilities of discrete images, samples and "
        "super-resolution in few steps.",
        limits=limits,
        examples={"coarse_images": np.asarray(parts[0]).tolist()},
        references=[
            "Mahajan, Roth. PixelPyramids: Exact Inference Models from Lossless Image Pyramids. "
            "ICCV 2021."
        ],
        **card,
    )
    return serving.export(model, directory, full_card, max_megabytes=max_megabytes)
