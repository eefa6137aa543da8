"""Settings of the studies of PixelPyramids on images of 64x64 pixels in colour."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict

from tfgen.training import ConfigError, ScheduleConfig, TrainingConfig
from zoo.pixelpyramids.config import CoarsestConfig, PixelPyramidsConfig
from zoo.pixelpyramids.evaluation import PyramidEvaluationConfig

__all__ = ["folder_presets", "paper_training", "pyramid_presets"]


def paper_training(steps: int, batch_size: int = 64, **changes) -> TrainingConfig:
    """Adam with rate 1e-3, which falls by a factor of 0.999995 a step, and averaged weights."""
    settings = {
        "learning_rate": 1e-3,
        "schedule": ScheduleConfig(type="exponential", decay_rate=0.999995, decay_steps=1),
        "average_decay": 0.9995,
        "precision": "auto",
        **changes,
    }
    return TrainingConfig(steps=steps, batch_size=batch_size, **settings)


def pyramid_presets(preset: str) -> Dict[str, Any]:
    """Settings of a study by preset, for images of 64x64 pixels in colour."""
    if preset == "paper":
        return {
            "model": PixelPyramidsConfig(),
            "training": paper_training(steps=200_000),
            "evaluation": PyramidEvaluationConfig(),
        }
    if preset == "smoke":
        return {
            "variants": ("full", "no_modulo_difference"),
            "model": PixelPyramidsConfig(
                image_size=8,
                squeezes=(1,),
                u_net_filters=4,
                features=4,
                filters=4,
                layers=1,
                components=2,
                coarsest=CoarsestConfig(filters=4, blocks=1, components=2),
            ),
            "training": TrainingConfig(steps=2, batch_size=4, steps_per_epoch=1),
            "evaluation": PyramidEvaluationConfig(batch_size=4, resolved_levels=2),
        }
    # Sizes whose export is less than 8 MB.
    sizes, length, batch = {
        "quick": (
            {
                "u_net_depth": 1,
                "norm_momentum": 0.9,
                "features": 32,
                "filters": 32,
                "layers": 1,
                "patch_size": 32,
            },
            200,
            8,
        ),
        "embedded": ({"u_net_depth": 2, "features": 32, "filters": 36, "layers": 1}, 4000, 16),
    }[preset]
    few_steps = {"seeds": 3, "beta_1": 0.9, "beta_2": 0.99} if preset == "quick" else {}
    return {
        **few_steps,
        "model": PixelPyramidsConfig(
            # As the released code has it: small levels have a quarter of the steps to trace.
            squeezes=(2, 2, 2, 2, 1),
            u_net_filters=16,
            components=5,
            patch_levels=2,
            coarsest=CoarsestConfig(filters=24, blocks=2, components=5),
            **sizes,
        ),
        "training": TrainingConfig(
            steps=length,
            batch_size=batch,
            learning_rate=1e-2 if preset == "quick" else 6e-3,
            schedule=ScheduleConfig(type="cosine", warmup_steps=20, end_factor=0.02),
            clip_norm=200_000.0,
            steps_per_epoch=length // 5,
            average_decay=0.98,
            validation_examples=64,
        ),
        "evaluation": PyramidEvaluationConfig(examples=200 if preset == "quick" else 500),
    }


def folder_presets(
    preset: str,
    model: Dict[str, Any],
    coarsest: Dict[str, Any],
    epochs: int,
    images: int,
    batch_size: int = 64,
) -> Dict[str, Any]:
    """Settings of the presets smoke and paper on a folder of images.

    Args:
      preset: smoke or paper.
      model: what differs from the paper's model; in smoke, of the smallest one, but for its size.
      coarsest: what differs from the paper's model of the coarsest image.
      epochs, images: how long it is trained, in passes over so many images.
      batch_size: images in a step.
    """
    settings = pyramid_presets(preset)
    settings["variants"] = ("full",)
    if preset == "smoke":
        kept = {name: value for name, value in model.items() if name == "bits"}
        settings["model"] = dataclasses.replace(settings["model"], **kept)
        return settings
    if preset != "paper":
        raise ConfigError(f"preset: got {preset!r}; wanted smoke or paper.")
    settings["model"] = PixelPyramidsConfig(**model, coarsest=CoarsestConfig(**coarsest))
    steps = epochs * images // batch_size
    settings["training"] = paper_training(
        steps, batch_size, steps_per_epoch=min(5000, max(1, steps // 100))
    )
    return settings
