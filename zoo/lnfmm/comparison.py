"""LNFMM, its variants and the conditional VAEs, trained alike from several seeds."""

from __future__ import annotations

import dataclasses
from typing import Iterator, NamedTuple, Sequence, Tuple, Union

import tensorflow as tf

from tfgen.data import (
    CaptionVocabulary,
    Source,
    Splits,
    all_captions,
    caption_pairs,
    semi_supervised,
    with_words,
)
from tfgen.training import (
    Config,
    ConfigError,
    GenerativeModel,
    RunDirectory,
    TrainingConfig,
    fit,
    make_optimizer,
    make_strategy,
    restore,
    set_precision,
)
from zoo.lnfmm.conditional_vae import ConditionalVAE
from zoo.lnfmm.config import ConditionalVAEConfig, LNFMMConfig
from zoo.lnfmm.evaluation import CaptionEvaluationConfig
from zoo.lnfmm.model import LNFMM
from zoo.lnfmm.unpaired import partly_paired

__all__ = [
    "CaptionStudyConfig",
    "CaptionTraining",
    "caption_trainings",
    "load_caption_model",
    "make_vocabulary",
    "model_config",
    "train_caption_model",
]

MODELS = ("lnfmm", "mse", "txt", "cvae", "ag_cvae")


@dataclasses.dataclass
class CaptionStudyConfig(Config):
    """Everything that decides the result of a comparison of captioning models.

    Attributes:
      models: what is trained, alike: lnfmm, mse (LNFMM-MSE), txt (LNFMM-TXT), cvae, ag_cvae (which
        needs the objects of the images). The first is exported and must be one of LNFMM's.
      seeds: trainings of each model, from the seeds `seed`, `seed` + 1, ...
      labelled_share: share of the training images that keep their captions; the rest comes
        unpaired to LNFMM and its variants, and not at all to the CVAEs.
      minimum_count: how often a word of the vocabulary occurs in the training captions.
      caption_length: words of a caption, with its start and end; longer ones are cut.
      baseline_kl_weight: weight of the KL of the CVAEs' loss.
      discriminator_learning_rate: of Adam, with momentum 0, where model.weights.adversarial > 0.
      model: of LNFMM; its variant is that of `models`.
      training: of each model.
      evaluation: of each model.
    """

    recipe: str = "lnfmm"
    preset: str = "paper"
    seed: int = 0
    seeds: int = 1
    models: Tuple[str, ...] = ("lnfmm", "cvae", "mse")
    labelled_share: float = 1.0
    minimum_count: int = 5
    caption_length: int = 20
    baseline_kl_weight: float = 1.0
    discriminator_learning_rate: float = 3e-4
    model: LNFMMConfig = dataclasses.field(default_factory=LNFMMConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    evaluation: CaptionEvaluationConfig = dataclasses.field(default_factory=CaptionEvaluationConfig)

    def validate(self):
        """Raises ConfigError for models that are not known or cannot be trained."""
        super().validate()
        unknown = [name for name in self.models if name not in MODELS]
        if unknown or not self.models or self.models[0] not in ("lnfmm", "mse", "txt"):
            raise ConfigError(
                f"models: got {tuple(self.models)}; wanted some of {', '.join(MODELS)}, the first "
                "one lnfmm, mse or txt."
            )
        if len(set(self.models)) < len(self.models):
            raise ConfigError(f"models: got {tuple(self.models)}; wanted each of them once.")
        if not self.discriminator_learning_rate > 0:
            raise ConfigError(
                f"discriminator_learning_rate: got {self.discriminator_learning_rate}; wanted more "
                "than 0."
            )
        if self.seeds < 1:
            raise ConfigError(f"seeds: got {self.seeds}; wanted 1 or more.")
        if not 0.0 < self.labelled_share <= 1.0:
            raise ConfigError(
                f"labelled_share: got {self.labelled_share}; wanted a share in (0, 1]."
            )
        for name in self.models:
            model_config(self, name).validate()


def model_config(
    config: CaptionStudyConfig, name: str, objects: int = 0
) -> Union[LNFMMConfig, ConditionalVAEConfig]:
    """Settings of a model of the comparison.

    CVAEs get the sizes of LNFMM's latents and networks. LNFMM-MSE is never as released: that loss
    leaves out the distance which this variant is about.
    """
    model = config.model
    if name in ("cvae", "ag_cvae"):
        return ConditionalVAEConfig(
            prior="gaussian" if name == "cvae" else "additive",
            latent_size=model.text_size,
            code_size=model.shared_size,
            objects=max(objects, 1),
            kl_weight=config.baseline_kl_weight,
            kl_warmup_steps=model.kl_warmup_steps,
            beams=model.beams,
            networks=model.networks,
        )
    as_released = model.as_released and name != "mse"
    return dataclasses.replace(model, variant=name, as_released=as_released)


class CaptionTraining(NamedTuple):
    """One training of a comparison."""

    name: str
    seed: int

    @property
    def phase(self) -> str:
        """Name of the training within the run."""
        return f"{self.name}_{self.seed}"


def caption_trainings(config: CaptionStudyConfig) -> Iterator[CaptionTraining]:
    """All trainings of a comparison, those of a seed together."""
    for seed in range(config.seed, config.seed + config.seeds):
        for name in config.models:
            yield CaptionTraining(name, seed)


def make_vocabulary(config: CaptionStudyConfig, data: Splits) -> CaptionVocabulary:
    """The words of the training captions."""
    texts = [text for group in all_captions(data.train) for text in group]
    return CaptionVocabulary.from_texts(texts, config.minimum_count, config.caption_length)


def train_caption_model(
    config: CaptionStudyConfig,
    training: CaptionTraining,
    vocabulary: CaptionVocabulary,
    data: Splits,
    run: RunDirectory,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> None:
    """One training, a phase of the run. The models of a seed see the same pairs in the same order.

    Args:
      config: of the comparison.
      training: which of its trainings.
      vocabulary: of `make_vocabulary`.
      data: splits with captions.
      run: where checkpoints and curves go.
      callbacks: more of them.
    """
    fit(
        _make(config, training, vocabulary, config.training.precision, data),
        _training_source(config, training, data.train, vocabulary),
        config.training,
        run,
        training.phase,
        validation=with_words(caption_pairs(data.validation), vocabulary),
        callbacks=callbacks,
        seed=training.seed,
    )


def load_caption_model(
    config: CaptionStudyConfig, training: CaptionTraining, data: Splits, run: RunDirectory
) -> GenerativeModel:
    """The checkpoint of a training with the best validation loss, in float32."""
    vocabulary = make_vocabulary(config, data)
    model = _make(config, training, vocabulary, "float32", data)
    source = _training_source(config, training, data.train, vocabulary)
    restore(model, source, config.training, run, training.phase, which="best")
    return model


def _make(config, training, vocabulary, precision, data) -> GenerativeModel:
    """The compiled model of a training."""
    set_precision(precision)
    tf.keras.utils.set_random_seed(training.seed)
    kinds = data.train.features.get("objects")
    settings = model_config(config, training.name, 0 if kinds is None else int(kinds.shape[0]))
    with make_strategy(config.training.strategy).scope():
        kind = ConditionalVAE if isinstance(settings, ConditionalVAEConfig) else LNFMM
        made = kind(settings, vocabulary, seed=training.seed, name=training.name)
        second = {}
        if getattr(made, "discriminator", None) is not None:
            rate = config.discriminator_learning_rate
            second = {"discriminator_optimizer": tf.keras.optimizers.Adam(rate, beta_1=0.0)}
        made.compile(
            make_optimizer(_of_its_parts(config.training, made)),
            clip_norm=config.training.clip_norm,
            jit_compile=config.training.jit_compile,
            **second,
        )
    return made


# Parts of LNFMM that its variants and the models it is compared with may lack.
_PARTS = ("alignment", "image_decoder", "image_prior", "text_prior")


def _of_its_parts(training: TrainingConfig, model) -> TrainingConfig:
    """The settings of a training without those for parts that this model does not have."""

    def kept(entries):
        lacking = [name for name in _PARTS if not hasattr(model, name)]
        return [entry for entry in entries if entry.partition("=")[0] not in lacking]

    return dataclasses.replace(
        training, part_rates=kept(training.part_rates), part_beta_1=kept(training.part_beta_1)
    )


def _training_source(config, training, source: Source, vocabulary) -> Source:
    """What a model learns from: pairs drawn anew each epoch, or what the labelled share leaves."""
    pairs = with_words(caption_pairs(source), vocabulary)
    if training.name not in ("cvae", "ag_cvae"):
        return partly_paired(pairs, config.labelled_share, training.seed)
    if config.labelled_share == 1.0:
        return pairs
    return semi_supervised(pairs, config.labelled_share, training.seed).paired
