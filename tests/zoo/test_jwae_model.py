"""jWAE: its objective written out, its two players, its variants, its export."""

import dataclasses
from typing import get_args

import numpy as np
import pytest
import tensorflow as tf

from tests.properties import assert_variables_agree
from tests.weights import set_weights
from tests.zoo.jwae_toy import PIXELS, TEXTS, VECTORS, make, pixel_batch, vector_batch, vocabulary
from tfgen import serving
from tfgen.losses import ranking_hinge
from tfgen.metrics import maximum_mean_discrepancy
from tfgen.training import ConfigError
from zoo.jwae import JWAE, JWAEConfig, Variant, as_variant

BATCH = vector_batch()
VARIANTS = get_args(Variant)


def built(config, batch, **changes):
    model = make(config, **changes)
    model.objective(batch, training=False)
    return set_weights(model, seed=1)


@pytest.fixture(scope="module")
def pixels():
    return built(PIXELS, pixel_batch())


def dense(x, layer):
    kernel, bias = (weight.numpy() for weight in layer.weights)
    return x @ kernel + bias


def two_layers(x, network):
    first, last = network.layers
    return dense(np.maximum(dense(x, first), 0.0), last)


def softplus(x):
    return np.logaddexp(0.0, x)


class TestObjective:
    @pytest.mark.parametrize("supervision", ["mse", "hinge"])
    @pytest.mark.parametrize("norm", ["l1", "l2"])
    def test_terms_and_weights_are_those_of_the_equations(self, supervision, norm):
        image = dataclasses.replace(VECTORS.image, norm=norm)
        model = built(VECTORS, BATCH, supervision=supervision, image=image)
        terms = model.objective(BATCH, training=True)
        x, y = BATCH["features"].numpy(), BATCH["text_vector"].numpy()
        v = two_layers(x, model.image_path.encoder)
        t = two_layers(y, model.text_path.encoder)
        error = x - two_layers(v, model.image_path.decoder)
        error = np.abs(error).sum(1) if norm == "l1" else np.sqrt((error**2).sum(1))
        np.testing.assert_allclose(terms["image_reconstruction"], error, rtol=1e-5)
        text_error = ((y - two_layers(t, model.text_path.decoder)) ** 2).mean(1)
        np.testing.assert_allclose(terms["text_reconstruction"], text_error, rtol=1e-5)

        d = model.discriminator
        for name, h in (("image_adversarial", v), ("text_adversarial", t)):
            for layer in d.hidden:
                h = dense(h, layer)
                h = np.where(h > 0, h, 0.01 * h)
            adversarial = softplus(-dense(h, d.logit)[:, 0])
            np.testing.assert_allclose(terms[name], adversarial, rtol=1e-5)

        if supervision == "mse":
            supervised = ((v - t) ** 2).sum(1)
        else:
            unit = [code / np.linalg.norm(code, axis=1, keepdims=True) for code in (v, t)]
            supervised = ranking_hinge(unit[0] @ unit[1].T, 0.2, "sum")
        np.testing.assert_allclose(terms["supervised"], supervised, rtol=1e-4, atol=1e-6)
        loss = supervised + 0.5 * error + 0.7 * text_error
        evaluated = model.objective(BATCH, training=False)["loss"]
        np.testing.assert_allclose(evaluated, loss, rtol=1e-4)
        loss = loss + 0.3 * (terms["image_adversarial"] + terms["text_adversarial"])
        np.testing.assert_allclose(terms["loss"], loss, rtol=1e-4)

    def test_vae_has_the_divergence_of_its_posteriors_and_draws_codes(self):
        model = built(VECTORS, BATCH, regulariser="vae", supervision="mse")
        terms = model.objective(BATCH, training=True)
        encoded = two_layers(BATCH["features"].numpy(), model.image_path.encoder)
        mean, scale = encoded[:, :3], softplus(encoded[:, 3:])
        kl = (0.5 * (mean**2 + scale**2 - 1.0) - np.log(scale)).sum(1)
        np.testing.assert_allclose(terms["image_kl"], kl, rtol=1e-4)
        loss = terms["supervised"] + 0.5 * terms["image_reconstruction"]
        loss += 0.7 * terms["text_reconstruction"] + 0.3 * (terms["image_kl"] + terms["text_kl"])
        np.testing.assert_allclose(terms["loss"], loss, rtol=1e-5)
        np.testing.assert_allclose(model.encode_images(BATCH["features"]), mean, rtol=1e-5)
        model.step.assign(1)
        again = model.objective(BATCH, training=True)["supervised"]
        assert (np.abs(again - terms["supervised"]) > 1e-3).all()

    def test_mmd_is_between_the_two_codes(self):
        model = built(VECTORS, BATCH, regulariser="mmd")
        codes = [model.encode_images(BATCH["features"]), model.encode_texts(BATCH["text_vector"])]
        got = model.objective(BATCH, training=True)["discrepancy"]
        np.testing.assert_allclose(got, np.full(6, maximum_mean_discrepancy(*codes)), rtol=1e-5)

    def test_equal_texts_are_no_negatives_of_each_other(self):
        model = built(VECTORS, BATCH, image_weight=0.0, text_weight=0.0)
        twice = {name: tf.concat([value[:2], value[:1]], 0) for name, value in BATCH.items()}
        got = model.objective(twice, training=False)["supervised"]
        alone = model.objective({name: value[:2] for name, value in BATCH.items()}, False)
        s = model.match(BATCH["features"][:2], BATCH["text_vector"][:2]).numpy()
        # Pair 1 now has two equal negatives each way, pair 0 no more than it had.
        np.testing.assert_allclose(got[0], alone["supervised"][0], rtol=1e-5)
        np.testing.assert_allclose(got[2], alone["supervised"][0], rtol=1e-5)
        costs = np.maximum(0, 0.2 + np.array([s[1, 0], s[0, 1]]) - s[1, 1])
        np.testing.assert_allclose(got[1], 2 * costs.sum(), rtol=1e-5, atol=1e-6)


class TestUnpaired:
    def test_without_pairs_the_supervised_loss_is_zero_and_the_rest_teaches(self):
        for supervision in ("mse", "hinge"):
            model = built(VECTORS, BATCH, supervision=supervision)
            batch = {**BATCH, "paired": tf.zeros([6], tf.bool)}
            with tf.GradientTape() as tape:
                terms = model.objective(batch, training=True)
                loss = tf.reduce_mean(terms["loss"])
            assert not terms["supervised"].numpy().any()
            for gradient in tape.gradient(loss, model.trainable_variables):
                assert np.abs(gradient).max() > 0

    def test_only_pairs_count_and_other_rows_may_be_mixed_at_will(self):
        paired = np.array([1, 0, 1, 0, 0, 1], bool)
        mixed = np.array([0, 4, 2, 1, 3, 5])
        for supervision in ("mse", "hinge"):
            model = built(VECTORS, BATCH, supervision=supervision)
            alone = {name: tf.boolean_mask(value, paired) for name, value in BATCH.items()}
            wanted = np.mean(model.objective(alone, training=False)["supervised"])
            batch = {**BATCH, "paired": tf.constant(paired)}
            torn = {**batch, "text_vector": tf.gather(BATCH["text_vector"], mixed)}
            terms, again = (model.objective(b, training=True) for b in (batch, torn))
            np.testing.assert_allclose(np.mean(terms["supervised"]), wanted, rtol=1e-5)
            np.testing.assert_allclose(again["supervised"], terms["supervised"], rtol=1e-5)
            np.testing.assert_allclose(np.mean(again["loss"]), np.mean(terms["loss"]), rtol=1e-5)


class TestTwoPlayers:
    def trained(self, rate, discriminator_rate, steps=1, **changes):
        """The model after steps of plain descent, and every variable after each of them."""
        model = built(VECTORS, BATCH, **changes)
        sgd = tf.keras.optimizers.SGD
        model.compile(sgd(rate), discriminator_optimizer=sgd(discriminator_rate))
        model.build_training(["loss"])
        history = [self.values(model)]
        for _ in range(steps):
            model.train_step(BATCH)
            history.append(self.values(model))
        return model, history

    @staticmethod
    def values(model):
        return (
            [variable.numpy() for variable in model.trainable_variables],
            [variable.numpy() for variable in model.discriminator.weights],
        )

    @staticmethod
    def moved(before, after):
        return [float(np.abs(b - a).max()) for a, b in zip(before, after)]

    def test_variables_are_in_one_of_two_sets(self):
        model = built(VECTORS, BATCH)
        ours = {variable.ref() for variable in model.trainable_variables}
        theirs = {variable.ref() for variable in model.discriminator.weights}
        assert not ours & theirs and len(theirs) == 6 and len(ours) == 16
        assert theirs <= {variable.ref() for variable in model.variables}

    def test_encoders_descend_the_loss_and_leave_the_discriminator_alone(self):
        model = built(VECTORS, BATCH)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.objective(BATCH, training=True)["loss"])
        gradients = tape.gradient(loss, model.trainable_variables)
        _, (start, end) = self.trained(rate=0.1, discriminator_rate=0.0)
        for before, after, gradient in zip(start[0], end[0], gradients):
            np.testing.assert_allclose(after, before - 0.1 * gradient.numpy(), atol=1e-6)
        assert not any(self.moved(start[1], end[1])) and all(self.moved(start[0], end[0]))

    def test_discriminator_descends_its_loss_and_leaves_the_encoders_alone(self):
        model, (start, end) = self.trained(rate=0.0, discriminator_rate=0.1)
        assert not any(self.moved(start[0], end[0])) and all(self.moved(start[1], end[1]))
        fresh = built(VECTORS, BATCH)
        fresh.step.assign(1)
        real, fake = fresh.real_and_fake(BATCH)
        with tf.GradientTape() as tape:
            # All 12 draws of the prior and all 12 codes, in one batch each.
            real, fake = (fresh.discriminator(tf.reshape(codes, [-1, 3])) for codes in (real, fake))
            loss = -tf.reduce_mean(tf.math.log_sigmoid(real))
            loss -= tf.reduce_mean(tf.math.log_sigmoid(-fake))
        for before, after, gradient in zip(
            start[1], end[1], tape.gradient(loss, fresh.discriminator.weights)
        ):
            np.testing.assert_allclose(after, before - 0.1 * gradient.numpy(), atol=1e-6)
        results = {metric.name: metric.result() for metric in model.metrics}
        np.testing.assert_allclose(results["discriminator_loss"], loss, rtol=1e-5)
        np.testing.assert_allclose(results["js_to_prior"], np.log(2) - loss / 2, rtol=1e-4)

    def test_there_are_as_many_draws_of_the_prior_as_codes(self):
        model = built(VECTORS, BATCH)
        real, fake = model.real_and_fake(BATCH)
        assert real.shape == fake.shape == [6, 2, 3]
        np.testing.assert_allclose(fake[:, 0], model.encode_images(BATCH["features"]), rtol=1e-5)
        np.testing.assert_allclose(fake[:, 1], model.encode_texts(BATCH["text_vector"]), rtol=1e-5)
        assert len(np.unique(real)) == 36
        model.step.assign(1)
        assert (model.real_and_fake(BATCH)[0].numpy() != real.numpy()).all()

    def test_discriminator_moves_in_every_third_step(self):
        _, history = self.trained(0.01, 0.1, steps=6, discriminator_every=3)
        moves = [max(self.moved(a[1], b[1])) > 0 for a, b in zip(history, history[1:])]
        assert moves == [False, False, True, False, False, True]
        moves = [max(self.moved(a[0], b[0])) > 0 for a, b in zip(history, history[1:])]
        assert all(moves)

    def test_as_released_gradients_add_up_and_codes_have_length_one(self):
        model, history = self.trained(0.0, 0.1, steps=2, as_released=True)
        codes = model.encode_images(BATCH["features"])
        np.testing.assert_allclose(np.linalg.norm(codes, axis=1), np.ones(6), rtol=1e-5)
        _, ours = self.trained(0.0, 0.1, steps=1)
        assert (np.linalg.norm(make(VECTORS).encode_images(BATCH["features"]), axis=1) != 1).all()
        fresh = built(VECTORS, BATCH, as_released=True)
        steps = [[b - a for a, b in zip(x[1], y[1])] for x, y in zip(history, history[1:])]
        # The second step is the first one again, and the gradient of the second.
        fresh.step.assign(2)
        for variable, value in zip(fresh.discriminator.weights, history[1][1]):
            variable.assign(value)
        real, fake = (tf.reshape(part, [-1, 3]) for part in fresh.real_and_fake(BATCH))
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(tf.math.log_sigmoid(fresh.discriminator(real)))
            loss -= tf.reduce_mean(tf.math.log_sigmoid(-fresh.discriminator(fake)))
        gradients = tape.gradient(loss, fresh.discriminator.weights)
        for first, second, gradient in zip(*steps, gradients):
            np.testing.assert_allclose(second, first - 0.1 * gradient.numpy(), atol=1e-6)

    def test_what_is_not_finite_is_skipped_and_counted(self):
        model, history = self.trained(0.1, 0.1)
        bad = {**BATCH, "features": BATCH["features"] * np.nan}
        model.train_step(bad)
        assert int(model.nonfinite_steps) == 2
        for kept, value in zip(self.values(model), history[1]):
            assert not any(self.moved(kept, value))

    def test_compile_wants_two_optimizers(self):
        model = make(VECTORS)
        with pytest.raises(ConfigError, match="an optimizer of its own"):
            model.compile("adam")
        make(VECTORS, regulariser="none").compile("adam")


class TestVariants:
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_every_variable_is_trained_and_saved(self, variant):
        assert_variables_agree(make(as_variant(VECTORS, variant)), BATCH)

    def test_settings_are_those_of_the_paper(self):
        paper = {variant: as_variant(JWAEConfig(), variant) for variant in VARIANTS}
        weights = {
            variant: (c.image_weight, c.text_weight, c.regulariser_weight)
            for variant, c in paper.items()
        }
        assert weights["jwae_mse"] == weights["mse"] == (1.0, 1.0, 0.2)
        assert weights["jwae_mh"] == (0.5 / 128, 0.005 / 128, 0.01 / 128)
        assert weights["mh_max"][:2] == weights["mh_sum"][:2] == (0.0, 0.0)
        assert paper["mh_max"].negatives == "max" and paper["jwae_mh"].negatives == "sum"
        unpaired = {variant for variant in VARIANTS if paper[variant].learns_from_unpaired}
        assert unpaired == set(VARIANTS) - {"mh_sum", "mh_max"}
        ours = as_variant(VECTORS, "jwae_mse", mse_weights=(2.0, 3.0, 4.0))
        assert (ours.image_weight, ours.text_weight, ours.regulariser_weight) == (2.0, 3.0, 4.0)
        with pytest.raises(ConfigError, match="got 'scan'"):
            as_variant(VECTORS, "scan")

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_faults_of_the_release_stay_where_the_term_is_that_has_them(self, variant):
        derived = as_variant(dataclasses.replace(VECTORS, as_released=True), variant)
        derived.validate()
        assert derived.as_released == (variant in ("jwae_mse", "jwae_mh"))
        assert not as_variant(VECTORS, variant).as_released

    def test_sizes_are_those_of_the_paper(self):
        config = JWAEConfig(code_size=256)
        config.image.size, config.text.type = 4096, "vectors"
        model = JWAE(config)
        batch = {"features": tf.zeros([2, 4096]), "text_vector": tf.zeros([2, 300])}
        model.objective(batch, training=False)
        shapes = [tuple(v.shape) for v in model.image_path.weights if v.shape.rank == 2]
        assert shapes == [(4096, 2048), (2048, 256), (256, 2048), (2048, 4096)]
        shapes = [tuple(v.shape) for v in model.text_path.weights if v.shape.rank == 2]
        assert shapes == [(300, 1024), (1024, 256), (256, 1024), (1024, 300)]
        shapes = [tuple(v.shape) for v in model.discriminator.weights if v.shape.rank == 2]
        assert shapes == [(256, 256), (256, 256), (256, 1)]


def test_codes_of_pixels_and_words_start_near_the_spread_of_the_prior():
    """In 16 numbers, of noise; with Keras' initial values the spreads were 0.1 and 0.01."""
    image = dataclasses.replace(PIXELS.image, width=16, encoder_units=(64,))
    text = dataclasses.replace(PIXELS.text, embedding_size=32, encoder_state=32)
    tf.keras.utils.set_random_seed(4)
    model = make(PIXELS, image=image, text=text, code_size=16)
    batch = pixel_batch()
    for codes in (model.encode_images(batch["image"]), model.encode_texts(TEXTS)):
        assert 0.3 < np.sqrt(codes.numpy().var(0).mean()) < 3.0


class TestWordsAndPixels:
    def test_every_variable_is_trained_and_saved(self):
        assert_variables_agree(make(PIXELS), pixel_batch())

    def test_encoders_are_deterministic(self, pixels):
        batch = pixel_batch()
        for encode, inputs in (
            (pixels.encode_images, batch["image"]),
            (pixels.encode_texts, TEXTS),
        ):
            codes = encode(inputs).numpy()
            np.testing.assert_array_equal(codes, encode(inputs))
            pixels.step.assign_add(1)
            np.testing.assert_array_equal(codes, encode(inputs))
            assert codes.shape == (6, 3) and codes.std(0).min() > 0.01

    def test_words_are_dropped_in_training_alone(self, pixels):
        batch = pixel_batch()

        def term(training):
            return pixels.objective(batch, training)["text_reconstruction"].numpy()

        evaluated = term(False)
        pixels.step.assign_add(1)
        np.testing.assert_array_equal(evaluated, term(False))
        trained = term(True)
        np.testing.assert_array_equal(trained, term(True))
        pixels.step.assign_add(1)
        assert (trained != term(True)).any() and (trained != evaluated).any()

    def test_padding_has_no_influence_and_no_loss(self, pixels):
        longer = vocabulary(length=6)
        other = JWAE(PIXELS, longer, seed=5)
        # A text of all four words has no room for the end word that it has here.
        rows = [i for i, text in enumerate(TEXTS) if len(text.split()) < 4]
        batch = {name: tf.gather(value, rows) for name, value in pixel_batch().items()}
        wanted = pixels.objective(batch, training=False)
        batch["words"] = longer.encode([TEXTS[i] for i in rows])
        other.objective(batch, training=False)
        for here, there in zip(other.variables, pixels.variables):
            here.assign(there)
        for name, value in other.objective(batch, training=False).items():
            np.testing.assert_allclose(value, wanted[name], rtol=1e-4, atol=1e-5)

    def test_images_are_decoded_to_images(self, pixels):
        batch = pixel_batch()
        decoded = pixels.image_path.decode(pixels.encode_images(batch["image"]))
        assert decoded.shape == [6, 8, 8, 3] and 0 < np.min(decoded) < np.max(decoded) < 1
        error = np.abs(batch["image"].numpy() / 255.0 - decoded).sum((1, 2, 3))
        terms = pixels.objective(batch, training=False)
        np.testing.assert_allclose(terms["image_reconstruction"], error, rtol=1e-5)

    def test_export_takes_images_and_strings_and_equals_the_model(self, pixels, tmp_path):
        card = serving.Card(name="jwae", system="jwae", summary="Matches noise.", examples={})
        loaded = serving.load(serving.export(pixels, tmp_path / "jwae", card))
        images = pixel_batch()["image"]
        codes = loaded.encode_images(images=images)["codes"]
        np.testing.assert_allclose(codes, pixels.encode_images(images), atol=1e-5)
        codes = loaded.encode_texts(texts=TEXTS[:4])["codes"]
        np.testing.assert_allclose(codes, pixels.encode_texts(TEXTS[:4]), atol=1e-5)
        texts = [[TEXTS[i], TEXTS[5 - i]] for i in range(6)]
        similarities = loaded.match(images=images, texts=texts)["similarities"]
        wanted = pixels.match(images, TEXTS).numpy()
        rows = np.arange(6)
        np.testing.assert_allclose(similarities[:, 0], wanted[rows, rows], atol=1e-5)
        np.testing.assert_allclose(similarities[:, 1], wanted[rows, 5 - rows], atol=1e-5)
        assert np.abs(wanted).max() <= 1 + 1e-6

    def test_with_the_network_of_its_features_it_takes_images(self):
        class Network:
            image_size = 8

            def __call__(self, images):
                return tf.cast(images[:, 0, :5, 0], tf.float32) / 255.0

        model, images = make(VECTORS), pixel_batch()["image"]
        features, texts = Network()(images), vector_batch()["text_vector"]
        wanted = model.match(features, texts).numpy()
        signatures = model.signatures(Network())
        specs = signatures["encode_images"].input_signature
        assert (specs[0].shape.as_list(), specs[0].dtype) == ([None, 8, 8, 3], tf.uint8)
        codes = signatures["encode_images"](images)["codes"]
        np.testing.assert_allclose(codes, model.encode_images(features), atol=1e-6)
        found = signatures["match"](images, texts[:, tf.newaxis])["similarities"]
        np.testing.assert_allclose(found[:, 0], np.diag(wanted), atol=1e-6)
        assert np.std(codes, 0).min() > 1e-3


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"code_size": 0}, "code_size: got 0; wanted 1 or more"),
        ({"margin": -0.1}, "margin: got -0.1; wanted 0 or more"),
        ({"as_released": True, "regulariser": "none"}, "as_released: got true"),
    ],
)
def test_wrong_settings_are_told(wrong, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(VECTORS, **wrong).validate()


def test_images_must_fit_the_networks():
    config = dataclasses.replace(PIXELS.image, image_size=10)
    with pytest.raises(ConfigError, match="wanted a multiple of 4"):
        config.validate()
