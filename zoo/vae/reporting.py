"""What a comparison of priors shows: samples, reconstructions, interpolations, curves, report."""

from __future__ import annotations

import math
import os
import pathlib
from typing import Dict, Mapping

import numpy as np

from tfgen.data import Source, Splits
from tfgen.training import RunDirectory
from tfgen.training.figures import grid, visible
from zoo.vae.comparison import PriorStudyConfig, phase_of
from zoo.vae.model import VAE

__all__ = ["draw_priors", "priors_report", "save_sheets"]

TITLES = {
    "standard_normal": "standard normal",
    "mixture": "mixture of Gaussians",
    "vamp": "VampPrior",
    "flow": "flow",
    "channel_autoregressive": "mAR",
}
FIGURES = ("samples", "reconstructions", "interpolations", "training")


def title_of(variant: str) -> str:
    """A variant in words."""
    latents, _, prior = variant.partition("_")
    return f"{TITLES[prior]}, {latents}"


def draw_priors(
    config: PriorStudyConfig, models: Mapping[str, VAE], test: Source, run: RunDirectory
) -> None:
    """samples, reconstructions, interpolations and training .png in the run's figures."""
    count = min(16, test.count)
    real = next(iter(test.batches(count)))["image"]
    values = config.model_of(config.variants[0]).levels
    samples = {"test images": visible(real.numpy(), values)}
    rebuilt = dict(samples)
    lines = {}
    half = count // 2
    for variant, model in models.items():
        title = title_of(variant)
        means = model.middle(model.sample_latents(16, config.seed))
        samples[title] = visible(means.numpy(), values)
        rebuilt[title] = visible(model.reconstruct(real).numpy(), values)
        line = model.interpolate(real[:half], real[half : 2 * half], 8).numpy()
        lines[title] = visible(line.reshape([-1, *line.shape[2:]]), values)
    save_sheets(run.figures / "samples.png", samples, columns=4)
    save_sheets(run.figures / "reconstructions.png", rebuilt, columns=4)
    save_sheets(run.figures / "interpolations.png", lines, columns=8)
    _curves(run.figures / "training.png", config, run)


def save_sheets(path: pathlib.Path, sheets: Mapping[str, np.ndarray], columns: int) -> None:
    """A picture of grids of images with their titles side by side, four at most in a row."""
    from matplotlib.figure import Figure

    wide = min(4, len(sheets))
    high = math.ceil(len(sheets) / wide)
    figure = Figure(figsize=(2.6 * wide, 2.8 * high), dpi=110, layout="constrained")
    places = figure.subplots(high, wide, squeeze=False).ravel()
    for axes in places:
        axes.axis("off")
    for axes, (title, images) in zip(places, sheets.items()):
        sheet = np.squeeze(grid(images, columns=columns))
        axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(title, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def priors_report(config: PriorStudyConfig, data: Splits, numbers: Mapping[str, float]) -> str:
    """report.md: bounds of every prior, their parts, figures."""
    training, samples = config.training, config.evaluation.samples
    lines = [
        f"# {config.recipe}, preset {config.preset}",
        "",
        f"{data.description['name']}: {data.train.count} training, {data.test.count} test images. "
        f"{training.steps} steps of {training.batch_size} images; {numbers['wall_seconds']:.0f} s "
        f"on {os.cpu_count()} cores. All numbers are of the discrete pixels of the test images.",
        "",
        "| prior, latents | bits/dim | gain | importance bound | ELBO | KL | log-likelihood "
        "| parameters |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for variant in config.variants:
        shown = {
            name: _with_spread(numbers, f"{name}_{variant}", digits)
            for name, digits in (
                ("bits_per_dim", 4),
                ("gain", 4),
                ("importance_bound", 2),
                ("elbo", 2),
                ("kl", 2),
                ("log_likelihood", 2),
            )
        }
        parameters = f"{numbers[f'parameters_{variant}']:,}"
        lines.append("| " + " | ".join([title_of(variant), *shown.values(), parameters]) + " |")
    bound = f"the importance bound with {samples} draws" if samples else "the ELBO"
    lines += [
        "",
        f"Bits/dim are those of {bound}; gain is what they are below the first variant's of the "
        "same seed. Bounds, KL and log-likelihood are in nats. "
        + (
            f"Spreads are standard deviations over {config.seeds} seeds."
            if config.seeds > 1
            else "Of one training there is no spread."
        ),
        "",
    ]
    layers = _layers(config, numbers)
    if layers:
        lines += ["KL of the layers, from the top, nats:", "", *layers, ""]
    lines += [
        "Samples are the images of the means; the noise of the pixels is left out.",
        "",
        *[f"![{name}](figures/{name}.png)\n" for name in FIGURES],
    ]
    return "\n".join(lines)


def _with_spread(numbers: Mapping[str, float], name: str, digits: int) -> str:
    if name not in numbers:
        return ""
    spread = numbers.get(f"{name}_std")
    return f"{numbers[name]:.{digits}f}" + ("" if spread is None else f" ± {spread:.{digits}f}")


def _layers(config, numbers):
    rows = []
    for variant in config.variants:
        count = sum(config.model_of(variant).layers)
        if count > 1:
            parts = [f"{numbers[f'kl_{layer}_{variant}']:.2f}" for layer in range(1, count + 1)]
            rows.append(f"* {title_of(variant)}: {', '.join(parts)}")
    return rows


def _curves(path, config, run):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=110, layout="constrained")
    axes = figure.subplots()
    for variant in config.variants:
        history: Dict[int, list] = {}
        for seed in range(config.seed, config.seed + config.seeds):
            for row in run.history(phase_of(variant, seed)):
                if "val_bits_per_dim" in row:
                    history.setdefault(row["step"], []).append(row["val_bits_per_dim"])
        steps = sorted(history)
        axes.plot(steps, [np.mean(history[step]) for step in steps], label=title_of(variant))
    axes.set(xlabel="step", ylabel="bits/dim of the ELBO, validation")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path)
