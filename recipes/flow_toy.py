"""Flows of two-dimensional densities, beside the truth.

    tfgen train flow_toy --preset quick

Fits Real NVP, mixture-CDF couplings, MAF and IAF to a density whose entropy is known, draws the
densities and samples next to the true ones, and reports held-out nats: what a model loses to the
truth is KL(truth || model).

quick, 1 seed, 164 s on two idle CPU cores, KL in nats; and the same with 1500 steps of 512 points
(training.steps=1500 training.batch_size=512), 210 s. embedded, which has MAF and IAF too, has not
been run; MAF had 0.025, 0.743, 0.308 and 0.327 after 1500 steps.

                      quick: Real NVP   mixture CDF   longer: Real NVP   mixture CDF
    two moons                   0.049         0.017              0.032         0.014
    rings                       0.821         0.713              0.774         0.074
    checkerboard                0.328         0.187              0.302         0.150
    eight Gaussians             0.301         0.060              0.314         0.040

Rings are a plateau that mixture-CDF couplings leave sooner or later, depending on the order of the
processor's threads too: 1500 steps of one seed gave 0.045 to 0.381 in four runs; with 1000 steps of
256 points and a warm-up of 100 steps they stayed at 0.73 to 0.77 in three.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from typing import Dict, Optional, Tuple

import numpy as np
import tensorflow as tf

from tfgen import serving
from tfgen.data import Splits, toy, toy_log_prob
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
from tfgen.training.fit import build
from zoo.flows import VectorFlow, VectorFlowConfig

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "flows"
SUMMARY = "Real NVP, mixture-CDF couplings, MAF and IAF on two-dimensional densities"
NAMES = ("two_moons", "rings", "checkerboard", "eight_gaussians")
ARCHITECTURES = ("real_nvp", "mixture_cdf", "maf", "iaf")
# Points along a side of a picture of a density, and points in one of samples.
SIDE, DRAWN = 160, 3000


@dataclasses.dataclass
class RecipeConfig(Config):
    """Everything that decides the result of a run.

    Attributes:
      recipe, preset, seed: names, and the seed of all.
      densities: the data sets.
      architectures: the flows. IAF learns slowly: its density is a loop over the dimensions.
      train, test: points; validation has as many as test.
      model: sizes; its architecture is set to each in turn.
      training: of every one.
    """

    recipe: str = "flow_toy"
    preset: str = "paper"
    seed: int = 0
    densities: Tuple[str, ...] = NAMES
    architectures: Tuple[str, ...] = ARCHITECTURES
    train: int = 100_000
    test: int = 10_000
    model: VectorFlowConfig = dataclasses.field(default_factory=VectorFlowConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset. The papers have no such data; "paper" is the largest."""
    if preset == "smoke":
        return RecipeConfig(
            preset=preset,
            densities=("rings",),
            architectures=("real_nvp", "maf"),
            train=64,
            test=32,
            model=VectorFlowConfig(steps=2, hidden_units=(8,)),
            training=TrainingConfig(steps=2, batch_size=16, steps_per_epoch=1),
        )
    steps, couplings, width, architectures = {
        "quick": (1200, 8, 64, ("real_nvp", "mixture_cdf")),
        "embedded": (10_000, 12, 128, ARCHITECTURES),
        "paper": (50_000, 16, 256, ARCHITECTURES),
    }[preset]
    training = TrainingConfig(
        steps=steps,
        batch_size=384 if preset == "quick" else 512,
        # One validation and two checkpoints take as long as a hundred steps.
        steps_per_epoch=min(steps, 2000),
        learning_rate=2e-3,
        clip_norm=10.0,
        average_decay=0.99,
        schedule=ScheduleConfig(type="cosine", end_factor=0.02),
    )
    return RecipeConfig(
        preset=preset,
        architectures=architectures,
        train=1_000_000,
        model=VectorFlowConfig(steps=couplings, hidden_units=(width, width)),
        training=training,
    )


def load_data(config: RecipeConfig, name: str) -> Splits:
    """The points of one density."""
    return toy(name, config.train, config.test, config.test, config.seed)


def make_model(config: RecipeConfig, architecture: str, precision: str = "float32") -> VectorFlow:
    """A compiled flow."""
    settings = dataclasses.replace(config.model, architecture=architecture)
    return compiled(
        lambda: VectorFlow(settings, seed=config.seed), config.training, precision, config.seed
    )


def run(config: RecipeConfig, run: RunDirectory) -> Dict[str, float]:
    """Trains every flow on every density, measures, draws, exports the first."""
    clock = WallClock(run)
    for architecture in config.architectures:
        train(config, architecture, run, clock)
    numbers, pictures = measure(config, run)
    draw(config, pictures, run)
    numbers["wall_seconds"] = clock.seconds()
    run.write_report(numbers, report(config, numbers))
    write_export(config, load_model(run), numbers, run.path / "export")
    run.finish()
    return numbers


def train(config: RecipeConfig, architecture: str, run: RunDirectory, clock: WallClock) -> None:
    """Fits one model to every density in turn, each time from the same weights.

    Tracing a model's graphs takes as long as several hundred steps.
    """
    model = make_model(config, architecture, config.training.precision)
    sets = {name: load_data(config, name) for name in config.densities}
    build(model, next(iter(sets.values())).train, config.training)
    variables = [*model.variables, *model.optimizer.variables]
    start = [variable.numpy() for variable in variables]
    for name, data in sets.items():
        for variable, value in zip(variables, start):
            variable.assign(value)
        fit(
            model,
            data.train,
            config.training,
            run,
            f"{name}_{architecture}",
            validation=data.validation,
            callbacks=[clock],
            seed=config.seed,
        )


def load_flow(
    config: RecipeConfig,
    run: RunDirectory,
    name: str,
    architecture: str,
    model: Optional[VectorFlow] = None,
) -> VectorFlow:
    """The checkpoint of a training with the best validation loss, in a new model or a given one."""
    model = model or make_model(config, architecture)
    source = load_data(config, name).train
    restore(model, source, config.training, run, f"{name}_{architecture}", which="best")
    return model


def evaluate(run: RunDirectory) -> Dict[str, float]:
    """Held-out nats of every flow on every density, and what it loses to the truth."""
    return measure(read_config(run), run)[0]


def measure(config: RecipeConfig, run: RunDirectory) -> Tuple[Dict[str, float], Dict]:
    """Numbers of a run, and what `draw` draws: column, density -> (log-density, points).

    The log-densities are those of `grid`; the columns are "truth" and the architectures.
    """
    numbers, pictures, true, batches = {}, {}, {}, {}
    for name in config.densities:
        test = load_data(config, name).test
        batches[name] = [batch["point"] for batch in test.batches(1000)]
        true[name] = np.concatenate([toy_log_prob(name, points) for points in batches[name]])
        numbers[f"nats_{name}_true"] = float(-true[name].mean())
        points = next(iter(test.batches(min(DRAWN, config.test))))["point"]
        pictures["truth", name] = toy_log_prob(name, grid()), points
    for architecture in config.architectures:
        model = make_model(config, architecture)
        log_prob = tf.function(
            model.log_prob, input_signature=[tf.TensorSpec([None, 2], tf.float32)], autograph=False
        )
        sample = tf.function(lambda model=model: model.sample(DRAWN, config.seed), autograph=False)
        for name in config.densities:
            load_flow(config, run, name, architecture, model)
            got = np.concatenate([log_prob(points).numpy() for points in batches[name]])
            numbers[f"nats_{name}_{architecture}"] = float(-got.mean())
            numbers[f"kl_{name}_{architecture}"] = float((true[name] - got).mean())
            pictures[architecture, name] = log_prob(grid()), sample()
    return numbers, pictures


def grid() -> tf.Tensor:
    """The points of a picture of [-5, 5]^2, row by row: [SIDE^2, 2]."""
    side = np.linspace(-5.0, 5.0, SIDE, dtype=np.float32)
    return tf.reshape(tf.stack(tf.meshgrid(side, side), -1), [-1, 2])


def draw(config: RecipeConfig, pictures: Dict, run: RunDirectory) -> None:
    """densities.png and samples.png: a row for each density, the truth first."""
    from matplotlib.figure import Figure

    titles = ["truth", *config.architectures]
    shape = {"figsize": (2.4 * len(titles), 2.5 * len(config.densities)), "layout": "constrained"}
    figures = {kind: Figure(dpi=110, **shape) for kind in ("densities", "samples")}
    axes = {
        kind: figure.subplots(len(config.densities), len(titles), squeeze=False)
        for kind, figure in figures.items()
    }
    for row, name in enumerate(config.densities):
        top = float(tf.reduce_max(tf.exp(pictures["truth", name][0])))
        for column, title in enumerate(titles):
            log_prob, points = pictures[title, name]
            values = tf.reshape(tf.exp(log_prob), [SIDE, SIDE])
            axes["densities"][row, column].imshow(
                values, origin="lower", extent=(-5, 5, -5, 5), vmin=0.0, vmax=top
            )
            axes["samples"][row, column].scatter(*np.transpose(points), s=0.5)
            axes["samples"][row, column].set(xlim=(-5, 5), ylim=(-5, 5), aspect="equal")
            for kind in axes:
                axes[kind][row, column].set(xticks=[], yticks=[])
                axes[kind][row, column].set_title(title if row == 0 else "", fontsize=9)
    for kind, figure in figures.items():
        figure.savefig(run.figures / f"{kind}.png")


def report(config: RecipeConfig, numbers: Dict[str, float]) -> str:
    """report.md: a table of held-out nats."""
    lines = [
        f"# flow_toy, preset {config.preset}, seed {config.seed}",
        "",
        f"Held-out nats ({config.test} points; less is better) and, in brackets, what is lost to "
        f"the truth; {numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores.",
        "",
        "| density | truth | " + " | ".join(config.architectures) + " |",
        "|---|---|" + "---|" * len(config.architectures),
    ]
    for name in config.densities:
        cells = [
            f"{numbers[f'nats_{name}_{a}']:.3f} ({numbers[f'kl_{name}_{a}']:.3f})"
            for a in config.architectures
        ]
        lines.append(f"| {name} | {numbers[f'nats_{name}_true']:.3f} | " + " | ".join(cells) + " |")
    figures = [f"\n![{kind}](figures/{kind}.png)" for kind in ("densities", "samples")]
    return "\n".join([*lines, *figures, ""])


def load_model(run: RunDirectory) -> VectorFlow:
    """The first flow, on the first density."""
    config = read_config(run)
    return load_flow(config, run, config.densities[0], config.architectures[0])


def export(run: RunDirectory, directory: pathlib.Path) -> pathlib.Path:
    """Exports a finished run as the next version of directory."""
    numbers = json.loads((run.path / "report.json").read_text(encoding="utf-8"))
    return write_export(read_config(run), load_model(run), numbers, directory)


def write_export(
    config: RecipeConfig, model: VectorFlow, numbers: Dict[str, float], directory: pathlib.Path
) -> pathlib.Path:
    """Writes the next version: log_prob and sample of one flow."""
    card = serving.Card.of_run(
        config,
        numbers,
        system=SYSTEM,
        summary=f"Density and samples of {config.densities[0]} by {config.architectures[0]}.",
        data=dict(load_data(config, config.densities[0]).description),
        intended_use="Teaching: what a flow can and cannot fit.",
        limits=["Knows one density in the plane."],
        examples={"point": [[0.0, 1.0]]},
    )
    return serving.export(model, directory, card)


def read_config(run: RunDirectory) -> RecipeConfig:
    """The configuration that a run was started with."""
    return load_config(RecipeConfig(), run.config_file)
