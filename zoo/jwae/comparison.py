"""The methods of the paper trained alike, with all labels and with few, and measured."""

from __future__ import annotations

import dataclasses
import statistics
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple, get_args

import numpy as np
import tensorflow as tf

from tfgen.data import (
    CaptionVocabulary,
    Source,
    all_captions,
    caption_pairs,
    semi_supervised,
    with_words,
)
from tfgen.training import (
    Config,
    ConfigError,
    FusedAdam,
    RunDirectory,
    TrainingConfig,
    fit,
    make_optimizer,
    make_strategy,
    restore,
    set_precision,
)
from zoo.jwae.canonical_correlation import CanonicalCorrelation, pooled_pixels, word_counts
from zoo.jwae.config import HINGE_WEIGHTS, MSE_WEIGHTS, JWAEConfig, Variant, as_variant
from zoo.jwae.evaluation import Codes, RetrievalConfig, encode_source, measure_codes
from zoo.jwae.model import JWAE
from zoo.jwae.semi_supervised_batches import SemiSupervisedBatches

__all__ = [
    "AlignmentConfig",
    "Training",
    "linear_baseline",
    "load_aligned",
    "measure_alignments",
    "sentences",
    "train_aligned",
    "trainings",
]


@dataclasses.dataclass
class AlignmentConfig(Config):
    """One comparison of methods.

    Attributes:
      recipe, preset: names.
      seed: of the first training; the others follow it.
      seeds: trainings of each method.
      variants: the methods, see `as_variant`; the first one is exported.
      labelled_shares: shares of the training pairs that stay pairs, in (0, 1]. With less than 1
        the images and texts of the rest are unpaired, and methods that cannot use them do without.
      mse_weights, hinge_weights: lambda_1, lambda_2 and lambda_3 of the methods with either
        supervised loss.
      minimum_count, length: of the vocabulary: occurrences of a word, words of a sentence with
        the start and the end.
      discriminator_learning_rate: of Adam, with momentum 0.5.
      linear_codes: size of the codes of canonical correlation analysis; 0 leaves it out.
      model: sizes; supervision, regulariser and weights are set by each method.
      training: of every one; batch_size is the number of pairs.
      evaluation: how much is measured.
    """

    recipe: str = ""
    preset: str = "paper"
    seed: int = 0
    seeds: int = 1
    variants: Tuple[str, ...] = ("jwae_mh", "jwae_mse", "mh_sum", "mh_max", "mse", "vae_mh")
    labelled_shares: Tuple[float, ...] = (1.0,)
    mse_weights: Tuple[float, ...] = MSE_WEIGHTS
    hinge_weights: Tuple[float, ...] = HINGE_WEIGHTS
    minimum_count: int = 5
    length: int = 20
    discriminator_learning_rate: float = 5e-5
    linear_codes: int = 0
    model: JWAEConfig = dataclasses.field(default_factory=JWAEConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    evaluation: RetrievalConfig = dataclasses.field(default_factory=RetrievalConfig)

    def validate(self):
        """Raises ConfigError where nothing would be trained."""
        super().validate()
        self.model.validate()
        if self.seeds < 1:
            raise ConfigError(f"seeds: got {self.seeds}; wanted 1 or more.")
        known = get_args(Variant)
        if not self.variants or not set(self.variants) <= set(known):
            raise ConfigError(f"variants: got {list(self.variants)}; wanted some of {known}.")
        if not self.labelled_shares or not all(0 < share <= 1 for share in self.labelled_shares):
            raise ConfigError(
                f"labelled_shares: got {list(self.labelled_shares)}; wanted shares in (0, 1]."
            )
        for name in ("mse_weights", "hinge_weights"):
            if len(getattr(self, name)) != 3 or min(getattr(self, name)) <= 0:
                raise ConfigError(
                    f"{name}: got {list(getattr(self, name))}; wanted three numbers above 0, for "
                    "images, texts and the regulariser."
                )
        if self.model.text.type != "words":
            raise ConfigError(
                f"model.text.type: got {self.model.text.type!r}; wanted 'words': a comparison "
                "reads captions. Vectors of texts are for models made with `JWAE` itself."
            )
        # Before the first training, not hours later where a method's turn comes.
        for variant in self.variants:
            _settings(self, variant).validate()


class Training(NamedTuple):
    """One training of a comparison.

    Attributes:
      variant, share, seed: method, labelled share, seed.
    """

    variant: str
    share: float
    seed: int

    @property
    def group(self) -> str:
        """Name of the numbers: "jwae_mh", or "jwae_mh_25" with 25 % of the labels."""
        return self.variant + ("" if self.share == 1.0 else f"_{100 * self.share:g}")

    @property
    def phase(self) -> str:
        """Name of the training within the run."""
        return f"{self.group}_seed_{self.seed}"


def trainings(config: AlignmentConfig) -> Iterator[Training]:
    """All trainings of a comparison, those of a seed together."""
    for seed in range(config.seed, config.seed + config.seeds):
        for share in config.labelled_shares:
            for variant in config.variants:
                yield Training(variant, share, seed)


def sentences(config: AlignmentConfig, train: Source) -> CaptionVocabulary:
    """The vocabulary of the training captions."""
    texts = [text for texts in all_captions(train) for text in texts]
    return CaptionVocabulary.from_texts(texts, config.minimum_count, config.length)


def train_aligned(
    config: AlignmentConfig,
    training: Training,
    vocabulary: CaptionVocabulary,
    train: Source,
    validation: Source,
    run: RunDirectory,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> tf.keras.callbacks.History:
    """One training, a phase of the run. One caption an image is drawn anew each epoch.

    Args:
      config: of the comparison.
      training: which of its trainings.
      vocabulary: of `sentences`.
      train, validation: with "image" (or "features"), "captions" and "caption_count".
      run: where checkpoints and curves go.
      callbacks: more of them.
    """
    model = _make(config, training, vocabulary, config.training.precision)
    return fit(
        model,
        _batches(config, training, vocabulary, train),
        config.training,
        run,
        training.phase,
        validation=_pairs(config, vocabulary, validation),
        callbacks=callbacks,
        seed=training.seed,
    )


def load_aligned(
    config: AlignmentConfig,
    training: Training,
    vocabulary: CaptionVocabulary,
    train: Source,
    run: RunDirectory,
) -> JWAE:
    """The checkpoint of a training with the best validation loss, in float32."""
    model = _make(config, training, vocabulary, "float32")
    source = _batches(config, training, vocabulary, train)
    restore(model, source, config.training, run, training.phase, which="best")
    return model


def measure_alignments(
    config: AlignmentConfig,
    vocabulary: CaptionVocabulary,
    train: Source,
    tests: Dict[str, Source],
    run: RunDirectory,
) -> Dict[str, float]:
    """Measures all trainings of a run.

    Args:
      config: what was trained.
      vocabulary: of `sentences`.
      train: any source with the features of the training.
      tests: name -> source with captions, such as {"test": ..., "held_out": ...}.
      run: of `train_aligned`.

    Returns:
      "NAME_GROUP_TEST" for each number NAME of `measure_codes`, the mean over seeds, with GROUP as
      of `Training`, and "recall_sum_GROUP_TEST_std", the standard deviation.
    """
    rows: Dict[Tuple[str, str], List[Dict[str, float]]] = {}
    for training in trainings(config):
        model = load_aligned(config, training, vocabulary, train, run)
        for name, source in tests.items():
            codes = encode_source(model, source, config.evaluation)
            numbers = measure_codes(codes, config.evaluation, training.seed)
            rows.setdefault((training.group, name), []).append(numbers)
    result = {}
    for (group, name), measured in rows.items():
        for key in measured[0]:
            values = [numbers[key] for numbers in measured]
            result[f"{key}_{group}_{name}"] = statistics.mean(values)
        sums = [numbers["recall_sum"] for numbers in measured]
        result[f"recall_sum_{group}_{name}_std"] = statistics.stdev(sums) if len(sums) > 1 else 0.0
    return result


def linear_baseline(
    config: AlignmentConfig,
    vocabulary: CaptionVocabulary,
    train: Source,
    tests: Dict[str, Source],
    examples: int = 4000,
) -> Dict[str, float]:
    """Canonical correlation of pooled pixels (or features) and counts of words.

    Args:
      config, vocabulary, train, tests: as of `measure_alignments`.
      examples: training pairs; each with its first caption.

    Returns:
      The numbers of `measure_alignments`, of the group "cca".
    """

    def image_vectors(batch):
        images = batch[config.model.image_feature]
        return pooled_pixels(images) if images.dtype == tf.uint8 else images.numpy()

    def text_vectors(texts):
        counts = word_counts(vocabulary.encode(texts), vocabulary.size)
        # Padding varies more than any word does, and would be the first principal component.
        return np.delete(counts, [vocabulary.pad_id, vocabulary.start_id, vocabulary.end_id], 1)

    some = dataclasses.replace(train, count=min(examples, train.count))
    parts = [
        (image_vectors(batch), text_vectors(batch["captions"][:, 0])) for batch in some.batches(500)
    ]
    analysis = CanonicalCorrelation(config.linear_codes)
    analysis.fit(*(np.concatenate(side) for side in zip(*parts)))
    result = {}
    for name, source in tests.items():
        some = dataclasses.replace(source, count=min(config.evaluation.images, source.count))
        batch = next(iter(some.batches(some.count)))
        counts = np.minimum(batch["caption_count"].numpy(), config.evaluation.captions)
        present = tf.sequence_mask(counts, batch["captions"].shape[1])
        codes = Codes(
            analysis.encode_images(image_vectors(batch)).astype(np.float32),
            analysis.encode_texts(text_vectors(tf.boolean_mask(batch["captions"], present))).astype(
                np.float32
            ),
            np.repeat(np.arange(some.count), counts),
        )
        for key, value in measure_codes(codes, config.evaluation, config.seed).items():
            result[f"{key}_cca_{name}"] = value
    return result


def _settings(config, variant):
    """The model's settings for a method."""
    return as_variant(config.model, variant, tuple(config.mse_weights), tuple(config.hinge_weights))


def _make(config, training, vocabulary, precision):
    """The compiled model of a training."""
    set_precision(precision)
    tf.keras.utils.set_random_seed(training.seed)
    settings = _settings(config, training.variant)
    with make_strategy(config.training.strategy).scope():
        model = JWAE(settings, vocabulary, seed=training.seed)
        model.compile(
            make_optimizer(config.training),
            FusedAdam(config.discriminator_learning_rate, beta_1=0.5),
            clip_norm=config.training.clip_norm,
            jit_compile=config.training.jit_compile,
        )
    return model


def _batches(config, training, vocabulary, source):
    """Pairs of a caption and an image; with few labels the unpaired rest, where it is of use."""
    pairs = _pairs(config, vocabulary, source)
    if training.share == 1.0:
        return pairs
    image = config.model.image_feature
    parts = semi_supervised(
        with_words(caption_pairs(source), vocabulary),
        training.share,
        seed=training.seed,
        image_features=[image],
    )
    paired = _only(parts.paired, list(pairs.features))
    if not _settings(config, training.variant).learns_from_unpaired:
        return paired
    # Images behind cached features are not read, nor are captions carried along with the words.
    return SemiSupervisedBatches(
        dataclasses.replace(parts, paired=paired, texts=_only(parts.texts, ["words"]))
    )


def _pairs(config, vocabulary, source):
    pairs = with_words(caption_pairs(source), vocabulary)
    return _only(pairs, [config.model.image_feature, "words"])


def _only(source, names):
    """The source with some of its features, chosen once its texts have been redrawn."""

    def redraw(features, seeds):
        features = source.redraw(features, seeds)
        return {name: features[name] for name in names}

    features = {name: source.features[name] for name in names}
    return dataclasses.replace(source, features=features, redraw=redraw)
