"""What a VQ-VAE shows: samples, reconstructions, codes, curves, the report."""

from __future__ import annotations

import os
from typing import Mapping

import numpy as np

from tfgen.data import Source, Splits
from tfgen.training import RunDirectory, save_curves, visible
from zoo.vae.reporting import save_sheets
from zoo.vae.vq_vae import VQVAE

__all__ = ["draw_vq_study", "vq_report"]

FIGURES = ("samples", "reconstructions", "codebook", "prior")


def draw_vq_study(config, model: VQVAE, test: Source, run: RunDirectory) -> None:
    """samples, reconstructions, codebook and prior .png in the run's figures.

    Args:
      config: a `VQStudyConfig`.
      model: of the first seed.
      test: images to be rebuilt.
      run: where the figures go.
    """
    values, count = config.model.values, min(32, test.count)
    real = next(iter(test.batches(count)))["image"]
    sheets = {"test images": visible(real.numpy(), values)}
    for temperature in (1.0, 0.8):
        codes = model.sample_codes(32, config.seed, temperature)
        sheets[f"samples, temperature {temperature}"] = visible(model.middle(codes).numpy(), values)
    save_sheets(run.figures / "samples.png", sheets, columns=8)
    codes = model.encode(real).numpy()
    # Neighbouring codes have nothing in common: shades alone tell them apart.
    shades = visible(codes[..., np.newaxis], config.model.codes)
    patch = config.model.image_size // config.model.code_side
    shades = np.repeat(np.repeat(shades, patch, axis=1), patch, axis=2)
    channels = config.model.channels
    rebuilt = {
        "test images": sheets["test images"],
        "reconstructions": visible(model.reconstruct(real).numpy(), values),
        "codes": np.repeat(shades, channels, axis=-1),
    }
    save_sheets(run.figures / "reconstructions.png", rebuilt, columns=8)
    for phase, label in (
        ("codebook", "bits/dim with equally likely codes, validation"),
        ("prior", "bits/dim, validation"),
    ):
        curves = {}
        for seed in range(config.seed, config.seed + config.seeds):
            history = run.history(f"{phase}_{seed}")
            rows = [row for row in history if "val_bits_per_dim" in row]
            steps = [row["step"] for row in rows]
            curves[f"seed {seed}"] = (steps, [row["val_bits_per_dim"] for row in rows])
        save_curves(run.figures / f"{phase}.png", curves, ylabel=label)


def vq_report(config, data: Splits, numbers: Mapping[str, float]) -> str:
    """report.md: the bound and its parts, the use of the codebook, figures."""
    model, side = config.model, config.model.code_side
    bits, spread = f"{numbers['bits_per_dim']:.4f}", "Of one training there is no spread."
    if "bits_per_dim_std" in numbers:
        bits += f" ± {numbers['bits_per_dim_std']:.4f}"
        spread = f"The spread is the standard deviation over {config.seeds} seeds."
    dimensions = np.prod(model.image_shape) * np.log(2.0)
    return "\n".join(
        [
            f"# {config.recipe}, preset {config.preset}",
            "",
            f"{data.description['name']}: {data.train.count} training, {data.test.count} test "
            f"images of {model.image_size} pixels a side; {side}x{side} codes of {model.codes}; "
            f"{config.training.steps} steps of {config.training.batch_size} images for the "
            f"codebook, {config.prior_training.steps} of {config.prior_training.batch_size} for "
            f"the prior; {numbers['parameters']:,} numbers, of them {numbers['parameters_prior']:,}"
            f" in the prior; {numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores.",
            "",
            "| bits/dim, test | image given codes | codes | with equally likely codes |",
            "|---|---|---|---|",
            f"| {bits} | {-numbers['log_likelihood'] / dimensions:.4f} | "
            f"{-numbers['log_prob_codes'] / dimensions:.4f} | "
            f"{numbers['bits_per_dim_uniform_codes']:.4f} |",
            "",
            "The bound is -log P(x | codes) - log P(codes) of the discrete pixels. " + spread,
            "",
            f"{numbers['used_codes']:.0f} of {model.codes} codes occur in the test images, as if "
            f"{numbers['perplexity']:.1f} were equally likely. Reconstructions are "
            f"{numbers['reconstruction_error']:.2f} of {model.values} levels off (root mean "
            f"square). A sample takes {numbers['seconds_per_image']:.4f} s, of 16 at once.",
            "",
            "Samples and reconstructions are the images of the means; the noise of the pixels is "
            "left out.",
            "",
            *[f"![{name}](figures/{name}.png)\n" for name in FIGURES],
        ]
    )
