"""What every recipe of VQ-VAEs does: train, measure, export."""

from __future__ import annotations

import pathlib
from typing import Dict

from tfgen.training import Job, RunDirectory
from zoo.vae.vq_study import export_vq_vae, load_vq_vae, measure_vq_study, vq_study
from zoo.vae.vq_vae import VQVAE

__all__ = ["VQJob"]


class VQJob(Job):
    """The functions of a recipe that trains VQ-VAEs and the priors of their codes.

    It exports the model of the first seed. For the arguments see `Job`: a `VQStudyConfig`, splits
    with "image", and for the card a summary of what the model draws.
    """

    def study(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return vq_study(config, data, run, **self.export_settings(config))

    def measure(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return measure_vq_study(config, data, run)[0]

    def load(self, config, data, run: RunDirectory) -> VQVAE:
        return load_vq_vae(config, config.seed, data.train, run)

    def write(self, config, data, model, numbers, directory) -> pathlib.Path:
        settings = self.export_settings(config)
        return export_vq_vae(config, model, numbers, data, directory, **settings)
