"""What every recipe that compares alignments does: train, measure, report, export, draw."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Optional

from tfgen.job import Job
from tfgen.training import RunDirectory
from zoo.jwae.comparison import (
    linear_baseline,
    load_aligned,
    measure_alignments,
    sentences,
    train_aligned,
    trainings,
)
from zoo.jwae.model import JWAE
from zoo.jwae.reporting import TITLES, alignment_report, draw_alignment

__all__ = ["AlignmentJob"]


class AlignmentJob(Job):
    """The functions of a recipe that compares methods of alignment.

    It exports the first method with the first share of labels, of the first seed: encode_images,
    encode_texts, match; see `JWAE.signatures`. For the arguments see `Job`: an `AlignmentConfig`,
    splits with "image" (or "features"), "captions" and "caption_count", and for the card a summary
    of what the model matches and an example of a text.
    """

    system = "jwae"
    intended_use = "Research and teaching: retrieval of images by texts and of texts by images."
    references = (
        "Mahajan, Botschen, Gurevych, Roth. Joint Wasserstein Autoencoders for Aligning "
        "Multimodal Embeddings. ICCV Workshops 2019.",
    )

    def tests(self, data) -> Dict[str, Any]:
        """name -> source that is measured on; the first one is drawn."""
        return {"test": data.test}

    def labelled(self, data) -> Dict[str, Any]:
        """The arguments `labels` and `label_names` of `draw_alignment`; none without classes."""
        del data
        return {}

    def backbone(self, config) -> Optional[Callable]:
        """The network whose features the data have; None where the model reads pixels."""
        del config
        return None

    def train(self, config, data, run: RunDirectory, callbacks) -> None:
        vocabulary = sentences(config, data.train)
        for training in trainings(config):
            train_aligned(config, training, vocabulary, data.train, data.validation, run, callbacks)

    def compare(self, config, data, run: RunDirectory):
        vocabulary, tests = sentences(config, data.train), self.tests(data)
        numbers = measure_alignments(config, vocabulary, data.train, tests, run)
        if config.linear_codes:
            numbers.update(linear_baseline(config, vocabulary, data.train, tests))
        return numbers, self.load(config, data, run)

    def page(self, config, data, numbers, found: JWAE) -> str:
        introduction = (
            f"{data.description['name']}: {data.train.count} training images with their captions, "
            f"{found.vocabulary.size} words; codes of {config.model.code_size} "
            f"numbers; {config.training.steps} steps of {config.training.batch_size} pairs each; "
            f"{numbers['wall_seconds']:.0f} s on {os.cpu_count()} cores."
        )
        return alignment_report(config, numbers, list(self.tests(data)), introduction)

    def draw(self, config, data, run: RunDirectory, numbers, found: JWAE) -> None:
        first = next(iter(self.tests(data).values()))
        draw_alignment(found, first, run, config.evaluation, **self.labelled(data))

    def exported(self, config, found: JWAE) -> JWAE:
        return found

    def load(self, config, data, run: RunDirectory) -> JWAE:
        vocabulary = sentences(config, data.train)
        return load_aligned(config, next(trainings(config)), vocabulary, data.train, run)

    def served(self, config, model: JWAE):
        return model.signatures(self.backbone(config))

    def described(self, config, data, model: JWAE) -> Dict[str, Any]:
        return {
            "training": {
                "method": TITLES[config.variants[0]],
                "labelled_share": config.labelled_shares[0],
                "seeds": [config.seed],
            },
            "limits": [
                "Knows images and words of its training set alone; other words become <unk>.",
                f"Reads the first {model.vocabulary.length - 2} words of a text.",
                "Similarities are cosines, good for ranking; they are no probabilities.",
            ],
            "vocabulary": list(model.vocabulary.words),
        }
