"""Training: the model base class, strategy, configuration, callbacks, runs."""

from tfgen.training.adversarial_model import AdversarialModel
from tfgen.training.aggregate import AggregateFit, encode_source, fit_aggregate
from tfgen.training.averaging import (
    AveragingAdam,
    AveragingAdamax,
    averaged_weights,
    make_optimizer,
    restart_averages,
    use_averaged_weights,
)
from tfgen.training.backbones import check_feature_size, named_backbone
from tfgen.training.checkpoints import CheckpointError, Checkpoints
from tfgen.training.compilation import compiled
from tfgen.training.configuration import Config, ConfigError, flatten, load_config, save_config
from tfgen.training.figures import grid, save_curves, save_png, visible
from tfgen.training.fit import build, fit, restore
from tfgen.training.fused_optimizers import FusedAdam, FusedAdamax
from tfgen.training.generative_model import GenerativeModel
from tfgen.training.keeper import NonFiniteError, TrainingInterrupted
from tfgen.training.run_directory import RunDirectory, RunDirectoryError
from tfgen.training.schedules import learning_rate_schedule, linear_warmup
from tfgen.training.strategy import is_chief, make_strategy, set_determinism, set_precision
from tfgen.training.training_config import ScheduleConfig, TrainingConfig
from tfgen.training.wall_clock import WallClock

__all__ = [
    "AdversarialModel",
    "AggregateFit",
    "AveragingAdam",
    "AveragingAdamax",
    "CheckpointError",
    "Checkpoints",
    "Config",
    "ConfigError",
    "FusedAdam",
    "FusedAdamax",
    "GenerativeModel",
    "NonFiniteError",
    "RunDirectory",
    "RunDirectoryError",
    "ScheduleConfig",
    "TrainingConfig",
    "TrainingInterrupted",
    "WallClock",
    "averaged_weights",
    "build",
    "check_feature_size",
    "compiled",
    "encode_source",
    "fit",
    "fit_aggregate",
    "flatten",
    "grid",
    "is_chief",
    "learning_rate_schedule",
    "linear_warmup",
    "load_config",
    "make_optimizer",
    "make_strategy",
    "named_backbone",
    "restore",
    "restart_averages",
    "save_config",
    "save_curves",
    "save_png",
    "set_determinism",
    "set_precision",
    "use_averaged_weights",
    "visible",
]
