"""PixelPyramids on a category of LSUN: scenes of 128x128 pixels and 5 bits.

    tfgen train pixelpyramids_lsun --preset paper --set data.directory=LSUN_TOWER

LSUN_TOWER is a folder with the sub-folders train and val: the images of a category, exported from
LSUN's databases as files (JPEG, WebP or PNG). The central 256x256 pixels of each are cut out and
made half as large, and the 5 most significant bits of each value are kept. The 300 images of val
test; a hundredth of the training images validates. The smoke preset needs no data: it makes a few
noise images.

To expect: Table 7.1 of Mahajan's thesis (Mahajan and Roth, ICCV 2021), bits/dim on the 300 images:
bedroom 0.88, tower 0.95, church outdoor 1.07. They are the paper's; of this recipe, nothing but the
smoke preset was run here.

The thesis does not say how long it trained; here it is 10 passes over a million images. How the
depth of the U-Nets is limited, it does not say either: four halvings are the released code's. The
model has about 139 million weights, that of Table E.1 224 million. The released code trains with a
batch of 4, and for its faults (see `zoo.pixelpyramids.PyramidStudyConfig`):
--set model.as_released=true. levels_apart=true trains one level at a time.

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
SUMMARY = "Bits/dim of a category of LSUN at 128x128 pixels and 5 bits (your own copy)"
DRAWS = "Draws scenes of 128x128 pixels and 5 bits, scores such images exactly, and adds detail."
LICENCE = "LSUN's terms: non-commercial research"
DATA = "lsun"


@dataclasses.dataclass
class RecipeConfig(FolderStudyConfig):
    """Everything that decides the result of a run."""

    recipe: str = "pixelpyramids_lsun"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    settings = folder_presets(
        preset,
        model={"image_size": 128, "bits": 5},
        coarsest={"filters": 96, "blocks": 5},
        epochs=10,
        images=1_000_000,
    )
    data = FolderConfig(crop=256, check="header")
    return RecipeConfig(preset=preset, data=data, **settings)


def load_data(config: RecipeConfig) -> Splits:
    """The images; noise for the smoke preset, where no folder is named."""
    return load_folders(config, DATA)


JOB = PyramidJob(RecipeConfig, load_data, summary=DRAWS, licence=LICENCE)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
