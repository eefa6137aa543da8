"""Properties that every export has, whatever model it holds.

A test file runs them over its exports:

    from tests.properties_exports import PROPERTIES, ExportCase

    CASES = [ExportCase("toy", lambda directory: serving.export(ToyModel(), directory, card))]

    @pytest.fixture(scope="module", params=CASES, ids=str)
    def case(request, tmp_path_factory):
        return request.param.open(tmp_path_factory.mktemp("export"))

    @pytest.mark.parametrize("holds", PROPERTIES, ids=lambda check: check.__name__)
    def test_property(case, holds):
        holds(case)

All inputs come from the export itself: image sizes from its signatures, sentences from what it
writes, so a new export is covered by adding it to the list. A property that speaks of a signature
or an argument that the export does not have is skipped.
"""

from __future__ import annotations

import dataclasses
import importlib
import pathlib
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
import tensorflow as tf

from tfgen import serving

STEM = {"dtype": "uint8", "shape": [None, "H", "W", "C"]}
COUNT, SEED = {"dtype": "int32", "shape": []}, {"dtype": "int64", "shape": []}
TEMPERATURE = {"dtype": "float32", "shape": []}
TEXTS = {"dtype": "string", "shape": [None]}
# The signatures with a fixed meaning (DESIGN, section 2). Others may stand beside them, and the
# arguments of OPTIONAL may be missing.
OPTIONAL = {("sample", "texts"), ("score", "texts"), ("texts_from_images", "temperature")}
CONVENTIONS: Dict[str, Any] = {
    "images_from_text": (
        {"texts": TEXTS, "count": COUNT, "seed": SEED, "temperature": TEMPERATURE},
        {"images": {"dtype": "uint8", "shape": [None, None, "H", "W", "C"]}},
    ),
    "texts_from_images": (
        {"images": STEM, "count": COUNT, "seed": SEED, "temperature": TEMPERATURE},
        {"texts": {"dtype": "string", "shape": [None, None]}},
    ),
    "sample": (
        {"count": COUNT, "seed": SEED, "temperature": TEMPERATURE},
        {"images": STEM, "texts": TEXTS},
    ),
    "score": (
        {"images": STEM, "texts": TEXTS},
        {"elbo": {"dtype": "float32", "shape": [None]}},
    ),
    "encode": (
        {"images": STEM},
        {"mean": {"dtype": "float32", "shape": [None, "Z"]}},
    ),
}


@dataclasses.dataclass
class ExportCase:
    """An export to be tested.

    Args:
      name: of the case.
      make: writes the export into a directory and returns its version directory, or just returns
        the path of one that is there.
      max_megabytes: the size it may have.
      levels: number of values of a pixel, a power of two.
    """

    name: str
    make: Callable[[pathlib.Path], pathlib.Path]
    max_megabytes: float = 8.0
    levels: int = 256

    def __str__(self) -> str:
        return self.name

    def open(self, directory: pathlib.Path) -> "OpenExport":
        return OpenExport(self, serving.load(self.make(directory)))


class OpenExport:
    """A loaded export with inputs made for it."""

    def __init__(self, case: ExportCase, model: serving.LoadedModel):
        self.case = case
        self.model = model
        self.signatures = model.signatures
        self._texts: Dict[int, List[str]] = {}

    def images(self, rows: int) -> np.ndarray:
        """Images of the right size: smooth ramps with noise, uint8."""
        for signature in self.signatures.values():
            spec = signature["inputs"].get("images")
            if spec:
                # Any size is as good where the signature leaves it open.
                height, width, channels = (size or 64 for size in spec["shape"][1:])
                break
        else:
            pytest.skip("no signature takes images")
        noise = np.random.default_rng(rows).integers(0, 64, [rows, height, width, channels])
        ramp = np.linspace(0, 191, height)[None, :, None, None]
        return (noise + ramp).astype(np.uint8) // (256 // self.case.levels)

    def texts(self, rows: int) -> List[str]:
        """Sentences that the model can read: the card's example, then what it writes itself."""
        if rows not in self._texts:
            known = list(self.model.card.examples.get("texts", []))
            if len(known) < rows and "texts_from_images" in self.signatures:
                written = self.model.texts_from_images(self.images(rows), count=4)["texts"]
                known += [text for text in written.ravel() if self._reads(text)]
            if not known:
                pytest.skip("no sentence is known for this export")
            self._texts[rows] = (known * rows)[:rows]
        return self._texts[rows]

    def _reads(self, text: str) -> bool:
        try:
            self.model.images_from_text([text])
        except (AttributeError, serving.ServingError):
            return False
        return True

    def inputs(self, name: str, rows: int) -> Dict[str, Any]:
        """All arguments of a signature, with `rows` rows; count, seed and the like as default."""
        values = {}
        for key, spec in self.signatures[name]["inputs"].items():
            known = {"images": self.images, "texts": self.texts, **self._of_the_codec}
            if "default" in spec:
                values[key] = spec["default"]
            elif key in known:
                values[key] = known[key](rows)
                if key == "symbols":
                    values[key] = values[key][:, : spec["shape"][1]]
                if key == "texts":
                    values.update(self.as_texts(name, values[key]))
            elif key in self.model.card.examples:
                values[key] = (list(self.model.card.examples[key]) * rows)[:rows]
            else:
                pytest.skip(f"{name} takes {key}, which this suite cannot make up")
        return values

    def as_texts(self, name: str, texts: List[str]) -> Dict[str, Any]:
        """The argument "texts" of a signature: one a row, or several where it compares them."""
        if len(self.signatures[name]["inputs"]["texts"]["shape"]) == 1:
            return {"texts": texts}
        return {"texts": [[text, *texts] for text in texts]}

    @property
    def _of_the_codec(self) -> Dict[str, Callable[[int], Any]]:
        """Arguments of `tfgen.codec.coding_signatures`, at the first step."""
        return {
            "symbols": lambda rows: self.model.coding_symbols(self.images(rows))["symbols"],
            "step": lambda rows: 0,
            "state": lambda rows: np.zeros([rows, 0], np.float32),
        }

    def call(self, name: str, rows: int, **changes):
        """Calls a signature with `rows` rows."""
        return getattr(self.model, name)(**{**self.inputs(name, rows), **changes})

    def with_argument(self, argument: str) -> List[str]:
        names = [n for n, s in self.signatures.items() if argument in s["inputs"]]
        if not names:
            pytest.skip(f"no signature takes {argument}")
        return names


def card_is_complete(case: OpenExport) -> None:
    card = case.model.card
    assert card.name == case.model.path.parent.name, "the card's name is the directory's"
    assert card.limits and card.data and card.training and card.configuration and card.metrics
    assert {"preset", "steps", "wall_seconds", "seeds"} <= set(card.training)
    assert {"python", "tensorflow", "tfgen", "keras", "numpy"} <= set(card.versions)
    page = (case.model.path / "assets.extra" / "card.md").read_text(encoding="utf-8")
    assert page == card.to_markdown()


def card_and_saved_model_agree(case: OpenExport) -> None:
    saved = tf.saved_model.load(str(case.model.path))
    assert set(saved.signatures) == {"serving_default", *case.signatures}
    for name, signature in case.signatures.items():
        function = saved.signatures[name]
        specs = function.structured_input_signature[1]
        assert set(specs) == set(signature["inputs"])
        for described, tensors in (
            (signature["inputs"], specs),
            (signature["outputs"], function.structured_outputs),
        ):
            assert set(described) == set(tensors)
            for key, spec in described.items():
                assert tensors[key].dtype.name == spec["dtype"], (name, key)
                assert tensors[key].shape.as_list() == spec["shape"], (name, key)


def signatures_follow_the_conventions(case: OpenExport) -> None:
    for name, (inputs, outputs) in CONVENTIONS.items():
        if name not in case.signatures:
            continue
        got = case.signatures[name]
        for key, spec in got["inputs"].items():
            assert key in inputs, f"{name} takes {key}"
            assert_described(spec, inputs[key], f"{name}({key})")
        for key in inputs:
            assert key in got["inputs"] or (name, key) in OPTIONAL, f"{name} lacks {key}"
        for key, spec in got["outputs"].items():
            if key in outputs:
                assert_described(spec, outputs[key], f"{name} -> {key}")
        for key, default in (("count", 1), ("seed", 0), ("temperature", 1.0)):
            if key in got["inputs"]:
                assert got["inputs"][key]["default"] == default, (name, key)


def assert_described(spec, wanted, where):
    assert spec["dtype"] == wanted["dtype"], where
    assert len(spec["shape"]) == len(wanted["shape"]), where
    for got, side in zip(spec["shape"], wanted["shape"]):
        if side is None:
            assert got is None, f"{where}: {spec['shape']} is not free in the batch"
        else:
            assert got and got > 0, f"{where}: {spec['shape']} has no fixed {side}"


def is_small_enough(case: OpenExport) -> None:
    size = sum(path.stat().st_size for path in case.model.path.rglob("*") if path.is_file())
    assert size <= case.case.max_megabytes * 1e6, f"{size / 1e6:.2f} MB"
    assert size < 1.05 * sum(f["bytes"] for f in case.model.card.files.values()) + 1e5


def holds_nothing_but_its_files(case: OpenExport) -> None:
    files = {
        path.relative_to(case.model.path).as_posix()
        for path in case.model.path.rglob("*")
        if path.is_file()
    }
    assert files == {*case.model.card.files, "assets.extra/card.json", "assets.extra/card.md"}


def has_only_core_operations(case: OpenExport) -> None:
    checks = importlib.import_module("tfgen.serving.graph_checks")
    for name, function in tf.saved_model.load(str(case.model.path)).signatures.items():
        checks.check_servable(name, function)


def same_request_same_answer(case: OpenExport) -> None:
    for name in case.signatures:
        for changes in [{}, {"seed": 12345678901}]:
            if set(changes) <= set(case.signatures[name]["inputs"]):
                assert_same(case.call(name, 2, **changes), case.call(name, 2, **changes), name)


def a_fresh_load_gives_the_same(case: OpenExport) -> None:
    fresh = OpenExport(case.case, serving.load(case.model.path))
    for name in case.signatures:
        assert_same(case.call(name, 2), fresh.call(name, 2), name)


def defaults_are_those_of_the_card(case: OpenExport) -> None:
    for name, signature in case.signatures.items():
        everything = case.inputs(name, 2)
        required = {k: v for k, v in everything.items() if "default" not in signature["inputs"][k]}
        method = getattr(case.model, name)
        assert_same(method(**required), method(**everything), name)


def different_seeds_differ(case: OpenExport) -> None:
    """Seeds that agree in their low, or in their high 32 bits, too."""
    for name in case.with_argument("seed"):
        size = {"count": 8} if "count" in case.signatures[name]["inputs"] else {}
        answers = [case.call(name, 2, seed=seed, **size) for seed in (0, 1, 2**32, -1)]
        for i, first in enumerate(answers):
            for second in answers[:i]:
                assert any((first[key] != second[key]).any() for key in first), name


def draws_of_one_request_differ(case: OpenExport) -> None:
    for name in case.with_argument("count"):
        answer = case.call(name, 1, count=8)
        for key, values in answer.items():
            rows = values.reshape([8, -1]).tolist()
            assert len({str(row) for row in rows}) > 1, (name, key)


def temperature_changes_the_answer(case: OpenExport) -> None:
    for name in case.with_argument("temperature"):
        cold, warm = (case.call(name, 2, temperature=t, seed=3) for t in (0.2, 1.0))
        assert any((cold[key] != warm[key]).any() for key in cold), name


def any_number_of_rows_and_draws(case: OpenExport) -> None:
    for name, signature in case.signatures.items():
        for rows in (1, 2, 5):
            for count in (1, 3) if "count" in signature["inputs"] else (None,):
                answer = case.call(name, rows, **({"count": count} if count else {}))
                batched = any(s["shape"][:1] == [None] for s in signature["inputs"].values())
                lead = ([rows] if batched else []) + ([count] if count else [])
                for key, values in answer.items():
                    spec = signature["outputs"][key]
                    wanted = tf.TensorShape([*lead, *spec["shape"][len(lead) :]])
                    assert wanted.is_compatible_with(values.shape), (name, key, rows, count)


def rows_do_not_depend_on_each_other(case: OpenExport) -> None:
    """A row of a batch gives what it gives alone (signatures without randomness)."""
    for name, signature in case.signatures.items():
        if any(key in signature["inputs"] for key in ("seed", "count")) or name == "score":
            continue
        together = case.call(name, 3)
        given = case.inputs(name, 3)
        for row in range(3):
            one = {
                key: values[row : row + 1] if np.ndim(values) else values
                for key, values in given.items()
            }
            alone = getattr(case.model, name)(**one)
            for key, values in alone.items():
                if values.dtype.kind not in "fiu":
                    assert values[0] == together[key][row], f"{name} {key}"
                    continue
                np.testing.assert_allclose(
                    values[0], together[key][row], rtol=2e-4, atol=2e-4, err_msg=f"{name} {key}"
                )


def numbers_are_finite_and_images_are_pictures(case: OpenExport) -> None:
    for name, signature in case.signatures.items():
        size = {"count": 4} if "count" in signature["inputs"] else {}
        for key, values in case.call(name, 2, **size).items():
            if values.dtype == np.uint8:
                assert values.std() > 0.5, f"{name}: flat images"
            elif values.dtype.kind == "f":
                assert np.isfinite(values).all(), (name, key)
            elif values.dtype == object:
                assert all(isinstance(text, str) and text for text in values.ravel())
    if "encode" in case.signatures:
        assert (case.call("encode", 2).get("scale", np.ones(1)) > 0).all()


def score_terms_add_up(case: OpenExport) -> None:
    """elbo = sum of the log-likelihoods - sum of the KLs, for terms that are named so.

    "bits_per_dim" is the same bound in bits, and no term.
    """
    if "score" not in case.signatures:
        pytest.skip("no score")
    terms = case.call("score", 3)
    terms.pop("bits_per_dim", None)
    elbo = terms.pop("elbo")
    signs = {key: -1.0 if key.startswith("kl") else 1.0 for key in terms}
    total = sum(signs[key] * values.astype(np.float64) for key, values in terms.items())
    np.testing.assert_allclose(elbo, total, rtol=1e-5, atol=1e-3)


def texts_it_writes_it_can_read(case: OpenExport) -> None:
    if not {"texts_from_images", "images_from_text"} <= set(case.signatures):
        pytest.skip("not both directions")
    texts = case.model.texts_from_images(case.images(2), count=2, seed=5)["texts"].ravel()
    images = case.model.images_from_text(texts)["images"]
    assert len(images) == 4
    words = {word for text in texts for word in text.split()}
    assert words <= set(case.model.card.vocabulary), "the card lists the vocabulary"


def texts_it_cannot_read_are_explained(case: OpenExport) -> None:
    """Unknown words: refused by name, or read as the vocabulary's own word for them, <unk>."""
    for name in case.with_argument("texts"):
        words = case.model.card.vocabulary
        first, second = case.texts(2)
        if "<unk>" in words:
            answers = [
                case.call(name, 1, **case.as_texts(name, [f"{first} {word}"]))
                for word in ("zyzzyva", "<unk>")
            ]
            assert_same(*answers, name)
            continue
        with pytest.raises(serving.ServingError) as caught:
            case.call(name, 2, **case.as_texts(name, [first, f"{second} zyzzyva"]))
        message = str(caught.value)
        assert "Text 2" in message and "zyzzyva" in message
        for word in words:
            assert word in message, "the whole vocabulary is listed"


def wrong_requests_are_explained(case: OpenExport) -> None:
    for name in case.signatures:
        with pytest.raises(serving.ServingError, match=f"{name} has no argument 'colour'"):
            getattr(case.model, name)(colour=1)
    for name in case.with_argument("count"):
        with pytest.raises(serving.ServingError, match="count is 0, but must be 1 or more"):
            case.call(name, 1, count=0)


def assert_same(first, second, name):
    assert set(first) == set(second)
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=f"{name}: {key}")


PROPERTIES: List[Callable[[OpenExport], None]] = [
    card_is_complete,
    card_and_saved_model_agree,
    signatures_follow_the_conventions,
    is_small_enough,
    holds_nothing_but_its_files,
    has_only_core_operations,
    same_request_same_answer,
    a_fresh_load_gives_the_same,
    defaults_are_those_of_the_card,
    different_seeds_differ,
    draws_of_one_request_differ,
    temperature_changes_the_answer,
    any_number_of_rows_and_draws,
    rows_do_not_depend_on_each_other,
    numbers_are_finite_and_images_are_pictures,
    score_terms_add_up,
    texts_it_writes_it_can_read,
    texts_it_cannot_read_are_explained,
    wrong_requests_are_explained,
]
