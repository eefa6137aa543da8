"""What every recipe of PixelPyramids does: train, measure, report, export, draw."""

from __future__ import annotations

import os
from typing import Any, Dict, NamedTuple

import numpy as np

from tfgen.job import Job
from tfgen.training import RunDirectory
from zoo.pixelpyramids.comparison import compare_variants, load_variant, train_variants
from zoo.pixelpyramids.evaluation import SuperResolution, measure_super_resolution
from zoo.pixelpyramids.model import PixelPyramids
from zoo.pixelpyramids.reporting import draw_study, study_report

__all__ = ["PyramidJob"]


class Found(NamedTuple):
    """Variant -> model of the first seed, and the pictures that the first variant resolved."""

    models: Dict[str, PixelPyramids]
    resolved: SuperResolution


class PyramidJob(Job):
    """The functions of a recipe that trains PixelPyramids, or variants of it.

    It exports the first variant of the first seed: log_prob, sample, super_resolve. For the
    arguments see `Job`: a `PyramidStudyConfig`, splits with "image", of values 0 .. 2^bits - 1,
    and for the card a summary of what the model draws.
    """

    system = "pixelpyramids"
    intended_use = (
        "Research and teaching: exact probabilities of discrete images, samples and "
        "super-resolution in few steps."
    )
    references = (
        "Mahajan, Roth. PixelPyramids: Exact Inference Models from Lossless Image Pyramids. "
        "ICCV 2021.",
    )

    def train(self, config, data, run: RunDirectory, callbacks) -> None:
        train_variants(config, data, run, callbacks=callbacks)

    def compare(self, config, data, run: RunDirectory):
        numbers, models = compare_variants(config, data, run)
        first = models[config.variants[0]]
        resolved = measure_super_resolution(
            first, data.test, config.evaluation, config.temperature, config.seed
        )
        return {**numbers, **resolved.numbers}, Found(models, resolved)

    def page(self, config, data, numbers, found) -> str:
        model = config.model
        together = "one level after the other" if config.levels_apart else "all levels together"
        introduction = (
            f"{data.description['name']}: {data.train.count} training, {data.test.count} test "
            f"images of {model.image_size} pixels a side, {model.bits} bits; {model.levels} "
            f"levels, U-Nets from {model.u_net_filters} filters, ConvLSTMs of {model.filters}; "
            f"{config.training.steps} steps of {config.training.batch_size} images, {together}; "
            f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores. Bits per dimension are "
            "exact."
        )
        return study_report(config, numbers, introduction)

    def draw(self, config, data, run: RunDirectory, numbers, found: Found) -> None:
        draw_study(config, found.models, found.resolved, numbers, run)

    def exported(self, config, found: Found) -> PixelPyramids:
        return found.models[config.variants[0]]

    def load(self, config, data, run: RunDirectory) -> PixelPyramids:
        return load_variant(config, config.variants[0], config.seed, data.train, run)

    def described(self, config, data, model: PixelPyramids) -> Dict[str, Any]:
        limits = [
            "Knows images of its own training set alone, at its own size.",
            "super_resolve takes images that were made smaller by leaving out rows and columns, as "
            "the pyramid does, not by averaging.",
        ]
        bits, values = model.config.bits, model.config.values
        if bits < 8:
            limits.append(f"Pixels are of {bits} bits, 0 to {values - 1}.")
        example = next(iter(data.test.batches(1)))["image"]
        parts = model.pyramid.inverse_and_log_det(example)[0]
        return {"limits": limits, "examples": {"coarse_images": np.asarray(parts[0]).tolist()}}
