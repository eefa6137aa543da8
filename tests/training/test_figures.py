"""Grids of images, pixel by pixel."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.training import grid, save_curves, save_png, visible


def test_grid_places_every_pixel():
    images = np.arange(1, 6, dtype=np.uint8)[:, None, None, None] * np.ones([5, 2, 3, 1], np.uint8)
    sheet = grid(images, columns=2, padding=1, background=9)[:, :, 0]
    rows = [[1, 2], [3, 4], [5, 9]]
    expected = np.full([3 * 3 + 1, 2 * 4 + 1], 9)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            expected[1 + 3 * i : 3 + 3 * i, 1 + 4 * j : 4 + 4 * j] = value
    np.testing.assert_array_equal(sheet, expected)


@pytest.mark.parametrize(
    "count, columns, square, shape",
    [
        (5, None, False, (4, 9)),
        (5, None, True, (6, 9)),
        (4, 4, False, (2, 12)),
        (1, 3, False, (2, 9)),
    ],
)
def test_shapes_without_padding(count, columns, square, shape):
    images = np.zeros([count, 2, 3, 3], np.uint8)
    assert grid(images, columns, padding=0, square=square).shape == (*shape, 3)


def test_few_levels_are_spread_over_all_greys():
    np.testing.assert_array_equal(visible(np.arange(17), 17), [16 * i - (i > 8) for i in range(17)])
    got = visible(np.arange(256, dtype=np.uint8), 256)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, np.arange(256))
    np.testing.assert_array_equal(visible([0, 1], 2), [0, 255])


@pytest.mark.parametrize(
    "images",
    [
        np.zeros([2, 3, 3], np.uint8),
        np.zeros([2, 3, 3, 1], np.float32),
        np.zeros([0, 3, 3, 1], np.uint8),
    ],
)
def test_wrong_images_are_explained(images):
    with pytest.raises(ValueError, match=r"Wanted uint8 images \[N, H, W, C\]"):
        grid(images)


def test_files(tmp_path):
    image = np.arange(48, dtype=np.uint8).reshape([4, 4, 3])
    path = save_png(tmp_path / "new" / "image.png", image)
    np.testing.assert_array_equal(tf.io.decode_png(path.read_bytes()).numpy(), image)
    path = save_curves(tmp_path / "curves.png", {"loss": ([1, 2, 3], [3.0, 2.0, 1.5])})
    assert tf.io.decode_png(path.read_bytes()).shape == (440, 770, 4)
