"""AGAVE on handwritten digits: what of an image its latent code tells, and what a PixelCNN adds.

    tfgen train agave_digits --preset quick

Trains a VAE and a PixelCNN++ that is given the means the VAE decodes, on scikit-learn's 8x8 digits
of 17 grey levels: each alone, then together with the auxiliary loss. Variants: weights lambda = 1,
2, 4, 8, 12 of the KL; auxiliary images of 8 and 4 levels instead of 17; no auxiliary loss from the
start (naive), and the model of lambda = 8 trained on without it (dropped).

Of the variants about lambda, from three seeds,

    tfgen train agave_digits --preset quick --set seeds=3 --set dropping.steps=2000 \\
        --set "variants=[lambda_1,lambda_2,lambda_4,lambda_8,lambda_12,naive,dropped]"

took 3796 s on two cores that something else had for a part of it. On the 300 test images: bits/dim,
the bound (3.6); KL in nats; root mean square error of f(z); and what f(z) of another image costs
the PixelCNN in bits/dim:

    lambda                            bits/dim                KL            error   of another
    1                            1.873 +- 0.013   14.2  +- 1.3     0.234 +- 0.010   2.223
    2                            1.830 +- 0.016    8.2  +- 0.6     0.284 +- 0.008   1.122
    4                            1.816 +- 0.016    3.9  +- 0.2     0.357 +- 0.008   0.402
    8                            1.816 +- 0.011    0.59 +- 0.15    0.491 +- 0.007   0.028
    12                           1.814 +- 0.009    0.015 +- 0.001  0.524 +- 0.002   0.001
    8, naive                     1.826 +- 0.006    0.002 +- 0.000  0.791 +- 0.009   0.000
    8, then without auxiliary    1.793 +- 0.006    1.5  +- 0.6     0.632 +- 0.049   0.144

As in the thesis the KL falls and y is told worse with lambda, bits/dim improve from 1 to 2 and
hardly change from 4 on, and without the auxiliary loss nothing uses the code. 64 pixels carry less
that is worth lambda times its price than the paper's 3072: --set model.vae.kl_weight=4 draws more
of the code.

Dropping the loss after lambda = 8 does not make the code collapse here, as it does in the thesis
within 2000 steps: in each of three seeds the KL of validation images is lowest (0.14 to 0.57 nats)
in the first 100 steps and then rises to the end, and the bound gets better than that of every other
variant: with no price but its own the code pays, while f(z) is a worse picture of the image. On
photographs it goes the thesis' way: see agave_photos.

embedded trains three seeds, with
auxiliary images of 4x4 pixels and a decoder of few layers too. The preset paper has the paper's
networks on these images, which the paper has not.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits, digits
from zoo.agave import AGAVEJob, AGAVEStudyConfig, agave_presets

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "agave"
SUMMARY = "Latent codes of digits that a PixelCNN++ listens to: bounds, lambda, no collapse: AGAVE"
DRAWS = "Draws handwritten digits of 8x8 pixels, from a latent code and then pixel by pixel."


@dataclasses.dataclass
class RecipeConfig(AGAVEStudyConfig):
    """Everything that decides the result of a run."""

    recipe: str = "agave_digits"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    image = {"image_size": 8, "channels": 1, "values": 17}
    settings = agave_presets(
        preset, image, levels=(8, 4), batch_size=64, seeds=3, steps=1500, dropout=0.3
    )
    return RecipeConfig(preset=preset, **settings)


def load_data(config: RecipeConfig) -> Splits:
    """scikit-learn's digits."""
    del config
    return digits()


JOB = AGAVEJob(RecipeConfig, load_data, summary=DRAWS)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
