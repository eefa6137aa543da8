"""Makes tests/goldens/vae.npz: what tiny VAEs and a VQ-VAE with numpy's weights compute.

A golden guards numbers across versions: when it fails, either a change was wrong, or it was meant
and is worth a line in its commit, and then this makes the file anew:

    python -m tests.goldens.make_vae
"""

import pathlib

import numpy as np
import tensorflow as tf

from tests.weights import set_weights
from tests.zoo.vae_toy import CASES, images, make
from zoo.vae import VQVAE, VQAutoencoder, VQVAEConfig

FILE = pathlib.Path(__file__).with_name("vae.npz")
NAMES = ("vector_vamp", "vector_flow", "map_mar_iaf", "ladder_iaf", "vq")
VQ = VQVAEConfig(
    image_size=8,
    channels=1,
    values=17,
    filters=4,
    blocks=1,
    codes=5,
    code_size=2,
    prior_filters=6,
    prior_layers=2,
    prior_kernel_size=3,
)


def compute(name):
    """name -> array: bounds, KL and means of fixed images, and decoded draws of the prior."""
    numbers = _vq() if name == "vq" else _vae(name)
    return {f"{name}/{key}": np.asarray(value) for key, value in numbers.items()}


def _vae(name):
    model, x = make(CASES[name]), images(3, CASES[name], seed=5)
    inference = model.infer(x, seed=6)
    return {
        "elbo": model.elbo(x, seed=6),
        "importance_bound": model.importance_bound(x, 3, seed=6),
        "kl": tf.stack(inference.kl, -1),
        "means": inference.means,
        "sample": model.means(model.sample_latents(2, seed=(7, 8), temperature=0.8)),
    }


def _vq():
    autoencoder = set_weights(VQAutoencoder(VQ, seed=1), seed=2)
    model = VQVAE(autoencoder, seed=1)
    set_weights(model.network, seed=3)
    x = images(3, VQ, seed=5)
    features = autoencoder.quantise(x)
    return {
        "distance": features.distance,
        "elbo": model.elbo(x),
        "logits": model.logits(model.encode(x))[:, ::2, ::2],
        "means": autoencoder.means(model.encode(x))[:, ::3, ::3],
    }


def main():
    arrays = {}
    for name in NAMES:
        arrays.update(compute(name))
    np.savez_compressed(FILE, **arrays)
    print(f"Wrote {FILE}, {FILE.stat().st_size} bytes.")


if __name__ == "__main__":
    main()
