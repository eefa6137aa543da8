"""Pictures and curves of a study of AGAVE."""

from __future__ import annotations

import pathlib
from typing import List, Mapping

import numpy as np
import tensorflow as tf

from tfgen.data import Source
from tfgen.randomness import fold_in
from tfgen.training import RunDirectory
from tfgen.training.figures import grid, visible
from zoo.agave.model import AGAVE
from zoo.agave.variants import AGAVEStudyConfig

__all__ = ["draw_agave", "figure_names"]

_SHOWN = 8
_DRAWS = 5


def figure_names(config: AGAVEStudyConfig) -> List[str]:
    """What `draw_agave` draws of a study, without .png."""
    several = {kind: len(_numbers(config, kind)) for kind in ("lambda", "levels")}
    names = ["lambda"] if several["lambda"] > 1 else []
    names += ["levels"] if several["levels"] else []
    names += ["samples", "reconstructions", "interpolations"]
    return names + (["kl_trace", "without_auxiliary_loss"] if _without(config) else [])


def draw_agave(
    config: AGAVEStudyConfig,
    models: Mapping[str, AGAVE],
    test: Source,
    numbers: Mapping[str, float],
    run: RunDirectory,
) -> None:
    """Writes the figures of a run.

    lambda and levels .png, as Fig. 3.4 and 3.8b of the thesis; samples, reconstructions and
    interpolations .png, as Fig. 3.5, 3.3 and 3.6; kl_trace and without_auxiliary_loss .png, as Fig.
    3.7; each where the variants for it were trained.
    """
    weights = sorted(_numbers(config, "lambda"), key=lambda pair: pair[1])
    drawn = figure_names(config)
    if "lambda" in drawn:
        _curves(
            run.figures / "lambda.png",
            numbers,
            weights,
            {
                "bits/dim of x": "bits_per_dim",
                "PixelCNN": "pixelcnn_bits_per_dim",
                "VAE: bits/dim of y": "auxiliary_bits_per_dim",
                "VAE, without KL": "auxiliary_reconstruction",
            },
            "lambda",
        )
    if "levels" in drawn:
        levels = [(config.main, config.model.vae.levels), *_numbers(config, "levels")]
        levels.sort(key=lambda pair: pair[1])
        shown = {"bits/dim of x": "bits_per_dim"}
        _curves(run.figures / "levels.png", numbers, levels, shown, "colour levels b of y")
    images = next(iter(test.batches(2 * _SHOWN, repeat=True)))["image"]
    main = models[config.main]
    _save(run.figures / "samples.png", {"f(z), then x given it": _samples(main, config.seed)})
    sheets = {name: _reconstructions(model, images[:_SHOWN]) for name, model in models.items()}
    _save(run.figures / "reconstructions.png", sheets)
    _save(
        run.figures / "interpolations.png",
        {"f(z), and x given it, below": _interpolations(main, images)},
    )
    without = _without(config)
    if without:
        _traces(run.figures / "kl_trace.png", config, without, run)
        sheets = {f"{name}: f(z), then x": _samples(models[name], config.seed) for name in without}
        _save(run.figures / "without_auxiliary_loss.png", sheets)


def _without(config):
    """Variants without the auxiliary loss whose latent code is to collapse."""
    return [name for name in ("naive", "dropped") if name in config.variants]


def _numbers(config, kind):
    """(variant, number in its name) of the variants of a kind."""
    names = [name for name in config.variants if name.startswith(f"{kind}_")]
    return [(name, float(name.rpartition("_")[2])) for name in names]


def _shown(model, images, auxiliary):
    """Images and auxiliary ones as colours of one size, uint8 arrays [..., H, W, C]."""
    values, (height, _, channels) = model.config.vae.values, model.image_shape
    auxiliary = np.asarray(auxiliary)
    factor = height // auxiliary.shape[-3]
    auxiliary = auxiliary.repeat(factor, -3).repeat(factor, -2)
    auxiliary = np.broadcast_to(auxiliary, [*auxiliary.shape[:-1], channels])
    return visible(images, values), visible(auxiliary, values)


def _samples(model, seed):
    """Rows of f(z) and draws of x given it."""
    latents = model.vae.sample_latents(_SHOWN, fold_in(seed, "figure"))
    means = tf.repeat(model.vae.means(latents), _DRAWS, axis=0)
    images, auxiliary = _shown(model, *model.paint(means, fold_in(seed, "pixels")))
    rows = images.reshape([_SHOWN, _DRAWS, *images.shape[1:]])
    rows = np.concatenate([auxiliary[::_DRAWS, np.newaxis], rows], axis=1)
    return grid(rows.reshape([-1, *images.shape[1:]]), columns=1 + _DRAWS)


def _reconstructions(model, images):
    """Images, f(z) and x given it: a row each."""
    drawn, auxiliary = _shown(model, *model.reconstruct(images, 0))
    rows = np.concatenate([visible(images, model.config.vae.values), auxiliary, drawn])
    return grid(rows, columns=len(images))


def _interpolations(model, images):
    pictures = model.interpolate(images[:4], images[_SHOWN : _SHOWN + 4], _SHOWN)
    drawn, auxiliary = _shown(model, *pictures)
    rows = np.stack([auxiliary, drawn], axis=1)
    return grid(rows.reshape([-1, *drawn.shape[2:]]), columns=_SHOWN)


def _save(path: pathlib.Path, sheets: Mapping[str, np.ndarray]):
    from matplotlib.figure import Figure

    columns = min(4, len(sheets))
    rows = -(-len(sheets) // columns)
    height, width = next(iter(sheets.values())).shape[:2]
    side = 3.2 if columns > 1 else 5.0
    size = (side * columns, (side * height / width + 0.3) * rows)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    for index, (title, sheet) in enumerate(sheets.items()):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(np.squeeze(sheet), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    figure.savefig(path)


def _curves(path, numbers, variants, shown, label):
    """bits/dim on the left, KL on the right, against the number of the variants."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2)
    x = [number for _, number in variants]
    for axes, lines in ((left, shown), (right, {"KL": "kl"})):
        for name, key in lines.items():
            y = [numbers[f"{key}_{variant}"] for variant, _ in variants]
            spread = [numbers.get(f"{key}_{variant}_std", 0.0) for variant, _ in variants]
            axes.errorbar(x, y, yerr=spread, marker="o", capsize=3, label=name)
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    left.set_ylabel("bits/dim")
    right.set_ylabel("KL, nats")
    figure.savefig(path)


def _traces(path, config, variants, run):
    """The KL of validation images against the steps without the auxiliary loss."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    for number, variant in enumerate(variants):
        for seed in range(config.seed, config.seed + config.seeds):
            rows = run.history(f"{variant}_{seed}")
            label = variant if seed == config.seed else None
            axes.plot(
                [row["step"] for row in rows],
                [row["val_kl"] for row in rows],
                color=f"C{number}",
                label=label,
            )
    axes.axhline(0.1, color="gray", linestyle=":", label="0.1 nats")
    axes.set(xlabel="step without the auxiliary loss", ylabel="KL, nats", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)
