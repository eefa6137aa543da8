"""Settings of the studies of AGAVE, by preset."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Sequence

from tfgen.training import TrainingConfig
from zoo.agave.config import AGAVEConfig, PixelDecoderConfig
from zoo.agave.evaluation import AGAVEEvaluationConfig
from zoo.vae import VAEConfig

__all__ = ["agave_presets", "paper_presets"]

_LAMBDAS = tuple(f"lambda_{weight}" for weight in (1, 2, 4, 8, 12))


def _adamax(steps: int, batch_size: int, epoch: int, **changes) -> TrainingConfig:
    """Adamax with rate 0.002, which stays, as in the paper."""
    return TrainingConfig(
        steps=steps,
        batch_size=batch_size,
        optimizer="adamax",
        learning_rate=2e-3,
        steps_per_epoch=epoch,
        **changes,
    )


def paper_presets() -> Dict[str, Any]:
    """The paper's sizes for 32x32 images: the ResNet-VAE with IAF and PixelCNN++ of theirs.

    Lengths and batch size are ours; the thesis states none.
    """
    settings = {"average_decay": 0.9995, "precision": "auto"}
    return {
        "variants": (*_LAMBDAS, "levels_32", "levels_16", "size_16", "size_8", "grey_16")
        + ("naive", "dropped"),
        "model": AGAVEConfig(),
        "pretraining": _adamax(100_000, 64, 1000, **settings),
        "training": _adamax(100_000, 64, 1000, **settings),
        "dropping": _adamax(4000, 64, 100, precision="auto"),
    }


def agave_presets(
    preset: str,
    image: Dict[str, int],
    levels: Sequence[int],
    batch_size: int,
    seeds: int = 1,
    steps: int = 3000,
    dropout: float = 0.0,
) -> Dict[str, Any]:
    """Settings of a study of small images, by preset.

    Args:
      preset: smoke, quick, embedded or paper.
      image: image_size, channels and values of the images.
      levels: colour levels b of the auxiliary images that are compared with those of the image.
      batch_size: images in a step.
      seeds, steps: of embedded: trainings of each variant, and the length of each phase.
      dropout: of the PixelCNN in quick and embedded.
    """
    coarsest = image["image_size"] // 2

    def model(vae_filters, latent, decoder_filters, **decoder):
        vae = VAEConfig(
            **image,
            strides=(2, coarsest),
            layers=(0, 1),
            blocks=1,
            filters=vae_filters,
            latent_channels=(latent,),
            posterior="gaussian",
            kl_weight=8.0,
        )
        return AGAVEConfig(vae=vae, decoder=PixelDecoderConfig(filters=decoder_filters, **decoder))

    if preset == "smoke":
        short = _adamax(2, 4, 1)
        return {
            "variants": ("lambda_8", "dropped"),
            "model": model(8, 4, 4, mixtures=2, residual_layers=1, resolutions=1, dropout=0.0),
            "pretraining": short,
            "training": short,
            "dropping": short,
            "evaluation": AGAVEEvaluationConfig(
                examples=4,
                batch_size=4,
                importance_samples=2,
                importance_examples=4,
                guides=2,
                samples=2,
                pairs=2,
                steps=3,
            ),
        }
    variants = (*_LAMBDAS, *(f"levels_{b}" for b in levels), "naive", "dropped")
    if preset == "paper":
        settings = paper_presets()
        vae = dataclasses.replace(settings["model"].vae, **image)
        settings["model"] = dataclasses.replace(settings["model"], vae=vae)
        return {**settings, "variants": variants}
    grey = ("few_layers", "grey_context") if image["channels"] > 1 else ("few_layers",)
    smaller = (f"size_{coarsest}",)
    if preset == "quick":
        decoder = {"mixtures": 5, "residual_layers": 1, "resolutions": 2, "dropout": dropout}
        return {
            "variants": variants,
            "model": model(32, 16, 24, **decoder),
            "pretraining": _adamax(500, batch_size, 100),
            "training": _adamax(600, batch_size, 100),
            "dropping": _adamax(1000, batch_size, 50),
            "evaluation": AGAVEEvaluationConfig(
                examples=300, importance_samples=10, importance_examples=100
            ),
        }
    decoder = {"mixtures": 5, "residual_layers": 2, "resolutions": 2, "dropout": dropout}
    return {
        "variants": (*variants, *smaller, *grey),
        "seeds": seeds,
        "model": model(48, 32, 32, **decoder),
        "pretraining": _adamax(steps, batch_size, 250, average_decay=0.99),
        "training": _adamax(steps, batch_size, 250, average_decay=0.99),
        "dropping": _adamax(2000, batch_size, 50),
        "evaluation": AGAVEEvaluationConfig(
            examples=500, importance_samples=50, importance_examples=100
        ),
    }
