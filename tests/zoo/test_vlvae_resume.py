"""A VLVAE or a fit that was killed at a random step and resumed ends as one left alone."""

import signal

import numpy as np
import pytest

from tests.training import processes
from tests.zoo.train_vlvae import STEPS

SCRIPT = "tests.zoo.train_vlvae"


@pytest.mark.slow
def test_killed_at_a_random_step_of_the_model_or_of_a_fit(tmp_path):
    alone = tmp_path / "toy" / "alone"
    processes.finish(processes.start(SCRIPT, alone))
    wanted = processes.arrays(f"{alone}.npz")

    rng = np.random.default_rng()
    run = tmp_path / "toy" / "killed"
    phase = str(rng.choice(list(STEPS)))
    # Inside an epoch of the model, after its first checkpoint; anywhere in a fit.
    first, end = (5, STEPS[phase]) if phase == "vlvae" else (1, STEPS[phase] + 1)
    place = f"{phase}:{int(rng.integers(first, end))}"
    killed = processes.start(SCRIPT, run, "--die", place)
    processes.finish(killed, code=-signal.SIGKILL)
    assert not (tmp_path / "toy" / "killed.npz").exists(), place
    finished = (run / "checkpoints" / "vlvae" / "last" / "ckpt-10.index").exists()
    assert finished == (phase != "vlvae"), place
    processes.finish(processes.start(SCRIPT, run))

    found = processes.arrays(f"{run}.npz")
    assert len(found) == len(wanted) > 200
    for one, other in zip(found, wanted):
        np.testing.assert_array_equal(one, other, err_msg=f"killed at {place}")
