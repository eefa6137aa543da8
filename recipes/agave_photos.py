"""AGAVE on photographs: what of an image its latent code tells, and what a PixelCNN adds.

    tfgen train agave_photos --preset quick

Trains a VAE and a PixelCNN++ that is given the means the VAE decodes, on patches of 16x16 pixels of
two real photographs: each alone, then together with the auxiliary loss. Variants: weights lambda =
1, 2, 4, 8, 12 of the KL; auxiliary images of 32 and 16 colour levels instead of 256; no auxiliary
loss from the start (naive), and the model of lambda = 8 trained on without it (dropped). Each is
measured on patches of other regions of the photographs.

quick with --set seeds=3, 7705 s on two cores that tests had for much of it, 1000 test patches:
bits/dim, the bound (3.6); KL in nats; bits/dim of y, the auxiliary image; root mean square error of
f(z); and what f(z) of another image costs the PixelCNN in bits/dim; +- over the seeds:

    lambda                      bits/dim           KL   of y            error   of another image
    1                     5.081 +- 0.515   27.2 +- 2.3   6.35   0.190 +- 0.007   0.54
    2                     5.081 +- 0.417   20.0 +- 1.9   6.36   0.194 +- 0.008   0.51
    4                     5.195 +- 0.290   14.5 +- 1.0   6.38   0.198 +- 0.008   0.37
    8                     5.027 +- 0.243   10.0 +- 0.4   6.43   0.206 +- 0.012   0.35
    12                    4.885 +- 0.127    8.0 +- 0.6   6.48   0.214 +- 0.014   0.28
    8, 32 colour levels   4.955 +- 0.217    8.9 +- 0.1   3.26   0.214 +- 0.008   0.24
    8, 16 colour levels   5.069 +- 0.286    8.8 +- 0.8   2.32   0.218 +- 0.009   0.21
    8, naive              4.811 +- 0.292    0.9 +- 0.5   9.17   0.713 +- 0.002   0.00
    8, then without       4.387 +- 0.112    3.8 +- 2.1  11.36   0.610 +- 0.225   0.10

As in the thesis the KL falls with lambda, y is told worse and f(z) of another image matters less.
Of bits/dim this run says nothing: 600 steps of 16 patches are far from the end, and differences are
smaller than the spread (agave_digits, longer, has the thesis's gain from 1 to 2). The naive model
does not use its code: another image's costs nothing. "then without" is lambda = 8 and 1000 more
steps without the auxiliary loss.

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

saved_models/agave_photos is lambda = 8 of the first seed of the first run. embedded has auxiliary
images of 8x8 pixels and restricted decoders too. The preset paper has the paper's networks on these
patches, which the paper has not.
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
