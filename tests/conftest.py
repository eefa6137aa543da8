"""What every test shares: a quiet TensorFlow on the CPU, fixed seeds, and no memory left behind."""

import gc
import itertools
import os
import random
import sys
import zlib

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
if "PYTEST_XDIST_WORKER" in os.environ:
    # One worker a core: more compute threads would only take turns. Two for independent ops,
    # because replicas that wait for each other in an all-reduce need one each.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
# Graphs are many small objects that live; looking through them for garbage as often as Python does
# takes a tenth of the time that they take to build.
gc.set_threshold(50_000, 20, 100)
_TESTS_BEFORE = itertools.count()


@pytest.fixture(autouse=True)
def fixed_seeds():
    """The same global seeds before each test, whichever tests ran before it."""
    _set_seeds(0)


def pytest_collection_modifyitems(items):
    """Files with slow tests first, so that at the end no worker waits for another."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_fixture_setup(fixturedef):
    """The same for a fixture that several tests share, which is made before `fixed_seeds`."""
    if fixturedef.scope != "function":
        _set_seeds(zlib.crc32(fixturedef.argname.encode()))


def _set_seeds(seed):
    random.seed(seed)
    if "tensorflow" in sys.modules:
        from tests.unoptimised import leave_graphs, seed_initial_weights

        leave_graphs()
        sys.modules["numpy"].random.seed(seed)
        seed_initial_weights(seed)


@pytest.fixture(autouse=True, scope="module")
def forgotten_graphs():
    """Frees what Keras keeps for the models of a file when the file is done."""
    yield
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].keras.backend.clear_session()


@pytest.fixture(autouse=True)
def forgotten_operations():
    """Empties TensorFlow's caches of operations now and then, by setting its seed.

    Before each test, it would cost tests of many small graphs up to 0.6 of their time; never, 8 GB.
    Tests that draw of tf.random set the seed themselves.
    """
    if next(_TESTS_BEFORE) % 20 == 0 and "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(0)
