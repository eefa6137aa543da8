"""mAR-SCF on photographs: does an autoregressive prior over channels improve a flow?

    tfgen train mar_scf_photos --preset quick

Trains the same flow (affine couplings, Glow's steps) with a Gaussian prior and with the mAR prior,
for equal steps, on patches of 32x32 pixels of two real photographs, from several seeds, and
measures bits/dim of the discrete pixels on patches of other regions of the photographs.

quick, 3 seeds, 840 s on two cores busy with as much again, bits/dim on 2000 test patches, mean and
standard deviation over the seeds:

    Gaussian prior    3.811 ± 0.024      261 456 parameters
    mAR prior         3.613 ± 0.011      277 366 parameters
    difference        0.198 ± 0.014      of the same seed; 0.185 at least

Sampling 32 patches takes 2.4 times as long: 66 steps one after the other beside a small flow.
embedded has not been run. With scales sigmoid(r + 2), that have no lower bound
(model.coupling=affine), the numbers were 4.110 ± 0.017 and 3.744 ± 0.030.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits, photos
from zoo.mar_scf import ComparisonConfig, ComparisonJob, comparison_presets

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "mar_scf"
SUMMARY = "Bits/dim of patches of photographs: a flow with Gaussian and with autoregressive prior"
DRAWS = "Draws patches of photographs of 32x32 pixels, and scores them exactly."


@dataclasses.dataclass
class RecipeConfig(ComparisonConfig):
    """Everything that decides the result of a run.

    Attributes:
      train, validation, test: numbers of patches.
    """

    recipe: str = "mar_scf_photos"
    train: int = 50_000
    validation: int = 500
    test: int = 2_000


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    counts = {"train": 32, "validation": 8, "test": 8} if preset == "smoke" else {}
    return RecipeConfig(preset=preset, **comparison_presets(preset), **counts)


def load_data(config: RecipeConfig) -> Splits:
    """Patches of scikit-learn's photographs, training and test patches of disjoint regions."""
    return photos(
        config.model.image_size,
        train=config.train,
        validation=config.validation,
        test=config.test,
    )


JOB = ComparisonJob(RecipeConfig, load_data, summary=DRAWS, max_megabytes=8.0)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
