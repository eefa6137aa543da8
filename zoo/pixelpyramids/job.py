"""What every recipe of PixelPyramids does: train, measure, export."""

from __future__ import annotations

import pathlib
from typing import Dict

from tfgen.training import Job, RunDirectory
from zoo.pixelpyramids.comparison import load_variant
from zoo.pixelpyramids.model import PixelPyramids
from zoo.pixelpyramids.study import export_pixelpyramids, measure_study, pyramid_study

__all__ = ["PyramidJob"]


class PyramidJob(Job):
    """The functions of a recipe that trains PixelPyramids, or variants of it.

    It exports the first variant of the first seed. For the arguments see `Job`: a
    `PyramidStudyConfig`, splits with "image", and for the card a summary of what the model draws.
    """

    def study(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return pyramid_study(config, data, run, **self.export_settings(config))

    def measure(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return measure_study(config, data, run)[0]

    def load(self, config, data, run: RunDirectory) -> PixelPyramids:
        return load_variant(config, config.variants[0], config.seed, data.train, run)

    def write(self, config, data, model, numbers, directory) -> pathlib.Path:
        settings = self.export_settings(config)
        return export_pixelpyramids(config, model, numbers, data, directory, **settings)
