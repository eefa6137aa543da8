"""Settings of the comparisons of priors on images of 32x32 pixels in colour."""

from __future__ import annotations

from typing import Any, Dict

from tfgen.training import ScheduleConfig, TrainingConfig
from zoo.flows import FlowConfig, FlowEvaluationConfig, PriorConfig

__all__ = ["comparison_presets", "paper_model", "paper_training"]


def paper_model(**changes) -> FlowConfig:
    """The flow of the paper with affine couplings: 3 levels of 32 steps, 512 channels.

    Where the paper is silent, the values are those of the released code.
    """
    return FlowConfig(**{"levels": 3, "steps": 32, "filters": 512, **changes})


def paper_training(steps: int, **changes) -> TrainingConfig:
    """Adamax with rate 8e-4 and batches of 128; 64 for mixture-CDF couplings."""
    settings = {"batch_size": 128, "learning_rate": 8e-4, "optimizer": "adamax", **changes}
    return TrainingConfig(steps=steps, precision="auto", **settings)


def comparison_presets(preset: str) -> Dict[str, Any]:
    """model, training, evaluation and seeds of a preset, for images of 32x32 pixels in colour."""
    if preset == "paper":
        return {
            "model": paper_model(),
            "training": paper_training(steps=500_000),
            "evaluation": FlowEvaluationConfig(),
        }
    if preset == "smoke":
        prior = PriorConfig(filters=4, layers=1, kernel_sizes=(3,), dilations=(1,))
        return {
            "model": FlowConfig(image_size=8, levels=2, steps=1, filters=4, prior=prior),
            "training": TrainingConfig(steps=2, batch_size=4, steps_per_epoch=1),
            "evaluation": FlowEvaluationConfig(batch_size=4),
        }
    # The paper's prior has a thirtieth of its flow's parameters; these have no more of theirs. Its
    # steps come one after the other, so the flow beside them must not be too small either.
    sizes = {"quick": (6, 64, 4, 600), "embedded": (8, 96, 8, 2400)}
    steps, filters, prior_filters, length = sizes[preset]
    prior = PriorConfig(filters=prior_filters, layers=1, kernel_sizes=(3,), dilations=(1,))
    # Scales sigmoid(r + 2) have no lower bound. Trained so, flows of rendered scenes (quick) drew
    # NaN in most samples of the mAR prior: far from the data, the last couplings divide by 0.
    coupling = "bounded_affine"
    return {
        "seeds": 3,
        "model": FlowConfig(coupling=coupling, steps=steps, filters=filters, prior=prior),
        "training": TrainingConfig(
            steps=length,
            batch_size=16,
            optimizer="adamax",
            learning_rate=4e-3,
            clip_norm=5000.0,
            steps_per_epoch=200,
            average_decay=0.99,
            schedule=ScheduleConfig(type="cosine", warmup_steps=50, end_factor=0.02),
        ),
        "evaluation": FlowEvaluationConfig(noise_draws=2),
    }
