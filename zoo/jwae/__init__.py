"""jWAE: joint Wasserstein autoencoders, aligned embeddings of images and texts."""

from zoo.jwae.canonical_correlation import CanonicalCorrelation, pooled_pixels, word_counts
from zoo.jwae.captioned_sets import (
    CaptionedJob,
    CaptionedSetConfig,
    captioned_presets,
    load_captioned,
)
from zoo.jwae.comparison import (
    AlignmentConfig,
    Training,
    linear_baseline,
    load_aligned,
    measure_alignments,
    sentences,
    train_aligned,
    trainings,
)
from zoo.jwae.config import ImagePathConfig, JWAEConfig, TextPathConfig, Variant, as_variant
from zoo.jwae.evaluation import Codes, RetrievalConfig, encode_source, measure_codes
from zoo.jwae.job import AlignmentJob
from zoo.jwae.model import JWAE, cosines
from zoo.jwae.reporting import alignment_report, draw_alignment
from zoo.jwae.semi_supervised_batches import SemiSupervisedBatches

__all__ = [
    "AlignmentConfig",
    "AlignmentJob",
    "CanonicalCorrelation",
    "CaptionedJob",
    "CaptionedSetConfig",
    "Codes",
    "ImagePathConfig",
    "JWAE",
    "JWAEConfig",
    "RetrievalConfig",
    "SemiSupervisedBatches",
    "TextPathConfig",
    "Training",
    "Variant",
    "alignment_report",
    "as_variant",
    "captioned_presets",
    "cosines",
    "draw_alignment",
    "encode_source",
    "linear_baseline",
    "load_aligned",
    "load_captioned",
    "measure_alignments",
    "measure_codes",
    "pooled_pixels",
    "sentences",
    "train_aligned",
    "trainings",
    "word_counts",
]
