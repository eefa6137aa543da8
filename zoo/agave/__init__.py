"""AGAVE: a VAE whose decoder, with an auxiliary loss of its own, guides a PixelCNN."""

from zoo.agave.auxiliary import auxiliary_image
from zoo.agave.comparison import (
    AGAVEComparison,
    collapse_step,
    compare_agave,
    load_agave,
    train_agave,
)
from zoo.agave.config import AGAVEConfig, PixelDecoderConfig
from zoo.agave.evaluation import (
    AGAVEEvaluationConfig,
    measure_agave,
    measure_guidance,
    measure_importance_bound,
    measure_interpolation,
)
from zoo.agave.job import AGAVEJob
from zoo.agave.model import AGAVE, Pictures
from zoo.agave.presets import agave_presets, paper_presets
from zoo.agave.variants import AGAVEStudyConfig, trainings, variant_model

__all__ = [
    "AGAVEJob",
    "AGAVE",
    "AGAVEComparison",
    "AGAVEConfig",
    "AGAVEEvaluationConfig",
    "AGAVEStudyConfig",
    "Pictures",
    "PixelDecoderConfig",
    "agave_presets",
    "auxiliary_image",
    "collapse_step",
    "compare_agave",
    "load_agave",
    "measure_agave",
    "measure_guidance",
    "measure_importance_bound",
    "measure_interpolation",
    "paper_presets",
    "train_agave",
    "trainings",
    "variant_model",
]
