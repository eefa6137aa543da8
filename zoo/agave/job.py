"""What every recipe of AGAVE does: train, measure, export."""

from __future__ import annotations

import pathlib
from typing import Dict

from tfgen.training import Job, RunDirectory
from zoo.agave.comparison import compare_agave, load_agave
from zoo.agave.model import AGAVE
from zoo.agave.study import agave_study, export_agave

__all__ = ["AGAVEJob"]


class AGAVEJob(Job):
    """The functions of a recipe that trains AGAVE and its variants.

    It exports the main variant of the first seed. For the arguments see `Job`: an
    `AGAVEStudyConfig`, splits with "image", and for the card a summary of what the model draws.
    """

    def study(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return agave_study(config, data, run, **self.export_settings(config))

    def measure(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return compare_agave(config, data, run).numbers

    def load(self, config, data, run: RunDirectory) -> AGAVE:
        return load_agave(config, config.main, config.seed, data.train, run)

    def write(self, config, data, model, numbers, directory) -> pathlib.Path:
        settings = self.export_settings(config)
        return export_agave(config, model, numbers, data, directory, **settings)
