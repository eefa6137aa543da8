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

from tfgen.data import Splits, photos
from zoo.agave import AGAVEJob, AGAVEStudyConfig, agave_presets

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


JOB = AGAVEJob(RecipeConfig, load_data, MAX_MEGABYTES, summary=DRAWS)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
