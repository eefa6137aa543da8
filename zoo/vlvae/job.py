"""What every recipe of the whole VLVAE does: train, fit, measure, report, export, draw."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Mapping, Optional, Sequence

import tensorflow as tf

from tfgen.data import Splits, Vocabulary
from tfgen.job import Job
from tfgen.training import RunDirectory, WallClock, compiled, fit, restore
from zoo.vlvae.fits import Fits, fit_densities
from zoo.vlvae.generator import TextImageGenerator
from zoo.vlvae.model import VLVAE
from zoo.vlvae.protocol import Correctness, measure
from zoo.vlvae.reporting import draw, report, training_pictures

__all__ = ["REFERENCE", "Instrument", "VLVAEJob"]

REFERENCE = (
    "Cremer and Kushman. On the Importance of Learning Aggregate Posteriors in Multimodal "
    "Variational Autoencoders. 2018."
)
PHASE = "vlvae"


@dataclasses.dataclass
class Instrument:
    """What tells whether images match their texts.

    Attributes:
      correctness: as `measure` takes it.
      numbers: what is known of the instrument itself, for report.json.
      entropy_slots: as `measure` takes them.
    """

    correctness: Correctness
    numbers: Mapping[str, float]
    entropy_slots: Optional[Mapping[str, int]] = None


class VLVAEJob(Job):
    """The functions of a recipe that trains a VLVAE and fits its three densities.

    A recipe says the words of its data, what measures correctness, what a report says of the run
    and what is special in its card; its configuration has `model`, `training`, `fits`,
    `evaluation`, `preset` and `seed`. It exports the VLVAE with q_Agg(z|y) and q_phi(z).
    """

    system = "vlvae"
    references = (REFERENCE,)

    def vocabulary(self, config) -> Vocabulary:
        """The words of the data's texts."""
        raise NotImplementedError

    def instrument(
        self, config, data: Splits, run: RunDirectory, callbacks: Sequence = ()
    ) -> Instrument:
        """The measure of correctness; what is still to be trained of it, is."""
        raise NotImplementedError

    def introduction(self, config, data: Splits, numbers: Mapping[str, float]) -> str:
        """What a report says of data, time and measures."""
        raise NotImplementedError

    def appendix(self, numbers: Mapping[str, float]) -> str:
        """What a report ends with."""
        return ""

    def kept(self, config, data: Splits) -> Splits:
        """The data as it is trained on and measured, such as kept in memory."""
        return data

    def make_vlvae(self, config, precision: str) -> VLVAE:
        """The compiled model."""
        vocabulary = self.vocabulary(config)
        return compiled(
            lambda: VLVAE(config.model, vocabulary, seed=config.seed), config.training, precision
        )

    def study(self, config, data: Splits, run: RunDirectory) -> Dict[str, float]:
        clock = WallClock(run)
        tf.keras.utils.set_random_seed(config.seed)
        data = self.kept(config, data)
        instrument = self.instrument(config, data, run, [clock])

        vlvae = self.make_vlvae(config, config.training.precision)
        callbacks = [*training_pictures(vlvae, data.validation), clock]
        fit(vlvae, data.train, config.training, run, PHASE, data.validation, callbacks, config.seed)

        vlvae = self._vlvae(config, data, run)
        fits = self._fits(config, vlvae, data.train, data.validation, run, [clock])
        numbers = self._numbers(config, data, vlvae, fits, instrument)
        numbers["wall_seconds"] = clock.seconds()
        title = f"{config.recipe}, preset {config.preset}, seed {config.seed}"
        introduction = self.introduction(config, data, numbers)
        page = report(title, introduction, numbers) + self.appendix(numbers)
        run.write_report(numbers, page)
        self.write(config, data, _generator(vlvae, fits), numbers, run.path / "export")
        draw(vlvae, fits, data.test, run, config.seed)
        run.finish()
        return numbers

    def measure(self, config, data: Splits, run: RunDirectory) -> Dict[str, float]:
        data = self.kept(config, data)
        vlvae = self._vlvae(config, data, run)
        fits = self._fits(config, vlvae, data.train, data.validation, run)
        return self._numbers(config, data, vlvae, fits, self.instrument(config, data, run))

    def load(self, config, data: Splits, run: RunDirectory) -> TextImageGenerator:
        vlvae = self._vlvae(config, data, run)
        two = dataclasses.replace(data.train, count=2)
        return _generator(vlvae, self._fits(config, vlvae, two, two, run))

    def described(self, config, data: Splits, model: TextImageGenerator) -> Dict[str, Any]:
        return {
            "training": {"steps_of_each_fit": config.fits.steps},
            "vocabulary": list(model.vocabulary.words),
        }

    def _vlvae(self, config, data, run) -> VLVAE:
        """The checkpoint with the best validation loss, in float32: evaluated, fitted, exported."""
        vlvae = self.make_vlvae(config, "float32")
        restore(vlvae, data.train, config.training, run, PHASE, which="best")
        return vlvae

    def _fits(self, config, vlvae, train, validation, run, callbacks=()) -> Fits:
        return fit_densities(vlvae, train, validation, config.fits, run, config.seed, callbacks)

    def _numbers(self, config, data, vlvae, fits, instrument) -> Dict[str, float]:
        """The numbers of Tables 1 and 2, on the test split."""
        numbers = measure(
            vlvae,
            fits,
            data.test,
            instrument.correctness,
            config.evaluation,
            config.seed,
            instrument.entropy_slots,
        )
        return {**instrument.numbers, **numbers}


def _generator(vlvae: VLVAE, fits: Fits) -> TextImageGenerator:
    return TextImageGenerator(vlvae, fits.q_agg, fits.aggregate_prior)
