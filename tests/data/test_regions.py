"""Region features: what is read from which file, and files that cannot be used."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import DataError, array_source, with_regions

NAMES = ["a.jpg", "b/c.jpg", "d.png", "e.png"]


@pytest.fixture
def source():
    names = np.array([name.encode() for name in NAMES])
    return array_source({"file_name": names, "image_id": np.array([11, 12, 13, 14])})


def rows(source):
    found = source.load(tf.range(source.count, dtype=tf.int64))
    return {name: value.numpy() for name, value in found.items()}


def write(folder, name, regions, **arrays):
    features = np.arange(regions * 3).reshape(regions, 3).astype(np.float32) + regions
    boxes = np.tile([0.1, 0.2, 0.5, 1.0], [regions, 1])
    content = {"features": features, "boxes": boxes, "classes": np.arange(regions), **arrays}
    (folder / name).parent.mkdir(exist_ok=True)
    np.savez(folder / name, **content)
    return features


def test_regions_of_every_image(source, tmp_path):
    first = write(tmp_path, "a.npz", 2)
    second = write(tmp_path, "b/c.npz", 5)
    pixels = np.tile([64.0, 96.0, 320.0, 480.0], [1, 1])
    sizes = {"image_w": np.array([640]), "image_h": np.array(480)}
    third = write(tmp_path, "d.png.npz", 1, boxes=pixels, **sizes)
    fourth = write(tmp_path, "14.npz", 3)
    found = with_regions(source, str(tmp_path), most=4)
    batch = rows(found)
    assert batch["region_count"].tolist() == [2, 4, 1, 3]
    assert batch["image_id"].tolist() == [11, 12, 13, 14]
    for row, wanted in enumerate((first, second[:4], third, fourth)):
        np.testing.assert_array_equal(batch["regions"][row, : len(wanted)], wanted)
        assert not batch["regions"][row, len(wanted) :].any()
        assert (batch["region_classes"][row, len(wanted) :] == -1).all()
    np.testing.assert_array_equal(batch["region_classes"][1], [0, 1, 2, 3])
    # Top, left, bottom, right, from left, top, right, bottom.
    np.testing.assert_allclose(batch["region_boxes"][0, 1], [0.2, 0.1, 1.0, 0.5])
    np.testing.assert_allclose(batch["region_boxes"][2, 0], [0.2, 0.1, 1.0, 0.5])
    assert found.features["regions"] == tf.TensorSpec([4, 3], tf.float32)


def test_features_alone(source, tmp_path):
    for number in (11, 12, 13, 14):
        np.save(tmp_path / f"{number}.npy", np.full([2, 5], number, np.float64))
    batch = rows(with_regions(source, str(tmp_path), most=3))
    assert set(batch) == {"file_name", "image_id", "regions", "region_count"}
    assert batch["regions"][:, 1, 4].tolist() == [11, 12, 13, 14]
    assert batch["regions"][:, 2].max() == 0


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"features": np.zeros([3])}, "has features of shape (3,)"),
        ({"features": np.full([2, 3], np.nan)}, "not finite"),
        ({"boxes": np.zeros([3, 4])}, "has 2 features, but 3 boxes"),
        ({"boxes": np.full([2, 4], 99.0)}, "boxes in pixels want image_height"),
        ({"boxes": np.zeros([2, 5])}, "has boxes of shape (2, 5)"),
        ({"features": np.zeros([2, 7])}, "has features of width 7 and boxes and classes, but"),
        ({"features": np.zeros([0, 3])}, "has features of shape (0, 3)"),
        ({"features": np.array([["a"], ["b"]])}, "has features of type <U1, wanted numbers"),
        ({"classes": np.array(["dog", "cat"])}, "has classes of type <U3, wanted numbers"),
    ],
)
def test_bad_files_are_named_and_the_others_kept(source, tmp_path, arrays, reason):
    write(tmp_path, "a.npz", 2)
    write(tmp_path, "b/c.npz", 2)
    write(tmp_path, "d.npz", 2, **arrays)
    with pytest.raises(DataError) as error:
        with_regions(source, str(tmp_path))
    assert "2 of 4 region files" in str(error.value) and reason in str(error.value)
    assert "e.png: has no .npz or .npy with its name" in str(error.value)
    batch = rows(with_regions(source, str(tmp_path), max_bad_share=0.5))
    assert batch["file_name"].tolist() == [b"a.jpg", b"b/c.jpg"]
    assert batch["region_count"].tolist() == [2, 2]


def test_damaged_and_other_files(source, tmp_path):
    write(tmp_path, "a.npz", 2)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "b").mkdir()
    (tmp_path / "b/c.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "d.npy").write_bytes(b"")
    np.savez(tmp_path / "e.npz", other=np.zeros(3))
    with pytest.raises(DataError) as error:
        with_regions(source, str(tmp_path))
    for part in ("c.npz: cannot be read", "d.npy: cannot be read", "has no features, only"):
        assert part in str(error.value)
    with pytest.raises(DataError, match="There is no folder"):
        with_regions(source, str(tmp_path / "x"))
    with pytest.raises(ValueError, match="Wanted a source with 'file_name'"):
        with_regions(array_source({"image_id": np.array([1])}), str(tmp_path))
