"""The CelebA recipe from data in CelebA's own format to the export; its classifier's measure."""

import json

import numpy as np
import pytest
import tensorflow as tf

import recipes.vlvae_celeba as recipe
from recipes.command_line import main
from tests.data import fixtures
from tfgen import serving
from tfgen.data import CELEBA_WORDS
from tfgen.training import RunDirectory, load_config
from zoo.vlvae import NetworkConfig, WordClassifier, word_correctness

COUNT = 20

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("celeba")
    values = fixtures.write_celeba(root, COUNT)
    return root, values


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    config = load_config(recipe.config("smoke"), overrides=[f"data.directory={folder[0]}"])
    run = RunDirectory.create(tmp_path_factory.mktemp("runs"), config.recipe, config)
    return run, recipe.run(config, run)


def test_smoke_reports_the_numbers_of_tables_1_and_2(finished):
    run, numbers = finished
    for name in ("real", "reconstruction", "q_true", "q_agg", "prior", "aggregate_prior"):
        assert 0.0 <= numbers[f"correctness_{name}"] <= 100.0
    for name in ("x_given_y_q_true", "x_given_y_q_agg", "y_prior", "y_aggregate_prior"):
        assert np.isfinite(numbers[f"log_p_{name}"])
    for name in ("x_prior", "x_aggregate_prior"):
        assert numbers[f"log_p_{name}_importance"] >= numbers[f"log_p_{name}"]
    parts = numbers["posterior_to_aggregate"] + numbers["aggregate_to_prior"]
    assert parts == pytest.approx(numbers["kl"], abs=1e-6)
    assert json.loads((run.path / "report.json").read_text()) == pytest.approx(numbers)
    assert "| Wavy_Hair |" in (run.path / "report.md").read_text()
    for phase in ("classifier", "vlvae", "q_true", "q_agg", "aggregate_prior"):
        assert run.history(phase)[-1]["step"] == 4


def test_accuracy_of_the_commoner_answer_is_that_of_the_file(folder, finished):
    rows = folder[1][-(COUNT // 5) :]  # the test split
    columns = [fixtures.CELEBA_ATTRIBUTES.index(w) for w in recipe.SPOKEN if w != "Female"]
    share = (rows[:, columns] > 0).mean(0)
    male = (rows[:, fixtures.CELEBA_ATTRIBUTES.index("Male")] > 0).mean()
    commoner = np.append(np.maximum(share, 1 - share), max(male, 1 - male))
    found = finished[1]["classifier_accuracy_constant"]
    assert found == pytest.approx(100 * commoner.mean())


def test_the_classifier_is_not_trained_again_to_measure_a_finished_run(finished, monkeypatch):
    """The rest of `evaluate` is that of all VLVAEs, see test_vlvae_two_objects."""
    run, numbers = finished
    config = recipe.read_config(run)
    monkeypatch.setattr(tf.keras.Model, "fit", lambda *_, **__: pytest.fail("it trained again"))
    instrument = recipe.JOB.instrument(config, recipe.load_data(config), run)
    found = instrument.numbers
    assert found == pytest.approx({name: numbers[name] for name in found}, rel=1e-5)
    batch = next(iter(recipe.load_data(config).test.batches(4)))
    shares = instrument.correctness(batch["image"].numpy(), batch["text"].numpy())
    assert numbers["correctness_real"] == pytest.approx(100.0 * shares.mean(), rel=1e-5)


def test_export_draws_faces_from_words_in_any_order_and_refuses_others(finished):
    run, _ = finished
    model = serving.load(run.path / "export")
    texts = ["Female Smiling", "Smiling Female", "Male - - Bald"]
    images = model.images_from_text(texts=texts, count=2, seed=3)["images"]
    assert images.shape == (3, 2, 32, 32, 3) and images.dtype == np.uint8
    said = model.texts_from_images(images=images[:, 0], count=2)["texts"]
    for text in said.ravel():
        text = text.decode() if isinstance(text, bytes) else text
        assert set(text.split()) <= set(CELEBA_WORDS) and len(text.split()) <= 9
    with pytest.raises(Exception, match="Wavy_Hair") as caught:
        model.images_from_text(texts=["Female Tall"], count=1)
    assert "Tall" in str(caught.value)


def test_word_correctness_counts_spoken_words_alone():
    likely = np.zeros([5, 19], np.float32)
    for word in ("Female", "Smiling", "Bangs"):
        likely[:, CELEBA_WORDS.index(word)] = 0.51
    likely[:, CELEBA_WORDS.index("Bald")] = 0.5  # not over 50 %
    texts = [
        "Female Smiling",
        "Bangs Male Female Bald",
        "- Female - Mustache",
        "-",
        "Male Male Female",
    ]
    shares = word_correctness(
        lambda images: tf.constant(likely)[: len(images)],
        recipe.make_vocabulary(),
        np.zeros([5, 8, 8, 3], np.uint8),
        texts,
    )
    np.testing.assert_allclose(shares, [1.0, 0.5, 0.5, 0.0, 1 / 3])


def test_the_classifiers_loss_is_the_cross_entropy_of_all_words_in_nats():
    sizes = NetworkConfig(
        encoding_size=4,
        image_width=2,
        downsamplings=1,
        residual_blocks=0,
        bottleneck_channels=1,
        bottleneck_size=0,
    )
    classifier = WordClassifier(sizes, 8, 3)
    batch = {
        "image": tf.zeros([2, 8, 8, 3], tf.uint8),
        "labels": tf.constant([[1, 0, 1], [0, 0, 0]], tf.uint8),
    }
    classifier.logits(batch["image"])
    kernel, bias = classifier.head.weights
    kernel.assign(tf.zeros_like(kernel))
    bias.assign([0.0, np.log(3.0), 0.1])
    terms = classifier.objective(batch, training=False)
    third = [np.log1p(np.exp(-0.1)), np.log1p(np.exp(0.1))]
    wanted = np.log(2.0) + np.log(4.0) + np.array(third)
    np.testing.assert_allclose(terms["loss"], wanted, rtol=1e-6)
    # Word 2 is always said (wrongly), word 3 too; word 1 at 50 % is not.
    np.testing.assert_allclose(terms["accuracy"], [1 / 3, 1 / 3], rtol=1e-6)


def test_missing_data_and_missing_presets_are_told_in_one_sentence(tmp_path, capsys):
    arguments = ["train", "vlvae_celeba", "--output", str(tmp_path / "runs"), "--preset"]
    assert main([*arguments, "smoke", "--set", f"data.directory={tmp_path}"]) == 2
    message = capsys.readouterr().err
    assert "img_align_celeba" in message and str(tmp_path) in message
    assert main([*arguments, "quick"]) == 2
    assert "paper, smoke" in capsys.readouterr().err
