"""Model cards: what an export is, what it was made from, how good it is and where it ends."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
from typing import Any, Dict, List, Mapping, Optional, Union

import numpy as np

from tfgen.serving.card_page import card_page
from tfgen.serving.errors import ServingError

__all__ = ["Card", "STANDARD_DEFAULTS"]

STANDARD_DEFAULTS = {"count": 1, "seed": 0, "temperature": 1.0}

_FORMAT = 1
_TEXTS = ("name", "system", "summary", "intended_use", "licence")
_LISTS = ("limits", "vocabulary", "references")
_DICTS = (
    "training",
    "metrics",
    "configuration",
    "defaults",
    "examples",
    "signatures",
    "versions",
    "files",
)


@dataclasses.dataclass
class Card:
    """The card of an export; `export` writes it as card.json and card.md into assets.extra.

    Every value is checked when the card is made: a card that exists can be written as strict JSON
    and comes back equal.

    ```python
    card = Card(
        name="vlvae_two_objects",
        system="vlvae",
        summary="Draws two rendered objects from a sentence of nine words.",
        data="two_objects, 64x64, 100 000 pairs rendered from seed 0",
        training={"preset": "embedded", "steps": 20000, "wall_seconds": 6120.0, "seeds": [0]},
        metrics={"correctness_q_agg": 0.78},
        limits=["Knows no other objects, colours or words."],
    )
    Card.from_json(card.to_json()) == card     # True
    ```

    Attributes:
      name: name of the export, the directory above its versions.
      system: package of the zoo, for example "vlvae".
      summary: one or two sentences: what goes in, what comes out.
      data: what it was trained on, a text or a dict (shapes, counts, vocabulary, seed).
      training: preset, steps, wall_seconds, seeds, machine, and whatever else was recorded.
      metrics: flat dict of finite numbers, as in report.json.
      intended_use: what it is for.
      limits: what it cannot do, a list of sentences.
      configuration: the whole effective configuration.
      defaults: values of signature arguments that a client may leave out.
      examples: values for arguments without a default, used in the card's snippets, for example
        {"texts": ["small red rubber sphere left large blue metal cube"]}.
      vocabulary: the words it reads and writes, empty without text.
      licence: licence of the weights.
      references: papers and data sets.
      signatures: name -> {"inputs", "outputs"}, each name -> {"dtype", "shape", "default"};
        filled in by `export`.
      versions: packages and Python it was exported with; filled in by `export`.
      files: path -> {"bytes", "sha256"} of the SavedModel; filled in by `export`.
    """

    name: str
    system: str
    summary: str
    data: Union[str, Dict[str, Any]] = ""
    training: Dict[str, Any] = dataclasses.field(default_factory=dict)
    metrics: Dict[str, float] = dataclasses.field(default_factory=dict)
    intended_use: str = ""
    limits: List[str] = dataclasses.field(default_factory=list)
    configuration: Dict[str, Any] = dataclasses.field(default_factory=dict)
    defaults: Dict[str, Any] = dataclasses.field(default_factory=lambda: dict(STANDARD_DEFAULTS))
    examples: Dict[str, Any] = dataclasses.field(default_factory=dict)
    vocabulary: List[str] = dataclasses.field(default_factory=list)
    licence: str = "Apache-2.0"
    references: List[str] = dataclasses.field(default_factory=list)
    signatures: Dict[str, Any] = dataclasses.field(default_factory=dict)
    versions: Dict[str, str] = dataclasses.field(default_factory=dict)
    files: Dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name in _TEXTS:
            if not isinstance(getattr(self, name), str):
                raise _wrong(name, "a text", getattr(self, name))
        for name in ("name", "system", "summary"):
            if not getattr(self, name).strip():
                raise ServingError(f"The card's {name!r} is empty; every export says what it is.")
        if any(mark in self.name for mark in "/\\\n"):
            raise _wrong("name", "a directory name without slashes", self.name)
        for name in _LISTS:
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(text, str) for text in value):
                raise _wrong(name, "a list of texts", value)
            setattr(self, name, list(value))
        for name in _DICTS:
            value = getattr(self, name)
            if not isinstance(value, Mapping):
                raise _wrong(name, "a dict", value)
            setattr(self, name, _plain(value, name))
        if not isinstance(self.data, str):
            if not isinstance(self.data, Mapping):
                raise _wrong("data", "a text or a dict", self.data)
            self.data = _plain(self.data, "data")
        for name, value in self.metrics.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise _wrong(f"metrics[{name!r}]", "a number (metrics are flat)", value)

    @classmethod
    def of_run(
        cls,
        config: Any,
        numbers: Mapping[str, float],
        training: Optional[Mapping[str, Any]] = None,
        **entries: Any,
    ) -> "Card":
        """The card of what a run has trained.

        Args:
          config: of the run, with `recipe`, `preset`, `seed`, `training.steps` and, where several
            seeds were trained, their number `seeds`.
          numbers: of report.json, "wall_seconds" among them: the metrics.
          training: what else is to be told of the training, or told instead.
          **entries: the other entries of the card, see `Card`.
        """
        seeds = range(config.seed, config.seed + getattr(config, "seeds", 1))
        about = {"preset": config.preset, "seeds": list(seeds), **(training or {})}
        if "steps" not in about:
            about["steps"] = config.training.steps
        about.update(wall_seconds=numbers["wall_seconds"], cores=os.cpu_count())
        return cls(
            name=config.recipe,
            training=about,
            metrics=dict(numbers),
            configuration=config.as_dict(),
            **entries,
        )

    def to_json(self) -> str:
        """Strict JSON with a stable order; ends with a newline."""
        content = {"format": _FORMAT, **dataclasses.asdict(self)}
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "card.json") -> "Card":
        """Reads what `to_json` wrote; `source` names the file in error messages."""
        try:
            content = json.loads(text)
        except ValueError as error:
            raise ServingError(f"{source} is no JSON: {error}.") from None
        if not isinstance(content, dict):
            raise ServingError(f"{source} is no card: wanted a JSON object.")
        number = content.pop("format", None)
        if number != _FORMAT:
            raise ServingError(
                f"{source} has card format {number!r}; this tfgen reads format {_FORMAT}."
            )
        fields = {field.name: field for field in dataclasses.fields(cls)}
        unknown = sorted(set(content) - set(fields))
        missing = sorted({"name", "system", "summary"} - set(content))
        if unknown or missing:
            raise ServingError(
                f"{source} is no valid card: unknown keys {unknown}, missing keys {missing}."
            )
        return cls(**content)

    @classmethod
    def read(cls, path: Union[str, pathlib.Path]) -> "Card":
        """Reads the card of a version directory, or a card.json."""
        path = pathlib.Path(path)
        if path.is_dir():
            path = path / "assets.extra" / "card.json"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ServingError(f"There is no card at {path}.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ServingError(f"The card {path} cannot be read: {error}.") from None
        return cls.from_json(text, str(path))

    def write(self, directory: Union[str, pathlib.Path]) -> None:
        """Writes card.json and card.md into `directory`, which exists."""
        directory = pathlib.Path(directory)
        (directory / "card.json").write_text(self.to_json(), encoding="utf-8")
        (directory / "card.md").write_text(card_page(self), encoding="utf-8")

    def to_markdown(self) -> str:
        """The card as a page for people."""
        return card_page(self)


def _plain(value, where):
    """The value as JSON would give it back: no tuples, no numpy, no non-finite numbers."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise _wrong(f"{where} key", "a text", key)
        return {key: _plain(inner, f"{where}[{key!r}]") for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(inner, f"{where}[{place}]") for place, inner in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(where, "a finite number", value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, pathlib.PurePath):
        return str(value)
    raise _wrong(where, "text, numbers, lists and dicts", value)


def _wrong(name, wanted, got) -> ServingError:
    return ServingError(f"The card's {name} is {got!r} ({type(got).__name__}); wanted {wanted}.")
