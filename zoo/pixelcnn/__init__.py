"""PixelCNN++ and the gated PixelCNN: exact likelihoods, samples pixel by pixel from a cache."""

from zoo.pixelcnn.config import PixelCNNConfig
from zoo.pixelcnn.evaluation import PixelCNNEvaluationConfig, measure_pixel_cnn
from zoo.pixelcnn.job import PixelCNNJob
from zoo.pixelcnn.model import PixelCNN
from zoo.pixelcnn.reporting import draw_study, study_report
from zoo.pixelcnn.study import (
    StudyConfig,
    export_pixel_cnn,
    load_pixel_cnn,
    measure_study,
    study,
)

__all__ = [
    "PixelCNNJob",
    "PixelCNN",
    "PixelCNNConfig",
    "PixelCNNEvaluationConfig",
    "StudyConfig",
    "draw_study",
    "export_pixel_cnn",
    "load_pixel_cnn",
    "measure_pixel_cnn",
    "measure_study",
    "study",
    "study_report",
]
