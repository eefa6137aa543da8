"""What every recipe of AGAVE does: train, measure, report, export, draw."""

from __future__ import annotations

import os
from typing import Any, Dict

from tfgen.job import Job
from tfgen.serving.card import STANDARD_DEFAULTS
from tfgen.training import RunDirectory
from zoo.agave.comparison import AGAVEComparison, compare_agave, load_agave, train_agave
from zoo.agave.figures import draw_agave
from zoo.agave.model import AGAVE
from zoo.agave.reporting import agave_report

__all__ = ["AGAVEJob"]


class AGAVEJob(Job):
    """The functions of a recipe that trains AGAVE and its variants.

    It exports the main variant of the first seed: score, bound, sample, reconstruct, interpolate.
    For the arguments see `Job`: an `AGAVEStudyConfig`, splits with "image", and for the card a
    summary of what the model draws.
    """

    system = "agave"
    intended_use = (
        "Research and teaching: bounds of the likelihood of images, latent codes, and samples "
        "whose whole is of a code and whose detail is of a PixelCNN."
    )
    references = (
        "Lucas, Verbeek. Auxiliary Guided Autoregressive Variational Autoencoders. ECML 2018.",
        "Lucas. Ph.D. thesis. Chapter 3.",
    )

    def train(self, config, data, run: RunDirectory, callbacks) -> None:
        train_agave(config, data, run, callbacks=callbacks)

    def compare(self, config, data, run: RunDirectory) -> AGAVEComparison:
        return compare_agave(config, data, run)

    def page(self, config, data, numbers, found) -> str:
        vae, decoder = config.model.vae, config.model.decoder
        introduction = (
            f"{data.description['name']}: {data.train.count} training, {data.test.count} test "
            f"images of {vae.image_size} pixels a side, {vae.values} values; VAE of {vae.filters} "
            f"filters, latents {', '.join(str(shape) for shape in vae.latent_shapes())}; PixelCNN "
            f"of {decoder.filters} filters; {numbers['parameters']:,} parameters; "
            f"{config.pretraining.steps} steps of each part alone, {config.training.steps} of both "
            f"together, {config.training.batch_size} images a step; "
            f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores."
        )
        return agave_report(config, numbers, introduction)

    def draw(self, config, data, run: RunDirectory, numbers, found) -> None:
        draw_agave(config, found, data.test, numbers, run)

    def exported(self, config, found) -> AGAVE:
        return found[config.main]

    def load(self, config, data, run: RunDirectory) -> AGAVE:
        return load_agave(config, config.main, config.seed, data.train, run)

    def described(self, config, data, model: AGAVE) -> Dict[str, Any]:
        limits = [
            "Knows images of its own training set alone, at its own size.",
            "score is of one draw of the latents, always with the same noise: a lower bound in "
            "expectation; bound is tighter, the more samples the tighter.",
        ]
        if model.config.vae.values < 256:
            limits.append(f"Pixels are 0 to {model.config.vae.values - 1}.")
        second = next(iter(data.test.batches(1)))["image"].numpy()
        return {
            "training": {"variant": config.main, "pretraining_steps": config.pretraining.steps},
            "limits": limits,
            "defaults": {**STANDARD_DEFAULTS, "samples": 10, "steps": 8},
            "examples": {"second": second.tolist()},
        }
