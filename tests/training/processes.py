"""Running the scripts of the training tests in processes of their own."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]


def start(module, *arguments, **environment):
    """Starts `python -m module arguments` in the project's root."""
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONPATH": str(ROOT),
        **environment,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unoptimised", module, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, code=0, seconds=400):
    """Waits for a process, checks its exit code and returns what it printed."""
    try:
        output, errors = process.communicate(timeout=seconds)
    finally:
        process.kill()
    assert process.returncode == code, errors[-4000:]
    return output


def arrays(path):
    """The arrays of an .npz file, in order."""
    with np.load(path) as file:
        return [file[f"arr_{index}"] for index in range(len(file.files))]


def tf_configs(workers):
    """A TF_CONFIG for each of some workers on this machine, on free ports."""
    sockets = [socket.socket() for _ in range(workers)]
    for one in sockets:
        one.bind(("localhost", 0))
    addresses = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(workers)
    ]
