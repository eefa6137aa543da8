"""What every recipe of VAEs with several priors does: train, measure, report, export, draw."""

from __future__ import annotations

import math
from typing import Any, Dict

from tfgen.job import Job
from tfgen.serving.card import STANDARD_DEFAULTS
from tfgen.training import RunDirectory
from zoo.vae.comparison import compare_priors, load_vae, train_priors
from zoo.vae.model import VAE
from zoo.vae.reporting import draw_priors, priors_report

__all__ = ["PriorJob"]


class PriorJob(Job):
    """The functions of a recipe that trains VAEs, with each of several priors.

    It exports the last variant of the first seed, see `make_signatures`. For the arguments see
    `Job`: a `PriorStudyConfig`, splits with "image", and for the card a summary of what the model
    draws.
    """

    system = "vae"
    intended_use = "Research and teaching: bounds on likelihoods of images, latents, samples."
    limits = (
        "Knows images of its own training set alone, at its own size.",
        "score is a lower bound of log P(x) from one draw, not the likelihood itself.",
    )
    references = (
        "Kingma, Welling. Auto-Encoding Variational Bayes. ICLR 2014.",
        "Tomczak, Welling. VAE with a VampPrior. AISTATS 2018.",
    )

    def train(self, config, data, run: RunDirectory, callbacks) -> None:
        train_priors(config, data, run, callbacks=callbacks)

    def compare(self, config, data, run: RunDirectory):
        return compare_priors(config, data, run)

    def page(self, config, data, numbers, found) -> str:
        return priors_report(config, data, numbers)

    def draw(self, config, data, run: RunDirectory, numbers, found) -> None:
        draw_priors(config, found, data.test, run)

    def exported(self, config, found) -> VAE:
        return found[config.variants[-1]]

    def load(self, config, data, run: RunDirectory) -> VAE:
        return load_vae(config, config.variants[-1], config.seed, data.train, run)

    def described(self, config, data, model: VAE) -> Dict[str, Any]:
        second = next(iter(data.test.batches(1)))["image"].numpy()
        size = sum(math.prod(shape) for shape in model.latent_shapes)
        return {
            "defaults": {**STANDARD_DEFAULTS, "steps": 8},
            "examples": {"latents": [[0.0] * size], "second": second.tolist()},
        }
