"""VAEs of handwritten digits: five priors of the latents, vectors and maps.

    tfgen train vae_digits --preset quick

Trains the same VAE with a standard normal prior, a mixture of Gaussians, a VampPrior and a flow,
and one whose latents are maps with a standard normal and with the mAR prior, for equal steps, on
scikit-learn's 8x8 digits of 17 grey levels, from three seeds, and measures ELBO and importance
bound of the discrete pixels on the test split, in nats and bits/dim.

quick, three seeds of 600 steps, 348 s on two cores: bits/dim of the importance bound with 100
draws, what it is below the standard normal's of the same seed, and ELBO and KL in nats:

    standard normal          2.078 +- 0.002                      -94.1    10.6
    mixture of Gaussians     2.067 +- 0.006    0.011 +- 0.004    -93.9    10.7
    VampPrior                2.043 +- 0.000    0.035 +- 0.002    -93.2     7.6
    flow                     2.024 +- 0.005    0.054 +- 0.003    -91.7     9.1
    maps, standard normal    2.212 +- 0.010                     -102.0    16.5
    maps, mAR                2.117 +- 0.010                      -96.8    12.8

A hierarchy of maps with IAF posteriors: --set "variants=[maps_standard_normal]" --set
"maps.strides=[2,2]" --set "maps.layers=[1,1]" --set maps.posterior=iaf. The preset paper has the
sizes of the papers, on these images, which those have not: the VAE of the VampPrior's, and the
ResNet-VAE of 20 stochastic layers with IAF.

For comparison, on the same test images: flows of the recipe mar_scf_digits, quick, reach 2.45 to
2.50 bits/dim.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits, digits
from tfgen.training import TrainingConfig
from zoo.vae import LatentPriorConfig, PriorJob, PriorStudyConfig, VAEConfig, VAEEvaluationConfig

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "vae"
SUMMARY = "Bounds on bits/dim of handwritten digits: VAEs with five priors"
DRAWS = "Draws handwritten digits of 8x8 pixels and 17 grey levels, encodes and decodes them."
VARIANTS = (
    "vectors_standard_normal",
    "vectors_mixture",
    "vectors_vamp",
    "vectors_flow",
    "maps_standard_normal",
    "maps_channel_autoregressive",
)


@dataclasses.dataclass
class RecipeConfig(PriorStudyConfig):
    """Everything that decides the result of a run."""

    recipe: str = "vae_digits"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    images = {"image_size": 8, "channels": 1, "values": 17}
    if preset == "smoke":
        tiny = {**images, "layers": (1,), "filters": 4, "posterior": "gaussian"}
        prior = LatentPriorConfig(components=3, steps=1, units=4, filters=4, layers=1)
        return RecipeConfig(
            preset=preset,
            variants=VARIANTS[2::3],
            vectors=VAEConfig(strides=(8,), latent_channels=(3,), prior=prior, **tiny),
            maps=VAEConfig(strides=(2,), latent_channels=(2,), prior=prior, **tiny),
            training=TrainingConfig(steps=2, batch_size=4, steps_per_epoch=1),
            evaluation=VAEEvaluationConfig(examples=8, batch_size=4, samples=3),
        )
    if preset == "paper":
        # Two hidden layers of 300, 40 latents, 500 pseudo-inputs; and the ResNet-VAE.
        prior = LatentPriorConfig(components=500, steps=8, units=300)
        vectors = VAEConfig(
            strides=(8,),
            layers=(1,),
            latent_channels=(40,),
            filters=300,
            blocks=1,
            posterior="gaussian",
            prior=prior,
            kl_warmup_steps=2_000,
            **images,
        )
        maps = VAEConfig(free_nats=3.2, prior=prior, **images)
        training = TrainingConfig(
            steps=50_000,
            batch_size=100,
            optimizer="adamax",
            learning_rate=2e-3,
            steps_per_epoch=500,
            average_decay=0.999,
        )
        return RecipeConfig(
            preset=preset,
            seeds=3,
            variants=VARIANTS,
            vectors=vectors,
            maps=maps,
            training=training,
            evaluation=VAEEvaluationConfig(samples=5_000),
        )
    units, filters, components, steps, decay, samples = {
        "quick": (128, 24, 50, 600, 0.98, 100),
        "embedded": (256, 48, 200, 8_000, 0.998, 1_000),
    }[preset]
    prior = LatentPriorConfig(components=components, steps=3, units=64, filters=16, layers=1)
    common = {"posterior": "gaussian", "blocks": 1, "prior": prior, "layers": (1,), **images}
    return RecipeConfig(
        preset=preset,
        seeds=3,
        variants=VARIANTS,
        vectors=VAEConfig(
            strides=(8,),
            latent_channels=(16,),
            filters=units,
            kl_warmup_steps=steps // 10,
            **common,
        ),
        maps=VAEConfig(
            strides=(2,),
            latent_channels=(2,),
            filters=filters,
            kl_warmup_steps=steps // 10,
            **common,
        ),
        training=TrainingConfig(
            steps=steps,
            batch_size=64,
            optimizer="adamax",
            learning_rate=2e-3,
            steps_per_epoch=max(100, steps // 20),
            average_decay=decay,
        ),
        evaluation=VAEEvaluationConfig(samples=samples),
    )


def load_data(config: RecipeConfig) -> Splits:
    """scikit-learn's digits."""
    del config
    return digits()


JOB = PriorJob(RecipeConfig, load_data, summary=DRAWS)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
