"""What all training jobs of one kind do with their data and their finished runs."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, Type, Union

from tfgen.serving.card import Card
from tfgen.serving.export import export
from tfgen.training import Config, RunDirectory, WallClock, load_config

__all__ = ["Job"]


class Job:
    """A recipe's functions `run`, `evaluate`, `load_model`, `export` and `read_config`.

    A recipe says what its settings and its data are; a subclass says, once for a family of
    recipes, how models are trained (`train`), compared (`compare`), reported (`page`), drawn
    (`draw`) and exported (`exported`, `load`, `served`, `described` and the attributes below).

    ```python
    class Counting(Job):
        system = "counts"

        def compare(self, config, data, run):
            return {"count": float(len(data))}, None

    job = Counting(Config, lambda config: ["a", "b"])
    job.evaluate(RunDirectory.create("runs", "counting", Config()))  # {"count": 2.0}
    ```

    Args:
      config_class: of the recipe's configuration, with `recipe`, `preset`, `seed` and `training`.
      load_data: of a configuration, the data, with a `description`.
      max_megabytes: the largest export that is written, but in the preset "paper".
      **card: what the export's card says of this recipe, such as its summary and licence.

    Attributes:
      system: the card's: package of the zoo.
      intended_use, limits, references: the card's, for all recipes of the family.
    """

    system = ""
    intended_use = ""
    limits: Sequence[str] = ()
    references: Sequence[str] = ()

    def __init__(
        self,
        config_class: Type[Config],
        load_data: Callable[[Config], Any],
        max_megabytes: Optional[float] = None,
        **card: Any,
    ):
        self.config_class = config_class
        self.load_data = load_data
        self.max_megabytes = max_megabytes
        self.card = card

    def train(self, config, data, run: RunDirectory, callbacks: Sequence) -> None:
        """Trains all models; what is trained already is left as it is."""
        raise NotImplementedError

    def compare(self, config, data, run: RunDirectory) -> Tuple[Dict[str, float], Any]:
        """Measures the trained models on the test split.

        Returns:
          the numbers of report.json, and what else was found, such as the models, for `page`,
          `exported` and `draw`.
        """
        raise NotImplementedError

    def page(self, config, data, numbers: Dict[str, float], found: Any) -> str:
        """report.md."""
        raise NotImplementedError

    def exported(self, config, found: Any):
        """The model that a run exports, of what `compare` found."""
        raise NotImplementedError

    def load(self, config, data, run: RunDirectory):
        """The model that a finished run has exported."""
        raise NotImplementedError

    def draw(self, config, data, run: RunDirectory, numbers: Dict[str, float], found: Any) -> None:
        """The figures of the report."""

    def served(self, config, model):
        """What has the signatures of an export: the model, if nothing else is said."""
        del config
        return model

    def described(self, config, data, model) -> Dict[str, Any]:
        """Entries of the card that depend on settings, data or model, such as examples."""
        del config, data, model
        return {}

    def study(self, config, data, run: RunDirectory) -> Dict[str, float]:
        """Trains, measures, reports, exports, draws; the numbers of report.json."""
        clock = WallClock(run)
        self.train(config, data, run, [clock])
        numbers, found = self.compare(config, data, run)
        numbers["wall_seconds"] = clock.seconds()
        # Report and export first: a figure that fails loses nothing.
        run.write_report(numbers, self.page(config, data, numbers, found))
        model = self.exported(config, found)
        self.write(config, data, model, numbers, run.path / "export")
        self.draw(config, data, run, numbers, found)
        run.finish()
        return numbers

    def measure(self, config, data, run: RunDirectory) -> Dict[str, float]:
        """Numbers of the models that a run has trained, on its test split."""
        return self.compare(config, data, run)[0]

    def write(self, config, data, model, numbers, directory) -> pathlib.Path:
        """Exports the model as the next version of the directory."""
        entries = {
            "system": self.system,
            "data": dict(data.description),
            "intended_use": self.intended_use,
            "limits": list(self.limits),
            "references": list(self.references),
            **self.described(config, data, model),
            **self.card,
        }
        card = Card.of_run(config, numbers, **entries)
        limit = None if config.preset == "paper" else self.max_megabytes
        return export(self.served(config, model), directory, card, max_megabytes=limit)

    def run(self, config: Config, run: RunDirectory) -> Dict[str, float]:
        """Trains, measures, reports, exports, draws; returns the numbers of report.json."""
        return self.study(config, self.load_data(config), run)

    def evaluate(self, run: RunDirectory) -> Dict[str, float]:
        """Measures a finished run again, on its test split."""
        config = self.read_config(run)
        return self.measure(config, self.load_data(config), run)

    def load_model(self, run: RunDirectory):
        """The model that a finished run has exported."""
        config = self.read_config(run)
        return self.load(config, self.load_data(config), run)

    def export(self, run: RunDirectory, directory: Union[str, os.PathLike]) -> pathlib.Path:
        """Exports a finished run as the next version of the directory."""
        config = self.read_config(run)
        numbers = json.loads((run.path / "report.json").read_text(encoding="utf-8"))
        data = self.load_data(config)
        return self.write(config, data, self.load(config, data, run), numbers, directory)

    def read_config(self, run: RunDirectory) -> Config:
        """The configuration that a run was started with."""
        return load_config(self.config_class(), run.config_file)
