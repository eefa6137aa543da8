"""Runs the README from top to bottom, in one temporary directory.

Every fenced ```bash and ```python block is executed unless the line before it is an HTML comment
`<!-- not run: reason -->`. What takes long is run in its short form:

* `tfgen train RECIPE --preset P ...` runs with the preset smoke, once for each recipe; the command
  as it is written has its recipe, preset, flags and settings checked.
* `make TARGET` is a dry run: the target and everything that it depends on have to exist.
* `tensorboard --logdir X` is covered by tests/training/test_tensorboard.py; here only the
  directory has to exist, made by the commands above it.

A command that begins with anything other than tfgen, make, python, saved_model_cli or tensorboard
is an error, so that a new kind of command cannot enter the README without a rule.
"""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.documentation import fenced_blocks, shell_commands
from tests.recipes.smoke_runs import smoke_run

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = fenced_blocks(README)


def commands():
    for block in BLOCKS:
        if block.language == "bash" and not block.not_run:
            for command in shell_commands(block.text):
                yield pytest.param(command, id=f"line {block.line}: {command[:60]}")
        elif block.language == "python" and not block.not_run:
            yield pytest.param(block, id=f"line {block.line}: python")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The directory that the README is followed in: the checkout's exports, and nothing else."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "saved_models", folder / "saved_models")
    return folder


def run(words, here, timeout=600):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        words, cwd=here, capture_output=True, text=True, timeout=timeout, env=environment
    )
    assert done.returncode == 0, f"{shlex.join(map(str, words))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_tfgen(words, here, factory):
    if words[:1] == ["train"]:
        recipe = check_training(words)
        if not (here / "runs" / recipe).exists():
            shutil.copytree(smoke_run(factory, recipe), here / "runs", dirs_exist_ok=True)
    else:
        run([sys.executable, "-m", "recipes.command_line", *words], here)
    if "--output" in words:
        output = here / words[words.index("--output") + 1]
        assert output.exists(), f"{output} was not written"


def check_training(words):
    """Checks a training command as it is written; gives back the recipe's name."""
    import importlib

    from recipes.cli.catalogue import find_recipe
    from recipes.command_line import make_parser
    from tfgen.training import load_config

    arguments = make_parser().parse_args(words)
    recipe = find_recipe(arguments.recipe, arguments.preset)
    module = importlib.import_module(f"recipes.{recipe.name}")
    load_config(module.config(arguments.preset), None, arguments.set)
    return recipe.name


@pytest.mark.slow
@pytest.mark.parametrize("command", commands())
def test_readme_command(command, here, tmp_path_factory):
    if not isinstance(command, str):
        run([sys.executable, "-c", command.text], here)
        return
    program, *words = shlex.split(command)
    if program in ("tfgen", ".venv/bin/tfgen"):
        run_tfgen(words, here, tmp_path_factory)
    elif program == "make":
        run(["make", "--dry-run", *words], ROOT)
    elif program in ("python", "saved_model_cli"):
        run([program, *words], here)
    elif program == "tensorboard":
        assert words[0] == "--logdir"
        assert (here / words[1]).is_dir(), f"{words[1]} was not made by the commands above"
    else:
        raise AssertionError(f"No rule for '{program}': see the top of tests/test_readme.py.")


def test_blocks_that_are_not_run_say_why():
    reasons = [block.not_run for block in BLOCKS if block.not_run]
    assert all(len(reason) > 10 for reason in reasons)
    assert len(reasons) == len(re.findall(r"<!--\s*not run:", README)), (
        "a 'not run' comment stands before no block"
    )


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", README):
        assert (ROOT / target).exists(), f"README links to {target}, which does not exist"


def test_inline_commands_use_flags_that_exist():
    from recipes.command_line import make_parser

    parser = make_parser()
    for text in re.findall(r"`tfgen ([^`]+)`", README):
        words = shlex.split(text)
        assert words[0] in parser.commands, text
        known = parser.commands[words[0]].options()
        for word in words:
            assert not word.startswith("--") or word.split("=")[0] in known, text
