"""A training step of a PixelCNN or of PixelPyramids: seconds, and the memory of its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Dict

from recipes.benchmarks.autoregressive_models import count_millions, make_model, random_images
from recipes.benchmarks.memory import peak_megabytes
from recipes.benchmarks.timing import seconds_per_call

__all__ = ["measure_here", "measure_in_new_process"]


def measure_in_new_process(name: str, batch: int, budget_seconds: float) -> Dict[str, float]:
    """`measure_here` in a Python process that ends with it."""
    question = json.dumps([name, batch, budget_seconds])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __name__, question],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout.decode().splitlines()[-1])


def measure_here(name: str, batch: int, budget_seconds: float) -> Dict[str, float]:
    """Numbers of a step: "seconds", "parameters" in millions, "peak MB" of this process."""
    import tensorflow as tf

    from tfgen.training import AveragingAdam

    model = make_model(name)
    model.compile(AveragingAdam(1e-3, 0.9995))
    images = {"image": random_images(model, batch)}
    model.build_training(list(model.objective(images, training=False)))
    step = tf.function(model.train_step, autograph=False)
    seconds = seconds_per_call(lambda: step(images)["loss"].numpy(), budget_seconds)
    return {
        "seconds": seconds,
        "parameters": count_millions(model),
        "peak MB": peak_megabytes(),
    }


if __name__ == "__main__":
    print(json.dumps(measure_here(*json.loads(sys.argv[1]))))
