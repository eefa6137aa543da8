"""What every recipe that compares priors of flows does: train, measure, report, export, draw."""

from __future__ import annotations

import os
from typing import Any, Callable, Optional

from tfgen.job import Job
from tfgen.training import RunDirectory
from zoo.flows import ImageFlow
from zoo.mar_scf.comparison import Comparison, compare, load_flow, train_flows
from zoo.mar_scf.reporting import comparison_report, draw_comparison

__all__ = ["ComparisonJob"]


class ComparisonJob(Job):
    """The functions of a recipe that compares priors of a flow on images.

    It exports the flow with the last of the priors, of the first seed: log_prob, sample, encode,
    decode, interpolate.

    Args:
      *arguments, **card: as of `Job`: a `ComparisonConfig`, splits with "image", and for the card
        a summary of what the model draws.
      transform: augmentation of the training images.
    """

    system = "mar_scf"
    intended_use = "Research and teaching: exact likelihoods of images and samples in few steps."
    limits = (
        "Knows images of its own training set alone, at its own size.",
        "log_prob is of one draw of the dequantisation noise: a lower bound in expectation.",
    )
    references = (
        "Bhattacharyya, Mahajan, Fritz, Schiele, Roth. Normalizing Flows with Multi-Scale "
        "Autoregressive Priors. CVPR 2020.",
    )

    def __init__(self, *arguments: Any, transform: Optional[Callable] = None, **card: Any):
        super().__init__(*arguments, **card)
        self.transform = transform

    def train(self, config, data, run: RunDirectory, callbacks) -> None:
        train_flows(config, data, run, self.transform, callbacks=callbacks)

    def compare(self, config, data, run: RunDirectory) -> Comparison:
        return compare(config, data, run)

    def page(self, config, data, numbers, found) -> str:
        model = config.model
        introduction = (
            f"{data.description['name']}: {data.train.count} training, {data.test.count} test "
            f"images of {model.image_size - 2 * model.padding} pixels a side; "
            f"{model.architecture} with {model.coupling} couplings, {model.levels} levels of "
            f"{model.steps} steps, {model.filters} filters; {config.training.steps} steps of "
            f"{config.training.batch_size} images; {numbers['wall_seconds']:.0f} s on "
            f"{os.cpu_count()} cores. Bits per dimension are of the discrete pixels, with "
            f"{model.dequantisation} dequantisation."
        )
        return comparison_report(config, numbers, introduction)

    def draw(self, config, data, run: RunDirectory, numbers, found) -> None:
        draw_comparison(found, data.test, run, config, numbers)

    def exported(self, config, found) -> ImageFlow:
        return found[config.priors[-1]]

    def load(self, config, data, run: RunDirectory) -> ImageFlow:
        return load_flow(config, config.priors[-1], config.seed, data.train, run)
