"""Cards: strict JSON there and back, a readable page, and complaints about what does not fit."""

import dataclasses
import json
import math
import os
import pathlib

import numpy as np
import pytest

from tests.serving.toy_model import toy_card
from tfgen.serving import Card, ServingError
from tfgen.training import Config, TrainingConfig


def full_card():
    return toy_card(
        training={
            "preset": "quick",
            "steps": np.int64(1200),
            "wall_seconds": np.float32(61.5),
            "seeds": (0, 1, 2),
            "machine": "2 cores",
        },
        metrics={"correctness_q_agg": 0.8125, "log_p_x_given_y_q_agg": np.float64(75739.79)},
        configuration={
            "model": {"sizes": np.array([64, 128]), "flow": {"couplings": 6}},
            "x": None,
        },
        intended_use="Research.",
        references=["Cremer & Kushman | a title"],
        data="two_objects, 64x64",
    )


def test_a_card_comes_back_equal(tmp_path):
    card = full_card()
    assert Card.from_json(card.to_json()) == card
    card.write(tmp_path)
    assert Card.read(tmp_path / "card.json") == card
    assert card.training["seeds"] == [0, 1, 2] and type(card.training["steps"]) is int
    assert card.configuration["model"]["sizes"] == [64, 128]
    assert json.loads(card.to_json())["metrics"]["log_p_x_given_y_q_agg"] == 75739.79


@dataclasses.dataclass
class RunConfig(Config):
    """Settings of a run over several seeds."""

    recipe: str = "toy_recipe"
    preset: str = "quick"
    seed: int = 3
    seeds: int = 2
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


def test_the_card_of_a_run_tells_how_it_was_trained():
    config, numbers = RunConfig(), {"bits_per_dim": 1.5, "wall_seconds": 20.0}
    card = Card.of_run(config, numbers, system="toy", summary="A toy.", limits=["Small."])
    assert (card.name, card.limits, card.metrics) == ("toy_recipe", ["Small."], numbers)
    assert card.configuration == json.loads(json.dumps(config.as_dict()))
    assert card.training == {
        "preset": "quick",
        "steps": config.training.steps,
        "seeds": [3, 4],
        "wall_seconds": 20.0,
        "cores": os.cpu_count(),
    }
    told = {"steps": 7, "seeds": [3], "variant": "main"}
    other = Card.of_run(config, numbers, told, system="toy", summary="A toy.")
    assert other.training == {**card.training, **told}


def test_the_page_shows_numbers_training_and_configuration_as_tables():
    page = full_card().to_markdown()
    for line in (
        "# toy",
        "| correctness_q_agg | 0.8125 |",
        "| log_p_x_given_y_q_agg | 75739.8 |",
        "| steps | 1200 |",
        "| seeds | 0, 1, 2 |",
        "| model.sizes | 64, 128 |",
        "| model.flow.couplings | 6 |",
        "* It has learnt nothing.",
        "two_objects, 64x64",
    ):
        assert line in page.splitlines(), line
    assert "## Calls" not in page, "no signatures before the export"


def test_cells_do_not_break_tables():
    page = toy_card(training={"note": "a | b\nc"}).to_markdown()
    assert "| note | a \\| b c |" in page.splitlines()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"summary": " "}, "'summary' is empty"),
        ({"name": "a/b"}, "without slashes"),
        ({"name": 3}, r"name is 3 \(int\); wanted a text"),
        ({"metrics": {"elbo": math.nan}}, r"metrics\['elbo'\] is nan .*finite"),
        ({"metrics": {"elbo": {"a": 1.0}}}, "metrics are flat"),
        ({"metrics": {"right": True}}, "wanted a number"),
        ({"metrics": [1.0]}, "wanted a dict"),
        ({"limits": "none"}, "limits is 'none' .*list of texts"),
        ({"vocabulary": [1]}, "list of texts"),
        ({"configuration": {"layer": object()}}, "wanted text, numbers, lists and dicts"),
        ({"configuration": {1: 2}}, "wanted a text"),
        ({"training": {"loss": [0.0, math.inf]}}, r"training\['loss'\]\[1\] is inf"),
        ({"data": 5}, "wanted a text or a dict"),
    ],
)
def test_values_that_do_not_fit_are_named(changes, message):
    with pytest.raises(ServingError, match=message):
        toy_card(**changes)


def damaged(change):
    content = json.loads(toy_card().to_json())
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "is no JSON"),
        ("[]", "wanted a JSON object"),
        ("{}", "card format None"),
        (damaged(lambda content: content.update(format=99)), "card format 99"),
        (damaged(lambda content: content.update(colour="red")), r"unknown keys \['colour'\]"),
        (damaged(lambda content: content.pop("system")), r"missing keys \['system'\]"),
    ],
)
def test_files_that_are_no_cards_are_refused(tmp_path, text, message):
    path = tmp_path / "card.json"
    path.write_text(text)
    with pytest.raises(ServingError, match=message) as caught:
        Card.read(path)
    assert str(path) in str(caught.value)


def test_a_missing_or_unreadable_card_is_named(tmp_path):
    with pytest.raises(ServingError, match="There is no card at"):
        Card.read(tmp_path)
    pathlib.Path(tmp_path / "card.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ServingError, match="cannot be read"):
        Card.read(tmp_path / "card.json")
