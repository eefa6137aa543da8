"""Digits: the real ones, divided evenly and for good."""

import json

import numpy as np
from sklearn.datasets import load_digits

from tfgen.data import digits


def arrays(source):
    (batch,) = source.batches(source.count).as_numpy_iterator()
    return batch


def keys(batch):
    return [(*image.ravel().tolist(), label) for image, label in zip(*batch.values())]


def test_splits_are_the_whole_set_once():
    splits = digits()
    parts = [arrays(source) for source in (splits.train, splits.validation, splits.test)]
    assert [len(part["label"]) for part in parts] == [1297, 200, 300]
    assert splits.description["counts"] == {"train": 1297, "validation": 200, "test": 300}
    found = sorted(sum((keys(part) for part in parts), []))
    data = load_digits()
    assert found == sorted((*map(int, x.ravel()), y) for x, y in zip(data.images, data.target))
    json.dumps(splits.description)


def test_no_image_is_in_two_splits():
    splits = digits()
    sets = [
        {image.tobytes() for image in arrays(source)["image"]}
        for source in (splits.train, splits.validation, splits.test)
    ]
    assert not sets[0] & sets[1] and not sets[0] & sets[2] and not sets[1] & sets[2]


def test_grey_levels_and_types_are_as_described():
    splits = digits()
    batch = arrays(splits.train)
    assert batch["image"].dtype == np.uint8 and batch["image"].shape == (1297, 8, 8, 1)
    assert batch["label"].dtype == np.int32
    assert set(np.unique(batch["image"])) == set(range(splits.description["levels"]))
    assert splits.train.features["image"].shape == [8, 8, 1]


def test_shares_of_the_classes_are_equal():
    splits = digits(seed=3)
    whole = np.bincount(load_digits().target) / 1797
    for source in (splits.train, splits.validation, splits.test):
        counts = np.bincount(arrays(source)["label"], minlength=10)
        assert np.max(np.abs(counts - whole * source.count)) < 1.5


def test_division_is_a_function_of_the_seed():
    first, again, other = (keys(arrays(digits(seed).test)) for seed in (0, 0, 1))
    assert first == again
    assert len(set(first) & set(other)) < 100  # 50 are expected
