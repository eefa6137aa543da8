"""AGAVE on CIFAR-10: a latent code that the PixelCNN++ of the paper listens to.

    tfgen train agave_cifar10 --preset paper --set data.directory=CIFAR

CIFAR is a folder that holds cifar-10-batches-bin or cifar-10-batches-py
(cs.toronto.edu/~kriz/cifar.html), or a data folder of tensorflow_datasets in which cifar10 is
prepared; without data.directory the default one is used. The smoke preset needs no data: it makes
a few noise images in CIFAR-10's format.

The paper preset has the networks that the thesis names: the ResNet-VAE with IAF of Kingma et al.
2016 (160 filters, 20 layers of 32 latent maps), PixelCNN++ (160 filters, 5 residual layers at each
of three resolutions, mixtures of 10 logistics, dropout 0.5), Adamax with a constant rate of 0.002,
both parts trained alone and then together, lambda in 1, 2, 4, 8, 12, auxiliary images of 32 and 16
colours, of 16x16 and 8x8 pixels, of 16 grey levels, no auxiliary loss from the start, and dropping
it. --set "variants=[lambda_12]" trains the model of its table alone. Length, batch size and the
average of the weights are ours, for the thesis states none; so is the tenth of the training images
that validates. The presets quick and embedded are small models for two cores.

To expect: 2.92 bits/dim on the test images by the importance bound of 150 samples, lambda = 12
(Table 3.1 of the thesis); 2.94, 2.93 and 2.93 with auxiliary images of 16x16, of 8x8 and of grey
pixels. They are the thesis's; no preset of this recipe was run here but smoke.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits
from zoo.agave import AGAVEJob, AGAVEStudyConfig, agave_presets, paper_presets
from zoo.mar_scf import ImageSetConfig, load_image_set

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "agave"
SUMMARY = "Bits/dim of CIFAR-10 (your own copy) with a latent code that the PixelCNN++ uses: AGAVE"
DRAWS = "Draws photographs of CIFAR-10's classes, from a latent code and then pixel by pixel."


@dataclasses.dataclass
class RecipeConfig(AGAVEStudyConfig):
    """Everything that decides the result of a run.

    Attributes:
      data: where the set lies.
    """

    recipe: str = "agave_cifar10"
    data: ImageSetConfig = dataclasses.field(default_factory=ImageSetConfig)


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    if preset == "paper":
        return RecipeConfig(preset=preset, **paper_presets())
    image = {"image_size": 32, "channels": 3, "values": 256}
    return RecipeConfig(
        preset=preset, **agave_presets(preset, image, levels=(32, 16), batch_size=16)
    )


def load_data(config: RecipeConfig) -> Splits:
    """CIFAR-10; noise in its format for the smoke preset, where no folder is named."""
    return load_image_set("cifar10", config)


JOB = AGAVEJob(RecipeConfig, load_data, summary=DRAWS)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
