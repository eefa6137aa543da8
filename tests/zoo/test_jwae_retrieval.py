"""Evaluation, semi-supervised batches, and canonical correlation on data with known answers."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.weights import set_weights
from tests.zoo.jwae_toy import PIXELS, TEXTS, VECTORS, make, pixel_batch, vocabulary
from tfgen.data import array_source, caption_pairs, semi_supervised, with_words
from zoo.jwae import (
    AlignmentConfig,
    CanonicalCorrelation,
    Codes,
    RetrievalConfig,
    SemiSupervisedBatches,
    Training,
    encode_source,
    measure_codes,
    pooled_pixels,
    word_counts,
)
from zoo.jwae.comparison import _batches as labelled_batches

RANDOM = np.random.RandomState(0)
EVALUATION = RetrievalConfig(prior_samples=2000)


class TestMeasure:
    def test_equal_codes_are_all_found_and_random_ones_by_chance(self):
        normal = RANDOM.normal(size=[200, 8]).astype(np.float32)
        rows = np.arange(200)
        numbers = measure_codes(Codes(normal, normal, rows), EVALUATION)
        assert numbers["image_to_text_recall@1"] == numbers["text_to_image_recall@1"] == 100.0
        assert numbers["recall_sum"] == 600.0 and numbers["image_to_text_median_rank"] == 1.0
        other = RANDOM.normal(size=[200, 8]).astype(np.float32)
        numbers = measure_codes(Codes(normal, other, rows), EVALUATION)
        recalls = [numbers[f"image_to_text_recall@{k}"] for k in (1, 5, 10)]
        # K / N is 0.5, 2.5 and 5 %; of 200 queries 5 % have a standard deviation of 1.5 %.
        assert recalls == sorted(recalls) and recalls[0] < 4 and 0 < recalls[2] < 13

    def test_codes_of_the_prior_are_near_it_and_others_far(self):
        normal = RANDOM.normal(size=[600, 8]).astype(np.float32)
        numbers = measure_codes(Codes(normal, 0.3 * normal + 1.0, np.arange(600)), EVALUATION)
        assert abs(numbers["image_mmd"]) < 0.01 < 0.1 < numbers["text_mmd"]
        np.testing.assert_allclose(numbers["image_spread"], 1.0, atol=0.05)
        np.testing.assert_allclose(numbers["text_spread"], 0.3, atol=0.02)


def captioned():
    """Six images with one to three captions each."""
    captions = np.array([[text, TEXTS[-1], TEXTS[0]] for text in TEXTS], object)
    captions = np.char.encode(captions.astype(str))
    counts = np.array([1, 2, 3, 1, 2, 3], np.int32)
    images = pixel_batch()["image"].numpy()
    return array_source({"image": images, "captions": captions, "caption_count": counts}), counts


def test_every_caption_is_encoded_and_belongs_to_its_image():
    source, counts = captioned()
    model = make(PIXELS)
    model.objective(pixel_batch(), training=False)
    set_weights(model, seed=1)
    codes = encode_source(model, source, RetrievalConfig(images=5, batch_size=2))
    np.testing.assert_array_equal(codes.image_of_text, np.repeat(np.arange(5), counts[:5]))
    np.testing.assert_allclose(codes.images, model.encode_images(pixel_batch()["image"])[:5], 1e-4)
    said = [TEXTS[0], TEXTS[1], TEXTS[-1], TEXTS[2], TEXTS[-1], TEXTS[0], TEXTS[3], TEXTS[4]]
    np.testing.assert_allclose(codes.texts, model.encode_texts([*said, TEXTS[-1]]), 1e-4, 1e-6)
    codes = encode_source(model, source, RetrievalConfig(images=3, captions=2, batch_size=3))
    np.testing.assert_array_equal(codes.image_of_text, [0, 1, 1, 2, 2])
    np.testing.assert_allclose(codes.texts, model.encode_texts(said[:5]), 1e-4, 1e-6)


class TestSemiSupervisedBatches:
    COUNT = 40

    def parts(self):
        numbers = np.arange(self.COUNT)
        images = np.broadcast_to(numbers[:, None, None, None], [self.COUNT, 2, 2, 3])
        texts = np.array([vocabulary().words[1 + i % 5] for i in numbers]).astype("S")
        source = array_source(
            {"image": images.astype(np.uint8), "text": texts, "name": numbers.astype(np.int32)}
        )
        return SemiSupervisedBatches(
            semi_supervised(with_words(source, vocabulary()), 0.25, seed=1)
        )

    @staticmethod
    def fitting(batch):
        return 1 + batch["image"][:, 0, 0, 0].numpy() % 5 == batch["words"][:, 0].numpy()

    def test_even_rows_are_pairs_and_odd_rows_are_not(self):
        source = self.parts()
        assert source.count == source.parts.paired.count and 4 <= source.count <= 16
        pairs, torn, unpaired = set(), [], set()
        for batch in source.batches(4, seed=3, shuffle=True, repeat=True).take(40):
            assert "name" not in batch and set(batch) == set(source.features)
            assert batch["image"].shape == [8, 2, 2, 3] and batch["words"].shape == [8, 4]
            np.testing.assert_array_equal(batch["paired"], [True, False] * 4)
            fits = self.fitting(batch)
            assert fits[::2].all()
            torn.extend(fits[1::2])
            pairs.update(batch["image"][::2, 0, 0, 0].numpy())
            unpaired.update(batch["image"][1::2, 0, 0, 0].numpy())
        # By chance one in five fits: 160 rows have 0.2 with a standard deviation of 0.03.
        assert np.mean(torn) < 0.4
        assert not pairs & unpaired and len(pairs | unpaired) == self.COUNT

    def test_batches_go_on_from_any_step(self):
        source = self.parts()
        whole = list(source.batches(4, seed=3, shuffle=True).take(6))
        rest = list(source.batches(4, seed=3, shuffle=True, start_step=4).take(2))
        for wanted, got in zip(whole[4:], rest):
            for name, value in wanted.items():
                np.testing.assert_array_equal(got[name], value)

    def test_what_it_cannot_do_is_told(self):
        with pytest.raises(ValueError, match="no end; got transform=None, repeat=False"):
            self.parts().batches(4, repeat=False)


def test_captions_are_drawn_for_torn_texts_too():
    source, _ = captioned()
    parts = semi_supervised(with_words(caption_pairs(source), vocabulary()), 0.5, seed=0)
    batches = SemiSupervisedBatches(parts).batches(2, seed=1, shuffle=True).take(8)
    texts = {text for batch in batches for text in batch["text"].numpy()[1::2]}
    assert len(texts) > 1 and texts <= {text.encode() for text in TEXTS}


@pytest.mark.parametrize("variant", ["jwae_mh", "mh_sum"])
def test_with_few_labels_a_batch_has_what_the_model_reads_alone(variant):
    images, _ = captioned()
    features = {**images.features, "features": tf.TensorSpec([5], tf.float32)}

    def load(indices):
        vectors = tf.tile(tf.cast(indices, tf.float32)[:, tf.newaxis], [1, 5])
        return {**images.load(indices), "features": vectors}

    source = dataclasses.replace(images, load=load, features=features)
    config = AlignmentConfig(
        model=dataclasses.replace(VECTORS, text=PIXELS.text), labelled_shares=(0.5,)
    )
    few = labelled_batches(config, Training(variant, 0.5, 0), vocabulary(), source)
    wanted = {"features", "words"} | ({"paired"} if variant == "jwae_mh" else set())
    batch = next(iter(few.batches(1, shuffle=True, repeat=True)))
    assert set(batch) == set(few.features) == wanted


class TestCanonicalCorrelation:
    def test_finds_what_two_linear_views_share(self):
        """Three shared factors, and four of noise of their own that are three times as large."""
        shared = RANDOM.normal(size=[2000, 3])

        def view(size, seed):
            random = np.random.RandomState(seed)
            factors = np.concatenate([shared, 3.0 * random.normal(size=[2000, 4])], 1)
            return factors @ random.normal(size=[7, size]) + 2.0

        images, texts = view(9, 1), view(8, 2)
        analysis = CanonicalCorrelation(code_size=3, components=8).fit(images[:1000], texts[:1000])
        v = analysis.encode_images(images[1000:])
        t = analysis.encode_texts(texts[1000:])
        for i in range(3):
            assert np.corrcoef(v[:, i], t[:, i])[0, 1] > 0.98
        np.testing.assert_allclose(v.std(0), np.ones(3), atol=0.1)
        numbers = measure_codes(Codes(v[:100], t[:100], np.arange(100)), EVALUATION)
        assert numbers["image_to_text_recall@10"] > 60

    def test_sizes_that_do_not_fit_are_told(self):
        with pytest.raises(ValueError, match="got 9 and 8"):
            CanonicalCorrelation(9, 8)
        with pytest.raises(ValueError, match="have 2 independent directions"):
            CanonicalCorrelation(3).fit(RANDOM.normal(size=[20, 5]), RANDOM.normal(size=[20, 2]))

    def test_features_are_means_and_counts(self):
        images = RANDOM.randint(0, 256, size=[2, 4, 4, 3]).astype(np.uint8)
        corner = images[1, :2, 2:].mean((0, 1)) / 255
        np.testing.assert_allclose(pooled_pixels(images, 2)[1, 3:6], corner, rtol=1e-5)
        counts = word_counts(tf.constant([[1, 4, 1, 0]]), 5)
        np.testing.assert_array_equal(counts, [[1, 2, 0, 0, 1]])
