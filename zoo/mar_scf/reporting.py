"""What a comparison of priors shows: samples, interpolations, curves, the report."""

from __future__ import annotations

import pathlib
from typing import Dict, Mapping, Sequence

import numpy as np

from tfgen.data import Source
from tfgen.training import RunDirectory
from tfgen.training.figures import grid, visible
from zoo.flows import ImageFlow
from zoo.mar_scf.comparison import PRIORS, ComparisonConfig
from zoo.mar_scf.interpolation import projected_interpolation

__all__ = ["comparison_report", "draw_comparison"]

TITLES = {"gaussian": "Gaussian prior", "mar": "mAR prior"}


def draw_comparison(
    models: Mapping[str, ImageFlow],
    test: Source,
    run: RunDirectory,
    config: ComparisonConfig,
    numbers: Mapping[str, float],
) -> None:
    """samples.png, interpolations.png, training.png and levels.png in the run's figures."""
    values = config.model.values
    _sheets(
        run.figures / "samples.png",
        {
            f"{TITLES[prior]}, temperature {temperature}": grid(
                visible(model.sample(32, config.seed, temperature).numpy(), values), columns=8
            )
            for prior, model in models.items()
            for temperature in (1.0, 0.7)
        },
        columns=2,
    )
    batch = next(iter(test.batches(min(8, test.count))))["image"]
    half = max(1, batch.shape[0] // 2)
    first, second = batch[:half], batch[-half:]
    rows = {}
    for prior, model in models.items():
        for kind, points in (
            ("linear", model.interpolate(first, second, 8)),
            ("projected, Eq. 6.13", projected_interpolation(model, first, second, 8)),
        ):
            images = points.numpy().reshape([-1, *points.shape[2:]])
            rows[f"{TITLES[prior]}, {kind}"] = grid(visible(images, values), columns=8)
    _sheets(run.figures / "interpolations.png", rows, columns=2)
    _curves(run, config, models)
    _levels(run.figures / "levels.png", numbers, list(models))


def comparison_report(
    config: ComparisonConfig, numbers: Mapping[str, float], introduction: str
) -> str:
    """report.md: bits per dimension of both priors, their difference, cost, figures."""
    lines = [f"# {config.recipe}, preset {config.preset}", "", introduction, ""]
    lines += ["| prior | bits/dim, test | of each level | parameters |", "|---|---|---|---|"]
    for prior, title in TITLES.items():
        if f"bits_per_dim_{prior}" not in numbers:
            continue
        levels = [
            f"{numbers[f'bits_per_dim_{prior}_level_{level}']:.3f}"
            for level in range(1, config.model.levels + 1)
            if f"bits_per_dim_{prior}_level_{level}" in numbers
        ]
        lines.append(
            f"| {title} | {numbers[f'bits_per_dim_{prior}']:.4f} ± "
            f"{numbers[f'bits_per_dim_{prior}_std']:.4f} | {' + '.join(levels)} | "
            f"{numbers[f'parameters_{prior}']:,} |"
        )
    if "bits_per_dim_difference" in numbers:
        lines += [
            "",
            f"Gaussian minus mAR, of the same seed: {numbers['bits_per_dim_difference']:.4f} ± "
            f"{numbers['bits_per_dim_difference_std']:.4f} bits/dim over {config.seeds} seed(s), "
            f"at least {numbers['bits_per_dim_difference_min']:.4f}. The mAR prior adds "
            f"{100 * numbers['parameter_overhead']:.1f} % parameters and makes sampling take "
            f"{numbers['sampling_time_ratio']:.2f} times as long.",
        ]
    bad = [
        f"{100 * numbers[key]:.0f} % of the samples with the {title} are not finite"
        for prior, title in TITLES.items()
        if (key := f"nonfinite_samples_{prior}") in numbers and numbers[key]
    ]
    lines += ["", *(f"{text}." for text in bad), "The spread is the standard deviation over seeds."]
    lines.append("")
    names = ("samples", "interpolations", "training", "levels")
    lines += [f"![{name}](figures/{name}.png)\n" for name in names]
    return "\n".join(lines)


def _sheets(path: pathlib.Path, sheets: Dict[str, np.ndarray], columns: int):
    from matplotlib.figure import Figure

    rows = -(-len(sheets) // columns)
    height, width = next(iter(sheets.values())).shape[:2]
    figure = Figure(
        figsize=(5 * columns, (5 * height / width + 0.35) * rows), dpi=110, layout="constrained"
    )
    for index, (title, sheet) in enumerate(sheets.items()):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(np.squeeze(sheet), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    figure.savefig(path)


def _curves(run: RunDirectory, config: ComparisonConfig, priors: Sequence[str]):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    colours = dict(zip(PRIORS, ("tab:blue", "tab:orange")))
    for prior in priors:
        for seed in range(config.seed, config.seed + config.seeds):
            rows = run.history(f"{prior}_{seed}")
            steps = [row["step"] for row in rows if "val_bits_per_dim" in row]
            bits = [row["val_bits_per_dim"] for row in rows if "val_bits_per_dim" in row]
            label = TITLES[prior] if seed == config.seed else None
            axes.plot(steps, bits, color=colours[prior], label=label)
    axes.set(xlabel="step", ylabel="bits/dim, validation")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(run.figures / "training.png")


def _levels(path: pathlib.Path, numbers: Mapping[str, float], priors: Sequence[str]):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(priors)
    for offset, prior in enumerate(priors):
        shares, level = [], 1
        while f"bits_per_dim_{prior}_level_{level}" in numbers:
            shares.append(numbers[f"bits_per_dim_{prior}_level_{level}"])
            level += 1
        places = np.arange(1, len(shares) + 1) + (offset - 0.5 * (len(priors) - 1)) * width
        axes.bar(places, shares, width, label=TITLES[prior])
    axes.set(xlabel="level, from the finest", ylabel="bits/dim of the image")
    axes.set_xticks(range(1, len(shares) + 1))
    axes.grid(alpha=0.3, axis="y")
    axes.legend()
    figure.savefig(path)
