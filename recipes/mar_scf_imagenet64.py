"""mAR-SCF on ImageNet of 64x64 pixels: a flow whose prior is autoregressive over channels.

    tfgen train mar_scf_imagenet64 --preset paper --set data.directory=IMAGENET

IMAGENET is a folder that holds train_64x64/*.png and valid_64x64/*.png (van den Oord et al.'s
images, those of the literature on flows), or Chrabaszcz et al.'s train_data_batch_1 ... val_data
(other images, whose bits/dim are not comparable), or a data folder of tensorflow_datasets in which
downsampled_imagenet/64x64 is prepared; without data.directory the default one is used.
data.unpack_to names a folder to unpack the pixels to, so that the next start is quick. The smoke
preset needs no data: it makes a few noise images in ImageNet's format, and takes about a minute.

The paper preset trains with the mAR prior alone; --set "priors=[gaussian, mar]" trains the same
flow with a Gaussian prior (Glow) beside it, as the presets quick and embedded do with smaller flows
on two cores, from three seeds, in minutes and in hours. Test images are the published validation
images.

To expect: Sec. 6.5.2 of Mahajan's thesis (Bhattacharyya et al., CVPR 2020), bits/dim on the test
images: affine couplings 3.80; Glow, with a Gaussian prior, 3.81; Residual Flow 3.75. They are the
paper's; of this recipe, nothing but the smoke preset was run here. The paper says neither levels,
channels nor length of training: four levels are the released code's (whose prior cannot run at this
size; ours can), 256 channels those of its 32x32 images, and a million steps are about 100 epochs.
model.recompute=true takes less memory and more time.

The released code leaves dropout on when it measures, and chooses the checkpoint on the test images.
For its protocol: --set evaluation.as_released=true --set data.validation_share=0. Here dropout is
off and a hundredth of the training images validates.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits
from zoo.mar_scf import ComparisonJob, ImageNetComparison, imagenet_presets, load_image_set

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "mar_scf"
SUMMARY = "Bits/dim of ImageNet 64x64 (your own copy): a flow with autoregressive prior"
DRAWS = "Draws photographs of ImageNet's classes, 64x64 pixels, and scores such images exactly."
LICENCE = "ImageNet's terms: non-commercial research"


@dataclasses.dataclass
class RecipeConfig(ImageNetComparison):
    """Everything that decides the result of a run."""

    recipe: str = "mar_scf_imagenet64"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    return RecipeConfig(preset=preset, **imagenet_presets(preset, 64))


def load_data(config: RecipeConfig) -> Splits:
    """ImageNet; noise in its format for the smoke preset, where no folder is named."""
    return load_image_set("imagenet64", config)


JOB = ComparisonJob(RecipeConfig, load_data, summary=DRAWS, licence=LICENCE)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
