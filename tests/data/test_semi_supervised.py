"""Pairs and torn examples: nothing is lost, nothing is told twice, nothing belongs together."""

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import Source, array_source, caption_pairs, semi_supervised

COUNT = 400


@pytest.fixture(scope="module")
def source():
    numbers = np.arange(COUNT)
    return array_source(
        {
            "image": np.stack([numbers, numbers], 1),
            "captions": np.array([[f"{n}/a", f"{n}/b"] for n in numbers]).astype("S"),
            "caption_count": np.full(COUNT, 2),
            "context": numbers,
        }
    )


@pytest.fixture(scope="module")
def parts(source):
    return semi_supervised(caption_pairs(source), 0.3, seed=5)


def numbers_of(source):
    batch = source.load(tf.range(source.count, dtype=tf.int64))
    found = {}
    if "image" in batch:
        found["image"] = batch["image"].numpy()[:, 0]
    if "text" in batch:
        found["text"] = np.array([int(text.split(b"/")[0]) for text in batch["text"].numpy()])
    return found


def test_every_example_is_paired_or_torn(parts):
    assert (parts.paired.count, parts.images.count, parts.texts.count) == (120, 280, 280)
    pairs = numbers_of(parts.paired)
    np.testing.assert_array_equal(pairs["image"], pairs["text"])
    images, texts = numbers_of(parts.images), numbers_of(parts.texts)
    assert set(images) == {"image"} and set(texts) == {"text"}
    torn = sorted(images["image"].tolist())
    assert torn == sorted(texts["text"].tolist())
    assert sorted([*torn, *pairs["image"].tolist()]) == list(range(COUNT))
    # 280 random places: one meets its own image by chance, with a standard deviation of one.
    assert np.sum(images["image"] == texts["text"]) < 9
    assert abs(np.corrcoef(images["image"], texts["text"])[0, 1]) < 0.3


def test_names_and_truth_stay_with_the_pairs(parts):
    assert "context" in parts.paired.features
    assert set(parts.images.features) == {"image"}
    assert set(parts.texts.features) == {"text", "captions", "caption_count"}


def test_a_larger_share_keeps_the_pairs_of_a_smaller(source, parts):
    more = numbers_of(semi_supervised(caption_pairs(source), 0.5, seed=5).paired)
    assert set(numbers_of(parts.paired)["image"]) <= set(more["image"])
    other = numbers_of(semi_supervised(caption_pairs(source), 0.3, seed=6).paired)
    assert len(set(numbers_of(parts.paired)["image"]) & set(other["image"])) < 80


def test_batches_have_three_parts_and_go_on(parts):
    batches = parts.batches(8, 20, seed=3)
    first = [
        {kind: {k: v.numpy() for k, v in part.items()} for kind, part in batch.items()}
        for batch in batches.take(30)
    ]
    assert [len(first[0][kind]["text"]) for kind in ("paired", "texts")] == [8, 20]
    assert first[0]["images"]["image"].shape == (20, 2) and "text" not in first[0]["images"]
    for batch in first:
        texts = [int(text.split(b"/")[0]) for text in batch["paired"]["text"]]
        np.testing.assert_array_equal(batch["paired"]["image"][:, 0], texts)
    # Two epochs of the texts: the captions are drawn anew.
    told = np.concatenate([batch["texts"]["text"] for batch in first[:28]])
    assert len(set(told[:280])) == 280
    both = set(told[:280]) & set(told[280:])
    assert 90 < len(both) < 190
    (again,) = parts.batches(8, 20, seed=3, start_step=29).take(1)
    np.testing.assert_array_equal(again["texts"]["text"], first[29]["texts"]["text"])
    np.testing.assert_array_equal(again["images"]["image"], first[29]["images"]["image"])


def test_texts_are_loaded_without_their_images():
    def load(indices):
        image = tf.fill(tf.shape(indices), tf.io.read_file("there is no such file"))
        return {"image": image, "text": tf.strings.as_string(indices)}

    features = {"image": tf.TensorSpec([], tf.string), "text": tf.TensorSpec([], tf.string)}
    parts = semi_supervised(Source(10, load, features), 0.2)
    texts = next(iter(parts.texts.batches(8)))["text"].numpy()
    assert len(set(texts)) == 8


def test_bad_arguments(source):
    for share in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match="labelled_share is a share in"):
            semi_supervised(source, share)
    with pytest.raises(ValueError, match="no features of texts"):
        semi_supervised(array_source({"image": np.arange(4)}), 0.5)
