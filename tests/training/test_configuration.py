"""Strict configurations: what is accepted, what is refused, and what the refusal says."""

import dataclasses
from typing import List, Literal, Optional, Tuple

import pytest

from tfgen.training import (
    Config,
    ConfigError,
    ScheduleConfig,
    TrainingConfig,
    flatten,
    load_config,
    save_config,
)


@dataclasses.dataclass
class Inner(Config):
    rate: float = 0.5
    names: List[str] = dataclasses.field(default_factory=list)
    shape: Tuple[int, int] = (64, 64)
    limit: Optional[int] = None


@dataclasses.dataclass
class Outer(Config):
    kind: Literal["flow", "gaussian"] = "flow"
    deep: bool = True
    steps: int = 3
    title: str = "x"
    inner: Inner = dataclasses.field(default_factory=Inner)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


@pytest.mark.parametrize(
    "override, key, value",
    [
        ("steps=7", "steps", 7),
        ("inner.rate=2", "inner.rate", 2.0),
        ("inner.rate=1e-3", "inner.rate", 1e-3),
        ("inner.rate=.inf", "inner.rate", float("inf")),
        ("deep=false", "deep", False),
        ("kind=gaussian", "kind", "gaussian"),
        ("inner.names=[a, b]", "inner.names", ["a", "b"]),
        ("inner.names=[]", "inner.names", []),
        ("inner.shape=[32, 48]", "inner.shape", [32, 48]),
        ("inner.limit=9", "inner.limit", 9),
        ("inner.limit=null", "inner.limit", None),
        ("title=a = b", "title", "a = b"),
        ("title=", "title", ""),
        ("training.schedule.type=cosine", "training.schedule.type", "cosine"),
    ],
)
def test_accepted(override, key, value):
    config = Outer()
    loaded = flatten(load_config(config, overrides=[override]))
    assert loaded[key] == value and type(loaded[key]) is type(value)
    assert {k: v for k, v in loaded.items() if k != key} == {
        k: v for k, v in flatten(config).items() if k != key
    }


@pytest.mark.parametrize(
    "override, parts",
    [
        ("stesp=7", ["Unknown setting stesp", "Did you mean steps?"]),
        ("inner.rat=7", ["Unknown setting inner.rat", "Did you mean inner.rate?"]),
        ("rate=7", ["Unknown setting rate", "Did you mean inner.rate?"]),
        ("learning_rate=7", ["Did you mean training.learning_rate?"]),
        ("zzz=7", ["Unknown setting zzz", "Valid keys: kind, deep, steps"]),
        ("steps=2.5", ["steps", "2.5", "float", "wanted int"]),
        ("steps=true", ["steps", "True", "wanted int"]),
        ("steps=many", ["steps", "'many'", "wanted int"]),
        ("deep=1", ["deep", "1", "wanted bool"]),
        ("title=3", ["title", "3", "wanted str"]),
        ("inner.rate=fast", ["inner.rate", "'fast'", "wanted float"]),
        ("inner.rate=null", ["inner.rate", "None", "wanted float"]),
        ("inner.names=a", ["inner.names", "'a'", "a list of str"]),
        ("inner.names=[1]", ["inner.names", "[1]", "a list of str"]),
        ("inner.shape=[1]", ["inner.shape", "[1]", "a tuple of int, int"]),
        ("inner.limit=x", ["inner.limit", "'x'", "int or null"]),
        ("inner=3", ["inner", "3", "inner.rate, inner.names"]),
        ("kind=gausian", ["kind", "'gausian'", "one of flow, gaussian", "Did you mean gaussian?"]),
        ("steps", ["'steps'", "key=value"]),
        ("steps=[", ["steps", "YAML"]),
        ("training.steps=0", ["training.steps", "0", "1 or more"]),
        ("training.average_decay=1", ["training.average_decay", "1.0", "below 1"]),
        ("training.schedule.type=stepwise", ["training.schedule.factors", "at least one"]),
    ],
)
def test_refused(override, parts):
    with pytest.raises(ConfigError) as error:
        load_config(Outer(), overrides=[override])
    for part in parts:
        assert part in str(error.value)


def test_yaml_file_then_overrides(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("inner:\n  rate: 3\n  names: [u]\nsteps: 5\n")
    loaded = load_config(Outer(), file, ["steps=6"])
    assert (loaded.inner.rate, loaded.inner.names, loaded.steps) == (3.0, ["u"], 6)


def test_saved_configuration_comes_back(tmp_path):
    config = load_config(
        Outer(),
        overrides=[
            "inner.shape=[8, 9]",
            "training.learning_rate=4e-4",
            "training.schedule.boundaries=[3]",
        ],
    )
    save_config(config, tmp_path / "config.yaml")
    again = load_config(Outer(), tmp_path / "config.yaml")
    assert flatten(again) == flatten(config)
    assert isinstance(again.training.schedule, ScheduleConfig)
    assert list(tmp_path.iterdir()) == [tmp_path / "config.yaml"]


@pytest.mark.parametrize(
    "content, part",
    [("a: [", "not a YAML file"), ("- 1\n", "holds a list"), ("stepz: 1\n", "Did you mean steps?")],
)
def test_bad_yaml_files(tmp_path, content, part):
    file = tmp_path / "config.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=part.replace("?", r"\?")):
        load_config(Outer(), file)


def test_missing_yaml_file(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_config(Outer(), tmp_path / "none.yaml")
