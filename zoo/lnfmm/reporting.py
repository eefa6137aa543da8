"""What a comparison of captioning models shows: the tables of the thesis, and sheets to look at."""

from __future__ import annotations

import os
import pathlib
import textwrap
from typing import Mapping, Sequence

import numpy as np

from zoo.lnfmm.measurement import compared_names

__all__ = ["caption_report", "draw_captions", "draw_code_map", "draw_images"]

_TITLES = {
    "lnfmm": "LNFMM",
    "mse": "LNFMM-MSE",
    "txt": "LNFMM-TXT",
    "cvae": "CVAE",
    "ag_cvae": "AG-CVAE",
}


def draw_captions(
    path: pathlib.Path, images: np.ndarray, captions: Mapping[str, Sequence[Sequence[str]]]
) -> None:
    """One row an image, and beside it the first five captions of each model.

    Args:
      path: of the PNG.
      images: uint8 [rows, H, W, 3].
      captions: model -> for each of the rows, or more, its captions.
    """
    figure, grid = _sheet(len(images), [1.2] + [3.2] * len(captions), 1.5)
    for row, image in enumerate(images):
        _show(figure, grid[row, 0], image)
        for column, (name, groups) in enumerate(captions.items(), start=1):
            axes = figure.add_subplot(grid[row, column])
            axes.axis("off")
            lines = [textwrap.shorten(text, 62) for text in groups[row][:5]]
            axes.text(0.0, 0.9, "\n".join(lines), va="top", fontsize=7)
            if row == 0:
                axes.set_title(_TITLES[name], fontsize=9, loc="left")
    figure.savefig(path, dpi=110)


def draw_images(path: pathlib.Path, texts: Sequence[str], images: Mapping[str, np.ndarray]) -> None:
    """One row a caption, and beside it the images that each model draws for it.

    Args:
      path: of the PNG.
      texts: captions.
      images: model -> uint8 [captions, count, H, W, 3].
    """
    counts = [group.shape[1] for group in images.values()]
    figure, grid = _sheet(len(texts), [2.4] + [1.0] * sum(counts), 1.1)
    for row, text in enumerate(texts):
        axes = figure.add_subplot(grid[row, 0])
        axes.axis("off")
        axes.text(0.0, 0.5, textwrap.fill(text, 34), va="center", fontsize=7)
        column = 1
        for name, groups in images.items():
            for index, image in enumerate(groups[row]):
                axes = _show(figure, grid[row, column], image)
                if row == index == 0:
                    axes.set_title(_TITLES[name], fontsize=9, loc="left")
                column += 1
    figure.savefig(path, dpi=110)


def draw_code_map(
    path: pathlib.Path, codes: np.ndarray, labels: np.ndarray, names: Sequence[str]
) -> None:
    """Codes [N, size] along the two directions in which they vary most, coloured by label."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    centred = codes - codes.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    places = centred @ directions[:2].T
    figure = Figure(figsize=(6.0, 5.0))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(111)
    for label, name in enumerate(names):
        axes.scatter(*places[labels == label].T, s=8, label=name)
    axes.legend(fontsize=7)
    axes.set_xlabel("first direction of the shared code")
    axes.set_ylabel("second")
    figure.savefig(path, dpi=110)


def caption_report(config, numbers: Mapping[str, float], data, figures: Sequence[str]) -> str:
    """report.md: Tables 4.1 to 4.3 of the thesis for the models of a comparison, and the figures.

    Args:
      config: a `CaptionStudyConfig`.
      numbers: of `measure_captions`, and "wall_seconds".
      data: the splits.
      figures: names of the pictures.
    """
    settings = config.evaluation
    oracle = {
        f"{metric}, best of {count}": f"oracle_{metric}_{count}"
        for count in settings.oracle
        for metric in ("CIDEr-D", "BLEU-4")
    }
    ranked = {m: f"ranked_{m}" for m in ("BLEU-4", "BLEU-1", "CIDEr-D", "ROUGE-L")}
    names = ("uniqueness", "novel_share", "mBLEU-4", "Div-1", "Div-2", "Self-CIDEr")
    truth = {
        "all samples": "true",
        "best-ranked": "ranked_true",
        "log p(text given image) >=, nats": "caption_bound",
        "log p(image given text) >=, nats": "image_bound",
    }
    drawn = {
        "objects named and seen": "objects_seen",
        "by chance": "objects_seen_by_chance",
        "context named and seen": "context_seen",
        " by chance": "context_seen_by_chance",
        "closest image (IvOM)": "closest",
    }
    share = f"{100 * config.labelled_share:.0f} % of the pairs labelled"
    told = []
    if "references_true" in numbers:
        share_true = 100 * numbers["references_true"]
        told = [f"Of the references {share_true:.1f} % are true by the same reader.", ""]
    lines = [
        f"# {config.recipe}, preset {config.preset}, {_seeds(config)}",
        "",
        f"{data.description['name']}: {data.train.count} training images, {share}; "
        f"{config.training.steps} steps of {config.training.batch_size} a model; "
        f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores. The idf of CIDEr-D is that of "
        "the test captions, so that its numbers compare within this report alone.",
        "",
        "## Oracle (Table 4.1)",
        *_table(config, numbers, oracle),
        "## Consensus re-ranking (Table 4.2)",
        *_table(config, numbers, ranked),
        f"## Diversity of the best {settings.best} (Table 4.3)",
        *_table(config, numbers, {name: name for name in names}),
        *_differences(config, numbers),
        "## Captions that are true of their image, and bounds",
        *told,
        *_table(config, numbers, truth),
        *_drawn(config, numbers, drawn),
    ]
    lines += [f"![{name}](figures/{name}.png)\n" for name in figures]
    return "\n".join(lines)


def _seeds(config):
    if config.seeds == 1:
        return f"seed {config.seed}"
    return f"seeds {config.seed} to {config.seed + config.seeds - 1}"


def _cell(config, numbers, key):
    if key not in numbers:
        return "-"
    spread = f" ± {numbers[f'{key}_std']:.3f}" if config.seeds > 1 else ""
    return f"{numbers[key]:.3f}{spread}"


def _table(config, numbers, columns: Mapping[str, str]):
    """A row for each model that has one of the numbers."""
    yield "| model | " + " | ".join(columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for name in config.models:
        cells = [_cell(config, numbers, f"{name}_{key}") for key in columns.values()]
        if set(cells) != {"-"}:
            yield f"| {_TITLES[name]} | " + " | ".join(cells) + " |"
    yield ""


def _differences(config, numbers):
    """The first model less each other one of the same seed."""
    first, *others = config.models
    if not others:
        return
    names = [n for n in compared_names(config) if f"{n}_{first}_minus_{others[0]}" in numbers]
    yield f"## {_TITLES[first]} less each other model of the same seed"
    yield "| less | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 1) + "|"
    for other in others:
        keys = [f"{name}_{first}_minus_{other}" for name in names]
        cells = [_cell(config, numbers, key) for key in keys]
        yield f"| {_TITLES[other]} | " + " | ".join(cells) + " |"
    yield ""
    if config.seeds > 1:
        yield "Mean and standard deviation over the seeds; every seed's number is in report.json."
        yield ""


def _drawn(config, numbers, columns):
    """What the images drawn for captions show, where that was measured."""
    if not any(f"{name}_{key}" in numbers for name in config.models for key in columns.values()):
        return
    yield "## Images drawn for captions"
    if "real_named_seen" in numbers:
        names = ("objects_seen", "objects_seen_by_chance", "context_seen", "context_seen_by_chance")
        yield (
            "What of a caption's objects (kinds with their colours) and context a classifier sees "
            "in the image; by chance, with the caption of another image. Of the real images it "
            "sees {:.3f} of the objects (by chance {:.3f}) and {:.3f} of the contexts "
            "({:.3f}).".format(*(numbers[f"real_{name}"] for name in names))
        )
        yield ""
    yield from _table(config, numbers, columns)


def _sheet(rows, widths, height):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.1 * sum(widths), 0.4 + height * rows))
    FigureCanvasAgg(figure)
    top = 1.0 - 0.35 / (0.4 + height * rows)
    layout = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": top, "wspace": 0.04}
    return figure, figure.add_gridspec(rows, len(widths), width_ratios=widths, **layout)


def _show(figure, place, image):
    axes = figure.add_subplot(place)
    axes.imshow(image)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes
