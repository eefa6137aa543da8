"""What a comparison of alignments shows: retrieval sheets, a map of codes, the report."""

from __future__ import annotations

import pathlib
import textwrap
from typing import Dict, List, Mapping, Sequence

import numpy as np

from tfgen.data import Source
from tfgen.training import RunDirectory
from zoo.jwae.comparison import AlignmentConfig, trainings
from zoo.jwae.evaluation import Codes, RetrievalConfig, encode_source
from zoo.jwae.model import JWAE

__all__ = ["alignment_report", "draw_alignment"]

TITLES = {
    "jwae_mse": "jWAE-MSE",
    "jwae_mh": "jWAE-MH",
    "mse": "MSE",
    "mh_sum": "MH, sum",
    "mh_max": "MH, max (VSE++)",
    "vae_mh": "VAE-MH",
    "mmd_mse": "MMD-MSE",
    "cca": "CCA",
}
_PER_QUERY = 5


def draw_alignment(
    model: JWAE,
    test: Source,
    run: RunDirectory,
    evaluation: RetrievalConfig,
    labels: str = "",
    label_names: Sequence[str] = (),
) -> None:
    """images_of_texts.png, texts_of_images.png and codes.png in the run's figures.

    Args:
      model: whose codes are drawn.
      test: with "image", "captions", "caption_count".
      run: where the figures go.
      evaluation: how many examples.
      labels: an int feature of the source that colours the map of codes, or "".
      label_names: name of each of its values.
    """
    codes = encode_source(model, test, evaluation)
    count = len(codes.images)
    images, texts, values = [], [], []
    for batch in test.batches(evaluation.batch_size):
        images.extend(batch["image"].numpy())
        for row, number in zip(batch["captions"].numpy(), batch["caption_count"].numpy()):
            texts.append([text.decode() for text in row[:number]])
        values.extend(batch[labels].numpy() if labels else [])
        if len(images) >= count:
            break
    flat = [text for row in texts[:count] for text in row]
    unit = Codes(_unit(codes.images), _unit(codes.texts), codes.image_of_text)
    _images_of_texts(run.figures / "images_of_texts.png", unit, images, flat)
    _texts_of_images(run.figures / "texts_of_images.png", unit, images, flat)
    _map(run.figures / "codes.png", codes, np.array(values[:count]), label_names)


def alignment_report(
    config: AlignmentConfig,
    numbers: Mapping[str, float],
    tests: Sequence[str],
    introduction: str,
) -> str:
    """report.md: recalls of every method, with all labels and with few; distances to the prior.

    Args:
      config: of the comparison.
      numbers: of `measure_alignments` and `linear_baseline`.
      tests: names of the test sets in the numbers.
      introduction: a paragraph: data, sizes, time.
    """
    groups: Dict[str, str] = {}
    for training in trainings(config):
        labels = "" if training.share == 1.0 else f", {100 * training.share:g} % labels"
        groups[training.group] = TITLES[training.variant] + labels
    if config.linear_codes:
        groups["cca"] = TITLES["cca"]
    lines = [f"# {config.recipe}, preset {config.preset}", "", introduction, ""]
    for test in tests:
        lines += [
            f"## {test}",
            "",
            "| method | image to text R@1 / 5 / 10 | text to image R@1 / 5 / 10 | sum of the six | "
            "MMD^2 to the prior, images | texts |",
            "|---|---|---|---|---|---|",
        ]
        for group, title in groups.items():
            end = f"{group}_{test}"
            cells: List[str] = [title]
            for way in ("image_to_text", "text_to_image"):
                recalls = (numbers[f"{way}_recall@{k}_{end}"] for k in (1, 5, 10))
                cells.append(" / ".join(f"{recall:.1f}" for recall in recalls))
            spread = numbers.get(f"recall_sum_{end}_std", 0.0)
            cells.append(f"{numbers[f'recall_sum_{end}']:.1f} ± {spread:.1f}")
            cells += [f"{numbers[f'{kind}_mmd_{end}']:.4f}" for kind in ("image", "text")]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += [
        f"Means over {config.seeds} seed(s), with the standard deviation of the sum. An image is "
        "found by any of its texts; similarity is the cosine.",
        "",
    ]
    names = ("images_of_texts", "texts_of_images", "codes")
    lines += [f"![{name}](figures/{name}.png)\n" for name in names]
    return "\n".join(lines)


def _unit(codes):
    return codes / np.linalg.norm(codes, axis=1, keepdims=True)


def _images_of_texts(path, codes, images, texts):
    """The nearest images of some texts; the right one has a frame."""
    queries = np.linspace(0, len(texts) - 1, min(6, len(texts))).astype(int)
    best = np.argsort(-codes.texts[queries] @ codes.images.T, axis=1)[:, :_PER_QUERY]
    figure, axes = _grid(len(queries), best.shape[1] + 1)
    for row, (query, found) in enumerate(zip(queries, best)):
        axes[row, 0].text(0.0, 0.5, textwrap.fill(texts[query], 24), va="center", fontsize=8)
        for column, image in enumerate(found):
            cell = axes[row, column + 1]
            cell.imshow(images[image])
            if image == codes.image_of_text[query]:
                _frame(cell)
    _save(figure, path)


def _texts_of_images(path, codes, images, texts):
    """The nearest texts of some images; the image's own are bold."""
    queries = np.linspace(0, len(codes.images) - 1, min(6, len(codes.images))).astype(int)
    best = np.argsort(-codes.images[queries] @ codes.texts.T, axis=1)[:, :_PER_QUERY]
    figure, axes = _grid(len(queries), 2, wide=True)
    for row, (query, found) in enumerate(zip(queries, best)):
        axes[row, 0].imshow(images[query])
        for line, text in enumerate(found):
            own = codes.image_of_text[text] == query
            axes[row, 1].text(
                0.0,
                0.9 - 0.2 * line,
                texts[text],
                va="center",
                fontsize=8,
                fontweight="bold" if own else "normal",
            )
    _save(figure, path)


def _map(path, codes, labels, names):
    """Codes of images and texts on their first two principal components."""
    from matplotlib.figure import Figure

    both = np.concatenate([codes.images, codes.texts])
    middle = both.mean(0)
    _, _, axes_of_data = np.linalg.svd(both - middle, full_matrices=False)
    figure = Figure(figsize=(9, 4.4), dpi=110, layout="constrained")
    parts = figure.subplots(1, 2, sharex=True, sharey=True)
    sides = (("images", codes.images, labels), ("texts", codes.texts, labels))
    for axes, (title, points, colours) in zip(parts, sides):
        if len(labels) and title == "texts":
            colours = labels[codes.image_of_text]
        flat = (points - middle) @ axes_of_data[:2].T
        axes.set_title(f"codes of {title}", fontsize=9)
        if not len(labels):
            axes.scatter(*flat.T, s=4)
            continue
        for value in np.unique(labels):
            name = names[value] if len(names) else str(value)
            axes.scatter(*flat[colours == value].T, s=4, label=name)
    if len(labels):
        parts[1].legend(fontsize=7, markerscale=2)
    _save(figure, path)


def _grid(rows, columns, wide=False):
    from matplotlib.figure import Figure

    ratios = [1.0, 5.0] if wide else [1.8] + [1.0] * (columns - 1)
    figure = Figure(figsize=(1.3 * sum(ratios), 1.35 * rows), dpi=110, layout="constrained")
    axes = figure.subplots(
        rows, columns, squeeze=False, gridspec_kw={"width_ratios": ratios[:columns]}
    )
    for cell in axes.flat:
        cell.set_xticks([])
        cell.set_yticks([])
        for spine in cell.spines.values():
            spine.set_visible(False)
    return figure, axes


def _frame(axes):
    for spine in axes.spines.values():
        spine.set(visible=True, color="tab:green", linewidth=3)


def _save(figure, path: pathlib.Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
