"""The holes of a text posterior, and what inference from the image alone leaves uncertain.

    tfgen train vlvae_latent_map --preset quick

Two pictures of Cremer & Kushman (2018), each with the numbers that say what it shows.

Figure 1. A VLVAE with a latent of two dimensions learns one object, red or blue, small or large.
Bayes' rule on a grid gives its true text posteriors p(z|y); their level sets are drawn over the
aggregates q^y(z) of the posteriors of the images of that text. hole_mass_true_posterior is the
probability that p(z|y) puts outside the smallest region that holds 99 % of q^y, where no training
image was encoded; hole_mass_held_out is that of new images, hole_mass_q_true and hole_mass_q_agg
those of the two fits. kl_* are KL(q^y || .) in nats.

Figure 7. Two models of Two Objects, trained alike but for the inference: q(z|x) and q(z|x, y).
word_entropy_* are the nats that p(y_t | y_<t, z) leaves open at each word of true sentences: given
the image, word order and relation are a matter of chance, which joint inference hides in z.

To expect of quick (seed 0, one run, 580 s on two busy CPU cores):

    mean over the four texts       p(z|y)   q_True   q_Agg   new images
    outside the 99 % region         0.306    0.284   0.236        0.201
    KL(q^y || .), nats               2.48     3.65    0.54
    entropy of a word, nats        q(z|x)   q(z|x,y)   what the image leaves open
    size of the first object         0.41       0.03   0.35
    colour of the first object       0.65       0.44   0.30
    relation                         0.91       0.80   0.70
and KL 82 nats against 73: joint inference hides in z which object is named first.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
from typing import Dict

import tensorflow as tf

from tfgen import serving
from tfgen.data import Splits, Vocabulary, in_memory, one_object, two_objects, with_words
from tfgen.data.two_objects_text import SLOTS, VOCABULARY
from tfgen.randomness import fold_in
from tfgen.training import (
    Config,
    RunDirectory,
    ScheduleConfig,
    TrainingConfig,
    WallClock,
    compiled,
    encode_source,
    fit,
    load_config,
    restore,
)
from zoo.vlvae import (
    DATA_ENTROPY,
    REFERENCE,
    VLVAE,
    NetworkConfig,
    TextImageGenerator,
    VLVAEConfig,
    draw_latent_map,
    figures,
    fit_densities,
    latent_map_report,
    make_latent_map,
    training_pictures,
    word_logits,
    word_uncertainty,
    word_uncertainty_report,
)

PRESETS = ("smoke", "quick", "embedded", "paper")
SYSTEM = "vlvae"
SUMMARY = "Holes of p(z|y) in a 2-D latent (Figure 1); marginal against joint inference (Figure 7)"
WORDS = ("small", "large", "red", "blue")
TEXTS = ("small red", "small blue", "large red", "large blue")
INFERENCE = {"marginal": "vlvae", "joint": "vlvae_joint"}


@dataclasses.dataclass
class DataConfig(Config):
    """Numbers of rendered images."""

    train: int = 90_000
    validation: int = 10_000
    test: int = 10_000


@dataclasses.dataclass
class PartConfig(Config):
    """One of the two experiments: its data, model and training."""

    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: VLVAEConfig = dataclasses.field(default_factory=VLVAEConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


@dataclasses.dataclass
class RecipeConfig(Config):
    """Everything that decides the result of a run.

    Attributes:
      map: one object in two dimensions (Figure 1); fits: of its three densities.
      cells: of the grid, a side.
      words: two objects with marginal and with joint inference (Figure 7).
      cache: directory that keeps rendered images for the next run, or "".
    """

    recipe: str = "vlvae_latent_map"
    preset: str = "paper"
    seed: int = 0
    map: PartConfig = dataclasses.field(default_factory=PartConfig)
    fits: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    cells: int = 256
    words: PartConfig = dataclasses.field(default_factory=PartConfig)
    cache: str = "cache"


MAP_NETWORKS = {
    "latent_size": 2,
    "encoding_size": 64,
    "hidden_units": 128,
    "patch_size": 2,
    "downsamplings": 1,
    "residual_blocks": 1,
    "bottleneck_size": 0,
    "text_state": 32,
    "word_embedding": 16,
    "text_dropout": 0.1,
}
WORD_NETWORKS = {
    "encoding_size": 128,
    "hidden_units": 192,
    "downsamplings": 1,
    "residual_blocks": 2,
    "bottleneck_size": 0,
    "text_state": 96,
    "word_embedding": 32,
    "text_dropout": 0.1,
}


def small_training(steps: int, batch_size: int = 32, rate: float = 2e-3) -> TrainingConfig:
    """The training of the quick and embedded presets."""
    schedule = ScheduleConfig(type="cosine", warmup_steps=200, end_factor=0.02)
    return TrainingConfig(
        steps=steps,
        batch_size=batch_size,
        learning_rate=rate,
        schedule=schedule,
        steps_per_epoch=500,
    )


def small_part(image_size, image_weight, counts, steps, networks) -> PartConfig:
    """An experiment of the quick and embedded presets; counts: train, validation, test."""
    return PartConfig(
        data=DataConfig(train=counts[0], validation=counts[1], test=counts[2]),
        model=VLVAEConfig(
            image_size=image_size,
            image_weight=image_weight,
            text_weight=100.0,
            kl_warmup_steps=500,
            flow_hidden_units=64,
            networks=NetworkConfig(**networks),
        ),
        training=small_training(steps),
    )


def config(preset: str) -> RecipeConfig:
    """The configuration of a preset."""
    if preset == "paper":
        # The paper states the training of its full model alone; decays are the released code's.
        schedule = ScheduleConfig(type="exponential", decay_rate=0.999995, decay_steps=1)
        rate = {"learning_rate": 4e-4, "schedule": schedule, "weight_decay": 1e-7}
        training = TrainingConfig(steps=400_000, batch_size=20, precision="auto", **rate)
        model = VLVAEConfig(networks=NetworkConfig(latent_size=2))
        return RecipeConfig(
            map=PartConfig(model=model, training=training),
            fits=TrainingConfig(steps=50_000, batch_size=256, learning_rate=1e-3),
            words=PartConfig(training=training),
        )
    if preset == "embedded":
        wide, narrow = {"patch_size": 4, "image_width": 40}, {"image_width": 24}
        return RecipeConfig(
            preset=preset,
            map=small_part(64, 0.02, (20_000, 1_000, 10_000), 12_000, {**MAP_NETWORKS, **narrow}),
            fits=small_training(5000, 64, 4e-3),
            words=small_part(64, 0.05, (40_000, 1_000, 4_000), 12_000, {**WORD_NETWORKS, **wide}),
        )
    if preset == "quick":
        # Words are learned late, so steps matter more than widths.
        wide = {"patch_size": 2, "image_width": 16, "residual_blocks": 1, "hidden_units": 128}
        narrow = {"image_width": 16}
        return RecipeConfig(
            preset=preset,
            map=small_part(32, 0.05, (8_000, 512, 4_000), 3500, {**MAP_NETWORKS, **narrow}),
            fits=small_training(2000, 64, 4e-3),
            # The images of vlvae_two_objects --preset quick.
            words=small_part(32, 0.05, (12_000, 512, 2_000), 4000, {**WORD_NETWORKS, **wide}),
        )
    tiny = {"encoding_size": 16, "hidden_units": 16, "image_width": 4, "residual_blocks": 0}
    tiny.update(patch_size=2, text_state=8, word_embedding=8)
    sizes = {"image_size": 16, "kl_warmup_steps": 2, "couplings": 2, "flow_hidden_units": 8}
    training = TrainingConfig(steps=4, batch_size=8, learning_rate=1e-3, steps_per_epoch=2)
    data = DataConfig(train=64, validation=16, test=64)
    flat = VLVAEConfig(networks=NetworkConfig(**{**MAP_NETWORKS, **tiny}), **sizes)
    deep = VLVAEConfig(networks=NetworkConfig(**{**WORD_NETWORKS, **tiny}), **sizes)
    return RecipeConfig(
        preset=preset,
        map=PartConfig(data=data, model=flat, training=training),
        fits=training,
        cells=24,
        words=PartConfig(data=data, model=deep, training=training),
        cache="",
    )


def load_map_data(config: RecipeConfig) -> Splits:
    """Rubber spheres, small or large, red or blue; texts 'size colour'."""
    data = one_object(
        config.map.model.image_size,
        sizes=WORDS[:2],
        colours=WORDS[2:],
        materials=["rubber"],
        shapes=["sphere"],
        slots=["size", "colour"],
        seed=config.seed,
        **config.map.data.as_dict(),
    )
    vocabulary = map_vocabulary()
    return data.map(lambda part: with_words(in_memory(part, config.cache or None), vocabulary))


def map_vocabulary() -> Vocabulary:
    """The four words of the map's texts."""
    return Vocabulary(WORDS, slots=[WORDS[:2], WORDS[2:]])


def load_word_data(config: RecipeConfig) -> Splits:
    """Two objects, with sentences of nine words."""
    data = two_objects(config.words.model.image_size, **config.words.data.as_dict())
    return data.map(lambda part: in_memory(part, config.cache or None))


def make_vlvae(
    model: VLVAEConfig, training: TrainingConfig, vocabulary: Vocabulary, seed: int, precision: str
) -> VLVAE:
    """A compiled model."""
    return compiled(lambda: VLVAE(model, vocabulary, seed=seed), training, precision)


def train_vlvae(part, vocabulary, data, run, phase, seed, clock, pictures=None) -> VLVAE:
    """A trained model: the checkpoint of the best validation loss, in float32."""
    make = functools.partial(make_vlvae, part.model, part.training, vocabulary, seed)
    vlvae = make(part.training.precision)
    callbacks = [clock] if pictures is None else [*pictures(vlvae, data.validation), clock]
    fit(vlvae, data.train, part.training, run, phase, data.validation, callbacks, seed)
    vlvae = make("float32")
    restore(vlvae, data.train, part.training, run, phase, which="best")
    return vlvae


def run(config: RecipeConfig, run: RunDirectory) -> Dict[str, float]:
    """Trains, measures, draws, exports; returns the numbers of report.json."""
    clock = WallClock(run)
    numbers, generator = figure_1(config, run, clock)
    numbers.update(figure_7(config, run, clock))
    numbers["wall_seconds"] = clock.seconds()
    run.write_report(numbers, report(config, numbers))
    export_generator(config, generator, numbers, run.path / "export")
    run.finish()
    return numbers


def evaluate(run: RunDirectory) -> Dict[str, float]:
    """Measures a finished run again; its trainings are loaded."""
    config, clock = load_config(RecipeConfig(), run.config_file), WallClock(run)
    numbers, _ = figure_1(config, run, clock)
    return {**numbers, **figure_7(config, run, clock)}


def train_map(config: RecipeConfig, data: Splits, run: RunDirectory, clock: WallClock):
    """The model of two dimensions and the densities fitted to it."""
    tf.keras.utils.set_random_seed(config.seed)
    vlvae = train_vlvae(
        config.map, map_vocabulary(), data, run, "map", config.seed, clock, training_pictures
    )
    fits = fit_densities(
        vlvae, data.train, data.validation, config.fits, run, config.seed, callbacks=[clock]
    )
    return vlvae, fits


def figure_1(config: RecipeConfig, run: RunDirectory, clock: WallClock):
    """The numbers of the map, and the generator of its model."""
    data = load_map_data(config)
    vlvae, fits = train_map(config, data, run, clock)
    held_out = encode_source(vlvae, data.test, keep=["words"], progress=False)
    drawn = make_latent_map(vlvae, fits, held_out, TEXTS, config.cells)
    draw_latent_map(drawn, run.figures)
    return drawn.numbers(), TextImageGenerator(vlvae, fits.q_agg, fits.aggregate_prior)


def figure_7(config: RecipeConfig, run: RunDirectory, clock: WallClock) -> Dict[str, float]:
    """Word entropies of the test sentences under marginal and joint inference."""
    tf.keras.utils.set_random_seed(config.seed)
    data = load_word_data(config)
    vocabulary = Vocabulary(VOCABULARY, slots=[words for _, words in SLOTS])
    seed = fold_in(config.seed, "words")
    some = next(iter(data.test.batches(4)))
    numbers, histograms = {}, {}
    for inference, objective in INFERENCE.items():
        model = dataclasses.replace(config.words.model, objective=objective)
        part = dataclasses.replace(config.words, model=model)
        phase = f"words_{inference}"
        vlvae = train_vlvae(part, vocabulary, data, run, phase, config.seed, clock)
        for name, value in word_uncertainty(vlvae, data.test, seed).items():
            numbers[f"{name}_{inference}"] = value
        logits = word_logits(vlvae, some["image"], some["words"], seed)
        histograms[inference] = tf.nn.softmax(logits).numpy()
    figures.word_histograms(
        run.figures / "word_histograms.png",
        some["image"].numpy(),
        some["words"].numpy(),
        histograms,
        VOCABULARY,
    )
    numbers.update({f"word_entropy_{name}_data": v for name, v in DATA_ENTROPY.items()})
    return numbers


def report(config: RecipeConfig, numbers: Dict[str, float]) -> str:
    """report.md."""
    lines = [
        f"# {config.recipe}, preset {config.preset}, seed {config.seed}",
        "",
        f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores.",
        "",
        *latent_map_report(numbers, TEXTS),
        *word_uncertainty_report(numbers, list(INFERENCE)),
        "![word histograms](figures/word_histograms.png)",
    ]
    return "\n".join(lines) + "\n"


def load_model(run: RunDirectory) -> TextImageGenerator:
    """The two-dimensional model of a finished run."""
    config = load_config(RecipeConfig(), run.config_file)
    vlvae, fits = train_map(config, load_map_data(config), run, WallClock(run))
    return TextImageGenerator(vlvae, fits.q_agg, fits.aggregate_prior)


def export(run: RunDirectory, directory: pathlib.Path) -> pathlib.Path:
    """Exports the two-dimensional model of a finished run as the next version of directory."""
    config = load_config(RecipeConfig(), run.config_file)
    numbers = json.loads((run.path / "report.json").read_text(encoding="utf-8"))
    return export_generator(config, load_model(run), numbers, directory)


def export_generator(config, generator, numbers, directory) -> pathlib.Path:
    """Writes the next version: the model of Figure 1."""
    size = config.map.model.image_size
    card = serving.Card.of_run(
        config,
        numbers,
        system=SYSTEM,
        summary=f"Draws a red or blue, small or large sphere, {size}x{size}, from a text of two "
        "words, through a latent of two dimensions.",
        data={"name": "one_object", "seed": config.seed, **config.map.data.as_dict()},
        training={"steps": config.map.training.steps, "steps_of_each_fit": config.fits.steps},
        intended_use="Teaching: the holes of a text posterior.",
        limits=["Two dimensions are too few for places, sizes and colours: images are vague."],
        examples={"texts": [TEXTS[0]]},
        vocabulary=list(WORDS),
        references=[REFERENCE],
    )
    return serving.export(generator, directory, card)
