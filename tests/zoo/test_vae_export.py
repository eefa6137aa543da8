"""Exports of a VAE and of a VQ-VAE have the properties of every export."""

import dataclasses

import pytest

from tests.properties_exports import PROPERTIES, ExportCase
from tests.weights import set_weights
from tests.zoo.vae_toy import CASES, images, make
from tfgen import serving
from tfgen.serving.card import STANDARD_DEFAULTS
from zoo.vae import VQVAE, VQAutoencoder, VQVAEConfig

VQ = VQVAEConfig(
    image_size=4,
    channels=1,
    values=4,
    strides=(2,),
    filters=4,
    blocks=1,
    codes=3,
    code_size=2,
    prior_filters=4,
    prior_layers=2,
    prior_kernel_size=3,
)


def make_ladder():
    config = dataclasses.replace(CASES["ladder_iaf"], channels=3, values=256)
    examples = {"latents": [[0.5] * 14], "second": images(1, config).numpy().tolist()}
    return make(config, scale=2.0), examples


def make_vq():
    autoencoder = set_weights(VQAutoencoder(VQ, seed=1), seed=2, scale=3.0)
    # Around what this encoder gives, so that each occurs.
    autoencoder.quantiser.codebook.assign([[2.0, -0.4], [2.7, 0.4], [3.3, -1.2]])
    model = VQVAE(autoencoder, seed=1)
    set_weights(model.network, seed=3)
    model.autoencoder.likelihood.log_scales.assign([-1.0])
    return model, {"codes": [[[0, 1], [2, 1]]]}


MODELS = {"ladder": make_ladder, "vq_vae": make_vq}


def export(name, directory):
    model, examples = MODELS[name]()
    card = serving.Card(
        name=name,
        system="vae",
        summary="Noise.",
        data="noise",
        training={"preset": "smoke", "steps": 0, "wall_seconds": 0.0, "seeds": [0]},
        metrics={"bits_per_dim": 2.0},
        limits=["Knows noise."],
        configuration=model.config.as_dict(),
        defaults={**STANDARD_DEFAULTS, **({"steps": 3} if "second" in examples else {})},
        examples=examples,
    )
    return serving.export(model, directory / name, card)


@pytest.fixture(scope="module", params=MODELS)
def served(request, tmp_path_factory):
    levels = {"ladder": 256, "vq_vae": 4}[request.param]
    case = ExportCase(request.param, lambda path: export(request.param, path), levels=levels)
    return case.open(tmp_path_factory.mktemp("export"))


@pytest.mark.slow
@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda check: check.__name__)
def test_property_of_the_export(served, holds):
    holds(served)
