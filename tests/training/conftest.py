"""What several files of the training tests compare with."""

import pytest

from tests.made_once import made_once
from tests.training import processes


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """All variables of the toy model and its optimizer after a training that was left alone."""

    def train(folder):
        run = folder / "toy" / "run"
        processes.finish(processes.start("tests.training.train_toy", run))

    folder = made_once(tmp_path_factory, "toy_left_alone", train)
    return processes.arrays(folder / "toy" / "run.npz")
