"""MNIST: pixels and labels against the files, whatever form they come in; bad files are named."""

import gzip
import json
import sys

import numpy as np
import pytest

from tests.data import image_set_fixtures as fixtures
from tfgen.data import DataError, mnist

COUNTS = (30, 10)


def arrays(source):
    (batch,) = source.batches(source.count).as_numpy_iterator()
    return batch


def keys(*batches):
    return sorted(
        (image.tobytes(), int(label))
        for batch in batches
        for image, label in zip(batch["image"], batch["label"])
    )


def wanted(contents, split):
    images, labels = contents[split]
    return keys({"image": images, "label": labels})


def load(root, **settings):
    return mnist(str(root), allow_partial=True, **settings)


@pytest.fixture
def folder(tmp_path):
    fixtures.write_mnist(tmp_path, *COUNTS)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("mnist")
    return root, fixtures.write_mnist(root, *COUNTS)


def test_splits_are_the_files_once(whole):
    root, contents = whole
    splits = load(root)
    train, validation, test = map(arrays, (splits.train, splits.validation, splits.test))
    assert keys(train, validation) == wanted(contents, "train")
    np.testing.assert_array_equal(test["image"], contents["test"][0])
    np.testing.assert_array_equal(test["label"], contents["test"][1])
    assert splits.description["counts"] == {"train": 27, "validation": 3, "test": 10}
    assert train["label"].dtype == np.int32 and train["image"].shape == (27, 28, 28, 1)
    for name, spec in splits.train.batches(4, repeat=True).element_spec.items():
        assert spec.shape == [4, *splits.train.features[name].shape]
        assert spec.dtype == splits.train.features[name].dtype
    json.dumps(splits.description)


def test_other_places_and_forms_are_the_same(whole, tmp_path):
    reference = load(whole[0])
    raw = tmp_path / "MNIST" / "raw"
    fixtures.write_mnist(raw, *COUNTS, compressed=True)
    for path in raw.iterdir():
        path.rename(raw / path.name.replace("-idx", ".idx"))
    splits = load(tmp_path)
    for split in ("train", "validation", "test"):
        first, second = arrays(getattr(reference, split)), arrays(getattr(splits, split))
        np.testing.assert_array_equal(first["image"], second["image"])
        np.testing.assert_array_equal(first["label"], second["label"])


def test_validation_share_and_seed(whole):
    root, contents = whole
    assert load(root, validation_share=0.5).validation.count == 15
    assert keys(arrays(load(root, seed=1).validation)) != keys(arrays(load(root).validation))
    none = load(root, validation_share=0)
    assert keys(arrays(none.train)) == wanted(contents, "train")
    assert keys(arrays(none.validation)) == wanted(contents, "test")


def refusal(root, **settings):
    with pytest.raises(DataError) as error:
        mnist(str(root), **settings)
    return str(error.value)


def test_counts_are_checked(whole):
    message = refusal(whole[0])
    assert "30 training images, wanted 60000 and 10 test images, wanted 10000" in message
    assert "allow_partial=True" in message


def test_missing_files(folder, tmp_path):
    message = refusal(folder / "nowhere")
    assert f"There is no folder {folder / 'nowhere'}. Wanted the four files" in message
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert "lacks 1 of 4 files: t10k-labels-idx1-ubyte. Wanted" in refusal(folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    message = refusal(empty)
    assert "lacks 4 of 4 files: train-images-idx3-ubyte, train-labels-idx1-ubyte" in message


def spoil(folder, name, content):
    (folder / name).write_bytes(content)
    return refusal(folder, allow_partial=True)


def test_bad_files_are_named_and_counted(folder):
    images, labels = fixtures.MNIST_FILES["train"]
    good = (folder / images).read_bytes()
    head = f"1 of 4 files of MNIST cannot be used:\n  {folder / images}: "
    wrong_shape = fixtures.idx(np.zeros([30, 32, 32]))
    cases = {
        good[:-1]: "is truncated (its header says 30 x 28 x 28, which are 23536 bytes with the "
        "header, but it has 23535)",
        good + b"\0": "is too long (",
        good[:9]: "is truncated (it has 9 bytes, its header alone 16)",
        b"": "begins with nothing, wanted 00000803",
        b"<html>quota": "is not an IDX file of bytes with 3 axes: it begins with 3c68746d, wanted "
        "00000803",
        (folder / labels).read_bytes(): "begins with 00000801, wanted 00000803",
        wrong_shape: "has images of 32x32 pixels, wanted 28x28",
        gzip.compress(good)[:-900]: "is truncated (its gzip stream has no end)",
        b"\x1f\x8b\x08" + b"\0" * 40: "is damaged (",
        good[:4] + b"\xff" * 12 + good[16:]: "is truncated (its header says 4294967295 x ",
    }
    for content, reason in cases.items():
        message = spoil(folder, images, content)
        assert head in message and reason in message, (reason, message)
    damaged = bytearray(gzip.compress(good))
    damaged[len(damaged) // 2] ^= 0xFF
    assert "is damaged (" in spoil(folder, images, bytes(damaged))


def test_several_bad_files_are_told_at_once(folder):
    images, _ = fixtures.MNIST_FILES["train"]
    _, labels = fixtures.MNIST_FILES["test"]
    (folder / images).write_bytes(b"")
    message = spoil(folder, labels, fixtures.idx(np.array([3] * 9 + [12])))
    assert "2 of 4 files of MNIST cannot be used" in message
    assert images in message and f"{folder / labels}: has the label 12, wanted 0 to 9" in message


def test_images_and_labels_of_different_number(folder):
    _, labels = fixtures.MNIST_FILES["test"]
    message = spoil(folder, labels, fixtures.idx(np.zeros(9)))
    assert f"{folder / labels}: has 9 labels, but there are 10 images beside it" in message
    fixtures.write_mnist(folder, 0, 10)
    assert "0 training images, wanted 60000" in refusal(folder, allow_partial=True)


def test_tensorflow_datasets_gives_the_same_splits(whole, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    root, contents = whole
    builder = tfds.builder("mnist", data_dir=str(tmp_path))
    files = {
        f"{split}_{kind}": str(root / name)
        for split, names in fixtures.MNIST_FILES.items()
        for kind, name in zip(("data", "labels"), names)
    }
    module = sys.modules[type(builder).__module__]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TRAIN_EXAMPLES", COUNTS[0])
        patch.setattr(module, "_TEST_EXAMPLES", COUNTS[1])
        patch.setattr(
            tfds.download.DownloadManager, "download_and_extract", lambda self, urls: files
        )
        # No checksums of downloads. Not by `patch`, which would read the old value from disk.
        type(builder).url_infos = {}
        builder.download_and_prepare()
        del type(builder).url_infos
    splits, reference = load(tmp_path), load(root)
    assert splits.description["origin"] == "tensorflow_datasets"
    for split in ("train", "validation", "test"):
        found = keys(arrays(getattr(splits, split)))
        assert found == keys(arrays(getattr(reference, split)))
    assert "30 training images, wanted 60000" in refusal(tmp_path)


def test_tensorflow_datasets_without_mnist(tmp_path):
    (tmp_path / "mnist").mkdir()
    message = refusal(tmp_path)
    assert "mnist is not prepared" in message and str(tmp_path) in message
    assert "download_and_prepare" in message
