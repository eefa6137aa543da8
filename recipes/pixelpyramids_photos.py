"""PixelPyramids on photographs: differences and sub-images against models without.

    tfgen train pixelpyramids_photos --preset quick

Trains the full model (differences modulo 2^8, two squeezes), the model without modulo difference,
and those with 0, 1 and 3 squeezes, for equal steps, on patches of 64x64 pixels of two real
photographs, and measures exact bits/dim on patches of other regions of the photographs, the entropy
of every level, its share of the bits and of the pixels, and super-resolution from 16x16 pixels
against bicubic interpolation.

quick trains each of the five models from three seeds, for 200 steps of 8 images, on patches at the
finest level: 3807 s beside other work. Bits/dim on test patches, mean and deviation over seeds:

    full model (16 sub-images a level)    3.665 +- 0.021     96 steps of a sample
    without modulo difference             5.418 +- 0.057     96
    squeezes 0 (not autoregressive)       3.707 +- 0.020     24
    squeezes 1                            3.639 +- 0.018     48
    squeezes 3                            3.670 +- 0.023    432

So differences and sub-images both help (a level at once costs 0.042 +- 0.010 more with the same
seed), as in the paper (Table 7.4, in this order 0.61, 0.76, 0.83, 0.62, 0.61 on faces of 5 bits),
the differences by far the more after so short a training. --set "variants=[full]" trains the full
model alone, and --set model.as_released=true measures and draws as the released code does (see
`zoo.pixelpyramids.PyramidStudyConfig`).
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits, photos
from zoo.pixelpyramids import PyramidJob, PyramidStudyConfig, pyramid_presets

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "pixelpyramids"
SUMMARY = "Bits/dim of photographs by a lossless pyramid: the full model and its ablations"
DRAWS = "Draws patches of photographs of 64x64 pixels, scores them exactly, and adds detail."


@dataclasses.dataclass
class RecipeConfig(PyramidStudyConfig):
    """Everything that decides the result of a run.

    Attributes:
      train, validation, test: numbers of patches.
    """

    recipe: str = "pixelpyramids_photos"
    train: int = 50_000
    validation: int = 500
    test: int = 2_000


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    counts = {"train": 32, "validation": 8, "test": 8} if preset == "smoke" else {}
    return RecipeConfig(preset=preset, **pyramid_presets(preset), **counts)


def load_data(config: RecipeConfig) -> Splits:
    """Patches of scikit-learn's photographs, training and test patches of disjoint regions."""
    return photos(
        config.model.image_size,
        train=config.train,
        validation=config.validation,
        test=config.test,
        scales=(1,),
    )


JOB = PyramidJob(RecipeConfig, load_data, summary=DRAWS, max_megabytes=8.0)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
