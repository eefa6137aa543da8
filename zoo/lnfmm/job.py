"""What every recipe of captions and images does: train, measure, report, export, draw."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import tensorflow as tf

from tfgen.data import all_captions
from tfgen.job import Job
from tfgen.training import RunDirectory
from zoo.lnfmm.comparison import (
    caption_trainings,
    load_caption_model,
    make_vocabulary,
    train_caption_model,
)
from zoo.lnfmm.image_evaluation import draw_for_texts
from zoo.lnfmm.measurement import CaptionComparison, first_examples, measure_captions
from zoo.lnfmm.model import LNFMM
from zoo.lnfmm.reporting import caption_report, draw_captions, draw_code_map, draw_images
from zoo.lnfmm.signatures import Backbone, lnfmm_signatures

__all__ = ["CaptionJob"]

_SHOWN = 8


class CaptionJob(Job):
    """The functions of a recipe that compares models of captions and images.

    It exports the first model of the first seed: captions, images where it draws them, and both
    encoders. For the arguments see `Job`: a `CaptionStudyConfig`, splits with "image" or
    "features", "captions" and "caption_count" (and "objects" for an additive prior), and for the
    card a summary of what the model draws. A subclass may give what judges captions, and the
    network that makes the features: with it, an export takes images and holds a copy of it;
    without, it takes features.
    """

    system = "lnfmm"
    intended_use = "Research and teaching: many captions for an image, many images for one."
    references = (
        "Mahajan, Gurevych, Roth. Latent Normalizing Flows for Many-to-Many Cross-Domain "
        "Mappings. ICLR 2020.",
    )

    def judged(self, data) -> Dict[str, Any]:
        """What is known of the test split beyond its captions; nothing by itself.

        Returns:
          "judges", the `Judges` of captions and of images, and "contexts", names of the values of
          the images' feature "context", which colour a map of the shared codes.
        """
        del data
        return {}

    def backbone(self, config) -> Optional[Backbone]:
        """The network whose features the data have; None where the model reads pixels."""
        del config
        return None

    def train(self, config, data, run: RunDirectory, callbacks) -> None:
        vocabulary = make_vocabulary(config, data)
        for training in caption_trainings(config):
            train_caption_model(config, training, vocabulary, data, run, callbacks)

    def compare(self, config, data, run: RunDirectory):
        found = measure_captions(config, data, run, self.judged(data).get("judges"))
        return found.numbers, found

    def page(self, config, data, numbers, found: CaptionComparison) -> str:
        shown = {
            "captions": "image" in data.test.features,
            "codes": "contexts" in self.judged(data),
            "images": bool(_drawing(found)),
        }
        return caption_report(config, numbers, data, [name for name in shown if shown[name]])

    def draw(self, config, data, run: RunDirectory, numbers, found: CaptionComparison) -> None:
        test = first_examples(data.test, config.evaluation.images)
        shown = next(iter(first_examples(test, _SHOWN).batches(min(_SHOWN, test.count))))
        if "image" in shown:
            draw_captions(run.figures / "captions.png", shown["image"].numpy(), found.captions)
        drawing = _drawing(found)
        if drawing:
            texts = [group[0] for group in all_captions(first_examples(data.test, _SHOWN))]
            images = {
                name: draw_for_texts(model, texts, 4, seed=config.seed)
                for name, model in drawing.items()
            }
            draw_images(run.figures / "images.png", texts, images)
        contexts = self.judged(data).get("contexts")
        if contexts:
            batch = next(iter(data.test.batches(min(500, data.test.count))))
            first = self.exported(config, found)
            encode = tf.function(first.image_features, autograph=False)
            codes = encode(batch[first.input_name]).numpy()
            draw_code_map(run.figures / "codes.png", codes, batch["context"].numpy(), contexts)

    def exported(self, config, found: CaptionComparison) -> LNFMM:
        return found.models[config.models[0]]

    def load(self, config, data, run: RunDirectory) -> LNFMM:
        return load_caption_model(config, next(caption_trainings(config)), data, run)

    def served(self, config, model: LNFMM):
        return lnfmm_signatures(model, self.backbone(config))

    def described(self, config, data, model: LNFMM) -> Dict[str, Any]:
        return {
            "training": {
                "seeds": [config.seed],
                "seeds_compared": config.seeds,
                "labelled_share": config.labelled_share,
            },
            "limits": self._limits(config, model),
            "examples": {"texts": [all_captions(first_examples(data.test, 1))[0][0]]},
            "vocabulary": list(model.vocabulary.words),
        }

    def _limits(self, config, model) -> List[str]:
        limits = [
            "Knows the images and the words of its own training set alone.",
            f"Reads the first {config.caption_length - 2} words of a text.",
        ]
        if model.input_name == "features":
            backbone = self.backbone(config)
            limits.append(
                "Takes the features of a pre-trained network in the place of images."
                if backbone is None
                else f"Sees what {backbone.application} sees, a pre-trained network that it holds."
            )
        if model.draws_images and not model.config.weights.adversarial:
            limits.append("Draws blurred images: it was trained without a discriminator.")
        if config.seeds > 1:
            limits.append(
                f"Numbers are means over {config.seeds} seeds; this is the model of the first."
            )
        return limits


def _drawing(found: CaptionComparison) -> Dict[str, Any]:
    """The models that draw images."""
    return {name: m for name, m in found.models.items() if getattr(m, "draws_images", False)}
