"""AGAVE on handwritten digits: what of an image its latent code tells, and what a PixelCNN adds.

    tfgen train agave_digits --preset quick

Trains a VAE and a PixelCNN++ that is given the means the VAE decodes, on scikit-learn's 8x8 digits
of 17 grey levels: each alone, then together with the auxiliary loss. Variants: weights lambda = 1,
2, 4, 8, 12 of the KL; auxiliary images of 8 and 4 levels instead of 17; no auxiliary loss from the
start (naive), and the model of lambda = 8 trained on without it (dropped).

To expect, of one seed of quick without the dropout of the PixelCNN that it has by now: bits/dim on
the test images, the bound (3.6), and KL in nats for lambda = 1: 1.905, 14.6; 2: 1.866, 8.2; 4:
1.848, 3.7; 8: 1.862, 0.44; 12: 1.865, 0.01. The error of f(z) rises from 0.23 to 0.52; f(z) of
another image costs the PixelCNN 2.05, 0.98, 0.33, 0.02 and 0.00 bits/dim. The naive hybrid has a KL
of 0.002. 64 pixels carry less that is worth lambda times its price than the paper's 3072: --set
model.vae.kl_weight=4 draws more of the code.

Dropping the loss did not collapse the code for good there: from lambda = 8 the KL of validation
images fell to 0.08 nats within 100 steps and rose to 0.8 after 2000, while the PixelCNN learned the
1297 digits by heart (2.26 bits/dim); the dropout is against that, and was not run yet. From lambda
= 4 it stayed at 3.5 nats for 500 steps, with a bound as good as before: so small a PixelCNN has use
for the code.

quick took 2744 s on a busy machine; it has fewer steps now. embedded trains three seeds, with
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
