"""What every recipe of PixelCNNs does: train, measure, report, export, draw."""

from __future__ import annotations

from tfgen.job import Job
from tfgen.training import RunDirectory
from zoo.pixelcnn.model import PixelCNN
from zoo.pixelcnn.reporting import draw_study, study_report
from zoo.pixelcnn.study import load_pixel_cnn, measure_pixel_cnns, train_pixel_cnns

__all__ = ["PixelCNNJob"]


class PixelCNNJob(Job):
    """The functions of a recipe that trains a PixelCNN, from one seed or several.

    It exports the model of the first seed, see `PixelCNN.signatures`. For the arguments see `Job`:
    a `StudyConfig`, splits with "image", and "label" for a model of classes, and for the card a
    summary of what the model draws.
    """

    system = "pixelcnn"
    intended_use = "Research and teaching: exact likelihoods of images, samples pixel by pixel."
    limits = ("Knows images of its own training set alone, at its own size.",)
    references = (
        "Salimans, Karpathy, Chen, Kingma. PixelCNN++. ICLR 2017.",
        "van den Oord et al. Conditional Image Generation with PixelCNN Decoders. NeurIPS 2016.",
    )

    def train(self, config, data, run: RunDirectory, callbacks) -> None:
        train_pixel_cnns(config, data, run, callbacks)

    def compare(self, config, data, run: RunDirectory):
        return measure_pixel_cnns(config, data, run)

    def page(self, config, data, numbers, found) -> str:
        return study_report(config, data, numbers)

    def draw(self, config, data, run: RunDirectory, numbers, found) -> None:
        draw_study(found, data.test, run, config)

    def exported(self, config, found) -> PixelCNN:
        return found

    def load(self, config, data, run: RunDirectory) -> PixelCNN:
        return load_pixel_cnn(config, config.seed, data.train, run)
