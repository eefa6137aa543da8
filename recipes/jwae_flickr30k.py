"""jWAE on Flickr30k: retrieval between photographs and captions, as in the thesis.

    tfgen train jwae_flickr30k --preset paper --set directory=FLICKR30K \\
        --set split_file=dataset_flickr30k.json --set weights=RESNET152.h5

FLICKR30K holds results_20130124.token (or results.csv) and the images in flickr30k_images/. The
split file is Karpathy's; without one the set's own splits are used. RESNET152.h5 has the weights of
tf.keras.applications' ResNet152, from your disk: nothing is downloaded. Its features are computed
once and kept in cache/; an export holds the network and takes images. quick and embedded need no
weights: they train small networks on pixels.

Trains jWAE-MH and the other methods of `zoo.jwae.as_variant` alike. labelled_shares=[0.5, 0.25]
keeps that share of the pairs. What the thesis has (Table 3.3) with ResNet-152 and GRU, on 1000 test
images:

                    image to text R@1/5/10    text to image R@1/5/10
    VSE++           52.9 / 80.5 / 87.2        39.6 / 70.1 / 79.5
    jWAE-MH         53.9 / 82.2 / 87.4        40.7 / 72.4 / 81.9

This recipe has not been run on Flickr30k here; of it nothing but the smoke preset was, which
makes its own few images in COCO's layout.
"""

from __future__ import annotations

import dataclasses

from tfgen.data import Splits
from zoo.jwae import CaptionedJob, CaptionedSetConfig, captioned_presets, load_captioned

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "jwae"
SUMMARY = "Retrieval between photographs and captions of Flickr30k (your own copy)"
MATCHES = "Brings photographs and captions of Flickr30k into one space of codes."
EXAMPLES = {"texts": ["a man with a dog in front of a house"]}
# 30 epochs of 29 783 training images with five captions each, 128 pairs a step.
STEPS = 34_890


@dataclasses.dataclass
class RecipeConfig(CaptionedSetConfig):
    """Everything that decides the result of a run."""

    recipe: str = "jwae_flickr30k"


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    return RecipeConfig(preset=preset, **captioned_presets(preset, STEPS))


def load_data(config: RecipeConfig) -> Splits:
    """Flickr30k; a few scenes in COCO's layout for the smoke preset, where no folder is named."""
    return load_captioned("flickr30k", config)


JOB = CaptionedJob(RecipeConfig, load_data, summary=MATCHES, examples=EXAMPLES)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
