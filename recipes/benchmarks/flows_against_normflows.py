"""Our Glow against the multi-scale Glow of normflows, at equal sizes, in one run.

    tfgen benchmark flows_against_normflows

L 3, K 8, 128 channels, images of 32x32 pixels in colour, batch 16, affine couplings with sigmoid
scales, priors N(0, I), Adamax. The two take turns, call by call, with as many threads each, so that
they share whatever else the machine does.

normflows and PyTorch for the CPU are installed from PyPI into an environment of their own,
cache/normflows_environment, when it is not there yet (300 MB and a minute or two; on machines that
do not reach download.pytorch.org, Linux gets PyPI's PyTorch with CUDA, 3 GB). Nothing of it touches
the environment of this project. To make it anew, remove the folder.

Parameters differ a little: normflows trains both full matrices of the LU decomposition of 1x1
convolutions, of which it uses a triangle each; our coupling networks have a scale for each channel.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Dict, List, Optional

from recipes.benchmarks.timing import compare_seconds
from recipes.cli.errors import UserError

SUMMARY = "Glow here and in normflows (PyTorch), taking turns; makes its environment"

REQUIREMENTS = [
    "torch==2.13.0; python_version >= '3.10'",
    "torch==2.8.0; python_version < '3.10'",
    "normflows==1.7.3",
]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
ENVIRONMENT = pathlib.Path("cache") / "normflows_environment"
SIZES = {"levels": 3, "steps": 8, "filters": 128, "batch": 16, "channels": 3, "side": 32}


def measure(
    budget_seconds: float = 15.0,
    sizes: Optional[Dict[str, int]] = None,
    worker: Optional[List[str]] = None,
) -> List[Dict[str, object]]:
    """A row for a training step, a likelihood, a sample.

    Args:
      budget_seconds: for each of the two in each row.
      sizes: in place of SIZES.
      worker: the command that speaks for normflows, with the protocol of `normflows_worker`.
        Without, the environment's Python runs that.
    """
    import tensorflow as tf

    from recipes.benchmarks.flow_work import count_parameters, make_flow, make_work
    from zoo.flows import FlowConfig

    sizes = dict(sizes or SIZES)
    threads = tf.config.threading.get_intra_op_parallelism_threads() or _cores()
    if worker is None:
        script = pathlib.Path(__file__).with_name("normflows_worker.py")
        worker = [str(make_environment(ENVIRONMENT)), "-W", "ignore", str(script)]
    rows = []
    with _Worker(worker, {**sizes, "threads": threads}) as other:
        batch, side = sizes.pop("batch"), sizes.pop("side")
        model = make_flow(FlowConfig(image_size=side, **sizes))
        for task, ours in make_work(model).items():
            load = os.getloadavg()[0]
            seconds = compare_seconds(
                {
                    "tfgen": functools.partial(ours, batch),
                    "normflows": functools.partial(other.ask, task),
                },
                budget_seconds,
            )
            rows.append(
                {
                    "work": task,
                    "tfgen, s": seconds["tfgen"],
                    "normflows, s": seconds["normflows"],
                    "times as fast": seconds["normflows"] / seconds["tfgen"],
                    "parameters tfgen": count_parameters(model),
                    "parameters normflows": other.facts["parameters"],
                    "batch": batch,
                    "threads": threads,
                    "load": load,
                    "versions": f"{other.facts['versions']}, TensorFlow {tf.__version__}",
                }
            )
    return rows


def make_environment(folder: pathlib.Path) -> pathlib.Path:
    """The Python of an environment with REQUIREMENTS, which is made where it is not there.

    Raises:
      UserError: it could not be installed; with the end of what pip said.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed.json"
    if done.is_file() and json.loads(done.read_text(encoding="utf-8")) == REQUIREMENTS:
        return python.absolute()
    print(f"Installing normflows and PyTorch into {folder} ...", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    # One version in both indexes: pip takes the CPU's, 2.13.0+cpu, for the newer one. An index that
    # cannot be reached is left out.
    install = [str(python), "-m", "pip", "install", "--quiet", "--retries", "1"]
    install += ["--extra-index-url", CPU_INDEX, *REQUIREMENTS]
    installed = subprocess.run(install, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if installed.returncode:
        said = "\n".join(installed.stdout.strip().splitlines()[-5:])
        raise UserError(
            f"Could not install {', '.join(REQUIREMENTS)} into {folder}; pip said:\n{said}\n"
            "This benchmark needs a package index once. The others need none."
        )
    done.write_text(json.dumps(REQUIREMENTS), encoding="utf-8")
    return python.absolute()


class _Worker:
    """A process that is asked for one piece of work at a time."""

    def __init__(self, command: List[str], settings: Dict[str, int]):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.facts = self.ask(settings)

    def ask(self, question):
        """Sends a question and waits for its answer."""
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise UserError(
                f"The process of normflows ended (exit code {self._process.wait()}); its error is "
                f"above. To install it anew, remove {ENVIRONMENT}."
            )
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.stdin.close()
        self._process.wait()


def _cores() -> int:
    """The cores that this process may use, which is what TensorFlow takes."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
