"""VLVAE on CelebA: aggregate posteriors of faces and the words of their attributes.

    tfgen train vlvae_celeba --preset paper --set data.directory=CELEBA

CELEBA is the folder that CelebA's authors give out (mmlab.ie.cuhk.edu.hk/projects/CelebA.html),
with img_align_celeba/, list_attr_celeba.txt and list_eval_partition.txt, or a data folder of
tensorflow_datasets in which celeb_a is prepared; without data.directory the default one is used.
The data set is not ours to ship, so there is no preset of a size between smoke and paper.

Trains a classifier of the 19 attribute words on its own, then a VLVAE, freezes both, and fits
q_True(z|y), q_Agg(z|y) and the aggregate prior q_phi(z). Correctness is the share of a text's words
to which the classifier gives a probability over 50 %, order ignored.

To expect: the numbers of Cremer & Kushman (2018), Tables 1 and 2, validation faces. They are the
paper's, from its own code and classifier; this recipe has not been run on CelebA here. The paper
does not state the units of its likelihoods; ours are nats of a Beta density over pixels, so that
their order may be compared and not their size.

    text posterior       q_True      q_Agg         prior            p(z)   q_phi(z)
    correctness %         80.83      80.32         correctness %   80.25      81.14
    log p(x|y)         -6776.27   -6637.08         log p(x)     -6686.31   -6636.30
                                                   log p(y)       -53.44     -11.78

The smoke preset takes seconds with any small folder in CelebA's format.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
from typing import Callable, Dict

import numpy as np
import tensorflow as tf

from tfgen import serving
from tfgen.data import (
    CELEBA_BLANK,
    CELEBA_TEXT_LENGTH,
    CELEBA_WORDS,
    Source,
    Splits,
    Vocabulary,
    celeba,
    with_words,
)
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
from zoo.vlvae import (
    VLVAE,
    EvaluationConfig,
    NetworkConfig,
    TextImageGenerator,
    VLVAEConfig,
    WordClassifier,
    draw,
    fit_densities,
    measure,
    report,
    training_pictures,
    word_correctness,
)

PRESETS = ("smoke", "paper")
SYSTEM = "vlvae"
SUMMARY = "Faces from attribute words on CelebA (your own copy): q_True(z|y) against q_Agg(z|y)"
SPOKEN = CELEBA_WORDS[:-1]


@dataclasses.dataclass
class DataConfig(Config):
    """Where CelebA lies and how it is cut.

    Attributes:
      directory: folder of CelebA or of tensorflow_datasets; "" is the default of the latter.
      partition: "paper" (180 000 faces train, the others validate and test) or "official".
      crop: side of the central square, of 178 x 218 pixels.
    """

    directory: str = ""
    partition: str = "paper"
    crop: int = 148


@dataclasses.dataclass
class RecipeConfig(Config):
    """Everything that decides the result of a run."""

    recipe: str = "vlvae_celeba"
    preset: str = "paper"
    seed: int = 0
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: VLVAEConfig = dataclasses.field(default_factory=VLVAEConfig)
    classifier: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    fits: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    if preset == "paper":
        return RecipeConfig(
            preset=preset,
            model=VLVAEConfig(image_size=64),
            # NOT STATED in the paper: how the classifier and the flows are trained.
            classifier=TrainingConfig(
                steps=40_000, batch_size=64, learning_rate=1e-3, precision="auto"
            ),
            # Sec. 5.3; the two decays are the released code's.
            training=TrainingConfig(
                steps=400_000,
                batch_size=20,
                learning_rate=4e-4,
                schedule=ScheduleConfig(type="exponential", decay_rate=0.999995, decay_steps=1),
                weight_decay=1e-7,
                steps_per_epoch=9000,
                precision="auto",
            ),
            fits=TrainingConfig(
                steps=50_000, batch_size=256, learning_rate=1e-3, steps_per_epoch=1000
            ),
        )
    tiny = TrainingConfig(steps=4, batch_size=4, learning_rate=1e-3, steps_per_epoch=2)
    return RecipeConfig(
        preset=preset,
        data=DataConfig(partition="official"),
        model=VLVAEConfig(
            image_size=32,
            kl_warmup_steps=2,
            couplings=2,
            flow_hidden_units=8,
            networks=NetworkConfig(
                latent_size=6,
                encoding_size=16,
                hidden_units=16,
                patch_size=2,
                image_width=4,
                downsamplings=1,
                residual_blocks=1,
                bottleneck_size=5,
                text_state=8,
                word_embedding=8,
            ),
        ),
        classifier=tiny,
        training=tiny,
        fits=tiny,
        evaluation=EvaluationConfig(texts=4, bound_examples=4, image_samples=2, text_samples=2),
    )


def make_vocabulary() -> Vocabulary:
    """The paper's twenty tokens; texts of nine at most, in any order, filled up with blanks."""
    return Vocabulary(CELEBA_WORDS, blank=CELEBA_BLANK, length=CELEBA_TEXT_LENGTH)


def load_data(config: RecipeConfig) -> Splits:
    """Faces with "text", its "words" and the "labels" of all words."""
    splits = celeba(
        config.data.directory or None,
        config.model.image_size,
        crop=config.data.crop,
        partition=config.data.partition,
    )
    return splits.map(lambda source: with_words(source, make_vocabulary()))


def make_classifier(config: RecipeConfig, precision: str) -> WordClassifier:
    """The compiled classifier, of the image encoder's architecture."""
    sizes = config.model
    return compiled(
        lambda: WordClassifier(sizes.networks, sizes.image_size, len(SPOKEN), seed=config.seed),
        config.classifier,
        precision,
    )


def make_vlvae(config: RecipeConfig, precision: str) -> VLVAE:
    """The compiled VLVAE."""
    return compiled(
        lambda: VLVAE(config.model, make_vocabulary(), seed=config.seed), config.training, precision
    )


def load_vlvae(config: RecipeConfig, data: Splits, run: RunDirectory) -> VLVAE:
    """The VLVAE of the best validation loss, in float32."""
    vlvae = make_vlvae(config, "float32")
    restore(vlvae, data.train, config.training, run, "vlvae", which="best")
    return vlvae


def load_classifier(config: RecipeConfig, data: Splits, run: RunDirectory) -> WordClassifier:
    """The classifier of the best validation loss, in float32."""
    classifier = make_classifier(config, "float32")
    restore(classifier, data.train, config.classifier, run, "classifier", which="best")
    return classifier


def run(config: RecipeConfig, run: RunDirectory) -> Dict[str, float]:
    """Trains, fits, measures, draws, exports; returns the numbers of report.json."""
    clock = WallClock(run)
    tf.keras.utils.set_random_seed(config.seed)
    data = load_data(config)
    shared = {"validation": data.validation, "seed": config.seed}

    classifier = make_classifier(config, config.classifier.precision)
    fit(classifier, data.train, config.classifier, run, "classifier", callbacks=[clock], **shared)

    vlvae = make_vlvae(config, config.training.precision)
    pictures = training_pictures(vlvae, data.validation)
    fit(vlvae, data.train, config.training, run, "vlvae", callbacks=[*pictures, clock], **shared)

    vlvae = load_vlvae(config, data, run)
    fits = fit_densities(
        vlvae, data.train, data.validation, config.fits, run, config.seed, callbacks=[clock]
    )

    numbers = measure_all(config, data, vlvae, fits, load_classifier(config, data, run))
    draw(vlvae, fits, data.test, run, config.seed)
    numbers["wall_seconds"] = clock.seconds()
    run.write_report(numbers, make_report(config, data, numbers))
    generator = TextImageGenerator(vlvae, fits.q_agg, fits.aggregate_prior)
    export_generator(config, generator, numbers, run.path / "export")
    run.finish()
    return numbers


def measure_all(config, data, vlvae, fits, classifier) -> Dict[str, float]:
    """How good the classifier is, and the numbers of Tables 1 and 2, on the test split."""
    judge = tf.function(classifier.probabilities, reduce_retracing=True, autograph=False)
    numbers = accuracies(judge, data.test)
    correctness = functools.partial(word_correctness, judge, make_vocabulary())
    numbers.update(measure(vlvae, fits, data.test, correctness, config.evaluation, config.seed))
    return numbers


def accuracies(judge: Callable, source: Source) -> Dict[str, float]:
    """Percentage of faces of which each word is judged right.

    Args:
      judge: images -> probability of each word.
      source: with "image" and "labels".

    Returns:
      "classifier_accuracy", the mean over the words; "classifier_accuracy_WORD"; and
      "classifier_accuracy_constant", what the commoner answer to each word would score.
    """
    right, labels = [], []
    for batch in source.batches(100):
        labels.append(batch["labels"].numpy() > 0)
        right.append((judge(batch["image"]).numpy() > 0.5) == labels[-1])
    each, share = np.concatenate(right).mean(0), np.concatenate(labels).mean(0)
    return {
        "classifier_accuracy": 100.0 * float(each.mean()),
        "classifier_accuracy_constant": 100.0 * float(np.maximum(share, 1.0 - share).mean()),
        **{f"classifier_accuracy_{w.lower()}": 100.0 * float(a) for w, a in zip(SPOKEN, each)},
    }


def make_report(config: RecipeConfig, data: Splits, numbers: Dict[str, float]) -> str:
    """report.md."""
    counts = data.description["counts"]
    introduction = (
        f"{counts['train']} faces for training and {counts['test']} for testing "
        f"({config.data.partition} partition), {config.model.image_size} pixels a side; "
        f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores. Correctness is the share of a "
        "text's words to which the classifier gives a probability over 50 %; likelihoods are nats "
        f"per example. The classifier judges {numbers['classifier_accuracy']:.2f} % of the words "
        f"right; the commoner answer would be right for "
        f"{numbers['classifier_accuracy_constant']:.2f} %."
    )
    title = f"{config.recipe}, preset {config.preset}, seed {config.seed}"
    lines = [report(title, introduction, numbers), "| word | judged right % |", "|---|---|"]
    for word in SPOKEN:
        lines.append(f"| {word} | {numbers[f'classifier_accuracy_{word.lower()}']:.2f} |")
    return "\n".join(lines) + "\n"


def evaluate(run: RunDirectory) -> Dict[str, float]:
    """Measures a finished run again, on its test split."""
    config = read_config(run)
    data = load_data(config)
    vlvae = load_vlvae(config, data, run)
    fits = fit_densities(vlvae, data.train, data.validation, config.fits, run, config.seed)
    return measure_all(config, data, vlvae, fits, load_classifier(config, data, run))


def load_model(run: RunDirectory) -> TextImageGenerator:
    """The generator of a run whose trainings are finished."""
    config, data = read_config(run), load_data(read_config(run))
    vlvae = load_vlvae(config, data, run)
    two = dataclasses.replace(data.train, count=2)
    fits = fit_densities(vlvae, two, two, config.fits, run, config.seed)
    return TextImageGenerator(vlvae, fits.q_agg, fits.aggregate_prior)


def export(run: RunDirectory, directory: pathlib.Path) -> pathlib.Path:
    """Exports a finished run as the next version of directory."""
    numbers = json.loads((run.path / "report.json").read_text(encoding="utf-8"))
    return export_generator(read_config(run), load_model(run), numbers, directory)


def export_generator(
    config: RecipeConfig,
    generator: TextImageGenerator,
    numbers: Dict[str, float],
    directory: pathlib.Path,
) -> pathlib.Path:
    """Writes the next version: q_Agg(z|y) draws faces, q_phi(z) draws pairs."""
    size = config.model.image_size
    card = serving.Card(
        name=config.recipe,
        system=SYSTEM,
        summary=f"Draws faces, {size}x{size}, from up to {CELEBA_TEXT_LENGTH} attribute words in "
        "any order, and describes faces with such words.",
        data={"name": "celeba", "partition": config.data.partition, "crop": config.data.crop},
        training={
            "preset": config.preset,
            "steps": config.training.steps,
            "steps_of_each_fit": config.fits.steps,
            "seeds": [config.seed],
            "wall_seconds": numbers["wall_seconds"],
            "cores": os.cpu_count(),
        },
        metrics=numbers,
        intended_use="Research: what a learned aggregate posterior does.",
        limits=[
            "CelebA is for non-commercial research; so is what is trained on it.",
            "The faces and attribute words are those of celebrities' photographs, as annotators "
            "saw them; do not use the words to judge people.",
            "Log-likelihoods are of a Beta density over pixels, not of discrete pixels.",
        ],
        licence="CelebA's terms: non-commercial research",
        examples={"texts": ["Female Smiling Blond_Hair"]},
        configuration=config.as_dict(),
        vocabulary=list(CELEBA_WORDS),
        references=[
            "Cremer and Kushman. On the Importance of Learning Aggregate Posteriors in "
            "Multimodal Variational Autoencoders. 2018.",
            "Liu, Luo, Wang and Tang. Deep Learning Face Attributes in the Wild. ICCV 2015.",
        ],
    )
    return serving.export(generator, directory, card)


def read_config(run: RunDirectory) -> RecipeConfig:
    """The configuration that a run was started with."""
    return load_config(RecipeConfig(), run.config_file)
