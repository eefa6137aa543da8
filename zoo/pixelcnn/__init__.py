"""PixelCNN++ and the gated PixelCNN: exact likelihoods, samples pixel by pixel from a cache."""

from zoo.pixelcnn.config import PixelCNNConfig
from zoo.pixelcnn.evaluation import PixelCNNEvaluationConfig, measure_pixel_cnn
from zoo.pixelcnn.job import PixelCNNJob
from zoo.pixelcnn.model import PixelCNN
from zoo.pixelcnn.reporting import draw_study, study_report
from zoo.pixelcnn.study import (
    StudyConfig,
    load_pixel_cnn,
    measure_pixel_cnns,
    train_pixel_cnns,
)

__all__ = [
    "PixelCNNJob",
    "PixelCNN",
    "PixelCNNConfig",
    "PixelCNNEvaluationConfig",
    "StudyConfig",
    "draw_study",
    "load_pixel_cnn",
    "measure_pixel_cnn",
    "measure_pixel_cnns",
    "study_report",
    "train_pixel_cnns",
]
