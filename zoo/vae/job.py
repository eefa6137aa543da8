"""What every recipe of VAEs with several priors does: train, measure, export."""

from __future__ import annotations

import pathlib
from typing import Dict

from tfgen.training import Job, RunDirectory
from zoo.vae.comparison import compare_priors, load_vae
from zoo.vae.model import VAE
from zoo.vae.study import export_vae, prior_study

__all__ = ["PriorJob"]


class PriorJob(Job):
    """The functions of a recipe that trains VAEs, with each of several priors.

    It exports the last variant of the first seed. For the arguments see `Job`: a
    `PriorStudyConfig`, splits with "image", and for the card a summary of what the model draws.
    """

    def study(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return prior_study(config, data, run, **self.export_settings(config))

    def measure(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return compare_priors(config, data, run)[0]

    def load(self, config, data, run: RunDirectory) -> VAE:
        return load_vae(config, config.variants[-1], config.seed, data.train, run)

    def write(self, config, data, model, numbers, directory) -> pathlib.Path:
        settings = self.export_settings(config)
        return export_vae(config, model, numbers, data, directory, **settings)
