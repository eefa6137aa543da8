"""PixelPyramids on CelebA-HQ: faces of 1024x1024 pixels and 8 bits.

    tfgen train pixelpyramids_celebahq1024 --preset paper --set data.directory=CELEBA_HQ

CELEBA_HQ is a folder with the 30 000 images of CelebA-HQ as PNG, JPEG or WebP files. 1000 of them
validate and 3000 test, chosen by file names; with sub-folders train, validation and test these are
the splits. The three finest levels are trained on random patches of 256x256 pixels. The smoke
preset needs no data: it makes a few noise images.

To expect: Table 7.3 of Mahajan's thesis (Mahajan and Roth, ICCV 2021), bits/dim on the test images:
0.58; super-resolution from 128x128 pixels (Appendix E.3): 27.25 dB, bicubic 23.18 dB. They are the
paper's; of this recipe, nothing but the smoke preset was run here.

The thesis says neither how long it trained, the size of the patches nor how the depth of the U-Nets
is limited: 100 epochs, 256 pixels and four halvings are the released code's. The model has about
256 million weights, that of Table E.1 349 million. For the faults of the released code (see
`zoo.pixelpyramids.PyramidStudyConfig`): --set model.as_released=true. model.recompute=true takes
less memory and more time; levels_apart=true trains one level at a time.

The U-Nets are not the released ones: those have min(max(L - 5 - i, 1), 4) halvings at
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
SUMMARY = "Bits/dim of CelebA-HQ at 1024x1024 pixels and 8 bits (your own copy)"
DRAWS = "Draws faces of 1024x1024 pixels, scores such images exactly, and adds detail."
LICENCE = "CelebA-HQ's terms: non-commercial research"
DATA = "celeba_hq"


@dataclasses.dataclass
class RecipeConfig(FolderStudyConfig):
    """Everything that decides the result of a run."""

    recipe: str = "pixelpyramids_celebahq1024"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    settings = folder_presets(
        preset,
        model={"image_size": 1024, "patch_size": 256, "patch_levels": 3},
        coarsest={"filters": 96, "blocks": 5},
        epochs=100,
        images=26_000,
        batch_size=32,
    )
    # From 128 to 1024 pixels; evaluation takes whole images.
    settings["evaluation"].batch_size = 1
    settings["evaluation"].resolved_levels = 6
    # 26 000, 1000 and 3000 of 30 000.
    data = FolderConfig(validation_share=1 / 30, test_share=0.1)
    return RecipeConfig(preset=preset, data=data, **settings)


def load_data(config: RecipeConfig) -> Splits:
    """The images; noise for the smoke preset, where no folder is named."""
    return load_folders(config, DATA)


JOB = PyramidJob(RecipeConfig, load_data, summary=DRAWS, licence=LICENCE)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
