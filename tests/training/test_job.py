"""A job hands its configuration, data and numbers to the four methods of its family."""

import dataclasses

import pytest

from tfgen.training import Config, ConfigError, Job, RunDirectory


@dataclasses.dataclass
class Numbers(Config):
    count: int = 2


class Adding(Job):
    """Its model is the sum of the data; what is measured is that sum in twentieths."""

    def study(self, config, data, run):
        numbers = {**self.measure(config, data, run), "wall_seconds": 3.0}
        run.write_report(numbers, "# Sum")
        return numbers

    def measure(self, config, data, run):
        return {"sum": self.load(config, data, run) / 20}

    def load(self, config, data, run):
        return sum(data)

    def write(self, config, data, model, numbers, directory):
        return directory / f"{config.count}-{len(data)}-{model}-{numbers['wall_seconds']:.0f}"


@pytest.fixture
def job():
    return Adding(Numbers, lambda config: list(range(config.count)))


def test_functions_of_a_recipe(job, tmp_path):
    config = Numbers(count=6)
    run = RunDirectory.create(tmp_path, "adding", config)
    assert job.run(config, run) == {"sum": 0.75, "wall_seconds": 3.0}
    assert job.read_config(run).as_dict() == config.as_dict()
    assert job.evaluate(run) == {"sum": 0.75}
    assert job.load_model(run) == 15
    assert job.export(run, tmp_path) == tmp_path / "6-6-15-3"


def test_configuration_of_another_recipe_is_told(job, tmp_path):
    @dataclasses.dataclass
    class Other(Config):
        counts: int = 2

    run = RunDirectory.create(tmp_path, "adding", Other())
    with pytest.raises(ConfigError, match="counts"):
        job.evaluate(run)


@pytest.mark.parametrize("preset, limit", [("quick", 8.0), ("paper", None)])
def test_exports_of_the_paper_s_models_have_any_size(preset, limit):
    @dataclasses.dataclass
    class Preset(Config):
        preset: str = ""

    job = Job(Preset, list, max_megabytes=8.0, summary="Adds.")
    settings = job.export_settings(Preset(preset=preset))
    assert settings == {"summary": "Adds.", "max_megabytes": limit}
