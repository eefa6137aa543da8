"""AGAVE: causality, gradients, bounds, auxiliary images, the weight of the KL, export."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from tests.properties import assert_variables_agree
from tests.zoo.agave_toy import DECODER, DEEP, PLAIN, images, make
from tfgen import serving
from tfgen.distributions import level_centres
from tfgen.layers import sample_pixels, sample_pixels_naively
from tfgen.losses import gaussian_kl
from tfgen.randomness import fold_in
from tfgen.training import ConfigError
from zoo.agave import AGAVE, auxiliary_image
from zoo.vae import VAEConfig

CASES = {"plain": PLAIN, "deep": DEEP}
GREY_CONTEXT = dataclasses.replace(
    DEEP, decoder=dataclasses.replace(DECODER, context="grey"), auxiliary_loss=False
)


def with_vae(config, **changes):
    return dataclasses.replace(config, vae=dataclasses.replace(config.vae, **changes))


@pytest.fixture(scope="module")
def models():
    made = {name: make(config) for name, config in CASES.items()}
    made["grey_context"] = make(GREY_CONTEXT)
    return made


@pytest.fixture(params=CASES, ids=str)
def case(request, models):
    return CASES[request.param], models[request.param]


def outputs_of(model, x, means):
    values = model.config.vae.values
    means = tf.image.resize(means, [4, 4], method="nearest")
    return model.decoder.network(level_centres(x, values), conditioning=means).numpy()


def test_a_pixel_sees_earlier_ones_alone_and_all_of_the_auxiliary_image(case):
    config, model = case
    x, means = images(1, config), model.vae.infer(images(1, config), 3).means
    before = outputs_of(model, x, means).reshape([16, -1])
    for pixel in (0, 6, 15):
        changed = x.numpy().reshape([16, -1])
        changed[pixel] = (changed[pixel] + 7) % config.vae.values
        after = outputs_of(model, changed.reshape(x.shape), means).reshape([16, -1])
        np.testing.assert_array_equal(after[: pixel + 1], before[: pixel + 1])
        assert pixel == 15 or (after[pixel + 1] != before[pixel + 1]).any()
    corner = np.zeros(means.shape, np.float32)
    corner[:, -1, -1] = 0.5
    after = outputs_of(model, x, means + corner).reshape([16, -1])
    assert (after != before).any(axis=1)[[5, 10, 15]].all()


def test_the_pixelcnn_alone_has_a_gradient_in_all_of_the_vae(case):
    config, model = case
    x = images(5, config)
    with tf.GradientTape() as tape:
        means = model.vae.infer(x, 3).means
        loss = tf.reduce_mean(model.decoder.likelihood(x, means))
    variables = model.vae.hierarchy.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables)):
        assert gradient is not None and np.abs(gradient).max() > 0, variable.name


def test_objective_is_3_13_and_lambda_2_is_the_sum_of_two_bounds(case):
    config, model = case
    x = images(5, config)
    terms = {name: value.numpy() for name, value in model.objective({"image": x}, False).items()}
    seed = model.noise_seed("posterior", False)
    of_x = model.elbo(x, seed).numpy()
    of_y = model.vae.elbo(x, seed, targets=model.auxiliary_image(x)).numpy()
    assert config.vae.kl_weight == 2.0
    np.testing.assert_allclose(-terms["loss"], of_x + of_y, rtol=1e-5)
    np.testing.assert_allclose(terms["elbo"], of_x, rtol=1e-5)
    np.testing.assert_allclose(terms["bits_per_dim"], -of_x / model.dimensions / math.log(2), 1e-5)
    y_size = np.prod(model.auxiliary_shape)
    np.testing.assert_allclose(
        terms["auxiliary_bits_per_dim"], -of_y / y_size / math.log(2), rtol=1e-5
    )
    other = AGAVE(with_vae(config, kl_weight=8.0), seed=model.seed)
    other.set_weights(model.get_weights())
    loss = other.objective({"image": x}, False)["loss"]
    np.testing.assert_allclose(loss, terms["loss"] + 6.0 * terms["kl"], rtol=1e-5)
    naive = AGAVE(dataclasses.replace(other.config, auxiliary_loss=False), seed=model.seed)
    naive.set_weights(model.get_weights())
    loss = naive.objective({"image": x}, False)["loss"]
    np.testing.assert_allclose(loss, 8.0 * terms["kl"] - terms["log_likelihood"], rtol=1e-5)


def test_variables_agree(case):
    config, model = case
    assert_variables_agree(model, {"image": images(5, config)})


def test_kl_of_a_linear_vae_is_that_of_the_closed_form():
    """w^2 = e - lambda s^2 at the optimum, and KL = log(e / (lambda s^2)) / 2 (or 0)."""
    e, s2 = 4.0, 0.25
    y = tf.constant([-math.sqrt(e), math.sqrt(e)], tf.float32)
    found, wanted = [], []
    for weight in (1.0, 8.0, 20.0):
        config = dataclasses.replace(with_vae(PLAIN, kl_weight=weight), trained_part="vae")
        model = AGAVE(config)
        w, slope, log_scale = (tf.Variable(value) for value in (1.0, 0.5, -1.0))

        def infer(images, seed, w=w, slope=slope, log_scale=log_scale):
            del images, seed
            mean, scale = slope * y[:, None], tf.exp(log_scale) * tf.ones([2, 1])
            # E (y - w z)^2 / (2 s^2) in closed form: the mean, and a term of its spread.
            kl = gaussian_kl(mean, scale)
            return _Linear(means=tf.concat([w * mean, w * scale], -1), total_kl=kl)

        def log_likelihood(means, targets):
            del targets
            return -(tf.square(y - means[:, 0]) + tf.square(means[:, 1])) / (2.0 * s2)

        model.vae.infer, model.vae.log_likelihood = infer, log_likelihood
        optimizer = tf.keras.optimizers.Adam(0.02)

        optimizer.build([w, slope, log_scale])

        @tf.function
        def train(model=model, optimizer=optimizer, variables=(w, slope, log_scale)):
            kl = 0.0
            for _ in tf.range(800):
                with tf.GradientTape() as tape:
                    terms = model.objective({"image": images(2, PLAIN)}, False)
                    loss = tf.reduce_mean(terms["loss"])
                optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
                kl = tf.reduce_mean(terms["kl"])
            return kl

        found.append(float(train()))
        wanted.append(max(0.0, 0.5 * math.log(e / (weight * s2))))
    np.testing.assert_allclose(found, wanted, atol=0.02)


class _Linear:
    def __init__(self, means, total_kl):
        self.means, self.total_kl = means, total_kl


def test_auxiliary_images():
    x = np.arange(256).reshape([1, 16, 16, 1]).repeat(3, axis=-1).astype(np.uint8)
    x[..., 1] = x[..., 1][:, ::-1]
    config = VAEConfig(image_size=16)

    def of(**changes):
        return auxiliary_image(tf.constant(x), dataclasses.replace(config, **changes)).numpy()

    np.testing.assert_array_equal(of(), x)
    for levels in (32, 16, 2):
        np.testing.assert_array_equal(of(target_values=levels), x // (256 // levels))
    blocks = x.reshape([1, 4, 4, 4, 4, 3]).astype(np.float64).mean((2, 4))
    np.testing.assert_array_equal(of(target_size=4), np.floor(blocks + 0.5))
    grey = (x @ [0.299, 0.587, 0.114])[..., np.newaxis]
    got = of(target_channels=1, target_values=16)
    assert got.shape == (1, 16, 16, 1)
    # Off by a level only where rounding decides, at the edge of a bin.
    edge = np.abs((grey + 0.5) / 16 - np.round((grey + 0.5) / 16)) < 1e-3
    np.testing.assert_array_equal(got[~edge], np.floor((grey + 0.5) / 16)[~edge])


def test_fewer_colours_are_sums_of_more_and_easier_and_leave_the_means():
    fine = make(with_vae(PLAIN, values=256))
    coarse = AGAVE(with_vae(PLAIN, values=256, target_values=32))
    coarse.set_weights(fine.get_weights())
    x = images(4, fine.config)
    means = fine.vae.infer(x, 3).means
    np.testing.assert_array_equal(coarse.vae.infer(x, 3).means, means)
    y = coarse.auxiliary_image(x).numpy()
    np.testing.assert_array_equal(y, x.numpy() // 8)
    parts = [fine.vae.distribution(means).entry_log_prob(8 * y + k) for k in range(8)]
    total = tf.reduce_logsumexp(tf.stack(parts), axis=0)
    got = coarse.vae.distribution(means).entry_log_prob(y)
    np.testing.assert_allclose(got, total, rtol=1e-4, atol=1e-4)
    easier = coarse.auxiliary_log_likelihood(x, means) - fine.auxiliary_log_likelihood(x, means)
    assert (easier.numpy() > 0).all()


def test_importance_bound_is_the_mean_of_the_weights_and_tighter_with_more(models):
    model, x = models["deep"], images(16, DEEP)
    bound = tf.function(lambda k, seed: model.importance_bound(x, k, seed))
    log_weights = []
    for index in range(4):
        inference = model.vae.infer(x, fold_in([1, 2], index))
        ratio = tf.add_n(inference.log_p) - tf.add_n(inference.log_q)
        log_weights.append((model.decoder.likelihood(x, inference.means) + ratio).numpy())
    for k in (1, 4):
        wanted = np.logaddexp.reduce(np.float64(log_weights[:k])) - math.log(k)
        np.testing.assert_allclose(bound(tf.constant(k), tf.constant([1, 2])), wanted, rtol=1e-4)
    means = {
        k: np.mean([bound(tf.constant(k), tf.constant([k, seed])) for seed in range(4)])
        for k in (1, 5, 30)
    }
    assert means[1] < means[5] - 0.02 and means[5] < means[30] - 0.005


def test_samples_follow_the_seed(models):
    model = models["deep"]
    one = model.pictures(6, seed=(5, 6))
    assert one.images.shape == [6, *DEEP.vae.image_shape] and one.images.dtype == tf.uint8
    assert one.auxiliary.shape == [6, *DEEP.vae.target_shape]
    np.testing.assert_array_equal(model.sample(6, (5, 6)), one.images)
    other = model.pictures(6, (5, 7))
    assert (other.images.numpy() != one.images.numpy()).any()
    assert (other.auxiliary.numpy() != one.auxiliary.numpy()).any()


def test_interpolation_starts_and_ends_at_the_middles_of_the_posteriors(case):
    config, model = case
    first, second = images(2, config), images(2, config, 5)
    means = model.interpolated_means(first, second, 5).numpy()
    assert means.shape == (2, 5, *config.vae.target_shape)
    for index, ends in ((0, first), (-1, second)):
        wanted = model.vae.infer(ends, 0, temperature=0.0).means
        np.testing.assert_allclose(means[:, index], wanted, atol=1e-5)
    middle = [
        0.5 * (a + b)
        for a, b in zip(*(model.vae.infer(x, 0, temperature=0.0).latents for x in (first, second)))
    ]
    np.testing.assert_allclose(means[:, 2], model.vae.means(middle), atol=1e-5)
    pictures = model.interpolate(first, second, 5, seed=1)
    assert pictures.images.shape == [2, 5, *config.vae.image_shape]


def test_grey_context_hides_colours_and_is_drawn_as_it_is_scored(models):
    model = models["grey_context"]
    means = model.vae.infer(images(3, DEEP), 3).means
    # Of equal brightness: 0.587 of green are 0.299 x 587 / 299 of red.
    x = np.full([3, 4, 4, 3], [100.0, 100.0, 100.0])
    other = x + np.array([58.7, -29.9, 0.0])
    given = tf.image.resize(means, [4, 4], method="nearest")
    grey, coloured = (
        model.decoder.network(level_centres(v, 256), conditioning=given) for v in (x, other)
    )
    np.testing.assert_allclose(grey, coloured, atol=1e-5)
    brighter = model.decoder.network(level_centres(x + 20.0, 256), conditioning=given)
    assert np.abs(grey - brighter).max() > 1e-3

    def draw(outputs, noise):
        return tf.tanh(outputs[:, :3] + noise)

    noise = tf.random.stateless_normal([3, 4, 4, 3], [1, 2])
    drawn = sample_pixels(model.decoder.network, draw, noise, given)
    naive = sample_pixels_naively(model.decoder.network, draw, noise, given)
    np.testing.assert_allclose(drawn, naive, atol=1e-5)
    assert np.abs(drawn[..., 0] - drawn[..., 1]).max() > 0.1


def test_parts_are_trained_alone_and_taken_over():
    x = images(5, PLAIN)
    parts = {
        name: make(dataclasses.replace(PLAIN, trained_part=name), seed)
        for name, seed in (("vae", 2), ("pixelcnn", 3))
    }
    own = {
        "vae": parts["vae"].vae.trainable_variables,
        "pixelcnn": parts["pixelcnn"].decoder.trainable_variables,
    }
    for name, model in parts.items():
        assert {v.ref() for v in model.trainable_variables} == {v.ref() for v in own[name]}
        assert_variables_agree(model, {"image": x})
    terms = parts["pixelcnn"].objective({"image": x}, False)
    grey = parts["pixelcnn"].decoder.likelihood(x, tf.zeros([5, 4, 4, 1]))
    np.testing.assert_allclose(terms["loss"], -grey, rtol=1e-6)
    terms = parts["vae"].objective({"image": x}, False)
    loss = 2.0 * terms["kl"] - terms["auxiliary_log_likelihood"]
    np.testing.assert_allclose(terms["loss"], loss, rtol=1e-5)
    assert "log_likelihood" not in terms
    joint = AGAVE(PLAIN, seed=4)
    joint.start_from(parts["vae"], parts["pixelcnn"])
    joint.initialise({"image": images(64, PLAIN)})
    np.testing.assert_array_equal(joint.vae.infer(x, 3).means, parts["vae"].vae.infer(x, 3).means)
    means = joint.vae.infer(x, 3).means
    np.testing.assert_array_equal(
        joint.decoder.likelihood(x, means), parts["pixelcnn"].decoder.likelihood(x, means)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"likelihood": "gaussian"}, "vae.likelihood: got 'gaussian'; wanted 'discretised_log"),
        ({"target_size": 8}, "vae.target_size: got 8; wanted a divisor of the images' size, 4"),
        ({"channels": 3, "target_channels": 2}, "vae.target_channels: got 2; wanted 1 for grey"),
        ({"target_values": 17}, "vae.target_values: got 17; wanted 16 levels or fewer"),
        ({"free_nats": 1.0}, "free_nats=1.0; wanted 0 for both"),
    ],
)
def test_settings_that_do_not_fit_are_told(changes, message):
    with pytest.raises(ConfigError, match=message):
        AGAVE(with_vae(PLAIN, **changes))


def test_decoder_and_parts_that_do_not_fit_are_told():
    decoder = dataclasses.replace(DECODER, resolutions=4)
    with pytest.raises(ConfigError, match="4 resolutions are not whole"):
        AGAVE(dataclasses.replace(PLAIN, decoder=decoder))
    with pytest.raises(ConfigError, match="auxiliary_loss: got false with trained_part='vae'"):
        AGAVE(dataclasses.replace(PLAIN, trained_part="vae", auxiliary_loss=False))


@pytest.mark.slow
def test_export_gives_what_the_model_gives(models, tmp_path):
    model, x, other = models["deep"], images(3, DEEP), images(3, DEEP, 4)
    card = serving.Card(
        name="deep",
        system="agave",
        summary="Noise.",
        data="noise",
        training={"preset": "smoke", "steps": 0, "wall_seconds": 0.0, "seeds": [0]},
        metrics={"bits_per_dim": 8.0},
        limits=["Knows noise."],
        configuration=DEEP.as_dict(),
        defaults={"count": 1, "seed": 0, "temperature": 1.0, "samples": 2, "steps": 3},
        examples={"second": other[:1].numpy().tolist()},
    )
    served = serving.load(serving.export(model, tmp_path / "deep", card))
    scores = served.score(images=x.numpy())
    np.testing.assert_allclose(scores["elbo"], model.elbo(x, 0), rtol=1e-4)
    bits = -scores["elbo"] / 48 / math.log(2)
    np.testing.assert_allclose(scores["bits_per_dim"], bits, rtol=1e-5)
    bound = served.bound(images=x.numpy(), samples=4, seed=3)["importance_bound"]
    np.testing.assert_allclose(bound, model.importance_bound(x, 4, 3), rtol=1e-4)
    drawn = served.reconstruct(images=x.numpy(), seed=2)
    ours = model.reconstruct(x, 2)
    # Rounding may move a pixel over the edge of a level, and those after it.
    assert (drawn["images"] == ours.images.numpy()).mean() > 0.9
    np.testing.assert_allclose(drawn["auxiliary_images"], ours.auxiliary, atol=1)
    line = served.interpolate(images=x.numpy(), second=other.numpy(), steps=4, seed=2)
    ours = model.interpolate(x, other, 4, 2)
    assert line["images"].shape == (3, 4, 4, 4, 3)
    np.testing.assert_allclose(line["auxiliary_images"], ours.auxiliary, atol=1)
