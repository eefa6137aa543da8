"""PixelCNNs: probabilities add up, one pass equals one pixel after the other, samples, settings."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.perturbation import perturb
from tests.properties import assert_variables_agree
from tests.properties_exports import PROPERTIES, ExportCase
from tfgen import serving
from tfgen.data import array_source
from tfgen.distributions import level_centres
from tfgen.training import ConfigError
from zoo.pixelcnn import PixelCNN, PixelCNNConfig, PixelCNNEvaluationConfig, measure_pixel_cnn

PLUS_PLUS = PixelCNNConfig(
    image_size=2,
    channels=1,
    values=4,
    filters=4,
    mixtures=3,
    residual_layers=1,
    resolutions=2,
    dropout=0.0,
)
GATED = dataclasses.replace(
    PLUS_PLUS, architecture="gated", layers=2, kernel_size=3, channels=3, values=2, filters=16
)
CASES = {"plus_plus": PLUS_PLUS, "gated": GATED}
CONDITIONAL = {
    "classes": dataclasses.replace(GATED, values=256, classes=3, filters=4),
    "image": dataclasses.replace(PLUS_PLUS, values=256, conditioning_channels=2, resolutions=1),
}


def images(count, config, seed=0):
    shape = [count, config.image_size, config.image_size, config.channels]
    return tf.constant(np.random.RandomState(seed).randint(0, config.values, shape), tf.uint8)


def conditioning(count, config, seed=0):
    if config.classes:
        return tf.range(count) % config.classes
    shape = [count, config.image_size, config.image_size, config.conditioning_channels]
    return tf.constant(np.random.RandomState(seed).normal(size=shape), tf.float32)


def make(config):
    tf.random.set_seed(1)
    model, given = PixelCNN(config, seed=1), conditioning(64, config)
    model.initialise({"image": images(64, config, 9), "label": given, "conditioning": given})
    return perturb(model, 0.3)


@pytest.fixture(scope="module")
def models():
    return {name: make(config) for name, config in {**CASES, **CONDITIONAL}.items()}


@pytest.fixture(params=CASES, ids=str)
def case(request, models):
    return CASES[request.param], models[request.param]


def test_all_images_of_a_tiny_space_have_probability_one(case):
    """256 images of one channel and 4 values, 4096 of three channels and 2 values."""
    config, model = case
    count = 4 * config.channels
    every = np.array(list(itertools.product(range(config.values), repeat=count)), np.uint8)
    every = every.reshape([-1, 2, 2, config.channels])
    log_prob = model.log_prob(every).numpy().astype(np.float64)
    assert np.exp(log_prob).sum() == pytest.approx(1.0, abs=1e-5)
    assert log_prob.std() > 0.1


def test_one_pass_equals_one_pixel_after_the_other(case):
    config, model = case
    x, other = images(5, config).numpy(), images(5, config, seed=3).numpy()
    total = np.zeros(5)
    for pixel in range(4):
        later = (np.arange(4) > pixel).reshape([1, 2, 2, 1])
        # What comes later is something else altogether.
        seen = np.where(later, other, x)
        parts = model.distribution(seen).pixel_log_prob(seen).numpy()
        total += parts.reshape([5, 4])[:, pixel]
    np.testing.assert_allclose(model.log_prob(x), total, rtol=1e-5, atol=1e-5)


def test_a_pixel_and_its_channels_see_earlier_ones_alone(case):
    config, model = case
    size = 4 * config.channels
    x = tf.repeat(tf.cast(images(1, config), tf.float32), size, axis=0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = model.network(level_centres(x, config.values))
        means = tf.reduce_sum(model._mixture(outputs).means_given(x), axis=-1)
        # Copy k of the image is asked for its entry k.
        total = tf.linalg.trace(tf.reshape(means, [size, size]))
    slopes = tape.gradient(total, x).numpy()
    slopes = np.abs(slopes.reshape([size, size]))  # Row by row, pixel by pixel, channel by channel.
    np.testing.assert_array_equal(slopes[np.triu_indices(size)], 0.0)
    assert (slopes[config.channels :, 0] > 0).any()
    if config.channels > 1:
        assert (slopes[[1, 2, 2], [0, 0, 1]] > 0).all()


def test_objective_and_variables(case):
    config, model = case
    x = images(5, config)
    terms = model.objective({"image": x}, training=False)
    np.testing.assert_allclose(terms["loss"], -model.log_prob(x), rtol=1e-6)
    bits = -terms["log_prob"] / (4 * config.channels) / np.log(2)
    np.testing.assert_allclose(terms["bits_per_dim"], bits, rtol=1e-6)
    assert_variables_agree(model, {"image": x})


@pytest.mark.parametrize("values", [2, 16, 256])
def test_all_equal_probabilities_are_exactly_log2_of_the_values(values):
    """A head that is constant: a component in the middle of each of `values` bins, or of 16."""
    config = dataclasses.replace(PLUS_PLUS, values=values, mixtures=values, resolutions=1)
    model = PixelCNN(config)
    head = model.network.head
    head.direction.assign(tf.zeros_like(head.direction))
    centres = level_centres(tf.range(values), values)
    # Scales end at a bound of 0.117 levels, which leaves 1.4 % of a bin on each of its sides.
    head.bias.assign(tf.concat([tf.zeros([values]), centres, tf.fill([values], -99.0)], 0))
    head.log_scale.assign(tf.zeros_like(head.log_scale))
    log_prob = model.log_prob(images(3, config))
    terms = model.objective({"image": images(3, config)}, training=False)
    # What leaks to one neighbour comes back from the other, at the edges too.
    np.testing.assert_allclose(terms["bits_per_dim"], np.full(3, np.log2(values)), rtol=1e-5)
    np.testing.assert_allclose(log_prob, np.full(3, -4 * np.log(values)), rtol=1e-5)


def test_samples_are_pixels_and_follow_the_seed(case):
    config, model = case
    one = model.sample(6, seed=(5, 6))
    assert one.dtype == tf.uint8 and one.shape == [6, 2, 2, config.channels]
    assert one.numpy().max() < config.values
    graph = tf.function(lambda count, seed: model.sample(count, seed))
    np.testing.assert_array_equal(graph(tf.constant(6), tf.constant([5, 6])), one)
    np.testing.assert_array_equal(model.sample(2, seed=(5, 6)), one[:2])
    assert (model.sample(6, seed=(5, 7)).numpy() != one.numpy()).any()


def test_frequencies_of_samples_are_the_probabilities(models):
    model = models["plus_plus"]
    every = np.array(list(itertools.product(range(4), repeat=4)), np.uint8)
    expected = np.exp(model.log_prob(every.reshape([-1, 2, 2, 1])))
    drawn = model.sample(20_000, seed=3).numpy().reshape([-1, 4])
    counts = np.bincount(drawn @ [64, 16, 4, 1], minlength=256) / len(drawn)
    # Five standard deviations.
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected / len(drawn)) + 1e-4).all()


def test_classes_are_labels_of_the_batch_and_taken_in_turn(models):
    model, x = models["classes"], images(6, CONDITIONAL["classes"])
    labels = tf.constant([0, 1, 2, 0, 1, 2])
    scores = model.objective({"image": x, "label": labels}, training=False)["log_prob"]
    np.testing.assert_allclose(scores, model.log_prob(x, labels), rtol=1e-6)
    assert np.abs(scores - model.log_prob(x, labels[::-1])).max() > 1e-3
    np.testing.assert_array_equal(model.sample(6, 4), model.sample(6, 4, conditioning=labels))
    assert set(model.signatures()) == {"log_prob", "sample", "sample_classes"}


def test_an_image_that_is_given_has_a_gradient_and_is_needed(models):
    config = CONDITIONAL["image"]
    model, x, given = models["image"], images(3, config), conditioning(3, config)
    with tf.GradientTape() as tape:
        tape.watch(given)
        log_prob = model.log_prob(x, given)
    assert (np.abs(tape.gradient(log_prob, given)) > 0).all()
    assert model.sample(3, 1, conditioning=given).shape == [3, 2, 2, 1]
    assert set(model.signatures()) == {"log_prob", "sample_given"}
    with pytest.raises(ValueError, match="take a conditioning .None, 2, 2, 2.; got none"):
        model.sample(3, 1)
    with pytest.raises(ValueError, match="take no conditioning; got shape"):
        models["plus_plus"].sample(3, 1, conditioning=given)


def test_pixels_and_classes_out_of_range_are_told(models):
    wrong = tf.constant([4, 0, 1, 255], tf.uint8)
    wrong = tf.reshape(wrong, [1, 2, 2, 1])
    for log_prob in (models["plus_plus"].log_prob, tf.function(models["plus_plus"].log_prob)):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            log_prob(wrong)
        assert "images of this model are 0 .. 3; got" in str(caught.value)
        assert "255" in str(caught.value)
    model, x = models["classes"], images(2, CONDITIONAL["classes"])
    for labels in ([0, 3], [-1, 2]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="labels of this model are 0 .. 2"):
            model.log_prob(x, tf.constant(labels))
        with pytest.raises(tf.errors.InvalidArgumentError, match="labels of this model are 0 .. 2"):
            model.sample(2, 1, conditioning=tf.constant(labels))


def test_measure_counts_every_image_once(models):
    model, x = models["plus_plus"], images(23, PLUS_PLUS)
    source = array_source({"image": x.numpy()})
    numbers = measure_pixel_cnn(model, source, PixelCNNEvaluationConfig(batch_size=10))
    log_prob = model.log_prob(x).numpy()
    assert numbers["nats"] == pytest.approx(log_prob.mean(), rel=1e-5)
    bits = -log_prob / 4 / np.log(2)
    assert numbers["bits_per_dim"] == pytest.approx(bits.mean(), rel=1e-5)
    assert numbers["bits_per_dim_standard_error"] == pytest.approx(
        bits.std() / np.sqrt(23), rel=1e-4
    )
    few = measure_pixel_cnn(model, source, PixelCNNEvaluationConfig(examples=7, batch_size=10))
    assert few["nats"] == pytest.approx(log_prob[:7].mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": 300}, "values: got 300; wanted 2 to 256"),
        ({"image_size": 6, "resolutions": 3}, "image_size: got 6.*multiple of 4"),
        ({"dropout": 1.0}, "dropout: got 1.0; wanted 0 or more, below 1"),
        ({"classes": 2, "conditioning_channels": 1}, "wanted one of them at most"),
        ({"mixtures": 0}, "mixtures: got 0; wanted 1 or more"),
        ({"architecture": "gated", "kernel_size": 4}, "kernel_size: got 4; wanted an odd"),
    ],
)
def test_settings_that_do_not_fit_are_told(changes, message):
    config = dataclasses.replace(PLUS_PLUS, **changes)
    for told in (config.validate, lambda: PixelCNN(config)):
        with pytest.raises(ConfigError, match=message):
            told()


def export(name, config, model, examples, path):
    card = serving.Card(
        name=name,
        system="pixelcnn",
        summary="Noise.",
        data="noise",
        training={"preset": "smoke", "steps": 0, "wall_seconds": 0.0, "seeds": [0]},
        metrics={"bits_per_dim": 8.0},
        limits=["Knows noise."],
        configuration=config.as_dict(),
        examples=examples,
    )
    return serving.export(model, path / name, card)


@pytest.fixture(scope="module")
def served(models, tmp_path_factory):
    name = "classes"
    case = ExportCase(
        name,
        lambda path: export(name, CONDITIONAL[name], models[name], {"labels": [0, 1]}, path),
    )
    return case.open(tmp_path_factory.mktemp("export"))


@pytest.mark.slow
def test_export_of_a_model_that_is_given_an_image(models, tmp_path):
    name, config = "image", CONDITIONAL["image"]
    model, given = models[name], conditioning(64, config, 5)
    examples = {"conditioning": given[:1].numpy().tolist()}
    loaded = serving.load(export(name, config, model, examples, tmp_path).parent)
    x = images(64, config, 6)
    scores = loaded.log_prob(images=x.numpy(), conditioning=given.numpy())["log_prob"]
    np.testing.assert_allclose(scores, model.log_prob(x, given), rtol=1e-5)
    draws = {
        seed: loaded.sample_given(conditioning=given.numpy(), seed=seed)["images"]
        for seed in (0, 1, 2**32, -1)
    }
    for seed, drawn in draws.items():
        np.testing.assert_array_equal(drawn, model.sample(64, seed, conditioning=given))
    for one, other in itertools.combinations(draws.values(), 2):
        # Not in each image: where a mean is outside of the range, pixels are 0 or 255 by any noise.
        assert (one != other).any((1, 2, 3)).mean() > 0.5
    again = loaded.sample_given(conditioning=given.numpy()[::-1], seed=0)["images"]
    assert (again != draws[0]).any((1, 2, 3)).mean() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda check: check.__name__)
def test_property_of_the_export(served, holds):
    holds(served)
