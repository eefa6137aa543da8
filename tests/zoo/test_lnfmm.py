"""LNFMM: exact densities, the objective term by term, what learns from what, both directions."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tests import properties
from tests.zoo.lnfmm_toy import WEIGHTS, toy_batch, toy_model
from tfgen import losses
from tfgen.randomness import example_normal
from tfgen.training import ConfigError
from zoo.lnfmm import (
    CaptionNetworkConfig,
    FlowPrior,
    LNFMMConfig,
    LNFMMWeights,
    gaussian_log_prob,
)

BATCH = toy_batch()


@pytest.fixture(scope="module")
def models():
    return {}


@pytest.fixture
def make(models):
    """Models by variant, each made once; no test moves their weights."""

    def get(variant="lnfmm", **changes):
        key = (variant, *sorted(changes))
        if key not in models:
            models[key] = toy_model(variant=variant, **changes)
        return models[key]

    return get


def grid(low, high, count):
    """Points of a square, [count^2, 2], and the area of each."""
    axis = np.linspace(low, high, count, dtype=np.float32)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    return points, (axis[1] - axis[0]) ** 2


class TestSizes:
    def test_defaults_are_the_thesis_s_and_the_released_code_s(self):
        config = LNFMMConfig()
        sizes = (config.shared_size, config.text_size, config.image_size)
        assert sizes == (992, 32, 64)
        assert (config.alignment_steps, config.text_prior_steps, config.image_prior_steps) == (
            *(12, 16, 16),
        )
        assert (config.text_prior_units, config.image_prior_units) == (1024, 512)
        weights = LNFMMWeights()
        # As weights of bits per dimension they are round numbers.
        np.testing.assert_allclose(weights.alignment * 992 * np.log(2.0), 1000.0)
        np.testing.assert_allclose(weights.text_prior * 32 * np.log(2.0), 5000.0)
        np.testing.assert_allclose(weights.image_prior * 64 * np.log(2.0), 200.0)

    def test_codes_are_split_into_a_shared_part_and_one_s_own(self, make):
        model = make()
        assert [part.shape[1] for part in model.image_codes(BATCH["image"])] == [6, 3]
        assert [part.shape[1] for part in model.text_codes(BATCH["words"])] == [6, 2]

    def test_the_model_of_texts_alone_has_no_latents_of_images(self, make):
        model = make("txt")
        assert model.image_codes(BATCH["image"])[1].shape[1] == 0
        assert not hasattr(model, "image_prior") and not hasattr(model, "image_decoder")
        with pytest.raises(ValueError, match="variant=lnfmm"):
            model.images_from_text(["a red ball"])

    def test_wrong_settings_are_told(self):
        with pytest.raises(ConfigError, match="patch_size \\* coarsest"):
            CaptionNetworkConfig(image_size=60).validate()
        with pytest.raises(ConfigError, match="4, 8, 16, 32, 64"):
            CaptionNetworkConfig(attention_size=7).validate()
        with pytest.raises(ConfigError, match="text_size: got 1"):
            LNFMMConfig(text_size=1).validate()
        with pytest.raises(ConfigError, match="base_scale: got 0"):
            LNFMMConfig(base_scale=0.0).validate()
        with pytest.raises(ConfigError, match="crossed_text"):
            LNFMMWeights(crossed_text=-1.0).validate()


class TestFlows:
    def test_round_trips_and_log_determinants(self, make):
        """Behaviours 1, 2 and 8."""
        model = make()
        shared = tf.random.stateless_normal([4, 6], [1, 2])
        with tf.GradientTape() as tape:
            tape.watch(shared)
            carried, log_det = model.to_text_domain(shared)
        jacobian = tape.batch_jacobian(carried, shared).numpy()
        np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], atol=1e-4)
        assert np.abs(carried - shared).max() > 0.1 and np.abs(log_det).min() > 0.01
        np.testing.assert_allclose(
            model.to_image_domain(tf.identity(carried)), shared, atol=1e-5, rtol=0
        )
        noise = tf.random.stateless_normal([4, 2], [3, 4])
        z, _ = model.text_prior.transform(noise, shared)
        back, _ = model.text_prior.flow.inverse_and_log_det(tf.identity(z), conditioning=shared)
        np.testing.assert_allclose(back, noise, atol=1e-5, rtol=0)

    def test_the_prior_is_a_density_that_sees_the_shared_code(self, make):
        """Behaviours 3 and 12: of the two signs in the texts, that of Eq. 4.7 is a density's."""
        prior = make().text_prior
        points, area = grid(-9.0, 9.0, 451)
        mass = []
        for shared in (np.zeros([1, 6], np.float32), np.full([1, 6], 0.5, np.float32)):
            mass.append(np.exp(prior.log_prob(points, shared).numpy()))
            assert mass[-1].sum() * area == pytest.approx(1.0, abs=5e-3)
        assert np.abs(mass[0] - mass[1]).sum() * area > 0.1

    def test_released_densities_are_none(self, make):
        prior, fault = make().text_prior, make(as_released=True).text_prior
        points, shared = np.zeros([3, 2], np.float32), np.zeros([3, 6], np.float32)
        excess = fault.log_prob(points, shared) - prior.log_prob(points, shared)
        np.testing.assert_allclose(excess, 2 * 0.0625, atol=1e-5)

    def test_samples_have_the_density(self, make):
        """The mean of each coordinate by quadrature and by sampling."""
        prior, shared = make().text_prior, np.full([1, 6], 0.3, np.float32)
        points, area = grid(-9.0, 9.0, 451)
        density = np.exp(prior.log_prob(points, shared).numpy())
        mean = (points * density[:, None]).sum(0) * area
        square = (points**2 * density[:, None]).sum(0) * area
        drawn = prior.sample(shared, 40_000, seed=1).numpy()[0]
        error = np.sqrt(square / 40_000)
        assert (np.abs(drawn.mean(0) - mean) < 5 * error + 2e-3).all()
        np.testing.assert_allclose((drawn**2).mean(0), square, rtol=0.05)

    def test_kl_of_a_gaussian_prior_has_its_closed_form(self):
        """Behaviour 4: a new flow is linear, so its prior is a Gaussian."""
        prior = FlowPrior(4, 3, steps=2, hidden_units=4)
        shared = np.zeros([1, 3], np.float32)
        scales = tf.linalg.diag_part(prior.transform(np.eye(4, dtype=np.float32), shared)[0])
        mean, scale = np.array([[0.3, -0.2, 0.1, 0.4]], np.float32), 0.1
        closed = losses.gaussian_kl(mean, scale * tf.ones([1, 4]), 0.0, 0.25 * scales)
        noise = scale * tf.random.stateless_normal([20_000, 4], [1, 2])
        drawn = gaussian_log_prob(noise, scale) - prior.log_prob(mean + noise, shared)
        error = np.std(drawn) / np.sqrt(20_000)
        assert abs(np.mean(drawn) - closed.numpy()[0]) < 5 * error + 1e-3
        assert closed.numpy()[0] > 1.0


class TestAlignment:
    def term(self, model, images, texts):
        """The term for images' codes that are points, and texts' codes."""
        carried, log_det = model.to_text_domain(images)
        draw = type("Draw", (), {"log_q": tf.zeros(len(images))})
        return model._alignment(draw, carried, log_det, texts).numpy()

    def test_seen_from_the_image_the_text_s_code_has_a_density(self):
        """Eq. 4.9 with the sign of a likelihood: exp(-term) has the integral one."""
        model = toy_model(shared_size=2, scale=0.5)
        for coupling in model.alignment.bijectors[:4]:
            coupling.scale_logit.assign(coupling.scale_logit - 4.5)
        points, area = grid(-6.0, 6.0, 401)
        texts = np.array([[0.1, -0.2]], np.float32)
        mass = np.exp(-self.term(model, points, texts)).sum() * area
        log_det = model.to_text_domain(points)[1].numpy()
        assert log_det.mean() < -1.0 and mass == pytest.approx(1.0, abs=5e-3)

    def test_it_is_the_kl_of_two_gaussians_without_a_flow(self, make):
        """The mean over draws, in closed form; and never negative."""
        model = make("mse")
        config = model.config
        images, texts = (tf.random.stateless_normal([1, 6], [0, seed]) for seed in (1, 2))
        closed = losses.gaussian_kl(
            images, config.shared_scale * tf.ones([1, 6]), texts, config.alignment_scale
        ).numpy()[0]
        noise = config.shared_scale * tf.random.stateless_normal([20_000, 6], [5, 6])
        drawn = (
            self.term(model, images + noise, texts)
            + gaussian_log_prob(noise, config.shared_scale).numpy()
        )
        assert abs(drawn.mean() - closed) < 5 * drawn.std() / np.sqrt(20_000) + 1e-3
        assert closed > 5.0

    def test_released_loss_leaves_the_text_s_code_out(self, make):
        texts = tf.random.stateless_normal([2, 6], [1, 3])
        for fault in (False, True):
            model = make(as_released=True) if fault else make()
            images = tf.random.stateless_normal([2, 6], [1, 2])
            moved = self.term(model, images, texts + 1.0) - self.term(model, images, texts)
            assert (np.abs(moved).max() < 1e-5) == fault


class TestObjective:
    @pytest.mark.parametrize("variant", ("lnfmm", "mse", "txt"))
    def test_variables_agree(self, variant):
        properties.assert_variables_agree(toy_model(variant=variant), BATCH)

    def test_terms_against_independent_computations(self, make):
        model = make()
        terms = {name: value.numpy() for name, value in model.objective(BATCH, False).items()}

        def draw(name, mean, scale):
            seed = model.noise_seed(name, False)
            return mean + scale * example_normal(seed, 6, mean.shape[1:])

        words = BATCH["words"]
        text, image = model.text_codes(words), model.image_codes(BATCH["image"])
        shared_text, shared_image = (
            draw(f"{name}_shared", code[0], 0.05)
            for name, code in (("text", text), ("image", image))
        )
        own_text = draw("text_own", text[1], model.config.text_scale)
        own_image = draw("image_own", image[1], 0.05)
        carried, back = model.to_text_domain(shared_image)[0], model.to_image_domain(shared_text)
        for name, shared in (("", shared_text), ("_crossed", carried)):
            logits = model.text_networks.decoder(tf.concat([shared, own_text], -1), words[:, 1:])
            log_p = tf.nn.log_softmax(logits).numpy()
            for row, said in enumerate(words.numpy()[:, 1:]):
                end = list(said).index(model.vocabulary.end_id)
                total = sum(log_p[row, place, said[place]] for place in range(end + 1))
                assert terms[f"log_p_text{name}"][row] == pytest.approx(total, rel=1e-4)
            noise = (own_text - text[1]) / model.config.text_scale
            log_q = -0.5 * np.sum(noise**2, -1) - 2 * np.log(
                model.config.text_scale * np.sqrt(2 * np.pi)
            )
            kl = log_q - model.text_prior.log_prob(own_text, shared).numpy()
            np.testing.assert_allclose(terms[f"kl_text{name}"], kl, rtol=1e-4, atol=1e-4)
        level = BATCH["image"].numpy().astype(float)
        for name, shared in (("", shared_image), ("_crossed", back)):
            median = model.decode_pixels(shared, own_image).numpy()
            # A Laplace variable in (0, 1), rounded to levels; what lies beyond is in the outer two.
            upper = np.where(level == 255, np.inf, (level + 1) / 256)
            lower = np.where(level == 0, -np.inf, level / 256)
            cdf = scipy.stats.laplace(median, model.config.pixel_scale).cdf
            total = np.log(cdf(upper) - cdf(lower)).sum((1, 2, 3))
            np.testing.assert_allclose(terms[f"log_p_image{name}"], total, rtol=1e-4)
        bound = terms["log_p_text_crossed"] - terms["kl_text_crossed"]
        np.testing.assert_allclose(terms["caption_bound"], bound, rtol=1e-5)
        bound = terms["log_p_image_crossed"] - terms["kl_image_crossed"]
        np.testing.assert_allclose(terms["image_bound"], bound, rtol=1e-5)
        assert np.abs(terms["log_p_text"] - terms["log_p_text_crossed"]).max() > 1e-3

    def test_released_images_have_the_l1_norm_of_pixels_and_no_bound(self, make):
        """With the slope that the default weights give: 20 times l1 of pixels in (-1, 1)."""
        model = make(as_released=True)
        shared, own = tf.zeros([6, 6]), tf.zeros([6, 3])
        pixels = (BATCH["image"].numpy() + 0.5) / 128 - 1
        first = model.image_log_prob(shared, own, BATCH["image"]).numpy()
        moved = model.image_log_prob(shared + 1.0, own, BATCH["image"]).numpy()
        l1 = [
            np.abs(pixels - (2 * model.decode_pixels(code, own).numpy() - 1)).sum((1, 2, 3))
            for code in (shared, shared + 1.0)
        ]
        change = LNFMMWeights().image * (moved - first)
        np.testing.assert_allclose(change, -20 * (l1[1] - l1[0]), rtol=1e-3, atol=1e-2)
        assert np.abs(change).max() > 1.0
        terms = model.objective(BATCH, False)
        assert "log_p_image" in terms and "image_bound" not in terms

    def test_loss_is_the_weighted_sum_of_what_a_row_knows(self, make):
        model = make()
        for paired in (None, [True, False, True, False, False, True]):
            batch = BATCH if paired is None else {**BATCH, "paired": tf.constant(paired)}
            pairs = np.ones(6) if paired is None else np.array(paired, float)
            terms = {name: value.numpy() for name, value in model.objective(batch, False).items()}
            loss = WEIGHTS["alignment"] * pairs * terms["alignment"]
            for domain in ("text", "image"):
                kl, crossed = terms[f"kl_{domain}"], terms[f"kl_{domain}_crossed"]
                kl = np.where(pairs, (kl + crossed) / 2, kl)
                loss += WEIGHTS[f"{domain}_prior"] * kl
                loss -= WEIGHTS[domain] * terms[f"log_p_{domain}"]
                loss -= WEIGHTS[f"crossed_{domain}"] * pairs * terms[f"log_p_{domain}_crossed"]
            np.testing.assert_allclose(terms["loss"], loss, rtol=1e-4)

    def test_rows_that_are_no_pairs_do_not_move_the_alignment(self, make):
        """Behaviour 9: the rest learns from them."""
        model = make()
        parts = ["alignment", "text_prior", "image_prior", "image_encoder", "image_decoder"]
        parts += ["text_networks"]

        def learning(paired):
            batch = {**BATCH, "paired": tf.fill([6], paired)}
            variables = [getattr(model, part).trainable_variables for part in parts]
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(model.objective(batch, False)["loss"])
            gradients = tape.gradient(loss, variables)
            return {
                part: any(np.any(tf.convert_to_tensor(g)) for g in group if g is not None)
                for part, group in zip(parts, gradients)
            }

        assert all(learning(True).values())
        assert learning(False) == {part: part != "alignment" for part in parts}

    def test_priors_are_warmed_up_in_training_alone(self, make):
        model = make()
        model.step.assign(5)
        terms = {name: value.numpy() for name, value in model.objective(BATCH, True).items()}
        model.step.assign(0)
        kl = sum(
            WEIGHTS[f"{domain}_prior"] * (terms[f"kl_{domain}"] + terms[f"kl_{domain}_crossed"]) / 2
            for domain in ("text", "image")
        )
        rest = terms["loss"] - 0.5 * kl - WEIGHTS["alignment"] * terms["alignment"]
        said = sum(
            WEIGHTS[f"{crossed}{domain}"]
            * terms[f"log_p_{domain}" + ("_crossed" if crossed else "")]
            for domain in ("text", "image")
            for crossed in ("", "crossed_")
        )
        np.testing.assert_allclose(rest, -said, rtol=1e-3)

    def test_features_stand_for_images(self):
        model = toy_model(networks={"image_input": "features"})
        first = model.objective(BATCH, False)["alignment"].numpy()
        moved = {**BATCH, "features": BATCH["features"] + 1.0}
        assert np.abs(first - model.objective(moved, False)["alignment"]).max() > 0.1


class TestGeneration:
    def test_many_texts_for_an_image(self, make):
        """Behaviour 6: latents differ, the shared code does not; the same seed, the same texts."""
        model, images = make(), BATCH["image"][:2]
        calls = []
        prior, generate = model.text_prior, model.text_networks.generate
        shared = model.to_text_domain(model.image_codes(images)[0])[0].numpy()

        def spy(code):
            calls.append(code.numpy())
            return generate(code)

        model.text_networks.generate = spy
        texts = model.texts_from_images(images, 3, seed=4).numpy()
        again = model.texts_from_images(images, 3, seed=4).numpy()
        cold = model.texts_from_images(images, 3, seed=4, temperature=0.0).numpy()
        model.text_networks.generate = generate
        assert texts.shape == (2, 3) and (texts == again).all()
        assert (cold == cold[:, :1]).all()
        code = calls[0].reshape(2, 3, 8)
        np.testing.assert_allclose(code[:, :, :6], np.repeat(shared[:, None], 3, 1), rtol=1e-5)
        np.testing.assert_allclose(code[:, :, 6:], prior.sample(shared, 3, seed=4), rtol=1e-4)
        assert len(np.unique(code[0, :, 6:], axis=0)) == 3

    def test_many_images_for_a_text_by_the_inverse(self, make):
        model, texts = make(), ["a red ball", "the blue cube"]
        images = model.images_from_text(texts, 3, seed=4).numpy()
        shared = model.encode_texts(texts)["shared"]
        np.testing.assert_allclose(
            model.to_text_domain(model.to_image_domain(shared))[0], shared, atol=1e-5
        )
        own = model.image_prior.sample(model.to_image_domain(shared), 3, seed=4)
        pixels = model.decode_pixels(model.to_image_domain(shared[:1]), own[:1, 1])
        assert images.shape == (2, 3, 8, 8, 3) and images.dtype == np.uint8
        assert np.abs(images[0, 1] - 256 * pixels[0].numpy()).max() <= 1.01
        assert (images[0, 0] != images[0, 1]).any()

    def test_any_sentence_is_read_and_no_special_word_is_written(self, make):
        model = make()
        codes = model.encode_texts(["", "x" * 10_000, "Ein Ball \U0001f600!", "a red ball"])
        assert np.isfinite(codes["shared"]).all() and codes["specific"].shape == [4, 2]
        said = b" ".join(model.texts_from_images(BATCH["image"], 2).numpy().ravel())
        assert b"<" not in said

    def test_signatures_are_what_the_model_can_do(self, make):
        served = {"texts_from_images", "images_from_text", "encode_images", "encode_texts"}
        assert set(make().signatures()) == served
        assert set(make("txt").signatures()) == served - {"images_from_text"}
