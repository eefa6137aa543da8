"""report.md of a study of AGAVE."""

from __future__ import annotations

from typing import Mapping

from zoo.agave.figures import figure_names
from zoo.agave.variants import AGAVEStudyConfig, variant_model

__all__ = ["agave_report"]

_COLUMNS = {
    "bits/dim": "bits_per_dim",
    "KL, nats": "kl",
    "PixelCNN, bits/dim": "pixelcnn_bits_per_dim",
    "importance bound": "importance_bits_per_dim",
    "VAE, bits/dim of y": "auxiliary_bits_per_dim",
    "error of f(z)": "auxiliary_error",
    "shuffled z": "shuffled_excess",
    "variance ratio": "pixel_variance_ratio",
    "largest step": "interpolation_largest_step",
}


def agave_report(
    config: AGAVEStudyConfig,
    numbers: Mapping[str, float],
    introduction: str,
) -> str:
    """report.md: a table of all variants, what its columns are, the collapse, figures.

    Args:
      config: of the study.
      numbers: of `compare_agave`.
      introduction: data, sizes, time.
    """
    lines = [f"# {config.recipe}, preset {config.preset}", "", introduction, ""]
    lines += [f"| variant | {' | '.join(_COLUMNS)} |", "|---" * (1 + len(_COLUMNS)) + "|"]
    for variant in config.variants:
        cells = []
        for key in _COLUMNS.values():
            cell = f"{numbers[f'{key}_{variant}']:.4g}"
            if f"{key}_{variant}_std" in numbers:
                cell += f" ± {numbers[f'{key}_{variant}_std']:.2g}"
            cells.append(cell)
        lines.append(f"| {_title(config, variant)} | {' | '.join(cells)} |")
    evaluation = config.evaluation
    spread = f"The spread is the standard deviation over {config.seeds} seeds."
    once = "Each was trained once, so nothing is known of the spread between seeds."
    lines += [
        "",
        once if config.seeds == 1 else spread,
        "",
        "bits/dim is the bound (3.6) of the image: KL with weight 1 and PixelCNN together, without "
        "the auxiliary term. The importance bound has "
        f"{evaluation.importance_samples} samples of z"
        + (
            f", on the first {evaluation.importance_examples} test images"
            if evaluation.importance_examples
            else ""
        )
        + ". The error is the root mean square of f(z) - y, f(z) cut to [-1, 1]. Shuffled z: "
        "bits/dim that the PixelCNN loses where it is given f(z) of another image. Variance ratio: "
        "variance of pixels between samples of one f(z), over that between samples of different "
        f"f(z). Largest step: of f(z) in an interpolation of {evaluation.steps} images, as a share "
        f"of the way; {1.0 / (evaluation.steps - 1):.2f} is even.",
        "",
    ]
    if "collapse_step_dropped" in numbers:
        step = numbers["collapse_step_dropped"]
        lines += [
            f"Without the auxiliary loss the KL of {_title(config, config.main)} "
            + (
                f"is below 0.1 nats from step {step} on (validation images, the latest seed)."
                if step >= 0
                else f"is not below 0.1 nats after {config.dropping.steps} steps."
            ),
            "",
        ]
    lines += [
        "Rows of the reconstructions: test images, f(z), x drawn given it.",
        "",
    ]
    lines += [f"![{name}](figures/{name}.png)\n" for name in figure_names(config)]
    return "\n".join(lines)


def _title(config, variant):
    """What a variant is, in words."""
    model = variant_model(config.model, variant)
    size, _, channels = model.vae.target_shape
    if variant == "dropped":
        return f"{_title(config, config.main)}, then without the auxiliary loss"
    if not model.auxiliary_loss:
        names = {"naive": "", "few_layers": ", few layers", "grey_context": ", grey context"}
        return f"no auxiliary loss{names[variant]}"
    title = f"λ = {model.vae.kl_weight:g}"
    if variant.startswith("lambda_"):
        return title
    colours = "grey levels" if channels < model.vae.channels else "levels"
    return f"{title}, y of {size}x{size} pixels, {model.vae.levels} {colours}"
