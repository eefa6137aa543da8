"""What a run of a VLVAE shows: pictures in TensorBoard, figures, the report."""

from __future__ import annotations

from typing import List, Mapping

import numpy as np
import tensorflow as tf

from tfgen.data import Source
from tfgen.training import RunDirectory
from tfgen.training.callbacks import ImageGrid, LatentProjector, Text
from zoo.vlvae import figures
from zoo.vlvae.fits import Fits
from zoo.vlvae.generator import TextImageGenerator
from zoo.vlvae.model import VLVAE

__all__ = ["draw", "report", "training_pictures"]


def training_pictures(vlvae: VLVAE, source: Source) -> List[tf.keras.callbacks.Callback]:
    """What TensorBoard shows while the VLVAE learns: samples, reconstructions, texts, codes."""
    batch = next(iter(source.batches(min(32, source.count))))
    generator = TextImageGenerator(vlvae, None)

    def reconstructions():
        decoded = generator.reconstruct(batch["image"])
        return np.concatenate([batch["image"][:16], decoded[:16]])

    def texts():
        said = generator.texts_from_images(batch["image"][:8], seed=0)[:, 0].numpy()
        return [
            f"{true.decode()} -> {text.decode()}" for true, text in zip(batch["text"].numpy(), said)
        ]

    def codes():
        labels = {"text": [text.decode() for text in batch["text"].numpy()]}
        return vlvae.encode(batch["image"]).mean().numpy(), batch["image"].numpy(), labels

    return [
        ImageGrid(lambda: generator.sample(16, seed=0)["images"].numpy(), "samples"),
        ImageGrid(reconstructions, "reconstructions", columns=16),
        Text(texts, "decoded_text"),
        LatentProjector(codes),
    ]


def draw(vlvae: VLVAE, fits: Fits, test: Source, run: RunDirectory, seed: int) -> None:
    """The figures of the report."""
    batch = next(iter(test.batches(min(16, test.count))))
    texts = [text.decode() for text in batch["text"].numpy()]
    true = TextImageGenerator(vlvae, fits.q_true)
    learned = TextImageGenerator(vlvae, fits.q_agg, fits.aggregate_prior)
    some = texts[:8]
    figures.text_to_images(
        run.figures / "text_to_images.png",
        some,
        {
            "q_True(z|y)": true.images_from_text(some, 4, seed).numpy(),
            "q_Agg(z|y)": learned.images_from_text(some, 4, seed).numpy(),
        },
    )
    blocks = {}
    for title, generator in (("p(z)", true), ("aggregate prior", learned)):
        pairs = generator.sample(16, seed)
        blocks[title] = (pairs["images"].numpy(), [t.decode() for t in pairs["texts"].numpy()])
    figures.pairs(run.figures / "samples.png", blocks)
    z = vlvae.encode(batch["image"][:6]).mean()
    words, logits = vlvae.decode_words(z, seed)
    figures.reconstructions(
        run.figures / "reconstructions.png",
        batch["image"][:6].numpy(),
        vlvae.decode_images(z).numpy(),
        texts[:6],
        words.numpy(),
        tf.nn.softmax(logits).numpy(),
        vlvae.vocabulary.words,
    )
    histories = {
        phase: run.history(phase) for phase in ("vlvae", "q_true", "q_agg", "aggregate_prior")
    }
    figures.curves(
        run.figures / "training.png",
        {"vlvae": histories["vlvae"]},
        ["elbo", "log_p_image", "log_p_text", "kl"],
    )
    figures.curves(
        run.figures / "fits.png",
        {name: rows for name, rows in histories.items() if name != "vlvae"},
        ["log_q", "elbo_text", "kl"],
    )


def report(title: str, introduction: str, numbers: Mapping[str, float]) -> str:
    """report.md: the tables of the paper, with the figures of `draw`.

    Args:
      title: heading.
      introduction: a paragraph: data, sizes, time.
      numbers: of `measure`.
    """

    def cell(name):
        if name not in numbers:
            return "-"
        return f"{numbers[name]:.2f}" if abs(numbers[name]) < 1e9 else f"{numbers[name]:.1e}"

    def row(label, *names):
        cells = (cell(name) for name in names)
        return f"| {label} | " + " | ".join(cells) + " |"

    lines = [
        f"# {title}",
        "",
        introduction,
        "",
        "| text posterior | q_True | q_Agg |",
        "|---|---|---|",
        row("correctness %", "correctness_q_true", "correctness_q_agg"),
        row("log p(x given y), Eq. 6", "log_p_x_given_y_q_true", "log_p_x_given_y_q_agg"),
        row(
            "the same, median over the examples",
            "log_p_x_given_y_q_true_median",
            "log_p_x_given_y_q_agg_median",
        ),
        row(
            "the same, importance bound",
            "log_p_x_given_y_q_true_importance",
            "log_p_x_given_y_q_agg_importance",
        ),
        "",
        "| prior | p(z) | q_phi(z) |",
        "|---|---|---|",
        row("correctness %", "correctness_prior", "correctness_aggregate_prior"),
        row("log p(x)", "log_p_x_prior_importance", "log_p_x_aggregate_prior_importance"),
        row("log p(y)", "log_p_y_prior", "log_p_y_aggregate_prior"),
        "",
        "| ceiling | correctness % |",
        "|---|---|",
        row("real images", "correctness_real"),
        row("reconstructions", "correctness_reconstruction"),
        "",
        "| KL of the ELBO (Eq. 18) | nats |",
        "|---|---|",
        row("posterior to aggregate", "posterior_to_aggregate"),
        row("aggregate to prior", "aggregate_to_prior"),
        row("whole", "kl"),
        "",
    ]
    lines += [
        f"![{name}](figures/{name}.png)\n"
        for name in ("text_to_images", "samples", "reconstructions", "training", "fits")
    ]
    return "\n".join(lines)
