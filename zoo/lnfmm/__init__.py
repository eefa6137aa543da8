"""LNFMM: images and texts both ways, with flow priors, and the conditional VAEs beside it."""

from zoo.lnfmm.comparison import (
    CaptionStudyConfig,
    CaptionTraining,
    caption_trainings,
    load_caption_model,
    train_caption_model,
)
from zoo.lnfmm.conditional_vae import ConditionalVAE
from zoo.lnfmm.config import (
    CaptionNetworkConfig,
    ConditionalVAEConfig,
    LNFMMConfig,
    LNFMMWeights,
)
from zoo.lnfmm.discriminator import ImageDiscriminator
from zoo.lnfmm.evaluation import (
    CaptionEvaluationConfig,
    caption_numbers,
    generate_captions,
    image_neighbours,
    mean_terms,
)
from zoo.lnfmm.flow_prior import FlowPrior, gaussian_log_prob
from zoo.lnfmm.image_evaluation import closest_distance, draw_for_texts, judged_numbers
from zoo.lnfmm.image_networks import FeatureEncoder, ImageDecoder, ImageEncoder, SelfAttention
from zoo.lnfmm.job import CaptionJob
from zoo.lnfmm.measurement import CaptionComparison, Judges, measure_captions, summarise
from zoo.lnfmm.model import LNFMM
from zoo.lnfmm.presets import caption_presets
from zoo.lnfmm.reporting import caption_report, draw_captions, draw_code_map, draw_images
from zoo.lnfmm.text_networks import TextNetworks
from zoo.lnfmm.unpaired import partly_paired

__all__ = [
    "CaptionJob",
    "CaptionComparison",
    "CaptionEvaluationConfig",
    "CaptionNetworkConfig",
    "CaptionStudyConfig",
    "CaptionTraining",
    "ConditionalVAE",
    "ConditionalVAEConfig",
    "FeatureEncoder",
    "FlowPrior",
    "ImageDecoder",
    "ImageDiscriminator",
    "ImageEncoder",
    "Judges",
    "LNFMM",
    "LNFMMConfig",
    "LNFMMWeights",
    "SelfAttention",
    "TextNetworks",
    "caption_numbers",
    "caption_presets",
    "caption_report",
    "caption_trainings",
    "closest_distance",
    "draw_captions",
    "draw_code_map",
    "draw_for_texts",
    "draw_images",
    "gaussian_log_prob",
    "generate_captions",
    "image_neighbours",
    "judged_numbers",
    "load_caption_model",
    "mean_terms",
    "measure_captions",
    "partly_paired",
    "summarise",
    "train_caption_model",
]
