"""What a study of PixelPyramids shows: samples, super-resolution, levels, the report."""

from __future__ import annotations

import pathlib
from typing import Dict, Mapping

import numpy as np

from tfgen.training import RunDirectory, visible
from tfgen.training.figures import grid
from zoo.pixelpyramids.comparison import PyramidStudyConfig, shown_samples
from zoo.pixelpyramids.evaluation import SuperResolution
from zoo.pixelpyramids.model import PixelPyramids
from zoo.pixelpyramids.outliers import replace_outliers

__all__ = ["draw_study", "study_report"]

TITLES = {
    "full": "PixelPyramids",
    "no_modulo_difference": "no modulo difference",
    "squeezes_0": "squeezes 0 (not autoregressive)",
    "squeezes_1": "squeezes 1",
    "squeezes_3": "squeezes 3",
}
FIGURES = ("samples", "super_resolution", "entropies", "levels", "training")


def draw_study(
    config: PyramidStudyConfig,
    models: Mapping[str, PixelPyramids],
    resolved: SuperResolution,
    numbers: Mapping[str, float],
    run: RunDirectory,
) -> None:
    """Writes samples, super_resolution, entropies, levels and training .png into the figures."""
    values = config.model.values
    sheets = {}
    for variant, model in list(models.items())[:2]:
        drawn = model.sample(shown_samples(model, 32), config.seed, config.temperature)
        images = visible(drawn.numpy(), values)
        if (config.evaluation.clean_up or config.model.as_released) and images.shape[-1] == 3:
            images = replace_outliers(images, seed=config.seed)
        sheets[f"{TITLES[variant]}, temperature {config.temperature}"] = grid(images, columns=8)
    _sheets(run.figures / "samples.png", sheets)
    rows = {}
    for title, images in (
        ("given", _nearest(resolved.coarse, resolved.originals.shape[1:3])),
        ("PixelPyramids", resolved.resolved),
        ("bicubic", resolved.bicubic),
        ("original", resolved.originals),
    ):
        rows[title] = grid(visible(images[:8], values), columns=8)
    _sheets(run.figures / "super_resolution.png", rows, columns=1)
    _entropies(run.figures / "entropies.png", config, numbers)
    _levels(run.figures / "levels.png", config, numbers)
    _curves(run, config)


def study_report(
    config: PyramidStudyConfig, numbers: Mapping[str, float], introduction: str
) -> str:
    """report.md: bits per dimension of every variant, levels, entropies, figures."""
    lines = [f"# {config.recipe}, preset {config.preset}", "", introduction, ""]
    lines += ["| model | bits/dim, test | above the full model | steps of a sample | parameters |"]
    lines += ["|---|---|---|---|---|"]
    for variant in config.variants:
        excess = numbers.get(f"excess_{variant}")
        spread = numbers.get(f"bits_per_dim_{variant}_std")
        lines.append(
            f"| {TITLES[variant]} | {numbers[f'bits_per_dim_{variant}']:.4f}"
            f"{'' if spread is None else f' ± {spread:.4f}'} | "
            f"{'' if excess is None else f'{excess:+.4f}'} | "
            f"{numbers[f'sequential_steps_{variant}']} | {numbers[f'parameters_{variant}']:,} |"
        )
    spread = f"The spread is the standard deviation over {config.seeds} seeds."
    once = "Each was trained once, so nothing is known of the spread between seeds."
    lines += ["", once if config.seeds == 1 else spread, ""]
    first = config.variants[0]
    lines += [
        f"Levels of {TITLES[first]}, from the finest; entropy is that of single values of the fine "
        f"component (of the image: {numbers['entropy_image']:.3f} bits).",
        "",
        "| level | entropy, bits | share of pixels | share of bits | bits/dim of the image |",
        "|---|---|---|---|---|",
    ]
    for level, name, entropy in _rows(config, numbers):
        lines.append(
            f"| {name} | {entropy:.3f} | "
            f"{100 * numbers[f'pixels_share_level_{level}_{first}']:.2f} % | "
            f"{100 * numbers[f'bits_share_level_{level}_{first}']:.2f} % | "
            f"{numbers[f'bits_per_dim_level_{level}_{first}']:.4f} |"
        )
    lines += [
        "",
        f"Super-resolution over {min(config.evaluation.resolved_levels, config.model.levels)} "
        f"levels: {numbers['super_resolution_psnr']:.2f} dB; bicubic interpolation: "
        f"{numbers['bicubic_psnr']:.2f} dB.",
        "",
    ]
    lines += [f"![{name}](figures/{name}.png)\n" for name in FIGURES]
    return "\n".join(lines)


def _rows(config, numbers):
    """(number, name, entropy) of every level and of the coarsest image."""
    levels = config.model.levels
    for level in range(1, levels + 1):
        yield level, str(level), numbers[f"entropy_level_{level}"]
    yield levels + 1, "coarsest image", numbers["entropy_coarsest"]


def _nearest(images, size):
    """Every pixel as a block."""
    height, width = (whole // side for whole, side in zip(size, images.shape[1:3]))
    return images.repeat(height, 1).repeat(width, 2)


def _sheets(path: pathlib.Path, sheets: Dict[str, np.ndarray], columns: int = 2):
    from matplotlib.figure import Figure

    columns = min(columns, len(sheets))
    rows = -(-len(sheets) // columns)
    height, width = next(iter(sheets.values())).shape[:2]
    figure = Figure(
        figsize=(6 * columns, (6 * height / width + 0.35) * rows), dpi=110, layout="constrained"
    )
    for index, (title, sheet) in enumerate(sheets.items()):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(np.squeeze(sheet), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    figure.savefig(path)


def _figure(path, draw, **labels):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    draw(axes)
    axes.set(**labels)
    axes.grid(alpha=0.3, axis="y")
    axes.legend()
    figure.savefig(path)


def _entropies(path, config, numbers):
    _, names, entropies = zip(*_rows(config, numbers))

    def draw(axes):
        axes.bar(names, entropies, label="fine components")
        image = numbers["entropy_image"]
        axes.axhline(image, color="tab:red", label="image")
        axes.tick_params(axis="x", labelsize=7)

    _figure(path, draw, xlabel="level, from the finest", ylabel="entropy of a value, bits")


def _levels(path, config, numbers):
    """Fig. 7.8: shares of bits and of pixels."""
    first, rows = config.variants[0], list(_rows(config, numbers))
    places = np.arange(len(rows))

    def draw(axes):
        for offset, kind in ((-0.2, "bits"), (0.2, "pixels")):
            shares = [100 * numbers[f"{kind}_share_level_{level}_{first}"] for level, *_ in rows]
            axes.bar(places + offset, shares, 0.4, label=kind)
        axes.set_xticks(places, [name for _, name, _ in rows], fontsize=7)

    _figure(path, draw, xlabel="level, from the finest", ylabel="share, %")


def _curves(run: RunDirectory, config: PyramidStudyConfig):
    """Validation bits/dim; with levels trained apart, the sum over the levels."""

    def draw(axes):
        for number, variant in enumerate(config.variants):
            for seed in range(config.seed, config.seed + config.seeds):
                total: Dict[int, float] = {}
                name = f"{variant}_{seed}"
                levels = range(1, config.model.levels + 2) if config.levels_apart else ()
                for phase in [f"{name}_level_{level}" for level in levels] or [name]:
                    for row in run.history(phase):
                        if "val_bits_per_dim" in row:
                            step = row["step"]
                            total[step] = total.get(step, 0.0) + row["val_bits_per_dim"]
                label = TITLES[variant] if seed == config.seed else None
                axes.plot(list(total), list(total.values()), color=f"C{number}", label=label)

    path = run.figures / "training.png"
    _figure(path, draw, xlabel="step", ylabel="bits/dim, validation")
