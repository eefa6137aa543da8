"""Sources kept in memory and in files."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import Source, in_memory


class Counted:
    """A source of pictures and texts that counts how many examples it has made."""

    def __init__(self, count=37, offset=0):
        self.made = 0

        def tally(indices):
            self.made += len(indices)
            return indices

        def load(indices):
            indices = tf.numpy_function(tally, [indices], tf.int64)
            indices = tf.ensure_shape(indices, [None])
            texts = tf.strings.join(["text ", tf.strings.as_string(indices + offset)])
            images = tf.cast(tf.reshape(indices + offset, [-1, 1, 1, 1]), tf.uint8)
            return {"image": tf.tile(images, [1, 4, 5, 3]), "text": texts}

        self.source = Source(
            count,
            load,
            {"image": tf.TensorSpec([4, 5, 3], tf.uint8), "text": tf.TensorSpec([], tf.string)},
        )


def assert_equal_examples(a: Source, b: Source):
    assert a.count == b.count and a.features == b.features
    for x, y in zip(a.batches(8, seed=3, shuffle=True), b.batches(8, seed=3, shuffle=True)):
        for name in b.features:
            np.testing.assert_array_equal(x[name].numpy(), y[name].numpy())


fill = functools.partial(in_memory, at_once=True)


def test_equal_examples_from_memory_and_each_is_made_once():
    counted = Counted()
    kept = fill(counted.source, progress=False, batch_size=10)
    assert counted.made == 37
    list(kept.batches(8, shuffle=True))
    assert counted.made == 37
    assert_equal_examples(kept, counted.source)


def test_examples_are_made_when_the_first_pipeline_asks_for_them():
    counted = Counted()
    kept = in_memory(counted.source, progress=False)
    assert counted.made == 0 and kept.features == counted.source.features
    (look,) = kept.batches(2, repeat=True).take(1)
    assert counted.made < 37 and look["text"].numpy()[1] == b"text 1"
    counted.made = 0
    first, second = (kept.batches(8, seed=seed, shuffle=True) for seed in (1, 2))
    assert len(list(first)) == len(list(second)) == 5
    assert counted.made == 37


def test_what_is_redrawn_is_not_kept():
    def redraw(features, seeds):
        suffix = tf.strings.as_string(seeds[:, 0] % 2)
        return {**features, "text": tf.strings.join([features["text"], suffix])}

    plain = Counted().source
    source = Source(plain.count, plain.load, plain.features, redraw)
    assert_equal_examples(in_memory(source, progress=False), source)


def test_cache_is_used_the_second_time(tmp_path):
    first, second = Counted(), Counted()
    fill(first.source, tmp_path, progress=False)
    kept = fill(second.source, tmp_path, progress=False)
    assert second.made == 3, "the three examples of the fingerprint alone"
    assert_equal_examples(kept, first.source)
    assert not list(tmp_path.glob(".partial*"))


def test_another_source_has_another_folder(tmp_path):
    fill(Counted().source, tmp_path, progress=False)
    other = Counted(offset=1)
    assert_equal_examples(fill(other.source, tmp_path, progress=False), other.source)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "damage", ["truncate", "flip a bit", "remove", "no manifest", "broken manifest"]
)
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    counted = Counted()
    fill(counted.source, tmp_path, progress=False)
    (folder,) = tmp_path.iterdir()
    image, manifest = folder / "image.npy", folder / "manifest.json"
    data = image.read_bytes()
    if damage == "truncate":
        image.write_bytes(data[:-7])
    elif damage == "flip a bit":
        image.write_bytes(data[:-7] + bytes([data[-7] ^ 1]) + data[-6:])
    elif damage == "remove":
        image.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text("{")
    again = Counted()
    assert_equal_examples(fill(again.source, tmp_path, progress=False), counted.source)
    assert again.made >= 37
    third = Counted()
    fill(third.source, tmp_path, progress=False)
    assert third.made == 3, "the cache was mended"


def test_an_interrupted_writing_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        fill(Counted().source, tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_an_empty_source_is_refused():
    with pytest.raises(ValueError, match="empty"):
        in_memory(Counted(count=0).source, progress=False)


def test_progress_is_shown(capsys):
    fill(Counted().source)
    assert "37/37" in capsys.readouterr().out
