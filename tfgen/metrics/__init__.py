"""Measures of evaluation."""

from tfgen.metrics.bits_per_dim import bits_per_dim
from tfgen.metrics.caption_tokens import caption_tokens
from tfgen.metrics.captions import (
    CAPTION_METRICS,
    CAPTION_METRICS_WITHOUT_JAVA,
    CaptionScores,
    caption_scores,
)
from tfgen.metrics.consensus import ConsensusRanking, consensus_ranking, nearest_neighbours
from tfgen.metrics.discrepancy import discrepancy_to_normal, maximum_mean_discrepancy
from tfgen.metrics.diversity import caption_diversity, kernel_diversity
from tfgen.metrics.elbo_split import elbo_split
from tfgen.metrics.feature_statistics import FeatureStatistics, frechet_distance
from tfgen.metrics.inception import InceptionNetwork, inception_score
from tfgen.metrics.inference_via_optimisation import ClosestImages, inference_via_optimisation
from tfgen.metrics.oracle import candidate_scores, oracle_scores
from tfgen.metrics.over_seeds import over_seeds
from tfgen.metrics.perceptual import PerceptualDistance
from tfgen.metrics.retrieval import retrieval_scores, similarity_retrieval_scores
from tfgen.metrics.sampling_seconds import sampling_seconds
from tfgen.metrics.streaming_mean import StreamingMean
from tfgen.metrics.word_entropy import word_entropy

__all__ = [
    "CAPTION_METRICS",
    "CAPTION_METRICS_WITHOUT_JAVA",
    "CaptionScores",
    "ClosestImages",
    "ConsensusRanking",
    "FeatureStatistics",
    "InceptionNetwork",
    "PerceptualDistance",
    "StreamingMean",
    "bits_per_dim",
    "candidate_scores",
    "caption_diversity",
    "caption_scores",
    "caption_tokens",
    "consensus_ranking",
    "discrepancy_to_normal",
    "elbo_split",
    "frechet_distance",
    "inception_score",
    "inference_via_optimisation",
    "kernel_diversity",
    "maximum_mean_discrepancy",
    "nearest_neighbours",
    "oracle_scores",
    "over_seeds",
    "retrieval_scores",
    "sampling_seconds",
    "similarity_retrieval_scores",
    "word_entropy",
]
