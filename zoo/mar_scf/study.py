"""A whole comparison of priors: train, measure, draw, report, export."""

from __future__ import annotations

import os
import pathlib
from typing import Any, Callable, Dict, Optional

from tfgen import serving
from tfgen.data import Splits
from tfgen.training import RunDirectory, WallClock
from zoo.flows import ImageFlow
from zoo.mar_scf.comparison import ComparisonConfig, compare, train_flows
from zoo.mar_scf.reporting import comparison_report, draw_comparison

__all__ = ["export_flow", "study"]


def study(
    config: ComparisonConfig,
    data: Splits,
    run: RunDirectory,
    summary: str,
    transform: Optional[Callable] = None,
    max_megabytes: Optional[float] = None,
    **card: Any,
) -> Dict[str, float]:
    """Everything a recipe of this family does with its data; returns the report's numbers.

    Args:
      config: what is trained; also the card's configuration.
      data: splits with "image".
      run: where checkpoints, figures, report and export go.
      summary: of the card: what the model draws.
      transform: augmentation of the training images.
      max_megabytes: the largest export that is written.
      **card: more of the card, such as its licence.
    """
    clock = WallClock(run)
    train_flows(config, data, run, transform, callbacks=[clock])
    numbers, flows = compare(config, data, run)
    draw_comparison(flows, data.test, run, config, numbers)
    numbers["wall_seconds"] = clock.seconds()
    introduction = (
        f"{data.description['name']}: {data.train.count} training, {data.test.count} test images "
        f"of {config.model.image_size - 2 * config.model.padding} pixels a side; "
        f"{config.model.architecture} with {config.model.coupling} couplings, "
        f"{config.model.levels} levels of {config.model.steps} steps, {config.model.filters} "
        f"filters; {config.training.steps} steps of {config.training.batch_size} images; "
        f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores. Bits per dimension are of "
        f"the discrete pixels, with {config.model.dequantisation} dequantisation."
    )
    run.write_report(numbers, comparison_report(config, numbers, introduction))
    model = flows[config.priors[-1]]
    export_flow(config, model, numbers, data, run.path / "export", summary, max_megabytes, **card)
    run.finish()
    return numbers


def export_flow(
    config: ComparisonConfig,
    model: ImageFlow,
    numbers: Dict[str, float],
    data: Splits,
    directory: pathlib.Path,
    summary: str,
    max_megabytes: Optional[float] = None,
    **card: Any,
) -> pathlib.Path:
    """Writes the next version: log_prob, sample, encode, decode, interpolate."""
    full_card = serving.Card.of_run(
        config,
        numbers,
        system="mar_scf",
        summary=summary,
        data=dict(data.description),
        intended_use="Research and teaching: exact likelihoods of images and samples in few steps.",
        limits=[
            "Knows images of its own training set alone, at its own size.",
            "log_prob is of one draw of the dequantisation noise: a lower bound in expectation.",
        ],
        references=[
            "Bhattacharyya, Mahajan, Fritz, Schiele, Roth. Normalizing Flows with Multi-Scale "
            "Autoregressive Priors. CVPR 2020."
        ],
        **card,
    )
    return serving.export(model, directory, full_card, max_megabytes=max_megabytes)
