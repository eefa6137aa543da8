"""Sources over arrays and their splits; plain pickles; arrays unpacked to files."""

import collections
import datetime
import pickle

import numpy as np
import pytest
import tensorflow as tf

from tests.data.image_set_fixtures import python2_pickle
from tfgen.data import array_source, array_splits, load_plain_pickle, unpacked


def test_parts_are_their_concatenation(tmp_path):
    rng = np.random.default_rng(0)
    parts = [rng.integers(0, 256, (n, 2, 3), np.uint8) for n in (4, 1, 7)]
    np.save(tmp_path / "part.npy", parts[1])
    mapped = [parts[0], np.load(tmp_path / "part.npy", mmap_mode="r"), parts[2]]
    rows = np.array([11, 4, 0, 3, 4, 5])
    source = array_source({"x": mapped, "n": np.arange(12)}, rows)
    assert source.count == 6 and source.features["n"].dtype == tf.int32
    for indices in ([0, 1, 2, 3, 4, 5], [5], [2, 2, 0]):
        found = source.load(tf.constant(indices, tf.int64))
        np.testing.assert_array_equal(found["x"], np.concatenate(parts)[rows[indices]])
        np.testing.assert_array_equal(found["n"], rows[indices])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="arrays of one length"):
        array_source({"x": np.zeros(3), "y": np.zeros(4)})
    with pytest.raises(ValueError, match="parts of one shape"):
        array_source({"x": [np.zeros([3, 2]), np.zeros([3, 1])]})


def test_the_choice_by_content_ignores_order_and_keeps_equal_images_together():
    rng = np.random.default_rng(1)
    different = rng.integers(0, 256, (60, 4, 4, 1), np.uint8)
    images = np.concatenate([different, different])

    def validation(order):
        splits = array_splits(
            {"image": images[order]},
            {"image": images[:1]},
            validation_share=0.3,
            description={},
        )
        (batch,) = splits.validation.batches(1000).as_numpy_iterator()
        return collections.Counter(image.tobytes() for image in batch["image"])

    first = validation(np.arange(120))
    assert validation(rng.permutation(120)) == first
    assert sum(first.values()) == 36 and set(first.values()) == {2}


VALUES = [
    {"data": np.arange(12, dtype=np.uint8).reshape(3, 4), "labels": [1, 2, 3], "name": "a"},
    {"mean": np.linspace(0, 1, 5), "empty": np.zeros([0, 2], np.int64), "more": (None, 1.5)},
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5, "python 2"])
def test_plain_pickles_are_read(tmp_path, value, protocol):
    file = tmp_path / "file"
    text = python2_pickle(value) if protocol == "python 2" else pickle.dumps(value, protocol)
    file.write_bytes(text)
    found = load_plain_pickle(file)
    assert list(found) == list(value)
    for name, wanted in value.items():
        assert type(found[name]) is type(wanted)
        np.testing.assert_array_equal(found[name], wanted)
        assert getattr(found[name], "dtype", None) == getattr(wanted, "dtype", None)


class Calls:
    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize(
    "value, name",
    [
        (Calls(eval, "open('owned', 'w')"), "builtins.eval"),
        (Calls(getattr, "text", "join"), "builtins.getattr"),
        (np.array([Calls(exec, "raise SystemExit")], dtype=object), "builtins.exec"),
        (datetime.date(2020, 1, 1), "datetime.date"),
        (collections.OrderedDict(), "collections.OrderedDict"),
        (np.float64(1.5), "numpy.core.multiarray.scalar"),
    ],
)
def test_all_else_is_refused(tmp_path, monkeypatch, value, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(pickle.dumps(value))
    with pytest.raises(pickle.UnpicklingError, match=f"asks for {name}, which data has no need"):
        load_plain_pickle(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_every_cut_off_or_damaged_pickle_is_an_unpickling_error(tmp_path):
    whole = pickle.dumps(VALUES[0], 4)
    file = tmp_path / "file"
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(pickle.UnpicklingError):
            load_plain_pickle(file)
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        file.write_bytes(bytes(damaged))
        try:
            load_plain_pickle(file)
        except pickle.UnpicklingError:
            pass
    with pytest.raises(FileNotFoundError):
        load_plain_pickle(tmp_path / "nowhere")


def test_unpacked_makes_once_and_cleans_up(tmp_path):
    calls = []

    def make(allocate):
        calls.append(1)
        images = allocate((3, 2), np.uint8)
        images[...] = [[1, 2], [3, 4], [5, 6]]
        return {"image": images, "label": np.arange(3, dtype=np.int32)}

    plain = unpacked(None, "key", make)
    for _ in range(2):
        found = unpacked(str(tmp_path / "deep" / "er"), "key", make)
        assert isinstance(found["image"], np.memmap) and not found["image"].flags.writeable
        for name in plain:
            np.testing.assert_array_equal(found[name], plain[name])
    assert len(calls) == 2

    def fail(allocate):
        allocate((2, 2), np.uint8)
        raise RuntimeError("the file is broken")

    with pytest.raises(RuntimeError):
        unpacked(str(tmp_path / "other"), "key", fail)
    assert not list((tmp_path / "other").iterdir())
