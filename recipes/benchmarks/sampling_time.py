"""How the time of a sample grows with the image: linearly for mAR-SCF, faster for a PixelCNN.

    tfgen benchmark sampling_time

mAR-SCF draws channel after channel, all pixels at once, on levels that halve the image until 4x4
pixels remain: C (3 2^n - 2) steps that wait for one another, n = log2(N / 4), and 1 level at N = 8
(Lemmas 6.4.1 and 6.4.2 of S. Mahajan's thesis). A PixelCNN (tfd.PixelCNN) draws pixel after pixel:
N^2 steps. Both networks are small, of 16 filters in what is repeated, and draw one image, so that
the steps rather than their arithmetic take the time, as they do on an accelerator. "growth" is
relative to the row of half the size.

Writes docs/sampling_time.png. Takes two minutes.
"""

from __future__ import annotations

import os
import pathlib
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from recipes.benchmarks.timing import seconds_per_call
from recipes.cli.catalogue import ROOT

SUMMARY = "time of a sample against the side of the image: mAR-SCF and a PixelCNN"

CHANNELS = 3
FILTERS = 16
SIDES = {"mAR-SCF": (8, 16, 32, 64), "PixelCNN": (8, 16, 32)}
FIGURE = ROOT / "docs" / "sampling_time.png"


def measure(
    budget_seconds: float = 4.0,
    sides: Optional[Dict[str, Sequence[int]]] = None,
    figure: pathlib.Path = FIGURE,
) -> List[Dict[str, object]]:
    """A row for each model and size; draws them.

    Args:
      budget_seconds: for each, after the first call.
      sides: of the images, by model; SIDES without.
      figure: a PNG to write.
    """
    makers = {"mAR-SCF": make_mar_scf, "PixelCNN": make_pixel_cnn}
    rows: List[Dict[str, object]] = []
    for name, wanted in (sides or SIDES).items():
        for side in wanted:
            sample, steps = makers[name](side)
            load = os.getloadavg()[0]
            milliseconds = 1e3 * seconds_per_call(sample, budget_seconds)
            half = [row for row in rows if row["model"] == name and 2 * row["side"] == side]
            rows.append(
                {
                    "model": name,
                    "side": side,
                    "sequential steps": steps,
                    "growth of steps": steps / half[0]["sequential steps"] if half else "-",
                    "ms/image": milliseconds,
                    "growth of time": milliseconds / half[0]["ms/image"] if half else "-",
                    "load": load,
                }
            )
    draw(rows, figure)
    return rows


def make_mar_scf(side: int) -> Tuple[Callable[[], object], int]:
    """A function that draws an image of an untrained mAR-SCF, and its sequential steps."""
    import tensorflow as tf

    from zoo.flows import FlowConfig, ImageFlow, PriorConfig
    from zoo.mar_scf import sequential_steps

    prior = PriorConfig(
        type="channel_autoregressive",
        filters=FILTERS,
        layers=1,
        kernel_sizes=(3,),
        dilations=(1,),
    )
    model = ImageFlow(
        FlowConfig(
            image_size=side,
            channels=CHANNELS,
            levels=max(1, (side // 4).bit_length() - 1),
            steps=4,
            filters=32,
            prior=prior,
        )
    )
    sample = tf.function(lambda: model.sample(1, seed=1), autograph=False)
    return lambda: sample().numpy(), sequential_steps(model)


def make_pixel_cnn(side: int) -> Tuple[Callable[[], object], int]:
    """The same of a tfd.PixelCNN."""
    import tensorflow as tf
    import tensorflow_probability as tfp

    model = tfp.distributions.PixelCNN(
        image_shape=[side, side, CHANNELS],
        num_resnet=1,
        num_hierarchies=1,
        num_filters=FILTERS,
        num_logistic_mix=5,
        use_weight_norm=False,
        use_data_init=False,
    )
    sample = tf.function(lambda: model.sample(1, seed=1), autograph=False)
    return lambda: sample().numpy(), side**2


def draw(rows: Sequence[Dict[str, object]], path: pathlib.Path) -> None:
    """Steps and milliseconds against the side of the image, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), dpi=110, layout="constrained")
    for axes, column in zip(figure.subplots(1, 2), ("sequential steps", "ms/image")):
        for name, colour in (("mAR-SCF", "tab:blue"), ("PixelCNN", "tab:orange")):
            points = [(row["side"], row[column]) for row in rows if row["model"] == name]
            sides, values = zip(*points)
            axes.plot(sides, values, "o-", color=colour, label=name)
            for side, value in points:
                axes.annotate(
                    f"{value:.3g}",
                    (side, value),
                    textcoords="offset points",
                    xytext=(0, 6),
                    ha="center",
                    fontsize=8,
                )
            power = 1 if name == "mAR-SCF" else 2
            guide = [values[0] * (side / sides[0]) ** power for side in sides]
            label = "proportional to N" + (" N" if power == 2 else "")
            axes.plot(sides, guide, ":", color=colour, label=label)
        axes.set(xscale="log", yscale="log", xlabel="side N of the image", ylabel=column)
        ticks = sorted({row["side"] for row in rows})
        axes.set_xticks(ticks, [str(side) for side in ticks])
        axes.minorticks_off()
        axes.margins(0.08, 0.12)
    axes.legend(fontsize=8)
    figure.suptitle("Sampling one image of 3 channels", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
