"""The recipe of the reader of scenes."""

import json

import numpy as np
import pytest
import tensorflow as tf

import recipes.scenes_classifier as recipe
from recipes.command_line import main
from tfgen import serving
from tfgen.training import RunDirectory, load_config


@pytest.mark.parametrize("preset", recipe.PRESETS)
def test_every_preset_is_valid_and_can_be_read_again(preset, tmp_path):
    config = load_config(recipe.config(preset))
    assert (config.recipe, config.preset) == ("scenes_classifier", preset)
    run = RunDirectory.create(tmp_path, "scenes_classifier", config)
    assert recipe.read_config(run).as_dict() == config.as_dict()


def test_percentages_worked_out_by_hand():
    class Source:
        def batches(self, size):
            objects = np.zeros([2, 64], bool)
            objects[0, [3, 5]] = objects[1, 9] = True
            batch = {
                "image": np.zeros([2, 4, 4, 3], np.float32),
                "context": np.array([1, 2]),
                "kinds": objects.reshape(2, 8, 8).any(2),
                "colours": objects.reshape(2, 8, 8).any(1),
                "objects": objects,
            }
            yield {name: tf.constant(value) for name, value in batch.items()}

    class Model:
        def see(self, images):
            objects = np.zeros([2, 8, 8], np.float32)
            objects[0, 0, 3] = objects[1, 1, 1] = objects[1, 2, 0] = 0.8
            seen = {"objects": objects, "kinds": objects.max(2), "colours": objects.max(1)}
            seen["context"] = np.eye(7, dtype=np.float32)[[1, 4]]
            return {name: tf.constant(value) for name, value in seen.items()}

    numbers = recipe.presence_numbers(Model(), Source())
    assert numbers["context"] == 50.0
    assert numbers["objects_found"] == pytest.approx(200 / 3)
    assert numbers["objects_invented"] == pytest.approx(100 / 125)
    assert numbers["objects_images"] == 0.0 and numbers["kinds_images"] == 50.0
    assert numbers["kinds_found"] == 100.0 and numbers["kinds_invented"] == pytest.approx(100 / 14)


@pytest.mark.slow
def test_a_run_measures_reports_and_exports(tmp_path):
    command = ["train", "scenes_classifier", "--preset", "smoke", "--output", str(tmp_path)]
    assert main(command) == 0
    (path,) = (tmp_path / "scenes_classifier").iterdir()
    report = json.loads((path / "report.json").read_text())
    page = (path / "report.md").read_text()
    assert f"| unseen combinations | context | - | - | {report['context_held_out']:.2f} |" in page
    run = RunDirectory.open(path)
    served, model = serving.load(path / "export"), recipe.load_model(run)
    images = np.random.RandomState(0).randint(0, 256, [3, 20, 24, 3]).astype(np.uint8)
    seen = served.see(images=images)
    assert seen["objects"].shape == (3, 8, 8)
    for name, value in model.see(images).items():
        np.testing.assert_allclose(seen[name], value, atol=1e-5)
    features = served.features(images=images)["features"]
    np.testing.assert_allclose(features, model.features(images), atol=1e-5)
    assert served.card.metrics == pytest.approx(report)
