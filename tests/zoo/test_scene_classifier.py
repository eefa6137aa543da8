"""The reader of scenes: labels, objective, what of a caption is seen, and the committed export."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tests.weights import set_weights
from tfgen import serving
from tfgen.data import all_captions, scenes
from tfgen.data.scenes_words import SCENE_COLOURS, SCENE_CONTEXTS, SCENE_KINDS
from tfgen.data.two_objects_text import SentenceError
from zoo.attribute_classifier import (
    SceneClassifier,
    SceneClassifierConfig,
    add_presence,
    named_and_seen,
    vary_scenes,
)

EXPORT = pathlib.Path(__file__).parents[2] / "saved_models" / "scenes_classifier"


@pytest.fixture(scope="module")
def examples():
    source = scenes(32, train=8, seed=2, jit_compile=False).train
    return tf.function(source.load)(tf.range(8, dtype=tf.int64))


@pytest.fixture(scope="module")
def model(examples):
    config = SceneClassifierConfig(image_size=16, early_width=4, late_width=6, late_blocks=1)
    made = SceneClassifier(config)
    made.logits(examples["image"])
    return set_weights(made, 1)


class TestPresence:
    def test_what_is_there_is_counted_once(self, examples):
        batch = {name: value.numpy() for name, value in add_presence(examples).items()}
        for row, (kinds, colours) in enumerate(zip(examples["kinds"], examples["colours"])):
            pairs = {(k, c) for k, c in zip(kinds.numpy(), colours.numpy()) if k >= 0}
            assert set(np.flatnonzero(batch["kinds"][row])) == {k for k, _ in pairs}
            assert set(np.flatnonzero(batch["colours"][row])) == {c for _, c in pairs}
            assert set(np.flatnonzero(batch["objects"][row])) == {8 * k + c for k, c in pairs}
        assert batch["objects"].shape == (8, 64) and batch["objects"].any(1).all()

    def test_variations_are_a_function_of_the_seed_and_leave_what_is_there(self, examples):
        features = add_presence(examples)
        seeds = tf.constant([[i, 7] for i in range(8)])
        result = vary_scenes(features, seeds)
        some = vary_scenes({name: value[3:5] for name, value in features.items()}, seeds[3:5])
        np.testing.assert_allclose(some["image"], result["image"][3:5], atol=1e-6)
        np.testing.assert_array_equal(result["objects"], features["objects"])
        images, plain = result["image"].numpy(), features["image"].numpy() / 255.0
        straight, turned = (
            np.abs(images - other).mean((1, 2, 3)) for other in (plain, plain[:, :, ::-1])
        )
        assert np.minimum(straight, turned).max() < 0.2
        assert 0 < (turned < straight).sum() < 8, "some are mirrored and some are not"


class TestModel:
    def test_objective_against_independent_computations(self, model, examples):
        batch = add_presence(examples)
        terms = {name: value.numpy() for name, value in model.objective(batch, False).items()}
        seen = {name: value.numpy() for name, value in model.see(batch["image"]).items()}
        rows, context = np.arange(8), batch["context"].numpy()
        total = -np.log(seen["context"][rows, context])
        np.testing.assert_array_equal(terms["context"], seen["context"].argmax(1) == context)
        for name in ("kinds", "colours", "objects"):
            p, truth = seen[name].reshape([8, -1]), batch[name].numpy()
            total -= np.where(truth, np.log(p), np.log1p(-p)).sum(1)
            np.testing.assert_allclose(terms[name], ((p > 0.5) == truth).mean(1), rtol=1e-5)
        np.testing.assert_allclose(terms["loss"], total, rtol=1e-3)
        assert seen["objects"].shape == (8, 8, 8)

    def test_an_object_anywhere_is_enough(self, model, examples):
        """log sum exp over positions: never below the strongest of them."""
        images = tf.image.resize(tf.cast(examples["image"], tf.float32) / 255.0, [16, 16])
        features = model.trunk(tf.nn.space_to_depth(2.0 * images - 1.0, 2))
        evidence = model.evidence(features).numpy()
        scores = np.concatenate(
            [model.logits(images)[name] for name in ("kinds", "colours", "objects")], 1
        )
        expected = np.log(np.exp(evidence.astype(np.float64)).sum((1, 2)))
        np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)

    def test_features_tell_what_is_where(self, model, examples):
        images = tf.image.resize(tf.cast(examples["image"], tf.float32) / 255.0, [16, 16])
        found = model.features(images).numpy()
        assert found.shape == (8, 247 + 4 * 6)
        map_ = model.trunk(tf.nn.space_to_depth(2.0 * images - 1.0, 2)).numpy()
        evidence = model.evidence(map_).numpy().astype(np.float64)
        seen = model.see(images)
        present = [tf.reshape(seen[name], [8, -1]) for name in ("kinds", "colours", "objects")]
        present = np.concatenate(present, 1)
        np.testing.assert_allclose(found[:, :80], present, rtol=1e-4)
        np.testing.assert_allclose(found[:, 240:247], seen["context"], rtol=1e-4)
        # A map of 2x2 cells, whose centres are at -1/2 and 1/2.
        weights = np.exp(evidence) / np.exp(evidence).sum((1, 2), keepdims=True)
        across = 0.5 * (weights[:, :, 1] - weights[:, :, 0]).sum(1)
        down = 0.5 * (weights[:, 1] - weights[:, 0]).sum(1)
        np.testing.assert_allclose(found[:, 80:160], present * across, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(found[:, 160:240], present * down, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(found[:, 247:], map_.reshape([8, 24]), rtol=1e-4, atol=1e-6)

    def test_every_variable_has_a_gradient(self, model, examples):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.objective(add_presence(examples), True)["loss"])
        gradients = tape.gradient(loss, model.trainable_variables)
        assert all(gradient is not None for gradient in gradients)


class Fixed:
    """Sees a red ball and a blue cube on the lawn in every image."""

    def __init__(self):
        self.batches = []

    def see(self, images):
        self.batches.append(len(images))
        objects = np.zeros([8, 8])
        for kind, colour in (("ball", "red"), ("cube", "blue")):
            objects[SCENE_KINDS.index(kind), SCENE_COLOURS.index(colour)] = 0.9
        one = {
            "kinds": objects.max(1),
            "colours": objects.max(0),
            "objects": objects,
            "context": np.eye(7)[SCENE_CONTEXTS.index("lawn")],
        }
        return {name: np.stack([value] * len(images)) for name, value in one.items()}


class TestNamedAndSeen:
    def test_worked_out_by_hand(self):
        captions = {
            "a red ball on the lawn": (1.0, 1.0, 1.0),
            "a blue ball": (0.0, np.nan, 0.0),
            "two cubes and a cone at night": (0.5, 0.0, 1 / 3),
            "a small red thing on the grass": (1.0, 1.0, 1.0),
            "three objects in the snow": (np.nan, 0.0, 0.0),
        }
        reader = Fixed()
        found = named_and_seen(reader, np.zeros([5, 4, 4, 3], np.uint8), list(captions), 2)
        for column, name in enumerate(("objects", "context", "named")):
            expected = [values[column] for values in captions.values()]
            np.testing.assert_allclose(found[name], expected, err_msg=name)
        assert reader.batches == [2, 2, 1]

    def test_wrong_input_is_told(self):
        images = np.zeros([1, 4, 4, 3], np.uint8)
        with pytest.raises(SentenceError, match="dog"):
            named_and_seen(Fixed(), images, ["a dog"])
        with pytest.raises(ValueError, match="1 images and 2 captions"):
            named_and_seen(Fixed(), images, ["a ball", "a cube"])


class TestExport:
    @pytest.fixture(scope="class")
    def reader(self):
        return serving.load(EXPORT)

    def test_it_sees_what_real_images_show(self, reader):
        """Pictures of a seed that it was not trained on."""
        test = scenes(64, test=24, seed=77, jit_compile=False).test
        images = next(iter(test.batches(24)))["image"].numpy()
        captions = [group[0] for group in all_captions(test)]
        own = named_and_seen(reader, images, captions)
        other = named_and_seen(reader, images, [*captions[1:], captions[0]])
        assert np.nanmean(own["context"]) > 0.9
        assert np.nanmean(own["objects"]) > np.nanmean(other["objects"]) + 0.2

    def test_its_card_has_its_accuracy(self, reader):
        metrics = reader.card.metrics
        for name in ("colours_found_test", "context_test"):
            assert metrics[name] > 90.0, name
        assert metrics["kinds_found_test"] > 5 * metrics["kinds_invented_test"]
        size = sum(path.stat().st_size for path in EXPORT.rglob("*") if path.is_file())
        assert size < 4 * 2**20
