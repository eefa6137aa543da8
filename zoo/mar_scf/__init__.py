"""mAR-SCF: flows with multi-scale autoregressive priors, against the same flows without."""

from zoo.mar_scf.comparison import (
    Comparison,
    ComparisonConfig,
    compare,
    load_flow,
    sequential_steps,
    train_flow,
    train_flows,
)
from zoo.mar_scf.image_sets import (
    ImageNetComparison,
    ImageNetConfig,
    ImageSetComparison,
    ImageSetConfig,
    imagenet_presets,
    load_image_set,
)
from zoo.mar_scf.interpolation import (
    interpolation_objective,
    project_latents,
    projected_interpolation,
)
from zoo.mar_scf.job import ComparisonJob
from zoo.mar_scf.presets import comparison_presets, paper_model, paper_training
from zoo.mar_scf.reporting import comparison_report, draw_comparison

__all__ = [
    "Comparison",
    "ComparisonConfig",
    "ComparisonJob",
    "ImageNetComparison",
    "ImageNetConfig",
    "ImageSetComparison",
    "ImageSetConfig",
    "compare",
    "comparison_presets",
    "comparison_report",
    "draw_comparison",
    "imagenet_presets",
    "interpolation_objective",
    "load_flow",
    "load_image_set",
    "paper_model",
    "paper_training",
    "project_latents",
    "projected_interpolation",
    "sequential_steps",
    "train_flow",
    "train_flows",
]
