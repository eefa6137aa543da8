"""Folders of images: what is found, which caption goes with which image, and bad input."""

import collections

import numpy as np
import pytest
from PIL import Image

from tests.data import fixtures
from tfgen.data import DataError, example_seeds, image_folder

SIZE = 8
NAMES = ["a.png", "b.JPG", "c/d.bmp", "c/e.gif", "c/f/g.webp", "h.tiff"]


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(NAMES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 10), (40 * number,) * 3).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image, and not named like one")
    return tmp_path


def rows(splits, split):
    source = getattr(splits, split)
    return next(source.batches(source.count).as_numpy_iterator())


def write(folder, *lines):
    file = folder / "captions.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(file)


def refusal(folder, **settings):
    with pytest.raises(DataError) as error:
        image_folder(str(folder), SIZE, **settings)
    return str(error.value)


def test_all_images_of_all_kinds_are_found(folder):
    splits = image_folder(str(folder), SIZE)
    assert splits.description["counts"] == {"train": 4, "validation": 1, "test": 1}
    images = np.concatenate([rows(splits, part)["image"] for part in splits.description["counts"]])
    assert images.shape == (6, SIZE, SIZE, 3)
    found = np.sort(np.round(images.mean((1, 2, 3)) / 40))
    np.testing.assert_array_equal(found, np.arange(6))
    assert set(splits.train.features) == {"image"}


def test_captions_go_with_their_images_and_are_drawn_evenly(folder):
    lines = [f"{name}\tpicture {n}" for n, name in enumerate(NAMES[:5])]
    lines += ["", "c/d.bmp\t  the  second\tone of 2 "]
    captions = write(folder, *lines)
    splits = image_folder(str(folder), SIZE, captions=captions, test_share=0.0)
    assert splits.description["counts"] == {"train": 4, "validation": 1, "test": 1}
    assert splits.description["captions"] == 6 and splits.description["longest_text"] == 5
    seen = set()
    for split in ("train", "validation"):
        batch = rows(splits, split)
        for image, text, texts in zip(batch["image"], batch["text"], batch["texts"]):
            number = round(image.mean() / 40)
            wanted = [f"picture {number}".encode(), b"the second one of 2" * (number == 2)]
            assert list(texts) == wanted and text in wanted and text != b""
            seen.add(number)
    assert seen == set(range(5))
    batch = {
        "image": np.zeros([400, 1, 1, 3]),
        "text": np.array([b"x"] * 400),
        "texts": np.array([[b"x", b"y"]] * 400),
    }
    seeds = example_seeds(0, range(400), [3] * 400)
    drawn = collections.Counter(splits.train.redraw(batch, seeds)["text"].numpy().tolist())
    assert abs(drawn[b"x"] - 200) < 45  # 4.5 standard deviations


def test_bad_captions_are_named_with_their_lines(folder):
    captions = write(
        folder,
        "a.png\tgood",
        "b.JPG\t  ",
        "c/d.bmp no tab here",
        "z.png\tof an image that is not there",
        "h.tiff\tgood",
    )
    message = refusal(folder, captions=captions, max_bad_share=0.5)
    for part in (
        "3 of 5 lines and images of captions (60.00%)",
        "captions.txt, line 2: has an empty caption for b.JPG",
        "captions.txt, line 3: has no tab: wanted IMAGE<TAB>CAPTION, got 'c/d.bmp no tab here'",
        "z.png: is missing",
    ):
        assert part in message
    splits = image_folder(str(folder), SIZE, captions=captions, max_bad_share=0.6, test_share=0.0)
    assert splits.description["counts"] == {"train": 1, "validation": 1, "test": 1}


def test_missing_and_empty(folder, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    assert f"There is no folder {empty / 'x'}" in refusal(empty / "x")
    assert f"{empty} holds no image files" in refusal(empty)
    assert "found no files at all" in refusal(empty)
    (empty / "a.txt").write_text("")
    assert "found 1 with .txt" in refusal(empty)
    assert "There is no file" in refusal(folder, captions=str(folder / "no.txt"))
    assert "captions.txt is empty" in refusal(folder, captions=write(folder, "", " "))


def test_broken_images_count_against_the_share(folder):
    (folder / "a.png").write_bytes(b"")
    assert "1 of 6 image files (16.67%)" in refusal(folder)
    splits = image_folder(str(folder), SIZE, max_bad_share=0.2)
    assert splits.description["skipped"]["reasons"] == {"is empty (0 bytes)": 1}
    fixtures.picture(0, 5, 5).save(folder / "a.png")
    assert image_folder(str(folder), SIZE).description["skipped"]["count"] == 0
