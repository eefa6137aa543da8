"""Several seeds, shared neighbours, and the images drawn for captions, measured."""

import statistics

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.toy_model import toy_card
from tests.zoo.lnfmm_toy import toy_model
from tfgen import serving
from tfgen.data import array_source
from tfgen.training import ConfigError, load_config
from zoo.lnfmm import (
    CaptionEvaluationConfig,
    CaptionStudyConfig,
    caption_trainings,
    closest_distance,
    draw_for_texts,
    image_neighbours,
    judged_numbers,
    summarise,
)
from zoo.lnfmm.signatures import lnfmm_signatures


class MeanColours(tf.Module):
    """Stands for a pre-trained network: ten weights of the mean colour."""

    image_size, application = 12, "mean_colours"

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(np.random.default_rng(0).normal(size=[3, 10]), dtype=tf.float32)

    def __call__(self, images):
        return tf.matmul(tf.reduce_mean(tf.cast(images, tf.float32) / 255.0, [1, 2]), self.weights)


class TestExportWithItsBackbone:
    """A model of features is asked with images where the export holds the network."""

    def test_it_takes_images_and_says_what_the_model_says(self, tmp_path):
        model, backbone = toy_model({"image_input": "features"}), MeanColours()
        images = np.random.default_rng(1).integers(0, 256, [3, 12, 12, 3], np.uint8)
        features = backbone(images)
        signatures = lnfmm_signatures(model, backbone)
        path = serving.export(signatures, tmp_path / "model", toy_card())
        backbone.weights.assign_add(1.0 + backbone.weights)  # The export holds a copy.
        served = serving.load(path)
        spec = served.signatures["texts_from_images"]["inputs"]["images"]
        assert (spec["dtype"], spec["shape"]) == ("uint8", [None, 12, 12, 3])
        texts = served.texts_from_images(images=images, count=2, seed=3, temperature=1.0)["texts"]
        wanted = model.texts_from_images(features, 2, 3).numpy()
        assert texts.tolist() == np.char.decode(wanted.astype("S")).tolist()
        codes = served.encode_images(images=images)
        for name, value in model.encode_images(features).items():
            np.testing.assert_allclose(codes[name], value, rtol=1e-4, atol=1e-5)

    def test_without_it_takes_features(self):
        signatures = lnfmm_signatures(toy_model({"image_input": "features"}))
        specs = signatures["encode_images"].input_signature
        assert specs[0].shape.as_list() == [None, 10] and specs[0].dtype == tf.float32


class TestSeeds:
    def test_models_of_a_seed_are_trained_together(self):
        config = CaptionStudyConfig(models=("lnfmm", "cvae"), seed=4, seeds=2)
        phases = [training.phase for training in caption_trainings(config)]
        assert phases == ["lnfmm_4", "cvae_4", "lnfmm_5", "cvae_5"]

    def test_means_spreads_and_differences_of_the_same_seed(self):
        config = CaptionStudyConfig(models=("lnfmm", "cvae", "txt"), seed=3, seeds=3)
        values = {"lnfmm": (1.0, 2.0, 4.0), "cvae": (0.5, 1.0, 0.5), "txt": (2.0, 2.0, 2.0)}
        rows = {
            name: [{"Div-2": v, "uniqueness": 2 * v} for v in group]
            for name, group in values.items()
        }
        rows["cvae"] = [{**row, "true": 0.25} for row in rows["cvae"]]
        numbers = summarise(config, rows)
        assert numbers["lnfmm_Div-2"] == pytest.approx(7 / 3)
        assert numbers["lnfmm_Div-2_std"] == pytest.approx(statistics.stdev(values["lnfmm"]))
        assert [numbers[f"cvae_Div-2_seed_{k}"] for k in (3, 4, 5)] == [0.5, 1.0, 0.5]
        assert numbers["txt_uniqueness"] == 4.0 and "txt_uniqueness_seed_3" not in numbers
        gaps = [0.5, 1.0, 3.5]
        assert [numbers[f"Div-2_lnfmm_minus_cvae_seed_{k}"] for k in (3, 4, 5)] == gaps
        assert numbers["Div-2_lnfmm_minus_cvae"] == pytest.approx(5 / 3)
        assert numbers["Div-2_lnfmm_minus_cvae_std"] == pytest.approx(statistics.stdev(gaps))
        assert numbers["Div-2_lnfmm_minus_txt_seed_5"] == 2.0
        assert "true_lnfmm_minus_cvae" not in numbers, "one of them has no such number"

    def test_one_seed_has_no_spread(self):
        config = CaptionStudyConfig(models=("lnfmm",), seeds=1)
        assert summarise(config, {"lnfmm": [{"Div-2": 0.5}]})["lnfmm_Div-2_std"] == 0.0

    @pytest.mark.parametrize(
        "change, message",
        [
            ("seeds=0", "seeds: got 0"),
            ("models=[lnfmm, cvae, lnfmm]", "each of them once"),
            ("discriminator_learning_rate=0.0", "discriminator_learning_rate: got 0"),
            ("evaluation.texts=1", "evaluation.texts: got 1; wanted 2"),
            ("evaluation.closest_starts=0", "closest_starts: got 0"),
        ],
    )
    def test_wrong_settings_are_told(self, change, message):
        with pytest.raises(ConfigError, match=message):
            load_config(CaptionStudyConfig(), overrides=[change])


class TestNeighbours:
    def images(self, levels):
        images = np.zeros([len(levels), 16, 16, 3], np.uint8)
        images[:, :8] = np.array(levels)[:, None, None, None]
        return images

    def test_images_alike_in_their_pixels(self):
        test = array_source({"image": self.images([10, 200])})
        train = array_source({"image": self.images([180, 30, 90, 250])})
        assert image_neighbours(test, train, 2).tolist() == [[1, 2], [0, 3]]
        assert image_neighbours(test, train, 9, batch_size=1).shape == (2, 4)

    def test_features_go_by_their_direction(self):
        def source(features):
            images = self.images([0] * len(features))
            return array_source({"image": images, "features": np.float32(features)})

        test, train = source([[1.0, 0.0]]), source([[0.0, 1.0], [0.5, 0.6], [50.0, 10.0]])
        assert image_neighbours(test, train, 3).tolist() == [[2, 1, 0]]


class TestDrawnImages:
    def test_the_judge_sees_each_image_with_its_caption_and_with_another(self):
        images = np.arange(6, dtype=np.uint8).reshape([3, 2, 1, 1, 1])
        images = np.broadcast_to(images, [3, 2, 1, 1, 3])

        def judge(shown, texts):
            first = shown[:, 0, 0, 0]
            right = [f"{value // 2}" == text for value, text in zip(first, texts)]
            return {"named": np.where(first == 5, np.nan, right), "context": np.float64(first)}

        numbers = judged_numbers(images, ["0", "1", "2"], judge)
        assert numbers["named_seen"] == 1.0 and numbers["named_seen_by_chance"] == 0.0
        assert numbers["context_seen"] == numbers["context_seen_by_chance"] == 2.5

    def test_draws_are_those_of_the_model_in_batches(self):
        model, texts = toy_model(), ["a red ball", "the blue cube", "a green ball"]
        drawn = draw_for_texts(model, texts, 2, batch_size=2, seed=3)
        assert drawn.shape == (3, 2, 8, 8, 3) and drawn.dtype == np.uint8
        np.testing.assert_array_equal(drawn, draw_for_texts(model, texts, 2, 2, seed=3))
        assert (drawn[0, 0] != drawn[0, 1]).any()

    def test_the_closest_image_of_what_a_model_drew_is_near(self):
        """Much nearer than two of its draws are to one another, which only differ in noise."""
        model, texts = toy_model(), ["a red ball", "the blue cube"]
        drawn = model.images_from_text(texts, 2, seed=9).numpy()
        settings = CaptionEvaluationConfig(closest_starts=1, closest_iterations=20)
        near = closest_distance(model, texts, drawn[:, 0], settings)
        apart = np.mean(np.square((drawn[:, 0] - drawn[:, 1].astype(float)) / 256))
        assert 0.0 < near < 0.1 * apart
