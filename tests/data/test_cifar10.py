"""CIFAR-10: pixels and labels against the files of both versions; bad files are named."""

import json
import os
import pickle

import numpy as np
import pytest

from tests.data import image_set_fixtures as fixtures
from tfgen.data import DataError, cifar10

SPLITS = ("train", "validation", "test")
VERSIONS = ("bin", "py", "py3")


def arrays(source):
    (batch,) = source.batches(source.count).as_numpy_iterator()
    return batch


def keys(*batches):
    return sorted(
        (image.tobytes(), int(label))
        for batch in batches
        for image, label in zip(batch["image"], batch["label"])
    )


def load(root, **settings):
    return cifar10(str(root), allow_partial=True, **settings)


@pytest.fixture(scope="module", params=VERSIONS)
def written(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    return root, fixtures.write_cifar(root, request.param)


@pytest.mark.parametrize("inside", [False, True])
def test_splits_are_the_files_once(written, inside):
    root, batches = written
    splits = load(next(root.iterdir()) if inside else root)
    train, validation, test = (arrays(getattr(splits, split)) for split in SPLITS)
    files = [dict(zip(("image", "label"), batches[name])) for name in fixtures.CIFAR_BATCHES]
    assert keys(train, validation) == keys(*files[:5])
    np.testing.assert_array_equal(test["image"], files[5]["image"])
    np.testing.assert_array_equal(test["label"], files[5]["label"])
    assert splits.description["counts"] == {"train": 27, "validation": 3, "test": 6}
    assert splits.description["class_names"][3] == "cat"
    json.dumps(splits.description)


def test_versions_give_the_same_splits(tmp_path):
    roots = [tmp_path / version for version in VERSIONS]
    for root, version in zip(roots, VERSIONS):
        fixtures.write_cifar(root, version)
    parts = [[arrays(getattr(load(root), split)) for split in SPLITS] for root in roots]
    for other in parts[1:]:
        for first, second in zip(parts[0], other):
            np.testing.assert_array_equal(first["image"], second["image"])
            np.testing.assert_array_equal(first["label"], second["label"])


def test_without_validation_share_the_test_split_validates(written):
    root, batches = written
    splits = load(root, validation_share=0)
    assert splits.train.count == 30
    train = arrays(splits.train)["image"]  # in the order of the files
    np.testing.assert_array_equal(train[6:12], batches["data_batch_2"][0])
    assert keys(arrays(splits.validation)) == keys(arrays(splits.test))


def test_indices_across_the_files_may_come_in_any_order(written):
    splits = load(written[0], validation_share=0)
    whole = arrays(splits.train)
    indices = [29, 0, 6, 5, 6, 18]
    found = splits.train.load(np.array(indices))
    np.testing.assert_array_equal(found["image"], whole["image"][indices])
    np.testing.assert_array_equal(found["label"], whole["label"][indices])


# What can be wrong.


def refusal(root, **settings):
    with pytest.raises(DataError) as error:
        cifar10(str(root), **settings)
    return str(error.value)


def test_counts_are_checked(written):
    message = refusal(written[0])
    assert "30 training images, wanted 50000 and 6 test images, wanted 10000" in message


def test_nothing_there(tmp_path):
    assert f"There is no folder {tmp_path / 'nowhere'}" in refusal(tmp_path / "nowhere")
    message = refusal(tmp_path)
    assert f"{tmp_path} holds no batches of CIFAR-10. Wanted cifar-10-batches-py" in message
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"")
    assert "Unpack cifar-10-python.tar.gz first." in refusal(tmp_path)


def test_bad_binary_files(tmp_path):
    fixtures.write_cifar(tmp_path, "bin")
    folder = tmp_path / "cifar-10-batches-bin"
    first, second, third, last = (
        folder / f"{name}.bin"
        for name in ("data_batch_1", "data_batch_2", "data_batch_3", "test_batch")
    )
    first.write_bytes(first.read_bytes()[:-5])
    second.unlink()
    third.write_bytes(b"")
    content = bytearray(last.read_bytes())
    content[3073] = 10
    last.write_bytes(bytes(content))
    message = refusal(tmp_path, allow_partial=True)
    for part in (
        "4 of 6 files of CIFAR-10 cannot be used:",
        f"{first}: is truncated, or not a batch of CIFAR-10: its 18433 bytes are not a multiple",
        f"{second}: is missing",
        f"{third}: is empty (0 bytes)",
        f"{last}: has the label 10, wanted 0 to 9",
        "Fetch the archive of CIFAR-10 again",
    ):
        assert part in message, part


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("owned",)


def test_bad_pickles(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fixtures.write_cifar(tmp_path, "py")
    folder = tmp_path / "cifar-10-batches-py"
    images, labels = fixtures.random_images(0, 4, 32, 3)
    data, labels = fixtures.planes(images), labels.tolist()
    whole = (folder / "data_batch_1").read_bytes()
    cases = [
        (whole[:-900], "is truncated"),
        (b"<html>quota exceeded</html>", "is truncated, damaged or no pickle of data"),
        (
            pickle.dumps({"data": data, "labels": labels, "more": Malicious()}),
            "asks for posix.mkdir",
        ),
        (pickle.dumps([1, 2]), "holds a list, wanted a dict of data and labels"),
        (pickle.dumps({"data": data, "fine_labels": labels}), "holds data, fine_labels; wanted"),
        (pickle.dumps({"data": data / 255.0, "labels": labels}), "has pixels of type float64"),
        (pickle.dumps({"data": data.tolist(), "labels": labels}), "has pixels of type list"),
        (
            pickle.dumps({"data": images, "labels": labels}),
            "has pixels of shape [4, 32, 32, 3], wanted [N, 3072] (32 x 32 x 3)",
        ),
        (
            pickle.dumps({"data": data, "labels": labels[1:]}),
            "has 4 images, but labels of shape [3]",
        ),
        (pickle.dumps({"data": data, "labels": ["a"] * 4}), "has labels of type <U1"),
        (pickle.dumps({"data": data, "labels": [1, [2], 3, 4]}), "has labels that are no list"),
        (pickle.dumps({"data": data, "labels": [1, -1, 3, 4]}), "has the label -1, wanted 0 to 9"),
    ]
    for content, reason in cases:
        (folder / "data_batch_3").write_bytes(content)
        message = refusal(tmp_path, allow_partial=True)
        assert "1 of 6 files of CIFAR-10 cannot be used" in message
        assert f"{folder / 'data_batch_3'}: {reason}" in message, message
    assert not (tmp_path / "owned").exists()


def test_tensorflow_datasets_gives_the_same_splits(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    fixtures.write_cifar(tmp_path / "files", "bin")
    data_dir = tmp_path / "data"
    builder = tfds.builder("cifar10", data_dir=str(data_dir))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            tfds.download.DownloadManager,
            "download_and_extract",
            lambda self, url: str(tmp_path / "files"),
        )
        # No checksums of downloads. Not by `patch`, which would read the old value from disk.
        type(builder).url_infos = {}
        builder.download_and_prepare()
        del type(builder).url_infos
    splits, reference = load(data_dir), load(tmp_path / "files")
    assert splits.description["origin"] == "tensorflow_datasets"
    for split in SPLITS:
        found = keys(arrays(getattr(splits, split)))
        assert found == keys(arrays(getattr(reference, split)))
