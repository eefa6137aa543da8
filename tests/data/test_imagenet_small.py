"""ImageNet 32 and 64: PNG folders, batches and prepared sets against what was written."""

import json
import sys
import tarfile
import types
import zipfile

import numpy as np
import pytest

from tests.data import fixtures as pictures
from tests.data import image_set_fixtures as fixtures
from tfgen.data import DataError, imagenet32, imagenet64

MODULE = sys.modules[imagenet32.__module__]
SPLITS = ("train", "validation", "test")
LOADERS = {32: imagenet32, 64: imagenet64}


def arrays(source):
    batches = list(source.batches(7).as_numpy_iterator())
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def keys(*batches):
    return sorted(image.tobytes() for batch in batches for image in batch["image"])


def load(root, size=32, **settings):
    return LOADERS[size](str(root), allow_partial=True, **settings)


def refusal(root, size=32, **settings):
    with pytest.raises(DataError) as error:
        LOADERS[size](str(root), **settings)
    return str(error.value)


# Folders of PNG files.


@pytest.mark.parametrize("size, unpack", [(32, False), (32, True), (64, False)])
def test_png_folders(tmp_path, size, unpack):
    contents = fixtures.write_imagenet_pngs(tmp_path, size)
    unpack_to = str(tmp_path / "unpacked") if unpack else None
    splits = load(tmp_path, size, validation_share=0.2, unpack_to=unpack_to)
    train, validation, test = (arrays(getattr(splits, split)) for split in SPLITS)
    assert keys(train, validation) == keys({"image": contents["train"]})
    np.testing.assert_array_equal(test["image"], contents["valid"])
    description = json.loads(json.dumps(splits.description))
    assert description["counts"] == {"train": 16, "validation": 4, "test": 5}
    assert description["made_by"] == "van den Oord" and description["name"] == f"imagenet{size}"
    spec = splits.train.batches(4, repeat=True).element_spec
    assert spec["image"].shape == [4, size, size, 3] and set(spec) == {"image"}
    late = next(iter(splits.train.batches(4, start_step=2)))["image"]
    np.testing.assert_array_equal(late, train["image"][8:12])


def test_png_validation_goes_by_file_names(tmp_path):
    fixtures.write_imagenet_pngs(tmp_path, 32)
    first = keys(arrays(load(tmp_path, validation_share=0.2).validation))
    assert keys(arrays(load(tmp_path, validation_share=0.2, seed=1).validation)) != first
    # A file less moves no more than one image over the cut.
    (tmp_path / "train_32x32" / "0000001.png").unlink()
    assert len(set(first) & set(keys(arrays(load(tmp_path, validation_share=0.2).validation)))) >= 3
    none = load(tmp_path, validation_share=0)
    assert none.train.count == 19
    assert keys(arrays(none.validation)) == keys(arrays(none.test))


def test_bad_pngs_are_counted_and_named(tmp_path, caplog):
    fixtures.write_imagenet_pngs(tmp_path, 32)
    train = tmp_path / "train_32x32"
    (train / "0000003.png").write_bytes(b"")
    (train / "0000004.png").write_bytes((train / "0000004.png").read_bytes()[:200])
    pictures.picture(0, 64, 64).save(train / "0000005.png")
    message = refusal(tmp_path, allow_partial=True)
    for part in (
        f"3 of 20 image files of {train} (15.00%) cannot be used",
        "0000003.png: is empty (0 bytes)",
        "0000004.png: is truncated",
        "0000005.png: is 64x64 pixels, wanted 32x32",
    ):
        assert part in message, part
    unpack_to = str(tmp_path / "unpacked")
    wanted = None
    for settings in ({}, {"unpack_to": unpack_to}, {"unpack_to": unpack_to}):
        caplog.clear()
        splits = load(tmp_path, max_bad_share=0.15, **settings)
        assert sum(splits.description["counts"].values()) == 22
        assert splits.description["skipped"]["train_32x32"]["count"] == 3
        assert splits.description["skipped"]["valid_32x32"]["count"] == 0
        assert "0000003.png" in caplog.text
        found = arrays(splits.train)["image"], arrays(splits.validation)["image"]
        wanted = wanted or found
        for one, other in zip(found, wanted):
            np.testing.assert_array_equal(one, other)
    # What was unpacked with a larger share is not slipped in under a smaller one.
    assert "was left out when the files were unpacked" in refusal(
        tmp_path, allow_partial=True, unpack_to=unpack_to
    )


def test_unpacked_pngs_are_not_read_again(tmp_path):
    fixtures.write_imagenet_pngs(tmp_path, 32)
    unpack_to = str(tmp_path / "unpacked")
    first = arrays(load(tmp_path, unpack_to=unpack_to).train)
    # Content changes leave the folder's time alone, new names do not.
    path = tmp_path / "train_32x32" / "0000001.png"
    whole = path.read_bytes()
    path.write_bytes(b"")
    second = arrays(load(tmp_path, unpack_to=unpack_to).train)
    np.testing.assert_array_equal(first["image"], second["image"])
    (tmp_path / "train_32x32" / "0000099.png").write_bytes(whole)
    assert "0000001.png: is empty" in refusal(tmp_path, allow_partial=True, unpack_to=unpack_to)


def test_png_counts_and_folders_are_checked(tmp_path):
    assert "There is no folder" in refusal(tmp_path / "nowhere")
    message = refusal(tmp_path)
    assert f"{tmp_path} holds no ImageNet of 32 x 32 pixels. Wanted train_32x32/*.png" in message
    fixtures.write_imagenet_pngs(tmp_path, 32)
    message = refusal(tmp_path)
    assert "20 training images, wanted 1281149 and 5 validation images, wanted 49999" in message
    for path in (tmp_path / "valid_32x32").iterdir():
        path.unlink()
    assert "0 validation images, wanted 49999" in refusal(tmp_path, allow_partial=True)
    (tmp_path / "valid_32x32").rmdir()
    assert "lacks the folder valid_32x32" in refusal(tmp_path, allow_partial=True)
    assert "holds no ImageNet of 64 x 64" in refusal(tmp_path, 64)


# Batches.


@pytest.mark.parametrize("size, pickled", [(32, False), (32, True), (64, False)])
@pytest.mark.parametrize("unpack", [False, True])
def test_batches(tmp_path, size, pickled, unpack):
    batches = fixtures.write_imagenet_batches(tmp_path / "files", size, pickled)
    unpack_to = str(tmp_path / "unpacked") if unpack else None
    splits = load(tmp_path / "files", size, validation_share=0.2, unpack_to=unpack_to)
    train, validation, test = (arrays(getattr(splits, split)) for split in SPLITS)
    files = [dict(zip(("image", "label"), batches[name])) for name in fixtures.IMAGENET_BATCHES]
    assert keys(train, validation) == keys(*files[:10])
    labels = {i.tobytes(): y for file in files for i, y in zip(file["image"], file["label"])}
    for part in (train, validation):
        assert all(labels[i.tobytes()] == y for i, y in zip(part["image"], part["label"]))
    np.testing.assert_array_equal(test["image"], files[10]["image"])
    np.testing.assert_array_equal(test["label"], files[10]["label"])
    assert splits.description["counts"] == {"train": 28, "validation": 7, "test": 3}
    assert splits.description["made_by"] == "Chrabaszcz"
    json.dumps(splits.description)


def test_unpacked_pixels_are_mapped_and_used_again(tmp_path, monkeypatch):
    fixtures.write_imagenet_batches(tmp_path / "files", 32)
    unpack_to = tmp_path / "unpacked"
    first = arrays(load(tmp_path / "files", unpack_to=str(unpack_to)).train)
    names = sorted(path.name for path in unpack_to.iterdir())
    assert len(names) == 22 and not any(name.startswith(".partial") for name in names)
    read = []
    original = MODULE.read_planar_batch
    monkeypatch.setattr(
        MODULE,
        "read_planar_batch",
        lambda path, *rest: read.append(path.name) or original(path, *rest),
    )
    kept = []
    whole = MODULE.array_splits
    monkeypatch.setattr(
        MODULE,
        "array_splits",
        lambda train, *rest, **more: kept.append(train) or whole(train, *rest, **more),
    )
    # A file that was cut off is made again; a batch that changed is read anew.
    cut = next(unpack_to.glob("train_data_batch_2.npz*image.npy"))
    cut.write_bytes(cut.read_bytes()[:-100])
    images, labels = fixtures.random_images(99, 4, 32, 3, 1000)
    np.savez(
        tmp_path / "files" / "train_data_batch_4.npz",
        data=fixtures.planes(images),
        labels=labels + 1,
        mean=np.zeros(3072),
    )
    second = arrays(load(tmp_path / "files", unpack_to=str(unpack_to)).train)
    assert read == ["train_data_batch_2.npz", "train_data_batch_4.npz"]
    assert all(isinstance(part, np.memmap) for part in kept[0]["image"])
    assert set(keys({"image": images})) & set(keys(second))
    assert len(set(keys(first)) & set(keys(second))) >= len(first["image"]) - 5


def test_a_full_disk_is_told_before(tmp_path, monkeypatch):
    fixtures.write_imagenet_batches(tmp_path / "files", 32)
    unpacking = sys.modules["tfgen.data.unpacked"]
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=1))
    message = refusal(tmp_path / "files", allow_partial=True, unpack_to=str(tmp_path / "unpacked"))
    assert "0.0 GB free, but unpacking train_data_batch_1.npz" in message
    assert not list((tmp_path / "unpacked").iterdir())


def test_bad_batches_are_told_together(tmp_path):
    fixtures.write_imagenet_batches(tmp_path, 32)
    first, second, third, fourth = (tmp_path / f"train_data_batch_{n}.npz" for n in (1, 2, 3, 4))
    second.write_bytes(second.read_bytes()[:-3000])
    third.write_bytes(b"")
    images, labels = fixtures.random_images(0, 3, 16, 3, 1000)
    np.savez(first, data=fixtures.planes(images), labels=labels + 1)
    images, labels = fixtures.random_images(0, 3, 32, 3, 1000)
    np.savez(fourth, data=fixtures.planes(images), labels=labels - labels)
    message = refusal(tmp_path, allow_partial=True)
    for part in (
        "4 of 11 files of ImageNet 32 x 32 cannot be used:",
        f"{first}: has pixels of shape [3, 768], wanted [N, 3072] (32 x 32 x 3)",
        f"{second}: is truncated or no .npz file",
        f"{third}: is empty (0 bytes)",
        f"{fourth}: has the label 0, wanted 1 to 1000",
    ):
        assert part in message, part
    third.unlink()
    (tmp_path / "val_data.npz").unlink()
    message = refusal(tmp_path, allow_partial=True)
    assert "2 of 11 files" in message and f"{tmp_path / 'val_data.npz'}: is missing" in message


def test_damage_inside_an_npz_is_found(tmp_path):
    fixtures.write_imagenet_batches(tmp_path, 32)
    batch = tmp_path / "train_data_batch_7.npz"
    content = bytearray(batch.read_bytes())
    content[4000] ^= 0xFF  # among the pixels
    batch.write_bytes(bytes(content))
    message = refusal(tmp_path, allow_partial=True)
    assert "1 of 11 files" in message and f"{batch}: is truncated or no .npz file" in message


def test_objects_in_an_npz_are_not_unpickled(tmp_path):
    fixtures.write_imagenet_batches(tmp_path, 32)
    np.savez(
        tmp_path / "val_data.npz", data=np.array([{}, 1], dtype=object), labels=np.array([1, 2])
    )
    assert "allow_pickle=False" in refusal(tmp_path, allow_partial=True)


def test_counts_of_batches_are_checked(tmp_path):
    fixtures.write_imagenet_batches(tmp_path, 32)
    message = refusal(tmp_path)
    assert "35 training images, wanted 1281167 and 3 validation images, wanted 50000" in message


# tensorflow_datasets.


def prepare(name, data_dir, archives):
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = tfds.builder(name, data_dir=str(data_dir))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            tfds.download.DownloadManager, "download", lambda self, urls: list(map(str, archives))
        )
        # No checksums of downloads. Not by `patch`, which would read the old value from disk.
        type(builder).url_infos = {}
        builder.download_and_prepare()
        del type(builder).url_infos


def test_prepared_downsampled_imagenet(tmp_path):
    contents = fixtures.write_imagenet_pngs(tmp_path, 32)
    archives = [tmp_path / "train.tar", tmp_path / "valid.tar"]
    for archive, part in zip(archives, ("train", "valid")):
        with tarfile.open(archive, "w") as tar:
            for path in sorted((tmp_path / f"{part}_32x32").iterdir()):
                tar.add(path, f"{part}_32x32/{path.name}")
    prepare("downsampled_imagenet/32x32", tmp_path / "data", archives)
    unpack_to = str(tmp_path / "unpacked")
    for settings in ({}, {"unpack_to": unpack_to}, {"unpack_to": unpack_to}):
        splits = load(tmp_path / "data", validation_share=0.2, **settings)
        train, validation, test = (arrays(getattr(splits, split)) for split in SPLITS)
        assert keys(train, validation) == keys({"image": contents["train"]})
        assert keys(test) == keys({"image": contents["valid"]})
        assert splits.description["made_by"] == "van den Oord" and set(train) == {"image"}
    assert "wanted 1281149" in refusal(tmp_path / "data")


def test_prepared_imagenet_resized(tmp_path):
    batches = fixtures.write_imagenet_batches(tmp_path, 32)
    archives = [tmp_path / "train.zip", tmp_path / "val.zip"]
    for archive, names in zip(
        archives, (fixtures.IMAGENET_BATCHES[:10], fixtures.IMAGENET_BATCHES[10:])
    ):
        with zipfile.ZipFile(archive, "w") as file:
            for name in names:
                file.write(tmp_path / f"{name}.npz", f"{name}.npz")
    prepare("imagenet_resized/32x32", tmp_path / "data", archives)
    splits = load(tmp_path / "data", validation_share=0.2)
    assert splits.description["made_by"] == "Chrabaszcz"
    test = arrays(splits.test)
    images, labels = batches["val_data"]
    assert sorted(zip(keys(test), test["label"])) and keys(test) == keys({"image": images})
    wanted = {image.tobytes(): label for image, label in zip(images, labels)}
    assert all(wanted[i.tobytes()] == y for i, y in zip(test["image"], test["label"]))
    assert splits.train.count + splits.validation.count == 35


def test_not_prepared(tmp_path):
    (tmp_path / "downsampled_imagenet" / "32x32").mkdir(parents=True)
    message = refusal(tmp_path)
    assert "downsampled_imagenet/32x32 is not prepared" in message and str(tmp_path) in message
