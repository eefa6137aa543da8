"""The rendered data: what a sentence says is in the picture, and a picture is always the same."""

import importlib

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfgen.data import one_object, two_objects
from tfgen.data.rendering import render, visible_objects
from tfgen.data.scene_geometry import CANDIDATES, CUBE, CYLINDER, MARGIN, RADII, SPHERE, draw_layout
from tfgen.data.two_objects_text import (
    COLOURS,
    MATERIALS,
    SLOTS,
    VOCABULARY,
    SentenceError,
    parse_sentence,
    word_ids,
)
from tfgen.randomness import fold_in

# The package has a function of the same name as this module.
module = importlib.import_module("tfgen.data.two_objects")


def colour_values():
    return module.COLOUR_VALUES


@pytest.fixture(scope="module")
def scenes():
    """600 scenes, drawn together."""
    draw = tf.function(lambda: module.two_objects_scenes((3, 4), tf.range(600, dtype=tf.int64)))
    return {name: value.numpy() for name, value in draw().items()}


@pytest.fixture(scope="module")
def pictures():
    """The first examples of a small split, in one batch."""
    splits = two_objects(48, train=40, validation=40, test=40, seed=5, jit_compile=False)
    batch = next(iter(splits.train.batches(40)))
    return splits, {name: value.numpy() for name, value in batch.items()}


class TestExamples:
    @pytest.mark.parametrize("indices", [[17], [17, 3], [39, 38, 37, 17, 0, 5, 6]])
    def test_an_example_does_not_depend_on_its_batch(self, pictures, indices):
        splits, all_of_them = pictures
        part = tf.function(splits.train.load)(tf.constant(indices, tf.int64))
        for name, value in part.items():
            np.testing.assert_array_equal(value.numpy(), all_of_them[name][indices])

    def test_an_example_does_not_depend_on_the_number_of_examples(self, pictures):
        _, all_of_them = pictures
        other = two_objects(48, train=7, seed=5, jit_compile=False).train
        value = tf.function(other.load)(tf.constant([6], tf.int64))["image"].numpy()
        np.testing.assert_array_equal(value[0], all_of_them["image"][6])

    def test_splits_are_different_streams(self, pictures):
        splits, train = pictures
        sets = [set(zip(map(tuple, train["words"]), train["positions"].ravel()[::4]))]
        for source in (splits.validation, splits.test):
            batch = next(iter(source.batches(40)))
            sets.append(
                set(
                    zip(map(tuple, batch["words"].numpy()), batch["positions"].numpy().ravel()[::4])
                )
            )
        assert len(set.union(*sets)) == sum(map(len, sets)) == 120

    def test_seeds_are_different_streams(self):
        scenes = [
            module.two_objects_scenes(fold_in(seed, "a"), tf.range(20, dtype=tf.int64))
            for seed in (0, 1)
        ]
        assert np.mean(np.equal(scenes[0]["words"], scenes[1]["words"])) < 0.5
        assert np.abs(scenes[0]["camera"] - scenes[1]["camera"]).min(1).max() > 0.01

    def test_the_scene_of_an_index_is_the_same_at_every_size(self, pictures):
        _, train = pictures
        large = two_objects(96, train=40, seed=5, jit_compile=False).train
        large = {k: v.numpy() for k, v in large.load(tf.range(4, dtype=tf.int64)).items()}
        np.testing.assert_array_equal(large["text"], train["text"][:4])
        halved = large["image"].reshape(4, 48, 2, 48, 2, 3).astype(float).mean((2, 4))
        assert np.abs(halved - train["image"][:4]).mean() < 2.5

    def test_text_and_words_agree_and_are_sentences(self, pictures):
        splits, train = pictures
        vocabulary = splits.description["vocabulary"]
        assert vocabulary == list(VOCABULARY)
        for text, words in zip(train["text"], train["words"]):
            assert text.decode() == " ".join(vocabulary[word] for word in words)
            assert word_ids(text.decode()) == words.tolist()

    def test_xla_renders_the_same_pictures_up_to_rounding(self, scenes):
        few = {name: tf.constant(value[:2]) for name, value in scenes.items()}
        plain = render(few, 32, 2, jit_compile=False).numpy().astype(int)
        compiled = render(few, 32, 2, jit_compile=True).numpy().astype(int)
        # A ray that grazes an edge may fall on its other side.
        assert np.mean(np.abs(plain - compiled) > 1) < 0.002


class TestTruth:
    def test_relation_words_are_true_by_the_stored_positions(self, scenes):
        # Recomputed from the camera in numpy: right and forward, laid on the ground.
        right = scenes["right"][:, :2] / np.linalg.norm(scenes["right"][:, :2], axis=1)[:, None]
        ahead = scenes["forward"][:, :2]
        ahead = ahead / np.linalg.norm(ahead, axis=1)[:, None]
        difference = scenes["positions"][:, 0] - scenes["positions"][:, 1]
        across, along = (difference * right).sum(1), (difference * ahead).sum(1)
        names = np.array(VOCABULARY)[scenes["words"][:, 4]]
        true = {"left": across < 0, "right": across > 0, "front": along < 0, "behind": along > 0}
        for word, holds in true.items():
            assert holds[names == word].all()
        assert min(np.abs(across).min(), np.abs(along).min()) > MARGIN - 1e-4

    def test_relations_are_seen_in_the_picture(self, scenes):
        """Left objects are further left in the picture, front ones stand lower in it."""
        boxes, names = scenes["boxes"], np.array(VOCABULARY)[scenes["words"][:, 4]]
        middle, foot = 0.5 * (boxes[..., 0] + boxes[..., 2]), boxes[..., 1]
        left, front = middle[:, 0] < middle[:, 1], foot[:, 0] < foot[:, 1]
        assert left[names == "left"].mean() > 0.99 and left[names == "right"].mean() < 0.01
        assert front[names == "front"].mean() > 0.99 and front[names == "behind"].mean() < 0.01

    def test_no_object_is_hidden_by_more_than_half_nor_cut(self, scenes):
        size = 72
        look = tf.function(lambda part: visible_objects(part, size))
        hidden, cut, meet = [], [], []
        for start in range(0, 600, 100):
            part = {name: tf.constant(value[start : start + 100]) for name, value in scenes.items()}
            seen = {name: value.numpy() for name, value in look(part).items()}
            for i in range(2):
                alone = seen["alone"][:, i]
                visible = (seen["first"] == i) & alone
                hidden.append(1 - visible.sum((1, 2)) / alone.sum((1, 2)))
                edge = np.concatenate(
                    [alone[:, 0], alone[:, -1], alone[:, :, 0], alone[:, :, -1]], 1
                )
                cut.append(edge.any(1))
                meet.append(alone.sum((1, 2)))
        hidden, cut, meet = map(np.concatenate, (hidden, cut, meet))
        assert hidden.max() < 0.5 and not cut.any()
        assert (hidden > 0.02).mean() > 0.02, "some overlap is part of the task"
        # The smallest object covers some 30 pixels of a 32x32 picture.
        assert meet.min() / size**2 > 0.012

    def test_projected_boxes_enclose_what_the_rays_meet(self, scenes):
        size = 96
        part = {name: tf.constant(value[:60]) for name, value in scenes.items()}
        alone = visible_objects(part, size)["alone"].numpy()
        pixel = 2.0 / size
        for scene in range(60):
            for i in range(2):
                rows, columns = np.nonzero(alone[scene, i])
                left, bottom, right, top = scenes["boxes"][scene, i]
                traced = (
                    columns.min() * pixel - 1,
                    1 - (rows.max() + 1) * pixel,
                    (columns.max() + 1) * pixel - 1,
                    1 - rows.min() * pixel,
                )
                np.testing.assert_allclose(traced, (left, bottom, right, top), atol=1.6 * pixel)

    @pytest.mark.parametrize(
        "shapes", [(a, b) for a in (SPHERE, CYLINDER, CUBE) for b in (SPHERE, CYLINDER, CUBE)]
    )
    def test_the_fixed_layout_is_valid_for_all_objects(self, shapes):
        """Candidates that are all invalid (objects far off) leave the fixed one."""
        cases = [(a, b, quadrant) for a in RADII for b in RADII for quadrant in range(4)]
        radii = np.array([case[:2] for case in cases], np.float32)
        quadrants = np.array([case[2] for case in cases], np.int32)
        numbers = np.full([16, CANDIDATES, 17], 0.999, np.float32)
        layout = draw_layout(
            tf.constant(numbers),
            tf.constant([shapes] * 16),
            tf.constant(radii),
            tf.constant(quadrants),
        )
        assert (layout["candidate"].numpy() == CANDIDATES).all()
        assert np.abs(layout["boxes"].numpy()).max() < 0.96
        differences = np.diff(layout["positions"].numpy(), axis=1)[:, 0]
        assert (np.linalg.norm(differences, axis=1) > radii.sum(1)).all()
        assert np.abs(differences).min() > MARGIN
        assert ((differences[:, 0] > 0) == np.isin(quadrants, (0, 3))).all()
        assert ((differences[:, 1] > 0) == np.isin(quadrants, (0, 1))).all()
        for boxes, difference in zip(layout["boxes"].numpy(), differences):
            overlap = np.prod(np.maximum(boxes[:, 2:].min(0) - boxes[:, :2].max(0), 0))
            hidden = boxes[int(difference[1] > 0)]
            assert overlap <= 0.25 * np.prod(hidden[2:] - hidden[:2])

    def test_the_fixed_layout_is_hardly_ever_needed(self, scenes):
        assert (scenes["candidate"] == CANDIDATES).mean() < 0.005


class TestDistribution:
    @pytest.fixture(scope="class")
    def words(self):
        draw = tf.function(
            lambda first: module.two_objects_scenes((9, 9), first + tf.range(2000, dtype=tf.int64))
        )
        return np.concatenate(
            [draw(tf.constant(2000 * i, tf.int64))["words"].numpy() for i in range(3)]
        )

    @pytest.mark.parametrize("slot", range(9))
    def test_words_are_uniform_in_every_slot(self, words, slot):
        allowed = [VOCABULARY.index(word) for word in SLOTS[slot][1]]
        counts = np.array([(words[:, slot] == word).sum() for word in allowed])
        assert counts.sum() == len(words)
        assert stats.chisquare(counts).pvalue > 1e-4

    def test_slots_are_independent(self, words):
        for a in range(9):
            for b in range(a):
                table = np.zeros([19, 19])
                np.add.at(table, (words[:, a], words[:, b]), 1)
                table = table[table.sum(1) > 0][:, table.sum(0) > 0]
                assert stats.chi2_contingency(table).pvalue > 1e-5, (a, b)


class TestRedrawnSentences:
    @pytest.fixture(scope="class")
    def epochs(self):
        """The first pictures of a small split in each of 24 epochs, and as they are told once."""
        make = {"train": 12, "validation": 12, "test": 12, "seed": 5, "jit_compile": False}
        told = next(iter(two_objects(16, **make).train.batches(12)))
        splits = two_objects(16, redraw_sentences=True, **make)
        assert splits.validation.redraw is None and splits.test.redraw is None
        epochs = list(splits.train.batches(12, repeat=True, seed=3).take(24))
        return told, epochs

    def test_every_sentence_is_true_and_all_four_are_as_frequent(self, epochs):
        told, epochs = epochs
        counts = np.zeros([12, 4])
        for batch in epochs:
            np.testing.assert_array_equal(batch["image"], told["image"])
            for example in range(12):
                words = [VOCABULARY[word] for word in told["words"][example].numpy()]
                new = batch["text"][example].numpy().decode().split()
                assert new == [VOCABULARY[word] for word in batch["words"][example].numpy()]
                positions = batch["positions"][example].numpy()
                exchanged = not np.array_equal(positions, told["positions"][example])
                if exchanged:
                    np.testing.assert_array_equal(positions[::-1], told["positions"][example])
                    assert new[:4] == words[5:] and new[5:] == words[:4]
                else:
                    assert new[:4] == words[:4] and new[5:] == words[5:]
                across, along = positions[0] < positions[1]
                across, along = ("right", "left")[int(across)], ("behind", "front")[int(along)]
                assert new[4] in (across, along)
                counts[example, 2 * exchanged + (new[4] == along)] += 1
        assert stats.chisquare(counts.sum(0)).pvalue > 1e-4
        assert (counts > 0).all(1).sum() >= 10


class TestLooks:
    """Attributes read off the pixels of the object, found with the id buffer."""

    @pytest.fixture(scope="class")
    def objects(self, scenes):
        part = {name: tf.constant(value[:200]) for name, value in scenes.items()}
        images = tf.function(lambda s: render(s, 48, 2, jit_compile=False))(part).numpy()
        first = visible_objects(part, 48)["first"].numpy()
        found = []
        for i in range(2):
            for image, ids, words in zip(images, first, scenes["words"]):
                mine = ids == i
                # Without the rim, whose pixels are shared with what is behind.
                inner = mine & np.roll(mine, 1, 0) & np.roll(mine, -1, 0)
                inner &= np.roll(mine, 1, 1) & np.roll(mine, -1, 1)
                names = [VOCABULARY[word] for word in words[5 * i : 5 * i + 4]]
                found.append((names, image[inner].astype(float)))
        return found

    def test_matt_objects_have_their_hue(self, objects):
        values = {
            name: np.array(value) / np.linalg.norm(value) for name, value in colour_values().items()
        }
        right = []
        for (_, colour, material, _), pixels in objects:
            if material != "rubber":
                continue
            mean = pixels.mean(0) / np.linalg.norm(pixels.mean(0))
            right.append(max(values, key=lambda name: mean @ values[name]) == colour)
        assert len(right) > 150 and np.mean(right) > 0.97

    def test_gray_is_gray_and_darker_than_the_ground(self, objects):
        for (_, colour, material, _), pixels in objects:
            if colour == "gray" and material == "rubber":
                mean = pixels.mean(0)
                assert np.ptp(mean) < 6 and 50 < mean.mean() < 150

    def test_metal_has_highlights_and_contrast_and_rubber_has_not(self, objects):
        """Of the brightness within an object: rubber is even, metal is not."""
        spread = {name: [] for name in MATERIALS}
        for (size, _, material, shape), pixels in objects:
            if size == "large" and shape == "sphere":
                light = pixels.mean(1)
                low, high = np.percentile(light, [2, 99.5])
                spread[material].append((high - low) / light.mean())
        assert min(spread["metal"]) > max(spread["rubber"])
        assert np.mean(spread["metal"]) > 2 * np.mean(spread["rubber"])

    def test_all_colours_occurred(self, objects):
        assert {names[1] for names, _ in objects} == set(COLOURS)


class TestOneObject:
    def test_latent_map_variant_varies_colour_and_size_alone(self):
        splits = one_object(
            32,
            colours=("red", "blue"),
            materials=("rubber",),
            shapes=("sphere",),
            slots=("size", "colour"),
            train=64,
            jit_compile=False,
        )
        batch = next(iter(splits.train.batches(64)))
        texts = {text.decode() for text in batch["text"].numpy()}
        assert texts == {"small red", "small blue", "large red", "large blue"}
        assert batch["words"].shape == [64, 2] and batch["image"].shape == [64, 32, 32, 3]
        reds = [b"red" in text for text in batch["text"].numpy()]
        warmth = batch["image"].numpy().astype(float).mean((1, 2)) @ [1, 0, -1]
        assert warmth[reds].min() > warmth[np.logical_not(reds)].max()

    def test_four_words_by_default(self):
        source = one_object(16, train=3, jit_compile=False).train
        for text in next(iter(source.batches(3)))["text"].numpy():
            assert len(parse_sentence(text.decode(), SLOTS[:4])) == 4

    @pytest.mark.parametrize(
        "wrong", [{"colours": ("red", "pink")}, {"sizes": ()}, {"slots": ("size", "relation")}]
    )
    def test_wrong_choices_are_named(self, wrong):
        with pytest.raises(ValueError, match="Wanted one or more"):
            one_object(16, **wrong)


class TestSentences:
    def test_a_sentence_is_read_whatever_its_case_and_spaces(self):
        words = parse_sentence(" Small red  rubber sphere LEFT large blue metal cube ")
        assert words[4] == "left" and len(words) == 9

    @pytest.mark.parametrize(
        "text, complaint",
        [
            ("small pink rubber sphere left large blue metal cube", "word 2, 'pink', is not in"),
            ("small reed rubber sphere left large blue metal cube", "did you mean 'red'"),
            (
                "red small rubber sphere left large blue metal cube",
                "word 1, 'red', cannot stand there",
            ),
            ("small red rubber sphere", "it has 4 words, wanted 9"),
            ("", "it has 0 words, wanted 9"),
        ],
    )
    def test_errors_name_the_word_the_form_and_the_vocabulary(self, text, complaint):
        with pytest.raises(SentenceError) as error:
            parse_sentence(text)
        message = str(error.value)
        assert complaint in message
        assert "size colour material shape relation size colour material shape" in message
        assert all(word in message for word in VOCABULARY)
