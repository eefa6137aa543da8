"""Makes tests/goldens/flows.npz: what tiny flows with numpy's weights compute.

A golden guards numbers across versions: when it fails, either a change was wrong, or it was meant
and is worth a line in its commit, and then this makes the file anew:

    python -m tests.goldens.make_flows
"""

import pathlib

import numpy as np
import tensorflow as tf

from zoo.flows import FlowConfig, ImageFlow, PriorConfig

FILE = pathlib.Path(__file__).with_name("flows.npz")
SMALL = {"image_size": 8, "levels": 2, "steps": 2, "filters": 6}
MIXTURE = {"coupling": "mixture_cdf", "blocks": 1, "heads": 2, "components": 3, "filters": 8}
MAR = PriorConfig(
    type="channel_autoregressive", filters=5, layers=2, kernel_sizes=(3,), dilations=(2, 1)
)
FLOWS = {
    "glow": FlowConfig(**SMALL),
    "mar": FlowConfig(**SMALL, prior=MAR),
    "mixture_mar": FlowConfig(**{**SMALL, **MIXTURE}, prior=MAR),
    "real_nvp": FlowConfig(**SMALL, architecture="real_nvp"),
    "flow_plus_plus": FlowConfig(
        **{**SMALL, **MIXTURE, "levels": 1},
        architecture="flow_plus_plus",
        dequantisation="variational",
        dequantisation_steps=1,
    ),
}


def compute(name):
    """name -> array: bounds and latents of fixed images, and pixels of a fixed sample."""
    model = ImageFlow(FLOWS[name], seed=3)
    # Signs and permutations of the 1x1 convolutions stay: they are no numbers to draw.
    random = np.random.RandomState(4)
    for variable in model.trainable_variables:
        fan_in = np.prod(variable.shape[:-1]) if variable.shape.rank > 1 else 25.0
        variable.assign(0.3 * random.normal(size=variable.shape) / np.sqrt(fan_in))
    images = np.random.RandomState(5).randint(0, 256, [3, 8, 8, 3]).astype(np.uint8)
    numbers = {"elbo": tf.stack(model.elbo_parts(tf.constant(images), seed=6), -1)}
    for index, latent in enumerate(model.encode(tf.constant(images))):
        numbers[f"latent_{index}"] = latent[:, ::2, ::2]
    numbers["sample"] = model.density.sample(2, seed=(7, 8), temperature=0.8)[:, ::3, ::3]
    return {f"{name}/{key}": np.asarray(value) for key, value in numbers.items()}


def main():
    arrays = {}
    for name in FLOWS:
        arrays.update(compute(name))
    np.savez_compressed(FILE, **arrays)
    print(f"Wrote {FILE}, {FILE.stat().st_size} bytes.")


if __name__ == "__main__":
    main()
