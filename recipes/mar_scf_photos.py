"""mAR-SCF on photographs: does an autoregressive prior over channels improve a flow?

    tfgen train mar_scf_photos --preset quick

Trains the same flow (affine couplings, Glow's steps) with a Gaussian prior and with the mAR prior,
for equal steps, on patches of 32x32 pixels of two real photographs, from several seeds, and
measures bits/dim of the discrete pixels on patches of other regions of the photographs.

quick, 3 seeds, 24 minutes of which it stood still or shared its two cores for about 16, bits/dim on
2000 test patches, mean and standard deviation over the seeds:

    Gaussian prior    3.702 ± 0.023      534 456 parameters
    mAR prior         3.608 ± 0.017      540 690 parameters
    difference        0.094 ± 0.008      of the same seed; 0.084 at least

Sampling takes 1.4 times as long on two idle cores, as in mar_scf_two_objects, whose flow has the
same sizes. embedded has not been run. With smaller flows (4 steps, 48 filters) beside a prior of 8
filters the difference was 0.198 ± 0.014 and sampling took 2.4 times as long; there, with scales
sigmoid(r + 2) that have no lower bound (model.coupling=affine), bits/dim were 4.110 ± 0.017 and
3.744 ± 0.030.
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
