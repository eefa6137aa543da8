"""How fast mAR-SCF trains, scores and samples, and the memory that this takes.

    tfgen benchmark flows
    tfgen benchmark flows --rows all
    tfgen benchmark flows --rows mixture_cdf_k4

    affine_k8       L 3, K 8, 128 channels, batch 16 (alone where no rows are named; 3 minutes)
    affine_k32      L 3, K 32, 512 channels, batch 8
    mixture_cdf_k4  L 3, K 4, 96 channels, 10 blocks, 4 heads, 32 components, batch 8

of 32x32 pixels in colour, with the prior of the paper. Each number is of a process of its own.
"peak MB" is the most that this held, most of it for TensorFlow and for building the graph; "batch
MB" is what a batch needs beyond what was held after one image, which grows with the batch. "load"
is the machine's average over the minute before.

"released" are seconds of the authors' PyTorch code on ANOTHER machine (2 cores, PyTorch 2.13;
specs/reference_facts.md): idle for affine_k8, busier for the others, whose numbers may be up to
1.6 times too long. "times as fast" = released / seconds is a comparison across machines. For one
within a run see flows_against_normflows.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from typing import Dict, List, Optional, Sequence

from recipes.benchmarks.flow_work import count_parameters, make_flow, make_work
from recipes.benchmarks.memory import peak_megabytes, start_new_peak
from recipes.benchmarks.timing import seconds_per_call

SUMMARY = "mAR-SCF: training step, likelihood, sampling; images a second and peak memory"

ROWS = ("affine_k8", "affine_k32", "mixture_cdf_k4")
QUICK = ("affine_k8",)

RECOMPUTED = "training step, recompute"
TASKS = ("training step", RECOMPUTED, "likelihood", "sampling")
BATCHES = {"affine_k8": 16, "affine_k32": 8, "mixture_cdf_k4": 8}
RELEASED_SECONDS = {
    "affine_k8": {"training step": 1.73, RECOMPUTED: 1.73, "likelihood": 0.60, "sampling": 0.95},
    "affine_k32": {"likelihood": 1.02, "sampling": 1.12},
    "mixture_cdf_k4": {"likelihood": 1.37, "sampling": 3.34},
}
RELEASED_MACHINE = {"affine_k8": "idle", "affine_k32": "busier", "mixture_cdf_k4": "busier"}


def measure(
    budget_seconds: float = 5.0, rows: Optional[Sequence[str]] = None
) -> List[Dict[str, object]]:
    """Four rows for each flow: `TASKS`.

    Args:
      budget_seconds: for each of these, after the first call.
      rows: which flows; names of ROWS. QUICK without.
    """
    table = []
    for name in rows or QUICK:
        for task in TASKS:
            print(f"{name}, {task}: ", end="", file=sys.stderr, flush=True)
            start = time.perf_counter()
            facts = measure_in_new_process(_config(name), BATCHES[name], task, budget_seconds)
            # Said at once: who stops a long measurement keeps what it has found.
            print(
                f"{facts['seconds']:.3f} s, {time.perf_counter() - start:.0f} s with building",
                file=sys.stderr,
            )
            released = RELEASED_SECONDS[name].get(task)
            table.append(
                {
                    "flow": name,
                    "work": task,
                    **facts,
                    "released (other machine)": (
                        f"{released} s, {RELEASED_MACHINE[name]}" if released else "-"
                    ),
                    "times as fast": released / facts["seconds"] if released else "-",
                }
            )
    return table


def measure_in_new_process(
    config, batch: int, task: str, budget_seconds: float
) -> Dict[str, float]:
    """`measure_here` in a Python process that ends with it."""
    question = json.dumps([config.as_dict(), batch, task, budget_seconds])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "recipes.benchmarks.flows", question],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout.decode().splitlines()[-1])


def measure_here(config, batch: int, task: str, budget_seconds: float) -> Dict[str, float]:
    """Numbers of one work on one flow.

    Returns:
      "parameters" in millions, "batch", "seconds" of a call, "images/s", "peak MB" of this process,
      "batch MB" on top of what it held after a call with one image, and the machine's "load".
    """
    load = os.getloadavg()[0]
    model = make_flow(dataclasses.replace(config, recompute=task == RECOMPUTED))
    work = make_work(model)["training step" if task == RECOMPUTED else task]
    work(1)
    peak_of_building = peak_megabytes()
    held = start_new_peak()
    seconds = seconds_per_call(lambda: work(batch), budget_seconds)
    peak = peak_megabytes()
    return {
        "parameters": count_parameters(model) / 1e6,
        "batch": batch,
        "seconds": seconds,
        "images/s": batch / seconds,
        "peak MB": max(peak, peak_of_building),
        "batch MB": peak - held,
        "load": load,
    }


def _config(name: str):
    from zoo.flows import PriorConfig
    from zoo.mar_scf import paper_model

    changes = {
        "affine_k8": {"steps": 8, "filters": 128},
        "affine_k32": {},
        "mixture_cdf_k4": {"coupling": "mixture_cdf", "steps": 4, "filters": 96},
    }[name]
    return paper_model(prior=PriorConfig(type="channel_autoregressive"), **changes)


def _answer(question: str) -> None:
    from zoo.flows import FlowConfig

    settings, *rest = json.loads(question)
    print(json.dumps(measure_here(FlowConfig(**settings), *rest)))


if __name__ == "__main__":
    _answer(sys.argv[1])
