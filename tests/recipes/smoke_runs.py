"""Runs of the command line at smoke size that several files of tests look at."""

import pathlib

from tests.made_once import made_once
from tests.training import processes

__all__ = ["smoke_run"]


def smoke_run(factory, recipe: str) -> pathlib.Path:
    """The directory `runs` after `tfgen train RECIPE --preset smoke --output runs`, made once."""

    def train(folder):
        command = ["train", recipe, "--preset", "smoke", "--output", folder / "runs"]
        processes.finish(processes.start("recipes.command_line", *command), seconds=600)

    return made_once(factory, f"smoke_{recipe}", train) / "runs"
