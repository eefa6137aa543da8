"""What all training jobs of one kind do with their data and their finished runs."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any, Callable, Dict, Optional, Type, Union

from tfgen.training.configuration import Config, load_config
from tfgen.training.run_directory import RunDirectory

__all__ = ["Job"]


class Job:
    """A recipe's functions `run`, `evaluate`, `load_model`, `export` and `read_config`.

    A recipe says what its settings and its data are; a subclass says, once for a family of
    recipes, what is done with them, by the four methods `study`, `measure`, `load` and `write`.

    ```python
    class Counting(Job):
        def study(self, config, data, run):
            numbers = self.measure(config, data, run)
            run.write_report(numbers, "# Counts")
            return numbers

        def measure(self, config, data, run):
            return {"count": float(len(data))}

    job = Counting(Config, lambda config: ["a", "b"])
    run = RunDirectory.create("runs", "counting", Config())
    job.run(Config(), run)  # {"count": 2.0}
    job.evaluate(run)  # {"count": 2.0}
    ```

    Args:
      config_class: of the recipe's configuration.
      load_data: of a configuration, the data.
      max_megabytes: the largest export that is written, but in the preset "paper".
      **card: what the export's card says of this recipe, such as its summary and licence.
    """

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

    def export_settings(self, config: Config) -> Dict[str, Any]:
        """The card's entries and max_megabytes, for a configuration with a `preset`."""
        limit = None if config.preset == "paper" else self.max_megabytes
        return {**self.card, "max_megabytes": limit}

    def study(self, config, data, run: RunDirectory) -> Dict[str, float]:
        """Trains, measures, draws, reports, exports; the numbers of report.json."""
        raise NotImplementedError

    def measure(self, config, data, run: RunDirectory) -> Dict[str, float]:
        """Numbers of the models that a run has trained, on its test split."""
        raise NotImplementedError

    def load(self, config, data, run: RunDirectory):
        """The model that a run exports."""
        raise NotImplementedError

    def write(self, config, data, model, numbers, directory) -> pathlib.Path:
        """Exports the model as the next version of the directory."""
        raise NotImplementedError

    def run(self, config: Config, run: RunDirectory) -> Dict[str, float]:
        """Trains, measures, draws, exports; returns the numbers of report.json."""
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
