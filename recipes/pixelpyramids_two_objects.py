"""PixelPyramids on rendered scenes: differences and sub-images against models without.

    tfgen train pixelpyramids_two_objects --preset quick

Trains the full model (differences modulo 2^8, two squeezes), the model without modulo difference,
and those with 0, 1 and 3 squeezes, for equal steps, on pictures of two objects of 64x64 pixels,
and measures exact bits/dim on the test split, the entropy of every level, its share of the bits
and of the pixels, and super-resolution from 16x16 pixels against bicubic interpolation.

quick trains each of the five models from three seeds, for 200 steps of 8 images, on patches at the
finest level, in 1456 s on two cores. Bits/dim of 500 test images, and above the full model's:

    full model               1.464 +- 0.018
    no modulo difference     3.383 +- 0.045    +1.919
    squeezes 0               1.468 +- 0.040    +0.004, all pixels of a level at once
    squeezes 1               1.475 +- 0.004    +0.011
    squeezes 3               1.456 +- 0.032    -0.008

So the modulo difference is worth far more than in the paper (0.61, 0.76 and 0.83 bits/dim there)
after so few steps, and autoregression nothing that three seeds would show, which is not the paper's
order; on photographs it helps (pixelpyramids_photos).
--set model.as_released=true measures and draws as the released code does (see
`zoo.pixelpyramids.PyramidStudyConfig`).

saved_models/pixelpyramids_two_objects is the full model alone, of one seed, trained longer:

    tfgen train pixelpyramids_two_objects --preset quick --set "variants=[full]" --set seeds=1 \\
        --set training.steps=4000 --set training.steps_per_epoch=500 \\
        --set training.average_decay=0.995 --set train=24000

It has 0.846 bits/dim on 500 test images, 917 796 parameters and 96 steps of a sample, after 2077 s
on two busy cores. The finest level has half of the pixels and 40 % of the bits. Super-resolution
from 16x16 pixels has 19.5 dB and bicubic interpolation 24.5: a sample is not a mean. Files of 256
test images are 30 % smaller than lossless WebP's (tfgen benchmark codec).

On these scenes autoregression tells little: edges follow from the coarse image once shapes are
learnt. The finest level alone, 1 seed at rate 0.01, has 0.371 bits of every image's dimension after
2500 steps with 16 sub-images, and 0.372 with one.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits, in_memory, two_objects
from zoo.pixelpyramids import PyramidJob, PyramidStudyConfig, pyramid_presets

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "pixelpyramids"
SUMMARY = "Bits/dim of rendered scenes by a lossless pyramid: the full model and its ablations"
DRAWS = "Draws pictures of two objects of 64x64 pixels, scores them exactly, and adds detail."


@dataclasses.dataclass
class RecipeConfig(PyramidStudyConfig):
    """Everything that decides the result of a run.

    Attributes:
      train, validation, test: numbers of rendered images.
      cache: directory that keeps them for the next run, or "".
    """

    recipe: str = "pixelpyramids_two_objects"
    train: int = 40_000
    validation: int = 500
    test: int = 2_000
    cache: str = "cache"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    counts = {
        "smoke": {"train": 32, "validation": 8, "test": 8, "cache": ""},
        "quick": {"train": 6_000, "validation": 64, "test": 500},
    }
    return RecipeConfig(preset=preset, **pyramid_presets(preset), **counts.get(preset, {}))


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


JOB = PyramidJob(RecipeConfig, load_data, summary=DRAWS, max_megabytes=8.0)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
