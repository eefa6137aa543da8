"""VLVAE on Two Objects: does learning the aggregate posterior make images match their text?

    tfgen train vlvae_two_objects --preset quick

Trains a VLVAE (Cremer & Kushman, Eq. 2), freezes it, and fits to it q_True(z|y) (Eq. 3),
q_Agg(z|y) (Eq. 5) and the aggregate prior q_phi(z) (Sec. 4.2). Measures all of them with the
committed classifier (saved_models/two_objects_classifier) and exports the model with q_Agg(z|y)
and q_phi(z).

quick (the default of `make demo`), 3 seeds, and embedded, 1 seed; two shared CPU cores;
correctness in %; log p(x|y) is Eq. 6, the median over test examples:

                         quick            embedded
    real images          99.8 ± 0.0       99.8
    reconstructions      79.5 ± 0.8       92.2
    q_True(z|y)          46.3 ± 0.2       65.5
    q_Agg(z|y)           73.3 ± 0.2       91.4
    p(z)                 44.9 ± 1.3       60.1
    q_phi(z)             56.6 ± 0.1       80.3
    log p(x|y), q_True   2801.1 ± 82.5    17387.5
    log p(x|y), q_Agg    2861.0 ± 83.3    17605.8
    seconds              661 ± 68         4754

The seconds were taken while the machine did other work as well (load 4 to 6); quick took 431 s on
the idle machine. embedded was stopped and resumed, its fit of q_Agg run
twice. The paper (112 pixels, 400 000 steps) has 72.75 against 87.01 and 65.62 against 83.81.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from typing import Any, Dict

from tfgen import serving
from tfgen.data import Splits, Vocabulary, clevr_folder, in_memory, one_object, two_objects
from tfgen.data.two_objects_text import SLOTS, VOCABULARY
from tfgen.training import (
    Config,
    ConfigError,
    ScheduleConfig,
    TrainingConfig,
)
from zoo.attribute_classifier import correctness
from zoo.vlvae import (
    EvaluationConfig,
    Instrument,
    NetworkConfig,
    VLVAEConfig,
    VLVAEJob,
)

PRESETS = ("smoke", "quick", "embedded", "paper")
CLASSIFIER = pathlib.Path(__file__).parents[1] / "saved_models" / "two_objects_classifier"
MAX_MEGABYTES = 8.0
EXAMPLE = "small red rubber sphere left large blue metal cube".split()
SYSTEM = "vlvae"
SUMMARY = "Images from sentences: q_True(z|y) against q_Agg(z|y), p(z) against q_phi(z)"


@dataclasses.dataclass
class DataConfig(Config):
    """What the model sees.

    Attributes:
      folder: your own images in CLEVR's format (two objects each); "" renders them.
      objects: 2 (nine words) or 1 (four words) in a rendered image.
      train, validation, test: numbers of rendered images.
      redraw_sentences: draw the order of two rendered objects and their relation each epoch.
      seed: of the rendered images, or of the split of the folder.
      cache: directory that keeps rendered or resized images for the next run, or "".
    """

    folder: str = ""
    objects: int = 2
    train: int = 90_000
    validation: int = 10_000
    test: int = 10_000
    redraw_sentences: bool = False
    seed: int = 0
    cache: str = "cache"

    def validate(self):
        """Raises ConfigError where nothing can be rendered."""
        super().validate()
        if self.objects not in (1, 2):
            raise ConfigError(f"objects: got {self.objects}; wanted 1 or 2.")


@dataclasses.dataclass
class RecipeConfig(Config):
    """Everything that decides the result of a run."""

    recipe: str = "vlvae_two_objects"
    preset: str = "paper"
    seed: int = 0
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: VLVAEConfig = dataclasses.field(default_factory=VLVAEConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    fits: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)

    def validate(self):
        """Raises ConfigError where the densities could not be fitted."""
        super().validate()
        if self.model.objective == "vlvae_joint":
            raise ConfigError(
                "model.objective: got 'vlvae_joint', which has no q(z|x) that densities could be "
                "fitted to; wanted vlvae, telbo or jmvae. The recipe vlvae_latent_map compares "
                "joint with marginal inference."
            )


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    if preset == "paper":
        # Sec. 5.3; decays, the log-likelihoods' weights and bf16 are not the paper's: the first
        # two are the released code's.
        training = TrainingConfig(
            steps=400_000, batch_size=20, learning_rate=4e-4, weight_decay=1e-7, precision="auto"
        )
        training.schedule = ScheduleConfig(type="exponential", decay_rate=0.999995, decay_steps=1)
        # NOT STATED in the paper.
        fits = TrainingConfig(steps=50_000, batch_size=256, learning_rate=1e-3)
        return RecipeConfig(preset=preset, training=training, fits=fits)

    small = {
        "encoding_size": 128,
        "hidden_units": 192,
        "downsamplings": 1,
        "residual_blocks": 2,
        "bottleneck_size": 0,
        "text_state": 96,
        "word_embedding": 32,
        "text_dropout": 0.1,
    }
    weights = {"text_weight": 100.0, "flow_hidden_units": 64}
    rate = {"learning_rate": 2e-3}
    rate["schedule"] = ScheduleConfig(type="cosine", warmup_steps=200, end_factor=0.02)
    fit_rate = {**rate, "learning_rate": 4e-3}
    if preset == "embedded":
        networks = NetworkConfig(patch_size=4, image_width=40, **small)
        return RecipeConfig(
            preset=preset,
            data=DataConfig(train=80_000, validation=1_000, test=4_000, redraw_sentences=True),
            model=VLVAEConfig(image_size=64, kl_warmup_steps=1000, networks=networks, **weights),
            training=TrainingConfig(steps=20_000, batch_size=32, **rate),
            fits=TrainingConfig(steps=40_000, batch_size=64, **fit_rate),
            evaluation=EvaluationConfig(texts=4000, bound_examples=500),
        )
    if preset == "quick":
        networks = NetworkConfig(patch_size=2, image_width=32, **small)
        model = VLVAEConfig(
            image_size=32, image_weight=0.2, kl_warmup_steps=500, networks=networks, **weights
        )
        return RecipeConfig(
            preset=preset,
            data=DataConfig(train=12_000, validation=512, test=2_000, redraw_sentences=True),
            model=model,
            training=TrainingConfig(steps=3000, batch_size=32, steps_per_epoch=500, **rate),
            fits=TrainingConfig(steps=6000, batch_size=64, steps_per_epoch=1000, **fit_rate),
            evaluation=EvaluationConfig(texts=2000, bound_examples=256),
        )
    tiny = TrainingConfig(steps=4, batch_size=8, learning_rate=1e-3, steps_per_epoch=2)
    return RecipeConfig(
        preset=preset,
        data=DataConfig(train=32, validation=16, test=16, cache=""),
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
                bottleneck_size=0,
                text_state=8,
                word_embedding=8,
            ),
        ),
        training=tiny,
        fits=tiny,
        evaluation=EvaluationConfig(texts=16, bound_examples=8, image_samples=2, text_samples=2),
    )


def load_data(config: RecipeConfig) -> Splits:
    """The data set; each image is rendered or read when it is asked for."""
    if config.data.folder:
        return clevr_folder(config.data.folder, config.model.image_size, seed=config.data.seed)
    make = one_object
    if config.data.objects == 2:
        make = functools.partial(two_objects, redraw_sentences=config.data.redraw_sentences)
    return make(
        config.model.image_size,
        train=config.data.train,
        validation=config.data.validation,
        test=config.data.test,
        seed=config.data.seed,
        jit_compile=config.data.train > 1000,  # compiling takes as long as some 1000 images
    )


def keep_in_memory(splits: Splits, cache: str) -> Splits:
    """The same data set, each image made once."""
    return splits.map(lambda source: in_memory(source, cache or None))


def load_classifier() -> serving.LoadedModel:
    """The committed instrument, which every run is measured with."""
    return serving.load(CLASSIFIER)


class TwoObjectsJob(VLVAEJob):
    """Measured with the committed classifier."""

    intended_use = "Research and teaching: what a learned aggregate posterior does."
    limits = (
        "Knows only the objects, colours and words of Two Objects.",
        "Log-likelihoods are of a Beta density over pixels, not of discrete pixels.",
    )

    def vocabulary(self, config: RecipeConfig) -> Vocabulary:
        objects = [words for _, words in SLOTS][: 4 if config.data.objects == 1 else None]
        return Vocabulary(VOCABULARY, objects)

    def kept(self, config: RecipeConfig, data: Splits) -> Splits:
        return keep_in_memory(data, config.data.cache)

    def instrument(self, config: RecipeConfig, data, run, callbacks=()) -> Instrument:
        classifier = load_classifier()
        accuracy = classifier.card.metrics.get(f"accuracy_{config.model.image_size}")
        slots = {"first_colour": 1, "relation": 4} if config.data.objects == 2 else None
        judge = functools.partial(correctness, classifier)
        return Instrument(judge, {"classifier_accuracy": accuracy}, slots)

    def introduction(self, config: RecipeConfig, data, numbers) -> str:
        return (
            f"{config.data.objects} object(s), {config.model.image_size} pixels a side; "
            f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores. Correctness is the share "
            "of attribute words that the committed classifier reads off the images; likelihoods "
            "are nats per example."
        )

    def described(self, config: RecipeConfig, data, model) -> Dict[str, Any]:
        size, length = config.model.image_size, model.vocabulary.length
        return {
            **super().described(config, data, model),
            "summary": f"Draws images of {config.data.objects} object(s), {size}x{size}, from "
            f"sentences of {length} words, and describes such images.",
            "data": config.data.as_dict(),
            "examples": {"texts": [" ".join(EXAMPLE[:length])]},
        }


JOB = TwoObjectsJob(RecipeConfig, load_data, MAX_MEGABYTES)
make_vlvae, run, evaluate, load_model = JOB.make_vlvae, JOB.run, JOB.evaluate, JOB.load_model
export, read_config = JOB.export, JOB.read_config


def evaluate_export(path: pathlib.Path) -> Dict[str, float]:
    """Measures the correctness of an export, through its signatures, on new test images."""
    model, judge = serving.load(path), functools.partial(correctness, load_classifier())
    config = RecipeConfig()
    config.override(model.card.configuration)
    batch = next(iter(load_data(config).test.batches(500)))
    texts = [text.decode() for text in batch["text"].numpy()]
    images, drawn = batch["image"].numpy(), model.sample(count=len(texts), seed=0)
    from_text = model.images_from_text(texts=texts, count=1, seed=0)["images"][:, 0]
    return {
        "examples": len(texts),
        "correctness_real": 100.0 * judge(images, texts).mean(),
        "correctness_q_agg": 100.0 * judge(from_text, texts).mean(),
        "correctness_aggregate_prior": 100.0 * judge(drawn["images"], drawn["texts"]).mean(),
        "elbo": float(model.score(images=images, texts=texts)["elbo"].mean()),
    }
