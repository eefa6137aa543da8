"""Photographs with captions from the user's disk, as the comparison of alignments takes them."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import Any, Callable, Dict, Optional

from tfgen.data import (
    ImageBackbone,
    Splits,
    cached_features,
    coco,
    flickr30k,
    in_memory,
    scenes,
    write_scenes,
)
from tfgen.training import (
    ConfigError,
    ScheduleConfig,
    TrainingConfig,
    check_feature_size,
    named_backbone,
)
from zoo.jwae.comparison import AlignmentConfig
from zoo.jwae.config import ImagePathConfig, JWAEConfig, TextPathConfig
from zoo.jwae.evaluation import RetrievalConfig
from zoo.jwae.job import AlignmentJob

__all__ = ["CaptionedJob", "CaptionedSetConfig", "captioned_presets", "load_captioned"]

_READERS: Dict[str, Callable[..., Splits]] = {"coco": coco, "flickr30k": flickr30k}


@dataclasses.dataclass
class CaptionedSetConfig(AlignmentConfig):
    """A comparison on images and captions from a folder.

    Attributes:
      directory: of the data set; "" writes a few rendered scenes in COCO's layout, for smoke.
      split_file: Karpathy's JSON of the set, or "" for the set's own splits.
      application, layer, weights: the network whose features the model reads, of
        tf.keras.applications or of tf-models-official ("official/ResNet152"), and its weights on
        the disk; see `tfgen.data.ImageBackbone`. Not read where model.image.type is "pixels".
      cache: directory that keeps the features.
    """

    directory: str = ""
    split_file: str = ""
    application: str = "ResNet152"
    layer: str = ""
    weights: str = ""
    cache: str = "cache"


def captioned_presets(preset: str, steps: int) -> Dict[str, Any]:
    """Settings of the presets of a recipe on photographs.

    The paper preset has the thesis' sizes and rates (Sec. 3.5, A.2) on ResNet-152 features and
    words; where it is silent, the released code's: code size, decoder state, clipping, 30 epochs
    with a tenth of the rate from the 15th on. quick and embedded train on pixels.

    Args:
      preset: its name.
      steps: of the paper's training.
    """
    if preset == "paper":
        schedule = ScheduleConfig(type="stepwise", boundaries=[steps // 2], factors=[0.1])
        return {
            "variants": ("jwae_mh", "jwae_mse", "mh_sum", "mh_max", "mse", "vae_mh", "mmd_mse"),
            "linear_codes": 64,
            "model": JWAEConfig(),
            "training": TrainingConfig(
                steps=steps,
                batch_size=128,
                learning_rate=1e-4,
                clip_norm=2.0,
                precision="auto",
                schedule=schedule,
            ),
        }
    side, units, length, batch = {
        "smoke": (16, 8, 2, 4),
        "quick": (32, 128, 1_000, 64),
        "embedded": (64, 192, 10_000, 64),
    }[preset]
    small = preset == "smoke"
    return {
        "variants": ("jwae_mh",) if small else ("jwae_mh", "jwae_mse", "mh_sum", "mse"),
        "minimum_count": 1 if small else 5,
        "mse_weights": (0.1, 1.0, 1.0),
        "hinge_weights": (0.02, 0.1, 0.1),
        "discriminator_learning_rate": 1e-3,
        "model": JWAEConfig(
            code_size=units // 2,
            image=ImagePathConfig(
                type="pixels",
                image_size=side,
                width=4 if small else 32,
                downsamplings=2 if side == 64 else 1,
                encoder_units=(units,),
                decoder_units=(units,),
            ),
            text=TextPathConfig(
                embedding_size=units // 2, encoder_state=units // 2, decoder_state=units
            ),
            discriminator_every=1,
        ),
        "training": TrainingConfig(
            steps=length,
            batch_size=batch,
            steps_per_epoch=min(length, 250),
            learning_rate=1e-3,
            clip_norm=2.0,
        ),
        "evaluation": RetrievalConfig(prior_samples=50 if small else 5000),
    }


def load_captioned(name: str, config: CaptionedSetConfig) -> Splits:
    """A data set with the images, or with their features where the model reads those.

    Args:
      name: "coco" or "flickr30k".
      config: where it is.

    Raises:
      DataError: the data, or the weights, cannot be used; says which file and why.
      ConfigError: no directory or no weights are named, or the features have another size.
    """
    backbone = _backbone(config)
    size = config.model.image.image_size if backbone is None else backbone.image_size
    if config.directory:
        splits = _READERS[name](config.directory, size, split_file=config.split_file or None)
    elif config.preset == "smoke":
        splits = _few_scenes(size)
    else:
        raise ConfigError(f"directory: got ''; wanted the folder of {name}.")
    if backbone is None:
        return splits
    return splits.map(lambda source: cached_features(source, backbone, config.cache))


def _backbone(config: CaptionedSetConfig) -> Optional[ImageBackbone]:
    """The network whose features the model reads; None where it reads pixels."""
    if config.model.image.type == "pixels":
        return None
    made = named_backbone(
        config.application, config.layer, config.weights, without="model.image.type=pixels"
    )
    check_feature_size(made, config.model.image.size, "model.image.size")
    return made


class CaptionedJob(AlignmentJob):
    """Exports hold the network whose features the model reads, and take images."""

    def backbone(self, config):
        return _backbone(config)


def _few_scenes(size):
    """Scenes, by way of files in COCO's layout."""
    few = scenes(size, train=24, validation=8, test=8, held_out=0, jit_compile=False)
    with tempfile.TemporaryDirectory() as folder:
        directory = os.path.join(folder, "coco")
        write_scenes(few, directory, progress=False)
        return coco(directory, size).map(
            lambda source: in_memory(source, progress=False, at_once=True)
        )
