"""A whole study of AGAVE: train, measure, report, export, draw."""

from __future__ import annotations

import os
import pathlib
from typing import Any, Dict, Optional

from tfgen import serving
from tfgen.data import Splits
from tfgen.serving.card import STANDARD_DEFAULTS
from tfgen.training import RunDirectory, WallClock
from zoo.agave.comparison import compare_agave, train_agave
from zoo.agave.figures import draw_agave
from zoo.agave.model import AGAVE
from zoo.agave.reporting import agave_report
from zoo.agave.variants import AGAVEStudyConfig

__all__ = ["agave_study", "export_agave"]


def agave_study(
    config: AGAVEStudyConfig,
    data: Splits,
    run: RunDirectory,
    summary: str,
    max_megabytes: Optional[float] = None,
    **card: Any,
) -> Dict[str, float]:
    """Everything a recipe of this family does with its data; returns the report's numbers.

    Args:
      config: what is trained; also the card's configuration.
      data: splits with "image".
      run: where checkpoints, figures, report and export go.
      summary: of the card: what the model draws.
      max_megabytes: the largest export that is written.
      **card: more of the card, such as its licence.
    """
    clock = WallClock(run)
    train_agave(config, data, run, callbacks=[clock])
    numbers, models = compare_agave(config, data, run)
    numbers["wall_seconds"] = clock.seconds()
    vae, decoder = config.model.vae, config.model.decoder
    introduction = (
        f"{data.description['name']}: {data.train.count} training, {data.test.count} test images "
        f"of {vae.image_size} pixels a side, {vae.values} values; VAE of {vae.filters} filters, "
        f"latents {', '.join(str(shape) for shape in vae.latent_shapes())}; PixelCNN of "
        f"{decoder.filters} filters; {numbers['parameters']:,} parameters; "
        f"{config.pretraining.steps} steps of each part alone, {config.training.steps} of both "
        f"together, {config.training.batch_size} images a step; {numbers['wall_seconds']:.0f} s on "
        f"{os.cpu_count()} cores."
    )
    # Report and export first: a figure that fails loses nothing.
    run.write_report(numbers, agave_report(config, numbers, introduction))
    main = models[config.main]
    export_agave(config, main, numbers, data, run.path / "export", summary, max_megabytes, **card)
    draw_agave(config, models, data.test, numbers, run)
    run.finish()
    return numbers


def export_agave(
    config: AGAVEStudyConfig,
    model: AGAVE,
    numbers: Dict[str, float],
    data: Splits,
    directory: pathlib.Path,
    summary: str,
    max_megabytes: Optional[float] = None,
    **card: Any,
) -> pathlib.Path:
    """Writes the next version: score, bound, sample, reconstruct, interpolate."""
    second = next(iter(data.test.batches(1)))["image"].numpy()
    limits = [
        "Knows images of its own training set alone, at its own size.",
        "score is of one draw of the latents, always with the same noise: a lower bound in "
        "expectation; bound is tighter, the more samples the tighter.",
    ]
    if model.config.vae.values < 256:
        limits.append(f"Pixels are 0 to {model.config.vae.values - 1}.")
    full_card = serving.Card.of_run(
        config,
        numbers,
        system="agave",
        summary=summary,
        data=dict(data.description),
        training={"variant": config.main, "pretraining_steps": config.pretraining.steps},
        intended_use="Research and teaching: bounds of the likelihood of images, latent codes, and "
        "samples whose whole is of a code and whose detail is of a PixelCNN.",
        limits=limits,
        defaults={**STANDARD_DEFAULTS, "samples": 10, "steps": 8},
        examples={"second": second.tolist()},
        references=[
            "Lucas, Verbeek. Auxiliary Guided Autoregressive Variational Autoencoders. ECML 2018.",
            "Lucas. Ph.D. thesis. Chapter 3.",
        ],
        **card,
    )
    return serving.export(model, directory, full_card, max_megabytes=max_megabytes)
