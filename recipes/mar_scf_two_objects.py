"""mAR-SCF on rendered scenes: does an autoregressive prior over channels improve a flow?

    tfgen train mar_scf_two_objects --preset quick

Trains the same flow (affine couplings, Glow's steps) with a Gaussian prior and with the mAR prior,
for equal steps, on pictures of two objects of 32x32 pixels, from several seeds, and measures
bits/dim of the discrete pixels on the test split.

quick, 3 seeds, 709 s on two cores of which tests took one, bits/dim on 2000 test pictures, mean and
standard deviation over the seeds:

    Gaussian prior    2.568 ± 0.026      534 456 parameters
    mAR prior         2.494 ± 0.020      540 690 parameters
    difference        0.075 ± 0.007      of the same seed; 0.067 at least

Sampling 32 pictures takes 1.4 times as long on two idle cores (1.39 to 1.42, weights as they start;
the run itself, beside tests and before steps took slices, 1.6).

embedded, 1 seed (--set seeds=1), 1192 s on two cores busy with as much again, 2000 test pictures:

    Gaussian prior    1.849      1 128 864 parameters
    mAR prior         1.832      1 144 774 parameters; sampling 1.43 to 1.46 times as long on two
                                 idle cores

saved_models/mar_scf_two_objects is the flow with the mAR prior of that run; its graph and its card
are of before the steps were made faster. With smaller flows (4 steps, 48 filters) beside a prior of
8 filters the difference was 0.177 ± 0.028 and sampling took 3.1 times as long. There, with scales
sigmoid(r + 2) that have no lower bound (model.coupling=affine), the numbers were 3.161 ± 0.048 and
2.739 ± 0.023, and most samples of the mAR prior were NaN.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits, in_memory, two_objects
from zoo.mar_scf import ComparisonConfig, ComparisonJob, comparison_presets

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "mar_scf"
SUMMARY = "Bits/dim of rendered scenes: a flow with Gaussian and with autoregressive prior"
DRAWS = "Draws pictures of two objects, and scores them exactly."


@dataclasses.dataclass
class RecipeConfig(ComparisonConfig):
    """Everything that decides the result of a run.

    Attributes:
      train, validation, test: numbers of rendered images.
      cache: directory that keeps them for the next run, or "".
    """

    recipe: str = "mar_scf_two_objects"
    train: int = 40_000
    validation: int = 500
    test: int = 2_000
    cache: str = "cache"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    counts = {"train": 32, "validation": 8, "test": 8, "cache": ""} if preset == "smoke" else {}
    return RecipeConfig(preset=preset, **comparison_presets(preset), **counts)


def load_data(config: RecipeConfig) -> Splits:
    """The pictures, each rendered once."""
    splits = two_objects(
        config.model.image_size,
        train=config.train,
        validation=config.validation,
        test=config.test,
        jit_compile=config.train > 1000,
    )
    return splits.map(lambda source: in_memory(source, config.cache or None))


JOB = ComparisonJob(RecipeConfig, load_data, summary=DRAWS, max_megabytes=8.0)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
