"""The classifier's recipe from end to end, on a handful of images."""

import json

import numpy as np
import pytest
import tensorflow as tf

from recipes import two_objects_classifier as recipe
from tfgen import serving
from tfgen.data import one_object, two_objects
from tfgen.training import RunDirectory
from zoo.attribute_classifier import add_roles, correctness


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    config = recipe.config("smoke")
    run = RunDirectory.create(tmp_path_factory.mktemp("runs"), config.recipe, config)
    return run, recipe.run(config, run)


@pytest.mark.slow
def test_reports_every_attribute_at_every_size(finished):
    run, numbers = finished
    assert json.loads((run.path / "report.json").read_text()) == pytest.approx(numbers)
    for prefix in ("accuracy_32", "accuracy_64", "accuracy_112", "accuracy_one_object_64"):
        parts = [numbers[f"{prefix}_{name}"] for name in ("size", "colour", "material", "shape")]
        assert numbers[prefix] == pytest.approx(np.mean(parts))
        assert numbers[f"{prefix}_all_words"] <= min(parts)
    page = (run.path / "report.md").read_text()
    assert f"{numbers['accuracy_112']:.2f}" in page


def test_the_export_answers_as_the_model(finished):
    run, numbers = finished
    served = serving.load(run.path / "export")
    batch = next(iter(two_objects(64, test=8, jit_compile=False).test.batches(8)))
    shares = correctness(served, batch["image"].numpy(), batch["text"].numpy())
    assert 100 * shares.mean() == pytest.approx(numbers["accuracy_64"])
    assert served.card.metrics["accuracy_64"] == pytest.approx(numbers["accuracy_64"])


def test_joined_sources_follow_one_another():
    parts = [
        two_objects(16, train=5, jit_compile=False).train,
        one_object(16, train=3, jit_compile=False).train,
    ]
    whole = recipe.joined(parts)
    assert whole.count == 8
    joined = tf.function(whole.load)(tf.constant([7, 0, 5, 4], tf.int64))
    alone = [
        add_roles(tf.function(part.load)(tf.range(part.count, dtype=tf.int64))) for part in parts
    ]
    for row, (part, index) in enumerate(((1, 2), (0, 0), (1, 0), (0, 4))):
        for name in ("image", "roles"):
            np.testing.assert_array_equal(joined[name][row], alone[part][name][index])


@pytest.mark.parametrize("preset", recipe.PRESETS)
def test_presets_are_valid(preset):
    config = recipe.config(preset)
    config.training.validate()
    assert config.preset == preset
