"""AGAVE on photographs: what of an image its latent code tells, and what a PixelCNN adds.

    tfgen train agave_photos --preset quick

Trains a VAE and a PixelCNN++ that is given the means the VAE decodes, on patches of 16x16 pixels of
two real photographs: each alone, then together with the auxiliary loss. Variants: weights lambda =
1, 2, 4, 8, 12 of the KL; auxiliary images of 32 and 16 colour levels instead of 256; no auxiliary
loss from the start (naive), and the model of lambda = 8 trained on without it (dropped). Each is
measured on patches of other regions of the photographs.

Each is trained from one seed; how long it takes was not measured yet. embedded has auxiliary images
of 8x8 pixels and restricted decoders too. The preset paper has the paper's networks on these
patches, which the paper has not.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Dict

from tfgen.data import Splits, photos
from tfgen.training import RunDirectory, load_config
from zoo.agave import (
    AGAVE,
    AGAVEStudyConfig,
    agave_presets,
    agave_study,
    compare_agave,
    export_agave,
    load_agave,
)

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "agave"
SUMMARY = "Latent codes of photographs that a PixelCNN++ listens to: bounds, lambda, no collapse"
DRAWS = "Draws patches of photographs of 16x16 pixels, from a latent code and then pixel by pixel."
MAX_MEGABYTES = 8.0


@dataclasses.dataclass
class RecipeConfig(AGAVEStudyConfig):
    """Everything that decides the result of a run.

    Attributes:
      train, validation, test: numbers of patches.
    """

    recipe: str = "agave_photos"
    train: int = 50_000
    validation: int = 200
    test: int = 1_000


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    image = {"image_size": 16, "channels": 3, "values": 256}
    counts = {"train": 32, "validation": 8, "test": 8} if preset == "smoke" else {}
    settings = agave_presets(preset, image, levels=(32, 16), batch_size=16)
    return RecipeConfig(preset=preset, **settings, **counts)


def load_data(config: RecipeConfig) -> Splits:
    """Patches of scikit-learn's photographs, training and test patches of disjoint regions."""
    return photos(
        config.model.vae.image_size,
        train=config.train,
        validation=config.validation,
        test=config.test,
    )


def run(config: RecipeConfig, run: RunDirectory) -> Dict[str, float]:
    """Trains all variants, measures, reports, exports, draws; the numbers of report.json."""
    return agave_study(config, load_data(config), run, DRAWS, max_megabytes=_limit(config))


def evaluate(run: RunDirectory) -> Dict[str, float]:
    """Measures a finished run again, on its test split."""
    config = read_config(run)
    return compare_agave(config, load_data(config), run).numbers


def load_model(run: RunDirectory) -> AGAVE:
    """The exported model: the main variant, of the first seed."""
    config = read_config(run)
    return load_agave(config, config.main, config.seed, load_data(config).train, run)


def export(run: RunDirectory, directory: pathlib.Path) -> pathlib.Path:
    """Exports a finished run as the next version of directory."""
    config = read_config(run)
    numbers = json.loads((run.path / "report.json").read_text(encoding="utf-8"))
    data = load_data(config)
    model = load_agave(config, config.main, config.seed, data.train, run)
    return export_agave(config, model, numbers, data, directory, DRAWS, _limit(config))


def read_config(run: RunDirectory) -> RecipeConfig:
    """The configuration that a run was started with."""
    return load_config(RecipeConfig(), run.config_file)


def _limit(config):
    return None if config.preset == "paper" else MAX_MEGABYTES
