"""Where a run keeps what it makes: runs/RECIPE/STAMP/."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import sys
import time
from typing import Any, Dict, List, Mapping, Optional, Union

from tfgen.training.cluster import Task, task_of_this_process
from tfgen.training.configuration import Config, ConfigError, flatten, save_config
from tfgen.training.provenance import git_commit, versions

__all__ = ["RunDirectory", "RunDirectoryError"]

PathLike = Union[str, os.PathLike]
_SECONDS_TO_WAIT_FOR_CHIEF = 120


class RunDirectoryError(OSError):
    """A run directory cannot be made, found or continued; the message says why."""


class RunDirectory:
    """A directory of one run of a recipe.

        runs/RECIPE/STAMP/
          config.yaml            the whole effective configuration
          run.json               recipe, command line, versions, git commit, finished or not
          checkpoints/PHASE/     last/ckpt-STEP.*, best/ckpt-STEP.*, history.jsonl
          tensorboard/PHASE/
          report.json, report.md, figures/*.png

    Args:
      root: the output root, "runs" by default in the recipes.
      recipe: name of the recipe.
      stamp: name of the run; None takes the time of day.
    """

    def __init__(self, root: PathLike, recipe: str, stamp: Optional[str] = None):
        self.recipe = recipe
        self.stamp = stamp or datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        self.path = pathlib.Path(root) / recipe / self.stamp

    @classmethod
    def create(
        cls, output_root: PathLike, recipe: str, config: Config, stamp: Optional[str] = None
    ) -> "RunDirectory":
        """Makes a new run directory with the configuration in it.

        Two runs started in the same second get different directories. With the strategy
        multi_worker the chief makes the directory and the other workers wait for it.

        Raises:
          RunDirectoryError: the directory cannot be made, or a given stamp exists already.
        """
        task = task_of_this_process() if _uses_several_workers(config) else None
        if task is not None and not task.is_chief:
            return cls._of_chief(output_root, recipe, task)
        for attempt in range(100):
            run = cls(output_root, recipe, stamp)
            if attempt:
                run.stamp = f"{run.stamp}-{attempt + 1}"
                run.path = run.path.with_name(run.stamp)
            try:
                run.path.mkdir(parents=True)
                break
            except FileExistsError as error:
                if stamp is not None:
                    raise RunDirectoryError(
                        f"The run directory {run.path} exists already; add --resume to continue "
                        "it, or choose another name."
                    ) from error
            except OSError as error:
                raise RunDirectoryError(
                    f"Cannot make the run directory {run.path}: "
                    f"{error.strerror}. Choose another --output."
                ) from error
        save_config(config, run.config_file)
        run._write_json(
            "run.json",
            {
                "recipe": recipe,
                "stamp": run.stamp,
                "finished": False,
                "command": [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]],
                "started": datetime.datetime.now().isoformat("T", "seconds"),
                "git_commit": git_commit(),
                "versions": versions(),
                "cluster": task and task.cluster,
            },
        )
        return run

    @classmethod
    def _of_chief(cls, output_root: PathLike, recipe: str, task: Task) -> "RunDirectory":
        """The newest run of this cluster that this worker has not taken yet."""
        directory = pathlib.Path(output_root) / recipe
        give_up = time.monotonic() + _SECONDS_TO_WAIT_FOR_CHIEF
        while time.monotonic() < give_up:
            runs = [cls.open(found.parent) for found in directory.glob("*/run.json")]
            for run in sorted(runs, key=lambda run: run.about["started"], reverse=True):
                taken = run.path / f".taken-by-{task.job}-{task.index}"
                if run.about.get("cluster") == task.cluster and not run.finished:
                    try:
                        taken.touch(exist_ok=False)
                        return run
                    except FileExistsError:
                        continue
            time.sleep(0.5)
        raise RunDirectoryError(
            f"{task.job} {task.index} waited {_SECONDS_TO_WAIT_FOR_CHIEF} s for the chief to make "
            f"a run in {directory}. Start all workers with the same command, with an --output that "
            "all of them can see."
        )

    @classmethod
    def open(cls, path: PathLike) -> "RunDirectory":
        """The run directory at `path`, which must hold run.json.

        Raises:
          RunDirectoryError: there is no run directory.
        """
        path = pathlib.Path(path)
        try:
            about = json.loads((path / "run.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunDirectoryError(f"{path} is not a run directory: no run.json.") from error
        except (OSError, ValueError) as error:
            raise RunDirectoryError(f"Cannot read {path / 'run.json'}: {error}") from error
        run = cls(path.parent.parent, about["recipe"], path.name)
        run.path = path
        return run

    @classmethod
    def resume(cls, path_or_output_root: PathLike, recipe: str, config: Config) -> "RunDirectory":
        """The run to continue: the given run directory, or the latest unfinished one of a recipe.

        Raises:
          RunDirectoryError: there is no unfinished run.
          ConfigError: the run was made with another configuration; names the keys that differ.
        """
        path = pathlib.Path(path_or_output_root)
        if (path / "run.json").is_file():
            run = cls.open(path)
            if run.recipe != recipe:
                raise RunDirectoryError(f"{path} is a run of {run.recipe}, not of {recipe}.")
        else:
            candidates = [
                cls.open(found.parent) for found in sorted((path / recipe).glob("*/run.json"))
            ]
            candidates = [run for run in candidates if not run.finished]
            if not candidates:
                raise RunDirectoryError(
                    f"There is no unfinished run of {recipe} in {path} to "
                    "resume; leave out --resume to start one."
                )
            run = max(candidates, key=lambda run: (run.about["started"], run.stamp))
        run._refuse_other_config(config)
        return run

    @property
    def config_file(self) -> pathlib.Path:
        """config.yaml of the run."""
        return self.path / "config.yaml"

    @property
    def about(self) -> Dict[str, Any]:
        """What run.json says: recipe, stamp, command, started, versions, git_commit, finished."""
        return json.loads((self.path / "run.json").read_text(encoding="utf-8"))

    @property
    def finished(self) -> bool:
        """Whether the recipe ran to its end; see `finish`."""
        return bool(self.about.get("finished"))

    @property
    def figures(self) -> pathlib.Path:
        """The directory of the figures, made when asked for."""
        return self._made(self.path / "figures")

    def checkpoints(self, phase: str) -> pathlib.Path:
        """The directory of one phase's checkpoints and history."""
        return self.path / "checkpoints" / phase

    def history(self, phase: str) -> List[Dict[str, float]]:
        """The epochs of a phase: dicts of "epoch", "step" and the reported values."""
        file = self.checkpoints(phase) / "history.jsonl"
        rows = []
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
            try:
                rows.append(json.loads(line))
            except ValueError:
                # The line that was being written when the process was killed.
                continue
        return rows

    def tensorboard(self, phase: str) -> pathlib.Path:
        """The directory of one phase's TensorBoard files."""
        return self.path / "tensorboard" / phase

    def write_report(self, numbers: Mapping[str, Any], markdown: str) -> None:
        """Writes report.json (flat: name -> number, string or null) and report.md.

        Raises:
          ValueError: a value is nested, and so not flat.
        """
        for name, value in numbers.items():
            if isinstance(value, (dict, list, tuple)):
                raise ValueError(f"report.json is flat; {name} is a {type(value).__name__}.")
        self._write_json("report.json", {name: _plain(value) for name, value in numbers.items()})
        self._write_text("report.md", markdown)

    def finish(self) -> None:
        """Marks the run as finished, so that --resume looks for another one."""
        self._write_json("run.json", {**self.about, "finished": True})

    def _refuse_other_config(self, config: Config):
        import yaml

        written = flatten(yaml.safe_load(self.config_file.read_text(encoding="utf-8")))
        # A setting that is younger than the run had its default's effect there.
        saved, wanted = {**flatten(type(config)()), **written}, flatten(config)
        differing: List[str] = [
            f"{key} (run: {saved.get(key, 'absent')!r}, now: {wanted.get(key, 'absent')!r})"
            for key in sorted({*saved, *wanted})
            if saved.get(key, "absent") != wanted.get(key, "absent")
        ]
        if differing:
            raise ConfigError(
                f"The run {self.path} was started with another configuration: "
                f"{'; '.join(differing)}. Resume with the same settings, or start a "
                "new run."
            )

    def _made(self, path: pathlib.Path) -> pathlib.Path:
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _write_json(self, name: str, content) -> None:
        self._write_text(name, json.dumps(content, indent=2) + "\n")

    def _write_text(self, name: str, text: str) -> None:
        partial = self.path / f"{name}.{os.getpid()}.partial"
        try:
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, self.path / name)
        except OSError as error:
            raise RunDirectoryError(
                f"Cannot write {self.path / name}: {error.strerror}."
            ) from error


def _uses_several_workers(config: Config) -> bool:
    return any(
        key.rsplit(".", 1)[-1] == "strategy" and value == "multi_worker"
        for key, value in flatten(config).items()
    )


def _plain(value):
    return value.item() if hasattr(value, "item") else value
