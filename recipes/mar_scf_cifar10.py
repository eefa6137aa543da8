"""mAR-SCF on CIFAR-10: a flow whose prior is autoregressive over channels.

    tfgen train mar_scf_cifar10 --preset paper --set data.directory=CIFAR

CIFAR is a folder that holds cifar-10-batches-bin or cifar-10-batches-py
(cs.toronto.edu/~kriz/cifar.html), or a data folder of tensorflow_datasets in which cifar10 is
prepared; without data.directory the default one is used. The smoke preset needs no data: it makes
a few noise images in CIFAR-10's format, and takes about a minute.

The paper preset trains with the mAR prior alone; --set "priors=[gaussian, mar]" trains the same
flow with a Gaussian prior (Glow) beside it, as the presets quick and embedded do with smaller flows
on two cores, from three seeds, in minutes and in hours. Training images are shifted by up to 3
pixels and mirrored.

To expect: Table 6.1 of Mahajan's thesis (Bhattacharyya et al., CVPR 2020), bits/dim on the test
images. They are the paper's; of this recipe, nothing but the smoke preset was run here.

    couplings, channels      bits/dim   settings besides --preset paper
    affine, 512                  3.31   (with a Gaussian prior, Glow: 3.35)
    affine, 256                  3.33   model.filters=256
    MixLogCDF, 96                3.27   model.coupling=mixture_cdf model.steps=4 model.filters=96
                                        training.batch_size=64 (with a Gaussian prior: 3.29)
    MixLogCDF, 256               3.24   the same, model.filters=256 training.steps=280000

each given as --set KEY=VALUE. The affine flows take 48 GB with batches of 128 (the paper's number);
model.recompute=true takes less memory and more time.

The released code leaves dropout on when it measures, and chooses the checkpoint on the test images.
For its protocol: --set evaluation.as_released=true --set data.validation_share=0. Here dropout is
off and a tenth of the training images validates.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits, shift_and_flip
from zoo.mar_scf import (
    ComparisonJob,
    ImageSetComparison,
    comparison_presets,
    load_image_set,
    paper_training,
)

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "mar_scf"
SUMMARY = "Bits/dim of CIFAR-10 (your own copy): a flow with autoregressive prior"
DRAWS = "Draws photographs of CIFAR-10's classes, 32x32 pixels, and scores such images exactly."


@dataclasses.dataclass
class RecipeConfig(ImageSetComparison):
    """Everything that decides the result of a run."""

    recipe: str = "mar_scf_cifar10"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    settings = comparison_presets(preset)
    settings["model"] = dataclasses.replace(settings["model"], image_size=32)
    if preset == "paper":
        # 3000 epochs of 45 000 images.
        settings.update(priors=("mar",), training=paper_training(steps=1_050_000))
    return RecipeConfig(preset=preset, **settings)


def load_data(config: RecipeConfig) -> Splits:
    """CIFAR-10; noise in its format for the smoke preset, where no folder is named."""
    return load_image_set("cifar10", config)


JOB = ComparisonJob(RecipeConfig, load_data, summary=DRAWS, transform=shift_and_flip(3))
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
