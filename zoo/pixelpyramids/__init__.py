"""PixelPyramids: exact, block-autoregressive models of images over a lossless pyramid."""

from zoo.pixelpyramids.coarsest import CoarsestImage
from zoo.pixelpyramids.comparison import (
    VARIANTS,
    PyramidComparison,
    PyramidStudyConfig,
    compare_variants,
    load_variant,
    train_variants,
)
from zoo.pixelpyramids.config import CoarsestConfig, PixelPyramidsConfig
from zoo.pixelpyramids.evaluation import (
    PyramidEvaluationConfig,
    SuperResolution,
    bicubic,
    measure_entropies,
    measure_pixelpyramids,
    measure_super_resolution,
)
from zoo.pixelpyramids.fine_level import FineLevel
from zoo.pixelpyramids.image_sets import (
    FolderConfig,
    FolderStudyConfig,
    load_folders,
    quantised,
    write_folders,
)
from zoo.pixelpyramids.job import PyramidJob
from zoo.pixelpyramids.model import PixelPyramids
from zoo.pixelpyramids.outliers import replace_outliers
from zoo.pixelpyramids.pixel_mixtures import PixelMixtures
from zoo.pixelpyramids.presets import folder_presets, paper_training, pyramid_presets
from zoo.pixelpyramids.reporting import draw_study, study_report
from zoo.pixelpyramids.sub_images import join_sub_images, split_sub_images

__all__ = [
    "VARIANTS",
    "CoarsestConfig",
    "CoarsestImage",
    "FineLevel",
    "FolderConfig",
    "FolderStudyConfig",
    "load_folders",
    "quantised",
    "write_folders",
    "PixelMixtures",
    "PixelPyramids",
    "PixelPyramidsConfig",
    "PyramidComparison",
    "PyramidEvaluationConfig",
    "PyramidJob",
    "PyramidStudyConfig",
    "SuperResolution",
    "bicubic",
    "compare_variants",
    "draw_study",
    "folder_presets",
    "join_sub_images",
    "load_variant",
    "measure_entropies",
    "measure_pixelpyramids",
    "measure_super_resolution",
    "paper_training",
    "pyramid_presets",
    "replace_outliers",
    "split_sub_images",
    "study_report",
    "train_variants",
]
