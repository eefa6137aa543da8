"""The conditional VAEs beside LNFMM, and data of which few are pairs."""

import numpy as np
import pytest
import tensorflow as tf

from tests import properties
from tests.zoo.lnfmm_toy import toy_baseline, toy_batch, toy_source
from tfgen import losses
from tfgen.data import Source, array_source, semi_supervised
from tfgen.randomness import example_normal
from tfgen.training import ConfigError
from zoo.lnfmm import ConditionalVAEConfig, mean_terms, partly_paired

BATCH = toy_batch()


@pytest.fixture(scope="module")
def baselines():
    return {prior: toy_baseline(prior) for prior in ("gaussian", "additive")}


@pytest.fixture(params=("gaussian", "additive"))
def model(request, baselines):
    return baselines[request.param]


class TestConditionalVAE:
    def test_terms_against_independent_computations(self, model):
        terms = {name: value.numpy() for name, value in model.objective(BATCH, False).items()}
        words, code = BATCH["words"], model.image_features(BATCH["image"])
        mean, scale = model.posterior(code, words)
        noise = example_normal(model.noise_seed("posterior", False), 6, [3])
        log_p = model.text_networks.log_prob(tf.concat([code, mean + scale * noise], -1), words)
        np.testing.assert_allclose(terms["log_p_text"], log_p, rtol=1e-4)
        prior = [value.numpy() for value in model.prior(code)]
        kl = losses.gaussian_kl(mean, scale, *prior).numpy()
        np.testing.assert_allclose(terms["kl_text"], kl, rtol=1e-4)
        np.testing.assert_allclose(terms["caption_bound"], log_p - kl, rtol=1e-4)
        loss = 0.5 * kl - log_p + terms.get("objects", 0.0)
        np.testing.assert_allclose(terms["loss"], loss, rtol=1e-4)
        assert kl.min() > 0.01

    def test_the_true_objects_are_known_in_training_alone(self, baselines):
        """The bound that is measured knows nothing but the image."""
        model = baselines["additive"]
        other = {**BATCH, "objects": tf.reverse(BATCH["objects"], [1])}
        code = model.image_features(BATCH["image"])
        posterior = model.posterior(code, BATCH["words"])
        for batch in (BATCH, other):
            measured, learned = (model.objective(batch, training) for training in (False, True))
            kl = losses.gaussian_kl(*posterior, *model.prior(code))
            np.testing.assert_allclose(measured["kl_text"], kl, rtol=1e-4)
            kl = losses.gaussian_kl(*posterior, *model.prior(code, batch["objects"]))
            np.testing.assert_allclose(learned["kl_text"], kl, rtol=1e-4)
        assert np.abs(measured["kl_text"] - learned["kl_text"]).max() > 0.1

    def test_variables_agree(self, model):
        properties.assert_variables_agree(model, BATCH)

    def test_additive_prior_is_the_mean_of_the_objects_present(self, baselines):
        model = baselines["additive"]
        code = model.image_features(BATCH["image"][:2])
        mean, scale = model.prior(code, tf.constant([[0.0, 2.0, 0.0, 2.0], [3.0, 0.0, 0.0, 0.0]]))
        means = model.means.numpy()
        np.testing.assert_allclose(mean, [(means[1] + means[3]) / 2, means[0]], rtol=1e-5)
        np.testing.assert_allclose(scale, 0.1)
        shares = tf.nn.softmax(model.classifier(code)).numpy()
        np.testing.assert_allclose(model.prior(code)[0], shares @ means, rtol=1e-4, atol=1e-6)
        with pytest.raises(ValueError, match="model.prior=gaussian"):
            model.objective({name: BATCH[name] for name in ("image", "words")}, False)

    def test_many_texts_for_an_image(self, baselines):
        """The draws are those of the prior; the same seed gives the same texts."""
        model, images = baselines["gaussian"], BATCH["image"][:2]
        calls, generate = [], model.text_networks.generate

        def spy(code):
            calls.append(code.numpy().reshape(2, 3, 9))
            return generate(code)

        model.text_networks.generate = spy
        texts = model.texts_from_images(images, 3, seed=2).numpy()
        assert (texts == model.texts_from_images(images, 3, seed=2).numpy()).all()
        model.texts_from_images(images, 3, seed=2, temperature=0.0)
        model.text_networks.generate = generate
        assert texts.shape == (2, 3)
        mean, scale = (value.numpy() for value in model.prior(model.image_features(images)))
        noise = (calls[0][..., 6:] - mean[:, None]) / scale[:, None]
        assert 0.3 < noise.std() < 2.0 and len(np.unique(noise)) == noise.size
        np.testing.assert_allclose(calls[2][..., 6:], np.repeat(mean[:, None], 3, 1), rtol=1e-5)
        assert set(model.signatures()) == {"texts_from_images"}

    def test_mean_terms_draw_other_noise_for_each_batch(self, baselines):
        """Two batches of the same examples tell another mean than one of them."""
        model = baselines["gaussian"]
        model.compile(tf.keras.optimizers.SGD())
        few = {name: np.concatenate([value.numpy()] * 2) for name, value in BATCH.items()}
        twice = mean_terms(model, array_source({**few, "text": np.array([b"a"] * 12)}), 6)
        again = mean_terms(model, array_source(few), 6)
        once = np.mean(model.objective(BATCH, False)["log_p_text"])
        first = mean_terms(model, array_source({n: v[:6] for n, v in few.items()}), 6)
        assert twice == again and {"loss", "caption_bound", "kl_text"} <= set(twice)
        assert twice["kl_text"] == pytest.approx(first["kl_text"], rel=1e-4)
        assert abs(twice["log_p_text"] - first["log_p_text"]) > 1e-4 * abs(once)

    def test_wrong_settings_are_told(self):
        with pytest.raises(ConfigError, match="prior_scale: got 0"):
            ConditionalVAEConfig(prior_scale=0.0).validate()
        with pytest.raises(ConfigError, match="latent_size: got 0"):
            ConditionalVAEConfig(latent_size=0).validate()


class TestPartlyPaired:
    @pytest.fixture
    def source(self):
        """Image i is the number i, and so is its text, of which there are two each."""
        numbers = np.arange(20)
        plain = array_source(
            {"image": numbers, "text": numbers.astype("S"), "secret": numbers.astype(np.int32)}
        )

        def redraw(features, seeds):
            return {**features, "text": tf.strings.join([features["text"], "!"])}

        return Source(plain.count, plain.load, plain.features, redraw)

    def rows(self, source):
        (batch,) = source.batches(50)
        return {name: value.numpy() for name, value in batch.items()}

    def test_pairs_stay_and_no_other_text_is_where_it_was(self, source):
        rows = self.rows(partly_paired(source, 0.3, seed=1))
        texts = np.array([int(text[:-1]) for text in rows["text"]])
        assert set(rows) == {"image", "text", "paired"}, "the truth stays behind"
        assert rows["paired"].sum() == 6 and (rows["image"] == np.arange(20)).all()
        assert (texts == rows["image"]).tolist() == rows["paired"].tolist()
        assert sorted(texts) == list(range(20)) and all(t.endswith(b"!") for t in rows["text"])
        known = self.rows(semi_supervised(source, 0.3, seed=1).paired)
        assert sorted(known["image"]) == sorted(rows["image"][rows["paired"]])
        more = self.rows(partly_paired(source, 0.6, seed=1))["paired"]
        assert (more >= rows["paired"]).all() and more.sum() == 12
        assert (self.rows(partly_paired(source, 0.3, seed=2))["paired"] != rows["paired"]).any()

    def test_with_all_labels_all_are_pairs(self, source):
        rows = self.rows(partly_paired(source, 1.0))
        assert rows["paired"].all() and (rows["secret"] == rows["image"]).all()

    def test_wrong_shares_and_sources_are_told(self, source):
        for share in (0.0, 1.5):
            with pytest.raises(ValueError, match="labelled_share"):
                partly_paired(source, share)
        with pytest.raises(ValueError, match="images and texts"):
            partly_paired(array_source({"image": np.arange(4)}), 0.5)

    def test_the_toy_s_batches_fit_the_model(self):
        features = partly_paired(toy_source(), 0.5).features
        assert {"image", "words", "features", "paired"} == set(features)
