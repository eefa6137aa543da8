"""What a training of a PixelCNN shows: samples, curves, the report."""

from __future__ import annotations

import os
from typing import Mapping

import numpy as np

from tfgen.data import Source, Splits
from tfgen.training import RunDirectory
from tfgen.training.figures import grid, visible
from zoo.pixelcnn.model import PixelCNN

__all__ = ["draw_study", "study_report"]


def draw_study(model: PixelCNN, test: Source, run: RunDirectory, config) -> None:
    """samples.png and training.png in the run's figures."""
    from matplotlib.figure import Figure

    values = config.model.values
    count = min(32, test.count)
    real = next(iter(test.batches(count)))["image"].numpy()
    sheets = {"test images": real}
    for temperature in (1.0, 0.8):
        drawn = model.sample(32, config.seed, temperature).numpy()
        sheets[f"samples, temperature {temperature}"] = drawn
    figure = Figure(figsize=(12, 2.6), dpi=110, layout="constrained")
    for axes, (title, images) in zip(figure.subplots(1, 3), sheets.items()):
        sheet = grid(visible(images, values), columns=8)
        axes.imshow(np.squeeze(sheet), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    figure.savefig(run.figures / "samples.png")

    figure = Figure(figsize=(6, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    for seed in range(config.seed, config.seed + config.seeds):
        rows = [row for row in run.history(f"seed_{seed}") if "val_bits_per_dim" in row]
        steps = [row["step"] for row in rows]
        axes.plot(steps, [row["val_bits_per_dim"] for row in rows], label=f"seed {seed}")
    axes.set(xlabel="step", ylabel="bits/dim, validation")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(run.figures / "training.png")


def study_report(config, data: Splits, numbers: Mapping[str, float]) -> str:
    """report.md: bits per dimension over the seeds, cost, figures."""
    model, training = config.model, config.training
    sizes = (
        f"PixelCNN++ with {model.residual_layers} residual layers at {model.resolutions} "
        f"resolution(s), dropout {model.dropout}"
        if model.architecture == "plus_plus"
        else f"gated PixelCNN with {model.layers} layers"
    )
    given = f", given one of {model.classes} classes" if model.classes else ""
    seeds = ", ".join(
        f"{numbers[f'bits_per_dim_seed_{seed}']:.4f}"
        for seed in range(config.seed, config.seed + config.seeds)
    )
    bits, spread = f"{numbers['bits_per_dim']:.4f}", "Of one training there is no spread."
    if "bits_per_dim_std" in numbers:
        bits += f" ± {numbers['bits_per_dim_std']:.4f}"
        spread = f"The spread is the standard deviation over {config.seeds} seeds."
    return "\n".join(
        [
            f"# {config.recipe}, preset {config.preset}",
            "",
            f"{data.description['name']}: {data.train.count} training, {data.test.count} test "
            f"images of {model.image_size} pixels a side{given}; {sizes}, {model.filters} filters, "
            f"mixtures of {model.mixtures} logistics, {numbers['parameters']:,} parameters; "
            f"{training.steps} steps of {training.batch_size} images; "
            f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores.",
            "",
            "| bits/dim, test | of each seed | nats | sampling, s an image of 16 |",
            "|---|---|---|---|",
            f"| {bits} | {seeds} | {numbers['nats']:.2f} | {numbers['seconds_per_image']:.4f} |",
            "",
            f"The likelihood is exact and of the discrete pixels. {spread} Over images, the "
            f"standard error is {numbers['bits_per_dim_standard_error']:.4f}.",
            "",
            "![samples](figures/samples.png)\n",
            "![training](figures/training.png)\n",
        ]
    )
