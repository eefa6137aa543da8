"""What every recipe of PixelCNNs does: train, measure, export."""

from __future__ import annotations

import pathlib
from typing import Dict

from tfgen.training import Job, RunDirectory
from zoo.pixelcnn.model import PixelCNN
from zoo.pixelcnn.study import export_pixel_cnn, load_pixel_cnn, measure_study, study

__all__ = ["PixelCNNJob"]


class PixelCNNJob(Job):
    """The functions of a recipe that trains a PixelCNN, from one seed or several.

    It exports the model of the first seed. For the arguments see `Job`: a `StudyConfig`, splits
    with "image", and for the card a summary of what the model draws.
    """

    def study(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return study(config, data, run, **self.export_settings(config))

    def measure(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return measure_study(config, data, run)

    def load(self, config, data, run: RunDirectory) -> PixelCNN:
        return load_pixel_cnn(config, config.seed, data.train, run)

    def write(self, config, data, model, numbers, directory) -> pathlib.Path:
        settings = self.export_settings(config)
        return export_pixel_cnn(config, model, numbers, data, directory, **settings)
