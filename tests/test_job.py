"""A job hands its configuration, data and numbers to the methods of its family."""

import dataclasses
import types

import pytest

from tfgen import job as job_module
from tfgen.job import Job
from tfgen.training import Config, ConfigError, RunDirectory, TrainingConfig


@dataclasses.dataclass
class Numbers(Config):
    recipe: str = "adding"
    preset: str = "quick"
    seed: int = 0
    count: int = 2
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)


class Adding(Job):
    """Its model is the sum of the data; what is measured is that sum in twentieths."""

    system = "adding"
    intended_use = "Tests."
    limits = ("Adds alone.",)
    references = ("Euclid.",)

    def train(self, config, data, run, callbacks):
        (run.path / "trained").write_text(f"{len(callbacks)} callback")

    def compare(self, config, data, run):
        return {"sum": self.load(config, data, run) / 20}, {"first": sum(data.numbers)}

    def page(self, config, data, numbers, found):
        return f"# {found['first']} in {numbers['wall_seconds']} s"

    def draw(self, config, data, run, numbers, found):
        assert (run.path / "report.json").is_file() and (run.path / "export").is_dir()
        (run.figures / "sum.png").write_text(str(found["first"]))

    def exported(self, config, found):
        return found["first"]

    def load(self, config, data, run):
        return sum(data.numbers)

    def served(self, config, model):
        return {"served": model}

    def described(self, config, data, model):
        return {"examples": {"sum": model}, "summary": "To be told by the recipe."}


@pytest.fixture
def exports(monkeypatch):
    """What was exported: (model, card, limit of its size)."""
    found = []

    def export(model, directory, card, max_megabytes):
        directory.mkdir(exist_ok=True)
        found.append((model, card, max_megabytes))
        return directory / str(len(found))

    monkeypatch.setattr(job_module, "export", export)
    return found


@pytest.fixture
def job():
    def load_data(config):
        return types.SimpleNamespace(
            numbers=list(range(config.count)), description={"name": "numbers"}
        )

    return Adding(Numbers, load_data, max_megabytes=8.0, summary="Adds.")


def test_a_run_trains_measures_reports_exports_and_draws(job, exports, tmp_path):
    config = Numbers(count=6)
    run = RunDirectory.create(tmp_path, "adding", config)
    numbers = job.run(config, run)
    assert numbers == {"sum": 0.75, "wall_seconds": pytest.approx(0.0, abs=60.0)}
    assert run.finished and (run.path / "trained").read_text() == "1 callback"
    assert (run.path / "report.md").read_text().startswith("# 15 in ")
    assert (run.figures / "sum.png").read_text() == "15"
    ((model, card, limit),) = exports
    assert (model, limit) == ({"served": 15}, 8.0)
    assert (card.system, card.summary, card.limits) == ("adding", "Adds.", ["Adds alone."])
    assert (card.intended_use, card.examples) == ("Tests.", {"sum": 15})
    assert (card.data, card.references) == ({"name": "numbers"}, ["Euclid."])
    assert card.metrics == numbers


def test_functions_of_a_finished_run(job, exports, tmp_path):
    config = Numbers(count=6)
    run = RunDirectory.create(tmp_path, "adding", config)
    numbers = job.run(config, run)
    assert job.read_config(run).as_dict() == config.as_dict()
    assert job.evaluate(run) == {"sum": 0.75}
    assert job.load_model(run) == 15
    assert job.export(run, tmp_path) == tmp_path / "2"
    assert exports[1][:1] == exports[0][:1] and exports[1][1].metrics == numbers


def test_configuration_of_another_recipe_is_told(job, tmp_path):
    @dataclasses.dataclass
    class Other(Config):
        counts: int = 2

    run = RunDirectory.create(tmp_path, "adding", Other())
    with pytest.raises(ConfigError, match="counts"):
        job.evaluate(run)


def test_exports_of_the_paper_s_models_have_any_size(job, exports, tmp_path):
    config = Numbers(preset="paper")
    job.run(config, RunDirectory.create(tmp_path, "adding", config))
    assert exports[0][2] is None
