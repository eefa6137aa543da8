"""What every recipe of captions and images does: train, measure, export."""

from __future__ import annotations

import pathlib
from typing import Any, Dict, Optional

from tfgen.training import Job, RunDirectory
from zoo.lnfmm.measurement import measure_captions
from zoo.lnfmm.model import LNFMM
from zoo.lnfmm.signatures import Backbone
from zoo.lnfmm.study import caption_study, export_lnfmm, load_first

__all__ = ["CaptionJob"]


class CaptionJob(Job):
    """The functions of a recipe that compares models of captions and images.

    It exports the first model of the first seed. For the arguments see `Job`: a
    `CaptionStudyConfig`, splits with "image" or "features", "captions" and "caption_count", and for
    the card a summary of what the model draws. A subclass may give what judges captions, and the
    network that makes the features.
    """

    def study(self, config, data, run: RunDirectory) -> Dict[str, float]:
        settings = {**self.judged(data), **self.export_settings(config)}
        return caption_study(config, data, run, backbone=self.backbone(config), **settings)

    def measure(self, config, data, run: RunDirectory) -> Dict[str, float]:
        return measure_captions(config, data, run, self.judged(data).get("judges")).numbers

    def load(self, config, data, run: RunDirectory) -> LNFMM:
        return load_first(config, data, run)

    def write(self, config, data, model, numbers, directory) -> pathlib.Path:
        settings = {**self.export_settings(config), "backbone": self.backbone(config)}
        return export_lnfmm(config, model, numbers, data, directory, **settings)

    def judged(self, data) -> Dict[str, Any]:
        """The arguments `judges` and `contexts` of `caption_study`; none where data has none."""
        del data
        return {}

    def backbone(self, config) -> Optional[Backbone]:
        """The network whose features the data have; None where the model reads pixels."""
        del config
        return None
