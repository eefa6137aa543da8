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
import os
from typing import Any, Callable, Dict

import numpy as np
import tensorflow as tf

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
    compiled,
    fit,
    restore,
)
from zoo.vlvae import (
    REFERENCE,
    EvaluationConfig,
    Instrument,
    NetworkConfig,
    VLVAEConfig,
    VLVAEJob,
    WordClassifier,
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


class CelebAJob(VLVAEJob):
    """Measured with a classifier of the run's own, trained before the VLVAE."""

    intended_use = "Research: what a learned aggregate posterior does."
    limits = (
        "CelebA is for non-commercial research; so is what is trained on it.",
        "The faces and attribute words are those of celebrities' photographs, as annotators "
        "saw them; do not use the words to judge people.",
        "Log-likelihoods are of a Beta density over pixels, not of discrete pixels.",
    )
    references = (
        REFERENCE,
        "Liu, Luo, Wang and Tang. Deep Learning Face Attributes in the Wild. ICCV 2015.",
    )

    def vocabulary(self, config: RecipeConfig) -> Vocabulary:
        return make_vocabulary()

    def instrument(
        self, config: RecipeConfig, data: Splits, run: RunDirectory, callbacks=()
    ) -> Instrument:
        settings = config.classifier
        classifier = make_classifier(config, settings.precision)
        fit(
            classifier,
            data.train,
            settings,
            run,
            "classifier",
            validation=data.validation,
            callbacks=callbacks,
            seed=config.seed,
        )
        classifier = make_classifier(config, "float32")
        restore(classifier, data.train, settings, run, "classifier", which="best")
        judge = tf.function(classifier.probabilities, reduce_retracing=True, autograph=False)
        correctness = functools.partial(word_correctness, judge, make_vocabulary())
        return Instrument(correctness, accuracies(judge, data.test))

    def introduction(self, config: RecipeConfig, data: Splits, numbers) -> str:
        counts = data.description["counts"]
        return (
            f"{counts['train']} faces for training and {counts['test']} for testing "
            f"({config.data.partition} partition), {config.model.image_size} pixels a side; "
            f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores. Correctness is the share "
            "of a text's words to which the classifier gives a probability over 50 %; likelihoods "
            "are nats per example. The classifier judges "
            f"{numbers['classifier_accuracy']:.2f} % of the words right; the commoner answer would "
            f"be right for {numbers['classifier_accuracy_constant']:.2f} %."
        )

    def appendix(self, numbers) -> str:
        lines = ["", "| word | judged right % |", "|---|---|"]
        for word in SPOKEN:
            lines.append(f"| {word} | {numbers[f'classifier_accuracy_{word.lower()}']:.2f} |")
        return "\n".join(lines) + "\n"

    def described(self, config: RecipeConfig, data, model) -> Dict[str, Any]:
        size, settings = config.model.image_size, config.data
        return {
            **super().described(config, data, model),
            "summary": f"Draws faces, {size}x{size}, from up to {CELEBA_TEXT_LENGTH} attribute "
            "words in any order, and describes faces with such words.",
            "data": {
                "name": "celeba",
                "partition": settings.partition,
                "crop": settings.crop,
            },
        }


JOB = CelebAJob(
    RecipeConfig,
    load_data,
    licence="CelebA's terms: non-commercial research",
    examples={"texts": ["Female Smiling Blond_Hair"]},
)
run, evaluate, load_model = JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config
