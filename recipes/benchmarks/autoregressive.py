"""How long PixelCNN and PixelPyramids take for an image, for a likelihood, for a training step.

    tfgen benchmark autoregressive
    tfgen benchmark autoregressive --rows pixelcnn,growth

    pixelcnn        32x32 pixels: PixelCNN++ at the paper's size (160 filters, 5 residual layers)
                    and of 1 M parameters, tfd.PixelCNN of 1 M, which takes most of the time
    pixelpyramids   PixelPyramids at the paper's size for 256x256 pixels of 5 bits, one image
    training        steps of PixelCNN++ and of that PixelPyramids, each in a process of its own
    growth          small models that draw images of 16 to 256 pixels a side

Networks have weights as they start. "s/image" is of a batch, over its images. "other s/image" and
"times as fast" compare with what "against" names: "a pass a pixel" is the measured likelihood, once
for each pixel, as a sampler without a cache takes it; tfd.PixelCNN, which does just that, is drawn
from in the same run, once after a first time; "released" is the authors' PyTorch code on ANOTHER
machine (2 cores; specs/reference_facts.md). "steps" are those of a sample that wait for one
another. "peak MB" is the most that a process held which did nothing else. "load" is the machine's
average over the minute before.

Writes docs/autoregressive.png where growth is measured: a PixelCNN takes N^2 steps, PixelPyramids
32 more for each doubling of N. What a step costs grows with its pixels where there are few cores.
"""

from __future__ import annotations

import os
import pathlib
import sys
import time
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from recipes.benchmarks import autoregressive_training
from recipes.benchmarks.autoregressive_models import (
    GROWING,
    SMALL,
    count_millions,
    make_model,
    random_images,
)
from recipes.benchmarks.timing import seconds_per_call
from recipes.cli.catalogue import ROOT

SUMMARY = "PixelCNN++ with and without its cache, tfd.PixelCNN, PixelPyramids: seconds an image"

ROWS = ("pixelcnn", "pixelpyramids", "training", "growth")
FIGURE = ROOT / "docs" / "autoregressive.png"
BATCHES = {"PixelCNN++, 160 filters": (1, 16), SMALL: (1, 16)}
# Filters, residual layers, hierarchies, mixtures and batch size of tfd.PixelCNN.
REFERENCE = (24, 2, 3, 5, 1)
RELEASED_SECONDS = {"likelihood": 3.76, "sampling": 3.66}
PYRAMIDS = "PixelPyramids, 256 pixels"
TRAINED = (("PixelCNN++, 160 filters", 8), (SMALL, 8), (PYRAMIDS, 1))
SIDES = {"PixelPyramids": (16, 32, 64, 128, 256), "PixelCNN": (16, 32, 64, 128)}


def measure(
    budget_seconds: float = 5.0,
    rows: Optional[Sequence[str]] = None,
    figure: pathlib.Path = FIGURE,
) -> List[Dict[str, object]]:
    """The table.

    Args:
      budget_seconds: for each of its numbers, after the first call; three calls at least.
      rows: names of ROWS; all without.
      figure: a PNG for the rows of growth.
    """
    table: List[Dict[str, object]] = []
    for name in rows or ROWS:
        print(f"{name} ...", file=sys.stderr)
        if name == "pixelcnn":
            table += measure_pixel_cnns(budget_seconds)
        elif name == "pixelpyramids":
            table += measure_pyramids(PYRAMIDS, budget_seconds)
        elif name == "training":
            table += measure_training(budget_seconds)
        else:
            table += measure_growth(budget_seconds, SIDES, figure)
    return table


def measure_pixel_cnns(
    budget_seconds: float,
    batches: Mapping[str, Sequence[int]] = BATCHES,
    reference: Optional[Tuple[int, int, int, int, int]] = REFERENCE,
) -> List[Dict[str, object]]:
    """Likelihood and samples of each network and batch, and of tfd.PixelCNN where there is one."""
    table = []
    for name in batches:
        model = make_model(name)
        for batch in batches[name]:
            score, drawn = _seconds(model, batch, budget_seconds)
            pixels = model.config.image_size**2
            table.append(_row(name, model, "likelihood", batch, score))
            table.append(
                _row(
                    name,
                    model,
                    "sampling",
                    batch,
                    drawn,
                    "a pass a pixel",
                    score * pixels,
                    steps=pixels,
                )
            )
    if reference is not None:
        table += _reference_rows(model, drawn, reference, budget_seconds)
    return table


def measure_pyramids(name: str, budget_seconds: float) -> List[Dict[str, object]]:
    """Likelihood and samples of one image."""
    import tensorflow as tf

    model = make_model(name)
    images, table = random_images(model, 1), []
    log_prob = tf.function(model.log_prob, autograph=False)
    sample = tf.function(lambda: model.sample(1, seed=1), autograph=False)
    for work, function in (
        ("likelihood", lambda: log_prob(images).numpy()),
        ("sampling", lambda: sample().numpy()),
    ):
        seconds = seconds_per_call(function, budget_seconds)
        steps = model.sequential_steps if work == "sampling" else "-"
        released = RELEASED_SECONDS[work]
        table.append(
            _row(name, model, work, 1, seconds, "released (other machine)", released, steps)
        )
    return table


def measure_training(
    budget_seconds: float, trained: Sequence[Tuple[str, int]] = TRAINED
) -> List[Dict[str, object]]:
    """A training step of each model, in a process of its own."""
    table = []
    for name, batch in trained:
        facts = autoregressive_training.measure_in_new_process(name, batch, budget_seconds)
        row = _row(name, None, "training step", batch, facts["seconds"] / batch)
        row.update({"M parameters": facts["parameters"], "peak MB": facts["peak MB"]})
        table.append(row)
    return table


def measure_growth(
    budget_seconds: float, sides: Mapping[str, Sequence[int]], figure: pathlib.Path
) -> List[Dict[str, object]]:
    """Samples of one image of every side; draws them."""
    import tensorflow as tf

    table = []
    for name, wanted in sides.items():
        for side in wanted:
            model = GROWING[name](side)
            sample = tf.function(lambda model=model: model.sample(1, seed=1), autograph=False)
            seconds = seconds_per_call(lambda s=sample: s().numpy(), budget_seconds)
            steps = getattr(model, "sequential_steps", side**2)
            table.append(_row(f"{name}, small", model, "sampling", 1, seconds, steps=steps))
    draw(table, figure)
    return table


def draw(rows: Sequence[Dict[str, object]], path: pathlib.Path) -> None:
    """Steps and seconds of a sample against the side of the image, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), dpi=110, layout="constrained")
    for axes, column in zip(figure.subplots(1, 2), ("steps", "s/image")):
        for name in dict.fromkeys(row["model"] for row in rows):
            points = [(row["side"], row[column]) for row in rows if row["model"] == name]
            axes.plot(*zip(*points), "o-", label=name)
            for side, value in points:
                axes.annotate(
                    f"{value:.3g}",
                    (side, value),
                    textcoords="offset points",
                    xytext=(0, 6),
                    ha="center",
                    fontsize=8,
                )
        axes.set(xscale="log", yscale="log", xlabel="side N of the image", ylabel=column)
        ticks = sorted({row["side"] for row in rows})
        axes.set_xticks(ticks, [str(side) for side in ticks])
        axes.minorticks_off()
        axes.margins(0.08, 0.12)
    axes.legend(fontsize=8)
    figure.suptitle("Sampling one image of 3 channels", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _seconds(model, batch, budget_seconds) -> Tuple[float, float]:
    """Seconds an image of a likelihood and of a sample of a PixelCNN."""
    import tensorflow as tf

    images = random_images(model, batch)
    log_prob = tf.function(model.log_prob, autograph=False)
    score = seconds_per_call(lambda: log_prob(images).numpy(), budget_seconds)
    drawn = seconds_per_call(lambda: model.sample(batch, seed=1).numpy(), budget_seconds)
    return score / batch, drawn / batch


def _reference_rows(ours, our_seconds, reference, budget_seconds) -> List[Dict[str, object]]:
    import tensorflow as tf
    import tensorflow_probability as tfp

    filters, residual_layers, hierarchies, mixtures, batch = reference
    side = ours.config.image_size
    model = tfp.distributions.PixelCNN(
        image_shape=[side, side, 3],
        num_resnet=residual_layers,
        num_hierarchies=hierarchies,
        num_filters=filters,
        num_logistic_mix=mixtures,
        dropout_p=0.0,
        use_weight_norm=False,
        use_data_init=False,
    )
    images = tf.zeros([batch, side, side, 3])
    log_prob = tf.function(model.log_prob, autograph=False)
    sample = tf.function(lambda: model.sample(batch, seed=1), autograph=False)
    one_pass = seconds_per_call(lambda: log_prob(images).numpy(), budget_seconds) / batch
    drawn = _second_call(lambda: sample().numpy()) / batch
    name, pixels = f"tfd.PixelCNN, {filters} filters", side**2
    theirs = [
        _row(name, model, "likelihood", batch, one_pass, side=side),
        _row(name, model, "sampling", batch, drawn, steps=pixels, side=side),
    ]
    return [*theirs, _row(SMALL, ours, "sampling", "as above", our_seconds, name, drawn, pixels)]


def _row(name, model, work, batch, seconds, against="-", other="-", steps="-", side=None):
    if side is None:
        side = "-" if model is None else model.config.image_size
    return {
        "model": name,
        "M parameters": "-" if model is None else count_millions(model),
        "side": side,
        "work": work,
        "batch": batch,
        "s/image": seconds,
        "against": against,
        "other s/image": other,
        "times as fast": "-" if other == "-" else other / seconds,
        "steps": steps,
        "peak MB": "-",
        "load": os.getloadavg()[0],
    }


def _second_call(function: Callable[[], object]) -> float:
    """Seconds of a call after the first, for what is too slow to be measured again and again."""
    function()
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
