"""AGAVE on photographs: what of an image its latent code tells, and what a PixelCNN adds.

    tfgen train agave_photos --preset quick

Trains a VAE and a PixelCNN++ that is given the means the VAE decodes, on patches of 16x16 pixels of
two real photographs: each alone, then together with the auxiliary loss. Variants: weights lambda =
1, 2, 4, 8, 12 of the KL; auxiliary images of 32 and 16 colour levels instead of 256; no auxiliary
loss from the start (naive), and the model of lambda = 8 trained on without it (dropped). Each is
measured on patches of other regions of the photographs.

quick, 1 seed, 2887 s on two cores that tests had for more than half of it, 1000 test patches:
bits/dim, the bound (3.6); KL in nats; bits/dim of y, the auxiliary image; root mean square error of
f(z); and what f(z) of another image costs the PixelCNN in bits/dim:

    lambda                            bits/dim     KL   of y   error   of another image
    1                                    5.665   26.7   6.49   0.197   0.28
    2                                    5.563   19.7   6.51   0.202   0.40
    4                                    5.505   14.7   6.52   0.207   0.28
    8                                    5.306    9.8   6.59   0.220   0.24
    12                                   4.812    7.3   6.63   0.230   0.23
    8, 32 colour levels                  5.153    9.0   3.38   0.223   0.24
    8, 16 colour levels                  5.148    9.7   2.42   0.228   0.23
    8, naive                             5.143    1.4   9.16   0.711   0.00
    8, then without auxiliary loss       4.262    5.8   7.55   0.350   0.25

As in the thesis the KL falls and y is told worse with lambda, and bits/dim improve from 1 to 2;
here they improve on to 12, for 600 steps of 16 patches are far from the end (dropped, with 1000
more, is ahead of all). The naive model does not use its code: another image's costs nothing.

What becomes of the code where training goes on, 1 seed, 1169 s on two cores, beside other work:

    tfgen train agave_photos --preset quick --set "variants=[lambda_8,naive,dropped]" \\
        --set pretraining.steps=2000 --set training.steps=1500 --set dropping.steps=2000

    lambda                            bits/dim     KL   of y   error   of another image
    8                                    4.165   14.5   6.21   0.184   0.173
    8, naive                             4.071    0.50  9.16   0.711   0.000
    8, then without auxiliary loss       3.871    1.3  14.79   0.707   0.018

Without the auxiliary loss f(z) is no picture of the image any more, and the code goes, as in the
thesis, though slower: from 14.6 nats on validation images to 2.9 in 500 steps, 1.1 in 1100 and 1.2
in 2000. The naive model's is below 0.1 nats from step 3200 on with --set training.steps=5000, and
0.011 on the test images then, at 3.780 bits/dim (lambda = 8: 12.1 nats, 4.221 bits/dim).

saved_models/agave_photos is lambda = 8 of this run. embedded has auxiliary images of 8x8 pixels and
restricted decoders too. The preset paper has the paper's networks on these patches, which the paper
has not.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits, photos
from zoo.agave import AGAVEJob, AGAVEStudyConfig, agave_presets

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "agave"
SUMMARY = "Latent codes of photographs that a PixelCNN++ listens to: bounds, lambda, no collapse"
DRAWS = "Draws patches of photographs of 16x16 pixels, from a latent code and then pixel by pixel."
MAX_MEGABYTES = 8.0


@dataclasses.dataclass
class RecipeConfig(AGAVEStudyConfig):
    """Everything that decides the result of a run.

    Attributes:
      train, validation, test: numbers of patches.
    """

    recipe: str = "agave_photos"
    train: int = 50_000
    validation: int = 200
    test: int = 1_000


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    image = {"image_size": 16, "channels": 3, "values": 256}
    counts = {"train": 32, "validation": 8, "test": 8} if preset == "smoke" else {}
    settings = agave_presets(preset, image, levels=(32, 16), batch_size=16)
    return RecipeConfig(preset=preset, **settings, **counts)


def load_data(config: RecipeConfig) -> Splits:
    """Patches of scikit-learn's photographs, training and test patches of disjoint regions."""
    return photos(
        config.model.vae.image_size,
        train=config.train,
        validation=config.validation,
        test=config.test,
    )


JOB = AGAVEJob(RecipeConfig, load_data, MAX_MEGABYTES, summary=DRAWS)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
