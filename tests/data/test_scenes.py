"""Scenes: what captions say is in the pictures, held-out combinations, and COCO's files."""

import collections
import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfgen.data import (
    DataError,
    array_source,
    caption_pairs,
    coco,
    coco_split,
    scenes,
    write_scenes,
)
from tfgen.data.scenes import HELD_OUT_SCENES, describe_scene, draw_scenes
from tfgen.data.scenes_captions import SceneDescription, SceneObject
from tfgen.data.scenes_facts import Mention, check_scene_caption, read_scene_caption
from tfgen.data.scenes_geometry import CANDIDATES, LAYOUT_NUMBERS, draw_scenery
from tfgen.data.scenes_rendering import SCENE_COLOUR_VALUES, first_objects
from tfgen.data.scenes_words import SCENE_COLOURS, SCENE_CONTEXTS, SCENE_KINDS
from tfgen.data.two_objects_text import SentenceError

SIZES = {"train": 300, "validation": 12, "test": 12, "held_out": 60, "jit_compile": False}


def all_of(source, wanted=None):
    """Features of every example; of those not wanted nothing is computed."""
    wanted = list(source.features) if wanted is None else wanted

    @tf.function(autograph=False)
    def load():
        features = source.load(tf.range(source.count, dtype=tf.int64))
        return {name: features[name] for name in wanted}

    return {name: value.numpy() for name, value in load().items()}


def example(batch, row):
    return {name: value[row] for name, value in batch.items()}


@pytest.fixture(scope="module")
def splits():
    return scenes(16, seed=3, **SIZES)


@pytest.fixture(scope="module")
def told(splits):
    """Everything but the pictures of 300 scenes."""
    return all_of(splits.train, [name for name in splits.train.features if name != "image"])


@pytest.fixture(scope="module")
def others(splits):
    """What tells the scenes of the split that is drawn in another way."""
    return {"held_out": all_of(splits.held_out, ["context", "kinds", "boxes"])}


@pytest.fixture(scope="module")
def pictures():
    return all_of(scenes(32, train=24, validation=1, test=1, seed=8, jit_compile=False).train)


@pytest.fixture(scope="module")
def layouts():
    draw = tf.function(lambda: draw_scenes((5, 6), tf.range(2000, dtype=tf.int64)), autograph=False)
    return {name: value.numpy() for name, value in draw().items()}


@pytest.fixture(scope="module")
def traced(layouts):
    few = {name: tf.constant(value[:150]) for name, value in layouts.items()}
    first, meets = tf.function(lambda: first_objects(few, 64), autograph=False)()
    return first.numpy(), meets.numpy()


def ball(**changes):
    thing = SceneObject("ball", "red", "small", column=0.3, right=-1.0, forward=0.0)
    return thing._replace(**changes)


class TestReading:
    """The reader of captions, on sentences and scenes worked out by hand."""

    scene = SceneDescription(
        "lawn",
        (
            ball(),
            ball(kind="cone", colour="blue", size="large", column=0.5, right=0.0, forward=1.0),
            ball(colour="blue", column=0.8, right=1.4, forward=1.1),
        ),
    )

    def test_facts(self):
        facts = read_scene_caption("At night, two big red objects behind a turquoise hut.")
        assert facts.context == "night"
        assert facts.mentions == (
            Mention(2, None, "red", "large"),
            Mention(1, "house", "cyan", None),
        )
        assert facts.relations == (("behind", 0, 1),)
        facts = read_scene_caption("next to a fir stands a drum by the sea")
        assert facts.relations == (("near", 1, 0),) and facts.context == "beach"
        facts = read_scene_caption("a ball is between a pawn and another pawn on the road")
        assert facts.between == ((0, 1, 2),) and facts.context == "road"
        facts = read_scene_caption("an orange cube on the right side and a cone on the left")
        assert facts.sides == (("right", 0), ("left", 1)) and facts.context is None
        facts = read_scene_caption("a snowy field with a picture of two balls, a ball and a cone")
        assert [m.number for m in facts.mentions] == [2, 1, 1] and facts.context == "snow"

    @pytest.mark.parametrize(
        ("text", "true"),
        [
            ("a red ball", True),
            ("a green ball", False),
            ("a red cone", False),
            ("a large ball", False),
            ("two balls and a cone on the grass", True),
            ("two balls at night", False),
            ("three balls", False),
            ("three objects", True),
            ("two things", False),
            ("two blue objects", True),
            ("two balls and a ball", False),  # there is no third one
            ("a ball and two balls", False),
            ("two balls and two blue objects", False),  # they share a ball
            ("two things and two balls", False),
            ("three objects and a red ball", False),
            ("two blue objects and a red ball", True),
            ("two blue objects and a blue ball", False),
            ("a ball and another ball", True),
            ("a blue ball and another blue ball", False),
            ("a red ball left of a cone", True),
            ("a ball left of a cone", True),  # the red one
            ("a blue ball left of a cone", False),
            ("a cone behind a red ball", True),
            ("a cone behind a blue ball", False),  # they are equally far away
            ("a cone in front of a blue ball", False),
            ("a blue ball near a cone", True),
            ("a red ball next to a blue ball", False),
            ("a cone between a ball and another ball", True),
            ("a ball between a cone and a ball", False),
            ("a ball on the left and a ball on the right", True),
            ("a cone on the left", False),  # it is in the middle
            ("in front of a cone there is a ball on the lawn", True),
            ("in front of a ball there is a cone", False),
        ],
    )
    def test_truth(self, text, true):
        result = check_scene_caption(text, self.scene)
        assert result.readable and result.true is true

    def test_parts_are_counted(self):
        text = "a red ball left of a green cone on the beach"
        result = check_scene_caption(text, self.scene)
        assert result == (True, False, 2, 1, 1, 0, False)
        result = check_scene_caption("two balls and two cones", self.scene)
        assert result == (True, False, 2, 1, 0, 0, None)
        result = check_scene_caption("two balls and two blue objects and a cone", self.scene)
        assert result == (True, False, 3, 2, 0, 0, None)
        result = check_scene_caption("three objects with a ball left of a cone", self.scene)
        assert result == (True, False, 3, 2, 1, 1, None)
        result = check_scene_caption("a ball right of a cone on the lawn", self.scene)
        assert result == (True, True, 2, 2, 1, 1, True)

    def test_a_text_that_repeats_itself_is_counted_too(self):
        result = check_scene_caption(" and ".join(["a ball"] * 30), self.scene)
        assert result == (True, False, 30, 2, 0, 0, None)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("a red dog", "'dog' is unknown"),
            ("", "names no object"),
            ("on the lawn", "names no object"),
            ("two ball", "disagree"),
            ("a balls", "disagree"),
            ("red ball", "lacks its number"),
            ("a red left of a ball", "lacks its noun"),
            ("a ball left of", "lacks an object"),
            ("a ball between a cone", "lacks an object"),
            ("on the left a ball", "lacks an object"),
            ("a ball on the lawn at night", "names 2 places"),
        ],
    )
    def test_what_is_no_caption_is_refused(self, text, reason):
        with pytest.raises(SentenceError, match=reason):
            read_scene_caption(text)
        result = check_scene_caption(text, self.scene)
        assert not result.readable and not result.true


class TestCaptions:
    def test_every_caption_is_readable_and_true(self, told):
        for row in range(300):
            scene = describe_scene(example(told, row))
            for caption in told["captions"][row]:
                result = check_scene_caption(caption.decode(), scene)
                assert result.readable and result.true, (caption, scene)
                assert result.true_mentions == result.mentions >= 1
                assert result.true_relations == result.relations and result.context is not False

    def test_most_captions_are_false_of_other_scenes(self, told):
        false = [
            not check_scene_caption(
                told["captions"][row][0].decode(), describe_scene(example(told, row - 1))
            ).true
            for row in range(300)
        ]
        assert np.mean(false) > 0.85

    def test_captions_vary(self, told):
        captions = told["captions"]
        distinct = [len(set(row)) for row in captions]
        assert np.mean(np.equal(distinct, 5)) > 0.97
        texts = collections.Counter(captions.ravel().tolist())
        # A few images share a short caption; most captions are said once.
        assert 0.75 < len(texts) / captions.size < 0.995
        facts = [read_scene_caption(text.decode()) for text in texts]
        shares = {
            "context": np.mean([f.context is not None for f in facts]),
            "relations": np.mean([bool(f.relations) for f in facts]),
            "between": np.mean([bool(f.between) for f in facts]),
            "sides": np.mean([bool(f.sides) for f in facts]),
            "counts": np.mean([any(m.number > 1 for m in f.mentions) for f in facts]),
        }
        wanted = {
            "context": (0.5, 0.85),
            "relations": (0.12, 0.5),
            "between": (0.01, 0.2),
            "sides": (0.02, 0.2),
            "counts": (0.05, 0.4),
        }
        for name, (low, high) in wanted.items():
            assert low < shares[name] < high, (name, shares)
        assert len({word for text in texts for word in text.split()}) > 75


class TestScenes:
    def test_no_held_out_combination_outside_its_split(self, told, others):
        held = {(SCENE_KINDS.index(k), SCENE_CONTEXTS.index(c)) for k, c in HELD_OUT_SCENES}
        assert {kind for kind, _ in HELD_OUT_SCENES} == set(SCENE_KINDS)
        assert {context for _, context in HELD_OUT_SCENES} == set(SCENE_CONTEXTS)
        for split, batch in {"train": told, **others}.items():
            has = [
                any((kind, context) in held for kind in kinds)
                for kinds, context in zip(batch["kinds"], batch["context"])
            ]
            assert all(has) if split == "held_out" else not any(has)

    def test_attributes_are_uniform(self, layouts):
        kinds, context = layouts["kinds"], layouts["context"]
        assert stats.chisquare(np.bincount(context, minlength=7)).pvalue > 1e-4
        counts = (kinds >= 0).sum(1)
        assert stats.chisquare(np.bincount(counts)[1:]).pvalue > 1e-4
        # Object 0 is drawn freely among the kinds that its context has.
        for number in range(7):
            found = np.bincount(kinds[context == number, 0], minlength=8)
            absent = [
                SCENE_KINDS.index(k) for k, c in HELD_OUT_SCENES if c == SCENE_CONTEXTS[number]
            ]
            assert not found[absent].any()
            assert stats.chisquare(np.delete(found, absent)).pvalue > 1e-5
        for name in ("colours", "sizes"):
            assert stats.chisquare(np.bincount(layouts[name][:, 0])).pvalue > 1e-4
        pairs = kinds[counts > 1]
        same = np.mean(pairs[:, 0] == pairs[:, 1])
        assert abs(same - (0.25 + 0.75 / 6.86)) < 0.05
        for name in ("kinds", "colours", "sizes"):
            np.testing.assert_array_equal(layouts[name] < 0, kinds < 0)

    def test_a_valid_layout_is_nearly_always_found(self, layouts):
        assert np.mean(layouts["candidate"] == CANDIDATES) < 0.04

    def test_objects_are_inside_apart_and_mostly_seen(self, layouts, traced):
        present = layouts["kinds"] >= 0
        boxes = layouts["boxes"][present]
        assert boxes.min() > 0.0 and boxes.max() < 1.0
        first, meets = traced
        hidden = []
        for scene in range(len(first)):
            for i in np.flatnonzero(present[scene]):
                alone = meets[scene, i]
                hidden.append(1 - ((first[scene] == i) & alone).sum() / alone.sum())
            assert not meets[scene][~present[scene]].any()
        assert max(hidden) < 0.6
        assert 0.02 < np.mean(np.array(hidden) > 0.02) < 0.5, "some overlap is part of the task"

    def test_boxes_enclose_what_the_rays_meet(self, layouts, traced):
        _, meets = traced
        for scene, i in zip(*np.nonzero(layouts["kinds"][:150] >= 0)):
            rows, columns = np.nonzero(meets[scene, i])
            found = np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]) / 64
            np.testing.assert_allclose(found, layouts["boxes"][scene, i], atol=1.6 / 64)

    def test_the_fixed_layout_has_all_large_objects_inside_and_apart(self):
        kinds = np.array([[i, i, j, j] for i in range(8) for j in range(8)], np.int32)
        numbers = np.full([64, LAYOUT_NUMBERS], 0.9999, np.float32)
        sizes = np.ones([64, 4], np.int32)
        scenery = draw_scenery(tf.constant(numbers), tf.constant(kinds), tf.constant(sizes))
        assert (scenery["candidate"].numpy() == CANDIDATES).all()
        assert scenery["boxes"].numpy().min() > 0.0 and scenery["boxes"].numpy().max() < 1.0
        scenery = {**scenery, "kinds": tf.constant(kinds)}
        first, meets = first_objects(scenery, 48)
        first, meets = first.numpy(), meets.numpy()
        for i in range(4):
            seen = ((first == i) & meets[:, i]).sum((1, 2)) / meets[:, i].sum((1, 2))
            assert seen.min() > 0.45

    def test_relations_are_seen_in_the_picture(self, told):
        """What stands in front stands lower in the picture."""
        checked = 0
        for row in range(300):
            scene = describe_scene(example(told, row))
            for a in range(len(scene.objects)):
                for b in range(len(scene.objects)):
                    if a != b and scene.holds("front", a, b):
                        assert told["boxes"][row, a, 2] > told["boxes"][row, b, 2]
                        checked += 1
        assert checked > 100


class TestPictures:
    def test_an_example_does_not_depend_on_its_batch_nor_its_size(self, pictures):
        source = scenes(32, train=9, seed=8, jit_compile=False).train
        some = tf.function(source.load, autograph=False)(tf.constant([7, 2], tf.int64))
        for name, value in some.items():
            np.testing.assert_array_equal(value.numpy(), pictures[name][[7, 2]])
        large = scenes(64, train=4, seed=8, jit_compile=False).train
        large = {
            name: value.numpy() for name, value in large.load(tf.range(3, dtype=tf.int64)).items()
        }
        np.testing.assert_array_equal(large["captions"], pictures["captions"][:3])
        halved = large["image"].reshape(3, 32, 2, 32, 2, 3).astype(float).mean((2, 4))
        assert np.abs(halved - pictures["image"][:3]).mean() < 4

    def test_splits_and_seeds_are_different_streams(self, told, others, pictures):
        boxes = [part["boxes"][:12, 0] for part in (told, pictures, *others.values())]
        assert len({tuple(box) for part in boxes for box in part}) == 36

    def test_objects_have_their_colours(self, pictures):
        """The mean hue of an object's own pixels, but for those whose second part is not its."""
        hues = {}
        for name in SCENE_COLOURS:
            value = np.array(SCENE_COLOUR_VALUES[name], float)
            hues[name] = value / np.linalg.norm(value)
        right = []
        for image, kinds, colours, boxes, context in zip(
            *(pictures[name] for name in ("image", "kinds", "colours", "boxes", "context"))
        ):
            if SCENE_CONTEXTS[context] == "night":
                continue  # its light is blue
            for kind, colour, box in zip(kinds, colours, boxes):
                if kind < 0 or SCENE_KINDS[kind] not in ("ball", "cube", "cylinder"):
                    continue
                row, column = int(16 * (box[0] + box[2])), int(16 * (box[1] + box[3]))
                pixel = image[row, column].astype(float)
                pixel /= np.linalg.norm(pixel)
                nearest = max(hues, key=lambda name: pixel @ hues[name])
                right.append(nearest == SCENE_COLOURS[colour])
        assert len(right) >= 10 and np.mean(right) > 0.85

    def test_contexts_look_different(self, layouts):
        """The mean colours of the lower quarter, where there are few objects."""
        module = __import__("tfgen.data.scenes_rendering", fromlist=["render_scenes"])
        few = {name: tf.repeat(tf.constant(value[:2]), 7, 0) for name, value in layouts.items()}
        few["context"] = tf.tile(tf.range(7), [2])
        images = module.render_scenes(few, 16, 2, jit_compile=False).numpy().astype(float)
        ground = images[:, 12:].mean((1, 2)).reshape(2, 7, 3)
        sky = images[:, :2].mean((1, 2)).reshape(2, 7, 3)
        for part in range(2):
            looks = np.concatenate([ground[part], sky[part]], 1)
            apart = np.abs(looks[:, None] - looks[None]).sum(-1) + 1e3 * np.eye(7)
            assert apart.min() > 40

    def test_xla_draws_the_same_pictures(self, layouts):
        module = __import__("tfgen.data.scenes_rendering", fromlist=["render_scenes"])
        few = {name: tf.constant(value[:2]) for name, value in layouts.items()}
        plain, compiled = (
            module.render_scenes(few, 16, 2, jit_compile=jit).numpy().astype(int)
            for jit in (False, True)
        )
        # A ray that grazes an edge may fall on its other side.
        assert np.mean(np.abs(plain - compiled) > 2) < 0.01


class TestFiles:
    @pytest.fixture(scope="class")
    def folder(self, splits, pictures, tmp_path_factory):
        """Twelve pictures in splits of 5, 3, 2 and 2, and where they are written."""
        arrays = {**pictures, "captions": pictures["captions"].astype("S")}
        cut = {"train": (0, 5), "validation": (5, 8), "test": (8, 10), "held_out": (10, 12)}
        parts = {
            split: array_source({name: value[a:b] for name, value in arrays.items()})
            for split, (a, b) in cut.items()
        }
        described = {**splits.description, "image_shape": [32, 32, 3]}
        few = dataclasses.replace(splits, **parts, description=described)
        folder = tmp_path_factory.mktemp("written") / "scenes"
        counts = write_scenes(few, str(folder), progress=False)
        assert counts == {"train": 5, "validation": 3, "test": 2, "held_out": 2}
        return few, folder

    def test_the_layout_is_cocos(self, folder):
        splits, folder = folder
        ids, image_ids = [], []
        for name, split in (("train", splits.train), ("held_out", splits.held_out)):
            wanted = all_of(split)
            captions = json.loads((folder / f"annotations/captions_{name}.json").read_text())
            instances = json.loads((folder / f"annotations/instances_{name}.json").read_text())
            assert {c["id"]: c["name"] for c in instances["categories"]}[1] == "ball"
            image_ids += [image["id"] for image in captions["images"]]
            ids += [annotation["id"] for annotation in captions["annotations"]]
            for row, image in enumerate(captions["images"]):
                assert (folder / "images" / name / image["file_name"]).is_file()
                mine = [a for a in captions["annotations"] if a["image_id"] == image["id"]]
                assert [a["caption"].encode() for a in mine] == list(wanted["captions"][row])
                things = [a for a in instances["annotations"] if a["image_id"] == image["id"]]
                kinds = [a["category_id"] - 1 for a in things]
                assert kinds == [kind for kind in wanted["kinds"][row] if kind >= 0]
                for thing, box in zip(things, wanted["boxes"][row]):
                    left, top, width, height = np.array(thing["bbox"]) / 32
                    np.testing.assert_allclose(
                        [top, left, top + height, left + width], box, atol=2e-3
                    )
        assert len(set(ids)) == len(ids) == 35 and len(set(image_ids)) == 7

    def test_coco_reads_it_back(self, folder):
        splits, folder = folder
        read = coco(str(folder), 32)
        assert read.description["counts"] == {"train": 5, "validation": 3, "test": 2}
        for split in ("train", "validation", "test"):
            wanted, got = (
                next(getattr(part, split).batches(5).as_numpy_iterator()) for part in (splits, read)
            )
            np.testing.assert_array_equal(got["image"], wanted["image"])
            np.testing.assert_array_equal(got["captions"], wanted["captions"])
        held = coco_split(str(folder), "held_out", 32)
        wanted = all_of(splits.held_out, ["captions"])["captions"]
        np.testing.assert_array_equal(all_of(held, ["captions"])["captions"], wanted)

    def test_pycocotools_reads_it(self, folder):
        tools = pytest.importorskip("pycocotools.coco")
        captions = tools.COCO(str(folder[1] / "annotations/captions_train.json"))
        assert len(captions.getAnnIds(imgIds=[2])) == 5
        instances = tools.COCO(str(folder[1] / "annotations/instances_train.json"))
        assert len(instances.getCatIds()) == 8 and len(instances.getImgIds()) == 5

    def test_nothing_is_overwritten_and_nothing_half_written(self, folder, tmp_path):
        splits, folder = folder
        with pytest.raises(DataError, match="exists already"):
            write_scenes(splits, str(folder), progress=False)

        def fail(indices):
            raise RuntimeError("stopped")

        broken = splits.map(lambda source: source.__class__(2, fail, source.features))
        with pytest.raises(RuntimeError, match="stopped"):
            write_scenes(broken, str(tmp_path / "new"), progress=False)
        assert not list(tmp_path.iterdir())

    def test_map_reaches_the_held_out_split(self, folder):
        mapped = folder[0].map(caption_pairs)
        assert "text" in mapped.held_out.features and "text" in mapped.test.features
