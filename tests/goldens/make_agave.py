"""Makes tests/goldens/agave.npz: what tiny AGAVEs with numpy's weights compute.

See make_flows.py; this makes the file anew:

    python -m tests.goldens.make_agave
"""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

from tests.weights import set_weights
from tests.zoo.agave_toy import DEEP, PLAIN, images
from zoo.agave import AGAVE

FILE = pathlib.Path(__file__).with_name("agave.npz")
GREY = dataclasses.replace(DEEP.decoder, context="grey")
GATED = dataclasses.replace(PLAIN.decoder, architecture="gated")
MODELS = {
    "plain": PLAIN,
    "gated": dataclasses.replace(PLAIN, decoder=GATED),
    "deep": DEEP,
    "grey_context": dataclasses.replace(DEEP, decoder=GREY),
}


def compute(name):
    """name -> array: terms and a bound of fixed images, f(z) between them and of the prior."""
    config = MODELS[name]
    model = set_weights(AGAVE(config, seed=3), seed=4, scale=0.7)
    x = images(3, config, 5)
    terms = model.bound_terms(x, 6)
    numbers = {
        "terms": tf.stack([terms[key] for key in sorted(terms)], axis=-1),
        "importance_bound": model.importance_bound(x, 4, 7),
        "means": model.interpolated_means(x, x[::-1], 3),
    }
    latents = model.vae.sample_latents(3, seed=(8, 9), temperature=0.8)
    numbers["sampled_means"] = model.vae.means(latents)
    return {f"{name}/{key}": np.asarray(value) for key, value in numbers.items()}


def main():
    arrays = {}
    for name in MODELS:
        arrays.update(compute(name))
    np.savez_compressed(FILE, **arrays)
    print(f"Wrote {FILE}, {FILE.stat().st_size} bytes.")


if __name__ == "__main__":
    main()
