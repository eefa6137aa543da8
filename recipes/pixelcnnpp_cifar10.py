"""PixelCNN++ on CIFAR-10: the exact likelihood of photographs, and samples pixel by pixel.

    tfgen train pixelcnnpp_cifar10 --preset paper --set data.directory=CIFAR

CIFAR is a folder that holds cifar-10-batches-bin or cifar-10-batches-py
(cs.toronto.edu/~kriz/cifar.html), or a data folder of tensorflow_datasets in which cifar10 is
prepared; without data.directory the default one is used. The smoke preset needs no data: it makes
a few noise images in CIFAR-10's format.

The paper preset is the paper's network and the optimizer of its released code: 160 filters, 5
residual layers at each of three resolutions, mixtures of 10 logistics, dropout 0.5, Adam with rate
1e-3, which falls by a factor of 0.999995 a step, and betas (0.95, 0.9995), weights averaged with
decay 0.9995. Length and batch size are ours, as is the tenth of the training images that validates
and chooses the checkpoint. --set data.validation_share=0 trains with all; the test images validate
then, and the last checkpoint is measured, whatever they say. The presets quick and embedded are
small models for two cores, in minutes and in hours.

To expect: 2.92 bits/dim on the test images (Salimans et al., ICLR 2017, Table 1). It is the
paper's; no preset of this recipe was run here, but pixelcnnpp_digits, which is the same study on
digits.

A model of the ten classes: --set model.classes=10. The gated PixelCNN (3.03 bits/dim in its own
paper): --set model.architecture=gated.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits
from tfgen.training import ScheduleConfig, TrainingConfig
from zoo.mar_scf import ImageSetConfig, load_image_set
from zoo.pixelcnn import PixelCNNConfig, PixelCNNEvaluationConfig, PixelCNNJob, StudyConfig

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "pixelcnn"
SUMMARY = "Exact bits/dim of CIFAR-10 (your own copy), and samples pixel by pixel: PixelCNN++"
DRAWS = "Draws photographs of CIFAR-10's classes, 32x32 pixels, and scores such images exactly."


@dataclasses.dataclass
class RecipeConfig(StudyConfig):
    """Everything that decides the result of a run.

    Attributes:
      data: where the set lies.
    """

    recipe: str = "pixelcnnpp_cifar10"
    data: ImageSetConfig = dataclasses.field(default_factory=ImageSetConfig)

    def checkpoint(self) -> str:
        """The last where the test images validate, else the best."""
        return "best" if self.data.validation_share else "last"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    if preset == "smoke":
        return RecipeConfig(
            preset=preset,
            model=PixelCNNConfig(filters=4, residual_layers=1, mixtures=2),
            training=TrainingConfig(steps=2, batch_size=4, steps_per_epoch=1),
            evaluation=PixelCNNEvaluationConfig(examples=4, batch_size=4),
        )
    if preset == "paper":
        # 800 epochs of 45 000 images.
        training = TrainingConfig(
            steps=560_000,
            batch_size=64,
            learning_rate=1e-3,
            schedule=ScheduleConfig(type="exponential", decay_rate=0.999995, decay_steps=1),
            average_decay=0.9995,
        )
        return RecipeConfig(preset=preset, training=training, beta_1=0.95, beta_2=0.9995)
    filters, layers, steps = {"quick": (16, 1, 300), "embedded": (48, 1, 4000)}[preset]
    return RecipeConfig(
        preset=preset,
        seeds=3 if preset == "quick" else 1,
        model=PixelCNNConfig(filters=filters, residual_layers=layers, mixtures=5, dropout=0.0),
        training=TrainingConfig(
            steps=steps,
            batch_size=16,
            learning_rate=2e-3,
            average_decay=0.99,
            steps_per_epoch=steps // 4,
            validation_examples=256,
        ),
        evaluation=PixelCNNEvaluationConfig(examples=1000, batch_size=50),
    )


def load_data(config: RecipeConfig) -> Splits:
    """CIFAR-10; noise in its format for the smoke preset, where no folder is named."""
    return load_image_set("cifar10", config)


JOB = PixelCNNJob(RecipeConfig, load_data, summary=DRAWS)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
