"""What every recipe does that compares alignments on a test split: train, measure, export."""

from __future__ import annotations

import pathlib
from typing import Any, Callable, Dict, Optional

from tfgen.training import Job, RunDirectory
from zoo.jwae.model import JWAE
from zoo.jwae.study import alignment_study, export_aligned, load_first, measure_study

__all__ = ["AlignmentJob"]


class AlignmentJob(Job):
    """The functions of a recipe that compares methods of alignment.

    It exports the first method with the first share of labels, of the first seed. For the
    arguments see `Job`: an `AlignmentConfig`, splits with "image" (or "features"), "captions" and
    "caption_count", and for the card a summary of what the model matches and an example of a text.
    """

    def study(self, config, data, run: RunDirectory) -> Dict[str, float]:
        settings = {**self.labelled(data), **self.export_settings(config)}
        settings["backbone"] = self.backbone(config)
        return alignment_study(config, data, self.tests(data), run, **settings)

    def measure(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return measure_study(config, data, self.tests(data), run)

    def load(self, config, data, run: RunDirectory) -> JWAE:
        return load_first(config, data, run)

    def write(self, config, data, model, numbers, directory) -> pathlib.Path:
        settings = {**self.export_settings(config), "backbone": self.backbone(config)}
        return export_aligned(config, model, numbers, data, directory, **settings)

    def tests(self, data) -> Dict[str, Any]:
        """name -> source that is measured on."""
        return {"test": data.test}

    def labelled(self, data) -> Dict[str, Any]:
        """The arguments `labels` and `label_names` of `alignment_study`; none without classes."""
        del data
        return {}

    def backbone(self, config) -> Optional[Callable]:
        """The network whose features the data have; None where the model reads pixels."""
        del config
        return None
