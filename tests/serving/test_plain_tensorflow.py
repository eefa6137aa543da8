"""The export works where there is nothing but TensorFlow: another process, another directory."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.properties_exports import ExportCase
from tests.serving.plain_process import in_plain_process
from tests.serving.toy_model import SIDE, ToyModel, toy_card
from tfgen import serving

COMMITTED = pathlib.Path(__file__).parents[2] / "saved_models"
TEXTS = ["small red cube", "large blue sphere", "large red cube"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    model = ToyModel()
    version = serving.export(model, tmp_path_factory.mktemp("plain") / "toy", toy_card())
    return model, version


def test_every_signature_gives_the_numbers_of_the_keras_model(toy, tmp_path):
    model, version = toy
    images = np.random.default_rng(0).integers(0, 256, [3, SIDE, SIDE, 3], np.uint8)
    pixels = images.tolist()
    requests = [
        {"signature": "images_from_text",
         "inputs": {"texts": TEXTS, "count": 2, "seed": 2**40 + 7, "temperature": 0.7}},
        {"signature": "texts_from_images", "inputs": {"images": pixels, "count": 4, "seed": -3}},
        {"signature": "sample", "inputs": {"count": 5, "seed": 11, "temperature": 1.0}},
        {"signature": "score", "inputs": {"images": pixels, "texts": TEXTS}},
        {"signature": "encode", "inputs": {"images": pixels}},
    ]  # fmt: skip
    expected = [
        model.images_from_text(tf.constant(TEXTS), 2, tf.constant(2**40 + 7, tf.int64), 0.7),
        model.texts_from_images(images, 4, tf.constant(-3, tf.int64)),
        model.sample(5, tf.constant(11, tf.int64), 1.0),
        model.score(images, tf.constant(TEXTS)),
        model.encode(images),
    ]
    results = in_plain_process(version, requests, tmp_path)
    for request, result, wanted in zip(requests, results, expected):
        assert set(result) == set(wanted), request["signature"]
        for name, tensor in wanted.items():
            values = tensor.numpy()
            assert result[name].dtype == values.dtype
            if tensor.dtype == tf.string:
                values = np.vectorize(bytes.decode)(values)
            assert_close(result[name], values)


def assert_close(got, wanted):
    if wanted.dtype.kind == "f":
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [path.name for path in sorted(COMMITTED.glob("*")) if serving.versions_in(path)]
)
def test_committed_exports_give_a_plain_client_the_same(name, tmp_path):
    """All signatures of saved_models/NAME: with TensorFlow alone, and through tfgen.serving."""
    case = ExportCase(name, lambda directory: serving.find_version(COMMITTED / name))
    export = case.open(tmp_path)
    requests = [{"signature": name, "inputs": export.inputs(name, 2)} for name in export.signatures]
    results = in_plain_process(export.model.path, requests, tmp_path)
    for request, result in zip(requests, results):
        expected = getattr(export.model, request["signature"])(**request["inputs"])
        assert set(result) == set(expected)
        for key, wanted in expected.items():
            assert_close(result[key], wanted)


def saved_model_cli(*arguments, check=True):
    done = subprocess.run(
        [str(pathlib.Path(sys.executable).with_name("saved_model_cli")), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if check:
        assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_saved_model_cli_shows_names_types_and_shapes(toy):
    shown = saved_model_cli("show", "--dir", str(toy[1]), "--all").stdout
    for name in ("serving_default", *toy[0].signatures()):
        assert f"signature_def['{name}']" in shown
    part = shown.split("signature_def['texts_from_images']")[1].split("signature_def[")[0]
    flat = " ".join(part.split())
    assert f"inputs['images'] tensor_info: dtype: DT_UINT8 shape: (-1, {SIDE}, {SIDE}, 3)" in flat
    assert "inputs['count'] tensor_info: dtype: DT_INT32 shape: ()" in flat
    assert "inputs['seed'] tensor_info: dtype: DT_INT64 shape: ()" in flat
    assert "outputs['texts'] tensor_info: dtype: DT_STRING shape: (-1, -1)" in flat


def test_saved_model_cli_runs_it_and_fills_defaults_in(toy, tmp_path):
    """It runs the graph in a session, as TensorFlow Serving does; unfed inputs take defaults."""
    model, version = toy
    saved_model_cli(
        *("run", "--dir", str(version), "--tag_set", "serve"),
        *("--signature_def", "images_from_text", "--outdir", str(tmp_path)),
        *("--input_exprs", 'texts=["large blue cube"]'),
    )
    expected = model.images_from_text(
        tf.constant(["large blue cube"]), 1, tf.constant(0, tf.int64), 1.0
    )
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), expected["images"])


def test_saved_model_cli_shows_what_is_wrong_with_a_text(toy):
    done = saved_model_cli(
        *("run", "--dir", str(toy[1]), "--tag_set", "serve"),
        *("--signature_def", "images_from_text", "--input_exprs", 'texts=["large pink cube"]'),
        check=False,
    )
    assert done.returncode != 0
    assert "word 2 is `pink`, not in the vocabulary" in done.stderr
    assert "Vocabulary: small large red blue cube sphere." in done.stderr
