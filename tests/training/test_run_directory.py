"""Run directories: made once, found again, and not continued with other settings."""

import json
import re

import pytest
import yaml

from tests.training.toy import toy_training
from tfgen.training import ConfigError, RunDirectory, RunDirectoryError, run_directory


def test_create_and_open(tmp_path):
    run = RunDirectory.create(tmp_path, "toy", toy_training(steps=3))
    assert run.path.parent == tmp_path / "toy"
    assert yaml.safe_load((run.path / "config.yaml").read_text())["steps"] == 3
    about = json.loads((run.path / "run.json").read_text())
    assert about["versions"]["tensorflow"].startswith("2.15")
    assert about["command"] and re.fullmatch("[0-9a-f]{40}(-changed)?", about["git_commit"])
    again = RunDirectory.open(run.path)
    assert (again.path, again.recipe, again.stamp) == (run.path, "toy", run.stamp)
    assert run.checkpoints("vae") == run.path / "checkpoints" / "vae"
    assert run.tensorboard("vae") == run.path / "tensorboard" / "vae"
    assert run.figures.is_dir()


def test_runs_of_the_same_second_do_not_collide(tmp_path):
    runs = [RunDirectory.create(tmp_path, "toy", toy_training()) for _ in range(4)]
    assert len({run.path for run in runs}) == 4


def test_a_given_stamp_is_used_once(tmp_path):
    RunDirectory.create(tmp_path, "toy", toy_training(), stamp="a")
    with pytest.raises(RunDirectoryError, match="exists already; add --resume"):
        RunDirectory.create(tmp_path, "toy", toy_training(), stamp="a")


def test_resume_takes_the_latest_unfinished_run_of_the_recipe(tmp_path):
    runs = [RunDirectory.create(tmp_path, "toy", toy_training()) for _ in range(3)]
    RunDirectory.create(tmp_path, "other", toy_training())
    runs[2].finish()
    assert runs[2].finished and not runs[1].finished
    assert RunDirectory.resume(tmp_path, "toy", toy_training()).path == runs[1].path
    assert RunDirectory.resume(runs[0].path, "toy", toy_training()).path == runs[0].path
    runs[0].finish()
    runs[1].finish()
    with pytest.raises(RunDirectoryError, match="no unfinished run of toy"):
        RunDirectory.resume(tmp_path, "toy", toy_training())


def test_resume_refuses_other_settings_and_recipes(tmp_path):
    run = RunDirectory.create(tmp_path, "toy", toy_training())
    with pytest.raises(ConfigError) as error:
        RunDirectory.resume(tmp_path, "toy", toy_training(steps=9, schedule={"type": "cosine"}))
    assert "steps (run: 20, now: 9)" in str(error.value)
    assert "schedule.type (run: 'constant', now: 'cosine')" in str(error.value)
    assert "batch_size" not in str(error.value)
    with pytest.raises(RunDirectoryError, match="is a run of toy, not of other"):
        RunDirectory.resume(run.path, "other", toy_training())
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        RunDirectory.open(tmp_path)


def test_resume_after_tfgen_has_learned_a_new_setting(tmp_path):
    """The run is of a time before `optimizer`, when every training took Adam."""
    run = RunDirectory.create(tmp_path, "toy", toy_training())
    written = run.config_file.read_text()
    run.config_file.write_text(written.replace("optimizer: adam\n", ""))
    assert run.config_file.read_text() != written
    assert RunDirectory.resume(run.path, "toy", toy_training()).path == run.path
    with pytest.raises(ConfigError, match=r"optimizer \(run: 'adam', now: 'adamax'\)"):
        RunDirectory.resume(run.path, "toy", toy_training(optimizer="adamax"))


def test_reports_are_flat(tmp_path):
    run = RunDirectory.create(tmp_path, "toy", toy_training())
    run.write_report({"nats": 1.5, "name": "x"}, "# Report\n")
    assert json.loads((run.path / "report.json").read_text()) == {"nats": 1.5, "name": "x"}
    assert (run.path / "report.md").read_text() == "# Report\n"
    with pytest.raises(ValueError, match="report.json is flat; deep is a dict"):
        run.write_report({"deep": {}}, "")


def test_an_output_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="Cannot make the run directory .*Not a directory"):
        RunDirectory.create(tmp_path / "file", "toy", toy_training())


def test_workers_use_the_directory_of_their_chief(tmp_path, monkeypatch):
    training = toy_training(strategy="multi_worker")
    addresses = ["localhost:1", "localhost:2"]

    def become(index):
        monkeypatch.setenv(
            "TF_CONFIG",
            json.dumps(
                {
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                }
            ),
        )

    become(0)
    first = RunDirectory.create(tmp_path, "toy", training)
    become(1)
    assert RunDirectory.create(tmp_path, "toy", training).path == first.path
    become(0)
    second = RunDirectory.create(tmp_path, "toy", training)
    become(1)
    assert RunDirectory.create(tmp_path, "toy", training).path == second.path != first.path
    # There is no third run.
    monkeypatch.setattr(run_directory, "_SECONDS_TO_WAIT_FOR_CHIEF", 0.6)
    with pytest.raises(RunDirectoryError, match="worker 1 waited 0.6 s for the chief"):
        RunDirectory.create(tmp_path, "toy", training)
    # Both come back to the same run.
    second.finish()
    assert RunDirectory.resume(tmp_path, "toy", training).path == first.path
