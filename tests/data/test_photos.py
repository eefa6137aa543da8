"""Photos: real patches, from regions that no two splits share."""

import json
import sys

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from tfgen.data import photos

MODULE = sys.modules[photos.__module__]
SPLITS = ("train", "validation", "test")
COUNTS = {"train": 4000, "validation": 1000, "test": 1500}
NAMES = ("china.jpg", "flower.jpg")


def images(source, count=None):
    return next(iter(source.batches(count or source.count)))["image"].numpy()


def numbered(cell):
    """Photographs whose colours say which cell x cell pixels they belong to, all different."""

    def photograph(name):
        rows, columns = np.meshgrid(np.arange(427) // cell, np.arange(640) // cell, indexing="ij")
        numbers = rows * 640 + columns + 1 + 427 * 640 * NAMES.index(name)
        return np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], -1).astype(np.uint8)

    return photograph


def seen(source):
    patches = images(source).astype(np.int64)
    return set(np.unique(patches[..., 0] << 16 | patches[..., 1] << 8 | patches[..., 2]).tolist())


@pytest.mark.parametrize("scales, cell", [((1,), 1), ((1, 2), 2), ((2,), 2)])
def test_no_pixel_is_in_two_splits(monkeypatch, scales, cell):
    """Every colour is one place of one photograph, also after the mean over 2 x 2 equal pixels."""
    monkeypatch.setattr(MODULE, "_photograph", numbered(cell))
    splits = photos(32, **COUNTS, scales=scales)
    train, validation, test = (seen(getattr(splits, split)) for split in SPLITS)
    assert not train & validation and not train & test and not validation & test
    # And they are no small regions: these shares of all the places there are.
    total = 2 * (427 // cell) * (640 // cell)
    shares = [len(places) / total for places in (train, validation, test)]
    np.testing.assert_allclose(shares, [0.73, 0.12, 0.15], atol=0.03)


def test_strips_cover_each_photograph_once():
    for strips in MODULE._STRIPS.values():
        columns = [x for parts in strips.values() for a, b in parts for x in range(a, b)]
        assert sorted(columns) == list(range(640))
        assert all(edge % 16 == 0 for parts in strips.values() for strip in parts for edge in strip)


def locate(patch, picture):
    """Whether a patch is somewhere in a picture."""
    size = len(patch)
    corners = np.argwhere(np.all(picture == patch[0, 0], -1))
    return any(
        np.array_equal(picture[y : y + size, x : x + size], patch)
        for y, x in corners
        if y + size <= picture.shape[0] and x + size <= picture.shape[1]
    )


def test_patches_are_of_both_photographs_at_both_scales():
    found = images(photos(24, train=40).train)
    views = []
    for name in NAMES:
        picture = load_sample_image(name)
        views.append(picture)
        halves = picture[:426].reshape(213, 2, 320, 2, 3).astype(np.float64).mean((1, 3))
        views.append(np.floor(halves + 0.5).astype(np.uint8))
    # In turn: each photograph at each scale.
    for number, patch in enumerate(found):
        assert locate(patch, views[number % 4]), number


def test_positions_are_all_different():
    for split, count in COUNTS.items():
        source = getattr(photos(32, **COUNTS, scales=(1,)), split)
        patches = images(source)
        # The sky has equal patches at different places: nearly all differ.
        assert len({patch.tobytes() for patch in patches}) > 0.97 * count


def test_patches_are_functions_of_seed_split_and_index():
    some = images(photos(16, train=200, seed=4).train)
    np.testing.assert_array_equal(images(photos(16, train=2000, seed=4).train, 200), some)
    again = photos(16, train=200, seed=4).train.batches(50, start_step=1)
    np.testing.assert_array_equal(next(iter(again))["image"], some[50:100])
    assert not np.array_equal(images(photos(16, train=200, seed=5).train), some)


def test_flip_mirrors_half_of_the_training_patches_for_good():
    plain, flipped = photos(16, train=400, test=50), photos(16, train=400, test=50, flip=True)
    before, after = images(plain.train), images(flipped.train)
    same = np.all(before == after, (1, 2, 3))
    mirrored = np.all(before[:, :, ::-1] == after, (1, 2, 3))
    assert np.all(same | mirrored)
    assert abs(np.mean(mirrored & ~same) - 0.5) < 0.11
    np.testing.assert_array_equal(images(flipped.train), after)
    np.testing.assert_array_equal(images(flipped.test), images(plain.test))


def test_description_and_features():
    splits = photos(32, train=100, validation=10, test=20)
    description = json.loads(json.dumps(splits.description))
    assert description["counts"] == {"train": 100, "validation": 10, "test": 20}
    assert description["levels"] == 256 and "CC BY 2.0" in description["origin"]
    spec = splits.train.batches(4, repeat=True).element_spec["image"]
    assert spec.shape == [4, 32, 32, 3] and spec.dtype.name == "uint8"


def test_defaults_fit_and_too_many_or_too_large_are_refused():
    assert photos().train.count == 50000
    with pytest.raises(ValueError, match="9000 patches for validation are 2250 of .* at scale 2"):
        photos(validation=9000)
    with pytest.raises(ValueError, match="it has 0 positions for patches of 64 pixels"):
        photos(64, train=100)
    assert photos(64, train=100, scales=(1,)).train.count == 100
    for scales in ((), (3,), (1, 1), (0,)):
        with pytest.raises(ValueError, match="different scales of 1, 2, 4, 8, 16"):
            photos(scales=scales)
