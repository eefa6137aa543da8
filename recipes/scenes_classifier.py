"""The reader of scenes: tells which objects, colours and context an image of scenes shows.

    tfgen train scenes_classifier --preset quick

Trains the measuring instrument of the images that LNFMM draws for captions, on rendered scenes
varied by mirroring, shifts, blur and noise; measures it on held-out images, also of combinations
of kind and context that it has never seen; exports it. saved_models/scenes_classifier is the
result of the embedded preset.

Embedded, seed 0, 10 000 steps, 17 minutes on two cores of which tests took one for five; quick,
seed 0, 8 minutes on two cores shared with a dozen other processes. Percentages on held-out images:
of what is there, how much is seen; of what is not there, how much is seen; of images, how many have
no mistake:

                                     there and seen   not there and seen   without mistake
    images                           embedded quick     embedded quick     embedded  quick
    as in training        colours       99.55 98.14         0.03  0.20        98.90  95.15
                          kinds         95.47 48.59         0.70  3.84        88.85  25.20
                          objects       93.93 45.07         0.12  0.41        83.15  21.10
                          context                                          100.00 100.00
    unseen combinations   colours       99.66 97.44         0.06  0.17        98.95  94.10
    of kind and context   kinds         77.98 31.04         3.59  7.01        51.25   4.50
                          objects       76.97 28.09         0.47  0.72        46.60   4.40
                          context                                          100.00 100.00

Quick ends while kinds are still getting better. What is not seen may be there all the same, so
these are lower bounds of what images show.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Dict

import numpy as np
import tensorflow as tf

from tfgen import serving
from tfgen.data import SceneSplits, Source, in_memory, scenes
from tfgen.training import (
    Config,
    RunDirectory,
    ScheduleConfig,
    TrainingConfig,
    WallClock,
    compiled,
    fit,
    load_config,
    restore,
)
from zoo.attribute_classifier import (
    SceneClassifier,
    SceneClassifierConfig,
    add_presence,
    vary_scenes,
)

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "attribute_classifier"
SUMMARY = "The reader of scenes: kinds, colours, objects and context seen in an image"
MAX_MEGABYTES = 4.0
PHASE = "classifier"
_ATTRIBUTES = ("kinds", "colours", "objects")


@dataclasses.dataclass
class DataConfig(Config):
    """Numbers of pictures; cache: directory for them, or "". The seed is not LNFMM's."""

    train: int = 40_000
    validation: int = 1_000
    test: int = 4_000
    held_out: int = 2_000
    seed: int = 1
    cache: str = "cache"


@dataclasses.dataclass
class RecipeConfig(Config):
    """Everything that decides the result of a run."""

    recipe: str = "scenes_classifier"
    preset: str = "embedded"
    seed: int = 0
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: SceneClassifierConfig = dataclasses.field(default_factory=SceneClassifierConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset; paper, for accelerators, is embedded but longer."""
    if preset == "smoke":
        return RecipeConfig(
            preset=preset,
            data=DataConfig(train=16, validation=8, test=8, held_out=8, cache=""),
            model=SceneClassifierConfig(
                image_size=16, early_width=4, early_blocks=0, late_width=4, late_blocks=1
            ),
            training=TrainingConfig(steps=4, batch_size=8, steps_per_epoch=2),
        )
    steps = {"quick": 1500, "embedded": 10_000, "paper": 50_000}[preset]
    data = {
        "quick": DataConfig(train=12_000, validation=500, test=2_000, held_out=1_000),
        "embedded": DataConfig(),
        "paper": DataConfig(train=200_000),
    }
    return RecipeConfig(
        preset=preset,
        data=data[preset],
        training=TrainingConfig(
            steps=steps,
            batch_size=32,
            learning_rate=2e-3,
            schedule=ScheduleConfig(type="cosine", warmup_steps=100),
            clip_norm=10.0,
            average_decay=0.99 if preset == "quick" else 0.998,
            steps_per_epoch=steps // 6,
            precision="auto",
        ),
    )


def load_data(config: RecipeConfig) -> SceneSplits:
    """The scenes, each rendered once, with what is there."""
    settings = config.data
    splits = scenes(
        config.model.image_size,
        train=settings.train,
        validation=settings.validation,
        test=settings.test,
        held_out=settings.held_out,
        seed=settings.seed,
        jit_compile=settings.train > 1000,
    )
    return splits.map(lambda source: _with_presence(in_memory(source, settings.cache or None)))


def make_classifier(config: RecipeConfig, precision: str) -> SceneClassifier:
    """The compiled model."""
    return compiled(
        lambda: SceneClassifier(config.model, seed=config.seed),
        config.training,
        precision,
        config.seed,
    )


def run(config: RecipeConfig, run: RunDirectory) -> Dict[str, float]:
    """Trains, measures, exports; returns the numbers of report.json."""
    clock = WallClock(run)
    data = load_data(config)
    fit(
        make_classifier(config, config.training.precision),
        data.train,
        config.training,
        run,
        PHASE,
        validation=data.validation,
        callbacks=[clock],
        seed=config.seed,
        transform=vary_scenes,
    )
    numbers = _measure(_load(config, data, run), data)
    numbers["wall_seconds"] = clock.seconds()
    run.write_report(numbers, report(config, numbers))
    export(run, run.path / "export")
    run.finish()
    return numbers


def evaluate(run: RunDirectory) -> Dict[str, float]:
    """Measures a finished run again."""
    config = read_config(run)
    data = load_data(config)
    return _measure(_load(config, data, run), data)


def presence_numbers(model: SceneClassifier, source: Source) -> Dict[str, float]:
    """Percentages of what is there that is seen, and of what is not there that is seen.

    Args:
      model: with see(images).
      source: with "image" and what `add_presence` makes.

    Returns:
      For each of kinds, colours and objects (a kind in a colour): "NAME_found", of those that are
      in an image, "NAME_invented", of those that are not, "NAME_images", of images without any
      mistake; "context", of images.
    """
    see = tf.function(model.see, reduce_retracing=True, autograph=False)
    parts = []
    for batch in source.batches(200):
        seen = {name: value.numpy() for name, value in see(batch["image"]).items()}
        rows = {"context": np.argmax(seen["context"], -1) == batch["context"].numpy()}
        for name in _ATTRIBUTES:
            answer = seen[name].reshape([len(seen[name]), -1]) > 0.5
            rows[name] = np.stack([answer, batch[name].numpy()], 1)
        parts.append(rows)
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    numbers = {"context": 100.0 * rows["context"].mean()}
    for name in _ATTRIBUTES:
        answer, truth = rows[name][:, 0], rows[name][:, 1]
        numbers[f"{name}_found"] = 100.0 * answer[truth].mean()
        numbers[f"{name}_invented"] = 100.0 * answer[~truth].mean()
        numbers[f"{name}_images"] = 100.0 * (answer == truth).all(1).mean()
    return numbers


def report(config: RecipeConfig, numbers: Dict[str, float]) -> str:
    """report.md."""
    lines = [
        "# The reader of scenes",
        "",
        f"Preset {config.preset}: {config.training.steps} steps of {config.training.batch_size}, "
        f"{numbers['wall_seconds'] / 60:.1f} minutes in all. Percentages on held-out images: of "
        "what is there, how much is seen; of what is not there, how much is seen; of images, how "
        "many have no mistake.",
        "",
        "| images | | there and seen | not there and seen | images without mistake |",
        "|---|---|---|---|---|",
    ]
    for title, split in (("as in training", "test"), ("unseen combinations", "held_out")):
        for name in _ATTRIBUTES:
            ends = ("found", "invented", "images")
            cells = [f"{numbers[f'{name}_{end}_{split}']:.2f}" for end in ends]
            lines.append(f"| {title} | {name} | " + " | ".join(cells) + " |")
        lines.append(f"| {title} | context | - | - | {numbers[f'context_{split}']:.2f} |")
    return "\n".join(lines) + "\n"


def load_model(run: RunDirectory) -> SceneClassifier:
    """The trained classifier of a run, in float32."""
    config = read_config(run)
    return _load(config, load_data(config), run)


def export(run: RunDirectory, directory: pathlib.Path) -> pathlib.Path:
    """Writes the next version of directory, with the measured numbers in its card."""
    config, model = read_config(run), load_model(run)
    numbers = json.loads((run.path / "report.json").read_text(encoding="utf-8"))
    names = load_data(config).description
    card = serving.Card.of_run(
        config,
        numbers,
        system=SYSTEM,
        summary="Tells which kinds, colours and coloured kinds of objects a rendered scene has, "
        "and its context.",
        data=dict(names),
        intended_use="Measures whether images drawn for captions show what the captions name; the "
        "same instrument for every run.",
        limits=[
            "Knows only the rendered kinds, colours and contexts of scenes.",
            "Says nothing about sizes, numbers and relations.",
            "Answers for every image, also for one that is no scene.",
        ],
        vocabulary=[*names["kinds"], *names["colours"], *names["contexts"]],
    )
    return serving.export(model, directory, card, max_megabytes=MAX_MEGABYTES)


def read_config(run: RunDirectory) -> RecipeConfig:
    """The configuration that a run was started with."""
    return load_config(RecipeConfig(), run.config_file)


def _measure(model, data):
    numbers = {}
    for split in ("test", "held_out"):
        found = presence_numbers(model, getattr(data, split))
        numbers.update({f"{name}_{split}": float(value) for name, value in found.items()})
    return numbers


def _load(config, data, run):
    model = make_classifier(config, "float32")
    restore(model, data.train, config.training, run, PHASE, transform=vary_scenes)
    return model


def _with_presence(source: Source) -> Source:
    """The images and what is there, without captions."""
    features = tf.nest.map_structure(
        lambda value: tf.TensorSpec(value.shape[1:], value.dtype),
        add_presence(
            {
                name: tf.zeros([1, *source.features[name].shape], source.features[name].dtype)
                for name in ("image", "context", "kinds", "colours")
            }
        ),
    )
    return Source(source.count, lambda indices: add_presence(source.load(indices)), features)
