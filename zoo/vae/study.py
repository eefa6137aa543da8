"""A whole comparison of priors: train, measure, report, export, draw."""

from __future__ import annotations

import math
import pathlib
from typing import Dict, Optional

from tfgen import serving
from tfgen.data import Splits
from tfgen.serving.card import STANDARD_DEFAULTS
from tfgen.training import RunDirectory, WallClock
from zoo.vae.comparison import PriorStudyConfig, compare_priors, train_priors
from zoo.vae.model import VAE
from zoo.vae.reporting import draw_priors, priors_report

__all__ = ["export_vae", "prior_study"]


def prior_study(
    config: PriorStudyConfig,
    data: Splits,
    run: RunDirectory,
    summary: str,
    max_megabytes: Optional[float] = None,
) -> Dict[str, float]:
    """Everything a recipe of this family does with its data; returns the report's numbers.

    Args:
      config: what is trained; also the card's configuration.
      data: splits with "image".
      run: where checkpoints, figures, report and export go.
      summary: of the card: what the model draws.
      max_megabytes: the largest export that is written.
    """
    clock = WallClock(run)
    train_priors(config, data, run, callbacks=[clock])
    numbers, models = compare_priors(config, data, run)
    numbers["wall_seconds"] = clock.seconds()
    run.write_report(numbers, priors_report(config, data, numbers))
    # Report and export first: a figure that fails loses nothing.
    last = models[config.variants[-1]]
    export_vae(config, last, numbers, data, run.path / "export", summary, max_megabytes)
    draw_priors(config, models, data.test, run)
    run.finish()
    return numbers


def export_vae(
    config: PriorStudyConfig,
    model: VAE,
    numbers: Dict[str, float],
    data: Splits,
    directory: pathlib.Path,
    summary: str,
    max_megabytes: Optional[float] = None,
) -> pathlib.Path:
    """Writes the next version of an export, see `make_signatures`."""
    second = next(iter(data.test.batches(1)))["image"]
    size = sum(math.prod(shape) for shape in model.latent_shapes)
    card = serving.Card.of_run(
        config,
        numbers,
        system="vae",
        summary=summary,
        data=dict(data.description),
        intended_use="Research and teaching: bounds on likelihoods of images, latents, samples.",
        limits=[
            "Knows images of its own training set alone, at its own size.",
            "score is a lower bound of log P(x) from one draw, not the likelihood itself.",
        ],
        defaults={**STANDARD_DEFAULTS, "steps": 8},
        examples={"latents": [[0.0] * size], "second": second.numpy().tolist()},
        references=[
            "Kingma, Welling. Auto-Encoding Variational Bayes. ICLR 2014.",
            "Tomczak, Welling. VAE with a VampPrior. AISTATS 2018.",
        ],
    )
    return serving.export(model, directory, card, max_megabytes=max_megabytes)
