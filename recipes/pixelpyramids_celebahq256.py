"""PixelPyramids on CelebA-HQ: faces of 256x256 pixels and 5 bits.

    tfgen train pixelpyramids_celebahq256 --preset paper --set data.directory=CELEBA_HQ

CELEBA_HQ is a folder with the 30 000 images of CelebA-HQ, of any size from 256 pixels, as PNG,
JPEG or WebP files; they are made smaller, and the 5 most significant bits of each value are kept.
1000 of them validate and 3000 test, chosen by file names; with sub-folders train, validation and
test these are the splits. The smoke preset needs no data: it makes a few noise images.

To expect: Table 7.1 of Mahajan's thesis (Mahajan and Roth, ICCV 2021), bits/dim on the test images:
0.61; Table 7.4: without modulo difference 0.76, with 0, 1, 2 and 3 squeezes 0.83, 0.62, 0.61, 0.61.
They are the paper's; of this recipe, nothing but the smoke preset was run here. For the ablations:
--set "variants=[full, no_modulo_difference, squeezes_0, squeezes_1, squeezes_3]".

The thesis says neither for how long it trained nor how the depth of the U-Nets is limited; 100
epochs, and four halvings at most, are the released code's, as is the PixelCNN++ of 32 filters and
2 blocks, with which the number of weights is that of Table E.1, 166 million, to 4 per cent (the
text has 96 and 5). The released code differs from the text besides; for its settings:

    --set training.learning_rate=5e-4 --set training.batch_size=48 \
    --set "model.squeezes=[2, 2, 2, 2, 1]"

and for its faults (see `zoo.pixelpyramids.PyramidStudyConfig`) --set model.as_released=true.
model.recompute=true takes less memory and more time; levels_apart=true trains one level at a time.

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
SUMMARY = "Bits/dim of CelebA-HQ at 256x256 pixels and 5 bits (your own copy)"
DRAWS = "Draws faces of 256x256 pixels and 5 bits, scores such images exactly, and adds detail."
LICENCE = "CelebA-HQ's terms: non-commercial research"
DATA = "celeba_hq"


@dataclasses.dataclass
class RecipeConfig(FolderStudyConfig):
    """Everything that decides the result of a run."""

    recipe: str = "pixelpyramids_celebahq256"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    settings = folder_presets(
        preset,
        model={"image_size": 256, "bits": 5},
        coarsest={"filters": 32, "blocks": 2},
        epochs=100,
        images=26_000,
    )
    # 26 000, 1000 and 3000 of 30 000.
    data = FolderConfig(validation_share=1 / 30, test_share=0.1)
    return RecipeConfig(preset=preset, data=data, **settings)


def load_data(config: RecipeConfig) -> Splits:
    """The images; noise for the smoke preset, where no folder is named."""
    return load_folders(config, DATA)


JOB = PyramidJob(RecipeConfig, load_data, summary=DRAWS, licence=LICENCE)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
