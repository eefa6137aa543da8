"""LNFMM on COCO: many captions for a photograph, many images for a caption, as in the thesis.

    tfgen train lnfmm_coco --preset paper --set data.directory=COCO \\
        --set data.split_file=dataset_coco.json --set data.weights=VGG16.h5

COCO holds annotations/captions_train2014.json, captions_val2014.json and the images in train2014/
and val2014/ (or the files of 2017). The split file is Karpathy's; without one the set's own splits
are used. VGG16.h5 has the weights of tf.keras.applications' VGG16, from your disk: nothing is
downloaded. Its features (layer fc1) are computed once and kept in cache/; this is the thesis'
LNFMM (pre-trained), whose image encoder starts from fixed features. The export holds the network
(VGG16's 134 million weights) and takes images. With model.networks.image_input=pixels a
convolutional encoder learns from the images instead, as it does in quick and embedded: small
networks on images of 64x64 pixels, which need no weights. So your own images and captions, in
COCO's layout, are a model of captions and images in minutes:

    tfgen train lnfmm_coco --preset quick --set data.directory=MY_COCO

Trains LNFMM, CVAE and LNFMM-MSE alike. What the thesis has (Table 4.1, best of 100 samples):

                               B-4     CIDEr
    CVAE                       .309    0.950
    LNFMM-MSE (pre-trained)    .606    1.682
    LNFMM (pre-trained)        .600    1.697

This recipe has not been run on COCO here; of it nothing but the smoke preset was, which makes its
own few images in COCO's layout.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import Optional

import tensorflow as tf

from tfgen.data import (
    ImageBackbone,
    Source,
    Splits,
    cached_features,
    coco,
    in_memory,
    scenes,
    write_scenes,
)
from tfgen.training import Config, ConfigError, check_feature_size, named_backbone
from zoo.lnfmm import (
    CaptionJob,
    CaptionNetworkConfig,
    CaptionStudyConfig,
    LNFMMConfig,
    caption_presets,
)

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "lnfmm"
SUMMARY = "Captions for photographs, images for captions, on COCO (your own copy)"
DRAWS = "Writes captions of photographs, and draws images of 64x64 pixels for captions."


@dataclasses.dataclass
class CocoDataConfig(Config):
    """Where COCO is.

    Attributes:
      directory: of the data set; "" writes a few rendered scenes in its layout, for smoke.
      split_file: Karpathy's dataset_coco.json, or "" for the set's own splits.
      application, layer, weights: the network whose features the model reads, of
        tf.keras.applications or of tf-models-official ("official/ResNet50"), and its weights on
        the disk; see `tfgen.data.ImageBackbone`. Not read where images are pixels.
      cache: directory that keeps the features.
    """

    directory: str = ""
    split_file: str = ""
    application: str = "VGG16"
    layer: str = "fc1"
    weights: str = ""
    cache: str = "cache"


@dataclasses.dataclass
class RecipeConfig(CaptionStudyConfig):
    """Everything that decides the result of a run."""

    recipe: str = "lnfmm_coco"
    data: CocoDataConfig = dataclasses.field(default_factory=CocoDataConfig)


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    settings = caption_presets(preset)
    if preset == "smoke":
        return RecipeConfig(preset=preset, **{**settings, "models": ("lnfmm",), "seeds": 1})
    if preset == "paper":
        settings["model"] = LNFMMConfig(networks=CaptionNetworkConfig(image_input="features"))
    return RecipeConfig(preset=preset, **settings)


def load_data(config: RecipeConfig) -> Splits:
    """COCO with the features of its images; a few scenes in COCO's layout for the smoke preset.

    Raises:
      DataError: the data, or the weights, cannot be used; says which file and why.
      ConfigError: no directory or no weights are named, or the features have another size.
    """
    settings, networks = config.data, config.model.networks
    if not settings.directory:
        if config.preset != "smoke":
            raise ConfigError("data.directory: got ''; wanted the folder of COCO.")
        return _few_scenes(networks.image_size)
    split_file = settings.split_file or None
    if networks.image_input == "pixels":
        return coco(settings.directory, networks.image_size, split_file=split_file)
    seen = backbone(config)
    splits = coco(settings.directory, seen.image_size, split_file=split_file)

    def prepared(source: Source) -> Source:
        return _resized(cached_features(source, seen, settings.cache), networks.image_size)

    return splits.map(prepared)


def backbone(config: RecipeConfig) -> Optional[ImageBackbone]:
    """The network whose features the model reads; None where it reads pixels.

    Raises:
      ConfigError: no weights are named, or the features have another size.
      DataError: the weights cannot be used.
    """
    settings, networks = config.data, config.model.networks
    if networks.image_input == "pixels" or not settings.directory:
        return None
    made = named_backbone(
        *(settings.application, settings.layer, settings.weights),
        key="data.weights",
        without="model.networks.image_input=pixels",
    )
    check_feature_size(made, networks.feature_size, "model.networks.feature_size")
    return made


def _few_scenes(size: int) -> Splits:
    """Scenes, by way of files in COCO's layout."""
    few = scenes(size, train=8, validation=4, test=4, held_out=0, jit_compile=False)
    with tempfile.TemporaryDirectory() as folder:
        directory = os.path.join(folder, "coco")
        write_scenes(few, directory, progress=False)
        return coco(directory, size).map(
            lambda source: in_memory(source, progress=False, at_once=True)
        )


def _resized(source: Source, size: int) -> Source:
    """The images at the size in which the model draws them."""

    def load(indices):
        features = source.load(indices)
        images = tf.image.resize(tf.cast(features["image"], tf.float32), [size] * 2, antialias=True)
        images = tf.cast(tf.clip_by_value(tf.round(images), 0.0, 255.0), tf.uint8)
        return {**features, "image": images}

    features = {**source.features, "image": tf.TensorSpec([size, size, 3], tf.uint8)}
    return Source(source.count, load, features, source.redraw)


class CocoJob(CaptionJob):
    """Exports hold the network whose features the model reads, and take images."""

    def backbone(self, config):
        return backbone(config)


JOB = CocoJob(RecipeConfig, load_data, summary=DRAWS)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
