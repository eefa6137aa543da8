"""What every recipe does that compares priors: train, measure, export."""

from __future__ import annotations

import pathlib
from typing import Any, Callable, Dict, Optional

from tfgen.training import Job, RunDirectory
from zoo.flows import ImageFlow
from zoo.mar_scf.comparison import compare, load_flow
from zoo.mar_scf.study import export_flow, study

__all__ = ["ComparisonJob"]


class ComparisonJob(Job):
    """The functions of a recipe that compares priors of a flow on images.

    It exports the flow with the last of the priors, of the first seed.

    Args:
      *arguments, **card: as of `Job`: a `ComparisonConfig`, splits with "image", and for the card
        a summary of what the model draws.
      transform: augmentation of the training images.
    """

    def __init__(self, *arguments: Any, transform: Optional[Callable] = None, **card: Any):
        super().__init__(*arguments, **card)
        self.transform = transform

    def study(self, config, data, run: RunDirectory) -> Dict[str, float]:
        settings = self.export_settings(config)
        return study(config, data, run, transform=self.transform, **settings)

    def measure(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return compare(config, data, run).numbers

    def load(self, config, data, run: RunDirectory) -> ImageFlow:
        return load_flow(config, config.priors[-1], config.seed, data.train, run)

    def write(self, config, data, model, numbers, directory) -> pathlib.Path:
        settings = self.export_settings(config)
        return export_flow(config, model, numbers, data, directory, **settings)
