"""mAR-SCF on ImageNet of 32x32 pixels: a flow whose prior is autoregressive over channels.

    tfgen train mar_scf_imagenet32 --preset paper --set data.directory=IMAGENET

IMAGENET is a folder that holds train_32x32/*.png and valid_32x32/*.png (van den Oord et al.'s
images, those of the literature on flows), or Chrabaszcz et al.'s train_data_batch_1 ... val_data
(other images, whose bits/dim are not comparable), or a data folder of tensorflow_datasets in which
downsampled_imagenet/32x32 is prepared; without data.directory the default one is used.
data.unpack_to names a folder to unpack the pixels to, so that the next start is quick. The smoke
preset needs no data: it makes a few noise images in ImageNet's format, and takes about a minute.

The paper preset trains with the mAR prior alone; --set "priors=[gaussian, mar]" trains the same
flow with a Gaussian prior (Glow) beside it, as the presets quick and embedded do with smaller flows
on two cores, from three seeds, in minutes and in hours. Test images are the published validation
images.

To expect: Table 6.4 of Mahajan's thesis (Bhattacharyya et al., CVPR 2020), bits/dim on the test
images. They are the paper's; of this recipe, nothing but the smoke preset was run here. The paper
does not say how long it trained; here it is about 100 epochs.

    couplings, channels      bits/dim   settings besides --preset paper
    affine, 256                  4.07   (Glow, 512 channels and a Gaussian prior: 4.09)
    MixLogCDF, 460               3.99   model.coupling=mixture_cdf model.steps=4 model.filters=460
                                        training.batch_size=64

each given as --set KEY=VALUE. The flows take 48 GB and 80 GB (the paper's numbers);
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
SUMMARY = "Bits/dim of ImageNet 32x32 (your own copy): a flow with autoregressive prior"
DRAWS = "Draws photographs of ImageNet's classes, 32x32 pixels, and scores such images exactly."
LICENCE = "ImageNet's terms: non-commercial research"


@dataclasses.dataclass
class RecipeConfig(ImageNetComparison):
    """Everything that decides the result of a run."""

    recipe: str = "mar_scf_imagenet32"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    return RecipeConfig(preset=preset, **imagenet_presets(preset, 32))


def load_data(config: RecipeConfig) -> Splits:
    """ImageNet; noise in its format for the smoke preset, where no folder is named."""
    return load_image_set("imagenet32", config)


JOB = ComparisonJob(RecipeConfig, load_data, summary=DRAWS, licence=LICENCE)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
