"""What every recipe of VQ-VAEs does: train, measure, report, export, draw."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np

from tfgen.job import Job
from tfgen.training import RunDirectory
from zoo.vae.vq_reporting import draw_vq_study, vq_report
from zoo.vae.vq_study import load_vq_vae, measure_vq_vaes, train_vq_vaes
from zoo.vae.vq_vae import VQVAE

__all__ = ["VQJob"]


class VQJob(Job):
    """The functions of a recipe that trains VQ-VAEs and the priors of their codes.

    It exports the model of the first seed, see `VQVAE.signatures`. For the arguments see `Job`: a
    `VQStudyConfig`, splits with "image", and for the card a summary of what the model draws.
    """

    system = "vae"
    intended_use = (
        "Research and teaching: images as maps of codes, bounds on likelihoods, samples code by "
        "code."
    )
    limits = (
        "Knows images of its own training set alone, at its own size.",
        "score is a lower bound of log P(x), which counts one map of codes alone.",
    )
    references = (
        "van den Oord, Vinyals, Kavukcuoglu. Neural Discrete Representation Learning. "
        "NeurIPS 2017.",
    )

    def train(self, config, data, run: RunDirectory, callbacks) -> None:
        train_vq_vaes(config, data, run, callbacks)

    def compare(self, config, data, run: RunDirectory):
        return measure_vq_vaes(config, data, run)

    def page(self, config, data, numbers, found) -> str:
        return vq_report(config, data, numbers)

    def draw(self, config, data, run: RunDirectory, numbers, found) -> None:
        draw_vq_study(config, found, data.test, run)

    def exported(self, config, found) -> VQVAE:
        return found

    def load(self, config, data, run: RunDirectory) -> VQVAE:
        return load_vq_vae(config, config.seed, data.train, run)

    def described(self, config, data, model: VQVAE) -> Dict[str, Any]:
        side = model.config.code_side
        return {
            "training": {"steps": config.training.steps + config.prior_training.steps},
            "examples": {"codes": np.zeros([1, side, side], np.int32).tolist()},
        }
