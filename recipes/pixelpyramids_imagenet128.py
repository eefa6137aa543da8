"""PixelPyramids on ImageNet of 128x128 pixels and 8 bits.

    tfgen train pixelpyramids_imagenet128 --preset paper --set data.directory=ILSVRC2012

ILSVRC2012 is a folder with the sub-folders train and val (or validation), whose images lie in any
sub-folders of theirs. Each is cut along its longer side to a square and made smaller. The 50 000
images of val test; a hundredth of the training images validates. The smoke preset needs no data: it
makes a few noise images.

To expect: Table 7.2 of Mahajan's thesis (Mahajan and Roth, ICCV 2021), bits/dim on the 50 000
images: 3.40. It is the paper's; of this recipe, nothing but the smoke preset was run here.

The thesis does not say how long it trained; here it is 50 passes over the images. How the depth of
the U-Nets is limited, it does not say either: with four halvings, the released code's, and the
stated 128 channels in their first layers the model has about 466 million weights, and with
model.u_net_depth=3 about 155 million; that of Table E.1 has 346 million. For the faults of the
released code (see `zoo.pixelpyramids.PyramidStudyConfig`): --set model.as_released=true.
levels_apart=true trains one level at a time.

The U-Nets are not the released ones: those have min(max(5 - (i - 1) // 2, 1), 4) halvings at
level i, here min(max(L - i, 1), 4), and twice the convolutions in a stage. So where the
numbers of weights agree, they do by chance.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits
from zoo.pixelpyramids import (
    FolderConfig,
    FolderStudyConfig,
    PyramidJob,
    folder_presets,
    load_folders,
)

PRESETS = ("smoke", "paper")
SYSTEM = "pixelpyramids"
SUMMARY = "Bits/dim of ImageNet at 128x128 pixels and 8 bits (your own copy)"
DRAWS = "Draws photographs of ImageNet, 128x128 pixels, scores such exactly, and adds detail."
LICENCE = "ImageNet's terms: non-commercial research"
DATA = "imagenet"


@dataclasses.dataclass
class RecipeConfig(FolderStudyConfig):
    """Everything that decides the result of a run."""

    recipe: str = "pixelpyramids_imagenet128"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    settings = folder_presets(
        preset,
        model={"image_size": 128, "u_net_filters": 128},
        coarsest={"filters": 96, "blocks": 5},
        epochs=50,
        images=1_281_167,
    )
    data = FolderConfig(check="header")
    return RecipeConfig(preset=preset, data=data, **settings)


def load_data(config: RecipeConfig) -> Splits:
    """The images; noise for the smoke preset, where no folder is named."""
    return load_folders(config, DATA)


JOB = PyramidJob(RecipeConfig, load_data, summary=DRAWS, licence=LICENCE)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
