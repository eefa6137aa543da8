"""mAR-SCF on MNIST: a flow whose prior is autoregressive over channels.

    tfgen train mar_scf_mnist --preset paper --set data.directory=MNIST

MNIST is a folder that holds the four IDX files (train-images-idx3-ubyte, ..., as they are or with
.gz), or a data folder of tensorflow_datasets in which mnist is prepared; without data.directory the
default one is used. The smoke preset needs no data: it makes a few noise images in MNIST's format,
and takes about a minute.

The likelihood is that of the 28x28 pixels alone. Three halvings would want images of 32x32, so a
border; but a density of 1024 numbers says nothing exact of the 784 inside: to integrate the border
out has no closed form, unless these 784 have a flow of their own. So this recipe's flow is one of
784 numbers: two of its three levels halve the image, 28 to 14 to 7, and the third keeps 7x7. Its
latents are 14x14x2, 7x7x4 and 7x7x4, and sampling takes 2 + 4 + 4 steps one after the other.

--set as_released=true pads, as the released code has to, whose prior is of 32x32 pixels alone: two
black pixels on every side. Bits/dim are then those of the digit with its border over 784 pixels, a
bound: the likelihood of the digit, less what the flow spends on borders that are not black.

The paper preset trains with the mAR prior alone; --set "priors=[gaussian, mar]" trains the same
flow with a Gaussian prior (Glow) beside it, as the presets quick and embedded do with smaller flows
on two cores, from three seeds, in minutes and in hours.

To expect: Table 6.1 of Mahajan's thesis (Bhattacharyya et al., CVPR 2020), bits/dim on the test
images. They are the paper's, which does not say what it did with sides of 28; of this recipe,
nothing but the smoke preset was run here.

    couplings, channels      bits/dim   settings besides --preset paper
    affine, 512                  1.03   (with a Gaussian prior, Glow: 1.05)
    affine, 256                  1.04   model.filters=256
    MixLogCDF, 96                0.88   model.coupling=mixture_cdf model.steps=4 model.filters=96
                                        training.batch_size=64

each given as --set KEY=VALUE. model.recompute=true takes less memory and more time.

The released code leaves dropout on when it measures, and chooses the checkpoint on the test images;
as_released does so too. Here dropout is off and a tenth of the training images validates.
"""

from __future__ import annotations

import dataclasses
from typing import Dict

from tfgen.data import Splits
from tfgen.training import RunDirectory
from zoo.mar_scf import (
    ComparisonJob,
    ImageSetComparison,
    comparison_presets,
    load_image_set,
    paper_training,
)

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "mar_scf"
SUMMARY = "Bits/dim of MNIST (your own copy): a flow with autoregressive prior"
DRAWS = "Draws handwritten digits of 28x28 pixels, and scores such images exactly."


@dataclasses.dataclass
class RecipeConfig(ImageSetComparison):
    """Everything that decides the result of a run.

    Attributes:
      as_released: padded images, dropout on in the evaluation, validation on the test images.
    """

    recipe: str = "mar_scf_mnist"
    as_released: bool = False


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    settings = comparison_presets(preset)
    settings["model"] = dataclasses.replace(
        settings["model"], image_size=28, channels=1, levels=3, squeezes=2
    )
    if preset == "paper":
        # 3000 epochs of 54 000 images.
        settings.update(priors=("mar",), training=paper_training(steps=1_265_000))
    return RecipeConfig(preset=preset, **settings)


def load_data(config: RecipeConfig) -> Splits:
    """MNIST; noise in its format for the smoke preset, where no folder is named."""
    return load_image_set("mnist", config)


def effective(config: RecipeConfig) -> RecipeConfig:
    """The configuration with what `as_released` means."""
    if not config.as_released:
        return config
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, image_size=32, padding=2, squeezes=None),
        data=dataclasses.replace(config.data, validation_share=0.0),
        evaluation=dataclasses.replace(config.evaluation, as_released=True),
    )


class Job(ComparisonJob):
    """The job, of the configuration that `as_released` means."""

    def run(self, config: RecipeConfig, run: RunDirectory) -> Dict[str, float]:
        return super().run(effective(config), run)

    def read_config(self, run: RunDirectory) -> RecipeConfig:
        return effective(super().read_config(run))


JOB = Job(RecipeConfig, load_data, summary=DRAWS)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
