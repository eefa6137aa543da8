"""PixelCNN++ and the gated PixelCNN: who sees whom, and samples that need no second look."""

import dataclasses
from typing import Callable, Optional, Tuple

import numpy as np
import pytest
import tensorflow as tf

from tests.perturbation import perturb
from tfgen.distributions import (
    DiscretisedLogisticMixture,
    image_noise,
    level_centres,
    mixture_channels,
    parameters_from_channels,
)
from tfgen.initialisation import data_dependent_initialisation
from tfgen.layers import (
    GatedPixelCNN,
    PixelCNNPlusPlus,
    sample_pixels,
    sample_pixels_naively,
)

LEVELS, MIXTURES = 8, 2


@dataclasses.dataclass(frozen=True)
class Case:
    """A small network, and images that fit it."""

    make: Callable
    size: Tuple[int, int]
    channels: int
    classes: Optional[int] = None
    conditioning_size: Optional[int] = None
    filters: int = 4

    def network(self):
        given = {"classes": self.classes, "conditioning_size": self.conditioning_size}
        outputs = mixture_channels(self.channels, MIXTURES)
        return self.make(self.channels, outputs, filters=self.filters, **given)

    def images(self, count, seed=0):
        x = np.random.RandomState(seed).randint(0, LEVELS, [count, *self.size, self.channels])
        return level_centres(tf.constant(x), LEVELS)

    def conditioning(self, count):
        if self.classes:
            return tf.range(count) % self.classes
        if self.conditioning_size:
            shape = [count, *self.size, self.conditioning_size]
            return tf.constant(np.random.RandomState(3).normal(size=shape), tf.float32)
        return None


def plus_plus(*sizes, levels, **settings):
    return PixelCNNPlusPlus(*sizes, residual_layers=1, levels=levels, dropout=0.0, **settings)


CASES = {
    "plus_plus": Case(lambda *a, **k: plus_plus(*a, levels=3, **k), (4, 8), 3),
    "plus_plus_class": Case(lambda *a, **k: plus_plus(*a, levels=1, **k), (3, 4), 1, classes=3),
    "plus_plus_image": Case(
        lambda *a, **k: plus_plus(*a, levels=2, **k), (4, 4), 2, conditioning_size=2
    ),
    "gated": Case(
        lambda *a, **k: GatedPixelCNN(*a, layers=3, first_kernel_size=5, **k), (4, 5), 3, filters=16
    ),
    "gated_class": Case(
        lambda *a, **k: GatedPixelCNN(*a, layers=2, kernel_size=1, **k), (3, 4), 1, classes=3
    ),
    "gated_image": Case(
        lambda *a, **k: GatedPixelCNN(*a, layers=2, kernel_size=3, **k),
        (4, 4),
        1,
        conditioning_size=2,
        filters=16,
    ),
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request):
    """A case, and its network with weights as after some training."""
    found = CASES[request.param]
    # Of Python's random numbers too, from which Keras' initialisers draw their seeds.
    tf.keras.utils.set_random_seed(1)
    network = found.network()
    with data_dependent_initialisation():
        network(found.images(16, seed=9), conditioning=found.conditioning(16))
    return found, perturb(network, 0.3)


def reach(case, network, of="inputs", images=4):
    """How strongly the outputs at pixel p depend on pixel q: [p, q] in reading order.

    The largest of several images, for a unit may be off in one of them.
    """
    count = case.size[0] * case.size[1]
    x, given = case.images(images), case.conditioning(images)
    x = tf.repeat(x, count, 0)
    given = None if given is None else tf.repeat(given, count, 0)
    source = x if of == "inputs" else given
    with tf.GradientTape() as tape:
        tape.watch(source)
        outputs = network(x, conditioning=given)
        weights = np.random.RandomState(4).normal(size=[outputs.shape[-1], 1])
        outputs = tf.reshape(outputs @ weights.astype(np.float32), [images, count, count])
        # Row p of an image is asked for its pixel p.
        total = tf.reduce_sum(tf.linalg.trace(outputs))
    gradient = np.abs(tape.gradient(total, source)).max(-1)
    return gradient.reshape([images, count, count]).max(0)


def test_outputs_see_all_earlier_pixels_nearby_and_no_others(case):
    found, network = case
    strength = reach(found, network)
    later = np.triu(np.ones_like(strength)) > 0
    np.testing.assert_array_equal(strength[later], 0.0)
    height, width = found.size
    for p in range(height * width):
        row, column = divmod(p, width)
        neighbours = [(row, column - 1), (row - 1, column - 1), (row - 1, column)]
        neighbours.append((row - 1, column + 1))
        for i, j in neighbours:
            if i >= 0 and 0 <= j < width:
                assert strength[p, i * width + j] > 0.0, (row, column, i, j)


def test_a_given_image_is_seen_on_all_sides(case):
    found, network = case
    if found.conditioning_size is None:
        return
    strength = reach(found, network, of="conditioning")
    middle = found.size[1] + 1
    around = [middle + i * found.size[1] + j for i in (-1, 0, 1) for j in (-1, 0, 1)]
    assert (strength[middle, around] > 0.0).all()


def test_classes_differ_and_have_gradients(case):
    found, network = case
    if found.classes is None:
        return
    x = found.images(3) * tf.constant([1.0, 0.0, 0.0])[:, None, None, None]
    outputs = network(tf.zeros_like(x), conditioning=tf.constant([0, 1, 2])).numpy()
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(network(x, conditioning=tf.constant([0, 0, 2])) ** 2)
    (vectors,) = [v for v in network.trainable_variables if "vectors" in v.name]
    gradient = tf.convert_to_tensor(tape.gradient(loss, vectors)).numpy()
    assert np.abs(gradient[[0, 2]]).min() > 1e-8 and not gradient[1].any()


def draw_for(channels):
    def draw(outputs, noise):
        parameters = parameters_from_channels(
            outputs[:, tf.newaxis, tf.newaxis], channels, MIXTURES, LEVELS
        )
        mixture = DiscretisedLogisticMixture(**parameters, levels=LEVELS)
        x = mixture.from_noise(noise[:, tf.newaxis, tf.newaxis])
        return level_centres(x[:, 0, 0], LEVELS)

    return draw


def test_cached_samples_are_the_naive_ones(case):
    """In one graph for any batch, whose rows do not know of one another."""
    found, network = case
    noise = image_noise(5, 3, [*found.size, MIXTURES + found.channels])
    given, draw = found.conditioning(3), draw_for(found.channels)
    arguments = [noise] if given is None else [noise, given]
    specs = [tf.TensorSpec([None, *value.shape[1:]], value.dtype) for value in arguments]
    cached, naive = (
        tf.function(
            lambda *args, sample=sample: sample(network, draw, *args),
            input_signature=specs,
            autograph=False,
        )
        for sample in (sample_pixels, sample_pixels_naively)
    )
    got = cached(*arguments).numpy()
    np.testing.assert_array_equal(got, naive(*arguments))
    assert len(np.unique(got)) > 1 and (got[0] != got[1]).any()
    np.testing.assert_array_equal(cached(*(value[:2] for value in arguments)), got[:2])


def test_sampling_in_eager_mode():
    found = CASES["gated_class"]
    network, noise = found.network(), image_noise(5, 2, [2, 2, MIXTURES + 1])
    given, draw = found.conditioning(2), draw_for(1)
    np.testing.assert_array_equal(
        sample_pixels(network, draw, noise, given),
        sample_pixels_naively(network, draw, noise, given),
    )


def test_initialisation_standardises_the_outputs_and_what_is_between():
    for name in ("plus_plus", "gated"):
        found = CASES[name]
        network, x = found.network(), found.images(32)
        with data_dependent_initialisation():
            network(x)
        outputs = network(x).numpy()
        np.testing.assert_allclose(outputs.mean((0, 1, 2)), 0.0, atol=1e-4)
        np.testing.assert_allclose(outputs.std((0, 1, 2)), 1.0, rtol=1e-3)
        scales = [v for v in network.trainable_variables if "log_scale" in v.name]
        assert len(scales) > 10 and all(np.ptp(scale) > 0 for scale in scales)


def test_every_variable_has_a_gradient(case):
    found, network = case
    with tf.GradientTape() as tape:
        outputs = network(found.images(3), conditioning=found.conditioning(3))
        loss = tf.reduce_sum(tf.sin(outputs))
    for variable, gradient in zip(
        network.trainable_variables, tape.gradient(loss, network.trainable_variables)
    ):
        assert gradient is not None, variable.name
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name


def test_dropout_follows_its_seed():
    network = PixelCNNPlusPlus(1, 2, filters=4, residual_layers=1, levels=1, dropout=0.5)
    x = tf.zeros([2, 2, 3, 1])
    first = network(x, training=True, seed=(1, 2)).numpy()
    np.testing.assert_array_equal(network(x, training=True, seed=(1, 2)), first)
    assert np.abs(network(x, training=True, seed=(1, 3)) - first).max() > 1e-4
    assert np.abs(network(x) - first).max() > 1e-4


def test_configuration_round_trip(case):
    found, network = case
    again = type(network).from_config(network.get_config())
    assert again.get_config() == network.get_config()
    assert [v.shape for v in again.variables] == [v.shape for v in network.variables]


def test_number_of_parameters():
    """Counted by hand: 53.6 million for 160 filters, 5 residual layers and 10 mixtures."""

    def count(filters, n):
        def convolution(inputs, outputs, taps=1):
            return inputs * outputs * taps + 2 * outputs

        def block(taps, sides):
            size = convolution(2 * filters, filters, taps)
            size += convolution(2 * filters, 2 * filters, taps)
            return size + (convolution(2 * filters * sides, filters) if sides else 0)

        total = sum(convolution(4, filters, taps) for taps in (6, 3, 2))
        for taps, sides in ((6, 0), (4, 1)):
            total += 3 * n * block(taps, sides) + (3 * n + 2) * block(taps, sides + 1)
            total += 2 * (convolution(filters, filters, taps) + convolution(filters, 4 * filters))
        return total + convolution(filters, 100)

    network = PixelCNNPlusPlus(3, mixture_channels(3, 10), filters=3, residual_layers=2)
    got = sum(variable.shape.num_elements() for variable in network.trainable_variables)
    assert got == count(3, 2)
    assert count(160, 5) == pytest.approx(53.56e6, rel=1e-3)


def test_errors():
    network = PixelCNNPlusPlus(1, 2, filters=2, residual_layers=1, levels=2)
    with pytest.raises(ValueError, match="multiples of 2 for its 2 levels; got shape"):
        network(tf.zeros([1, 3, 4, 1]))
    with pytest.raises(ValueError, match="takes images .*, 1. whose sides"):
        network(tf.zeros([1, 4, 4, 3]))
    with pytest.raises(ValueError, match="pass no conditioning; got one of shape .1,"):
        network(tf.zeros([1, 4, 4, 1]), conditioning=tf.constant([1]))
    with pytest.raises(ValueError, match="either a class or an image; got classes=2 and"):
        GatedPixelCNN(1, 2, classes=2, conditioning_size=1)
    with pytest.raises(ValueError, match="Kernels are odd.*kernel_size=4"):
        GatedPixelCNN(1, 2, kernel_size=4)
    with pytest.raises(ValueError, match="one layer at least; got layers=0"):
        GatedPixelCNN(1, 2, layers=0)
    given = GatedPixelCNN(1, 2, filters=2, layers=1, classes=2)
    with pytest.raises(ValueError, match="given classes, integers .B.: pass conditioning"):
        given(tf.zeros([1, 4, 4, 1]))
    with pytest.raises(ValueError, match="given classes, integers .B.; got"):
        given(tf.zeros([1, 4, 4, 1]), conditioning=tf.zeros([1]))
    image = GatedPixelCNN(1, 2, filters=2, layers=1, conditioning_size=2)
    with pytest.raises(ValueError, match="given an image .B, H, W, 2.; got shape"):
        image(tf.zeros([1, 4, 4, 1]), conditioning=tf.zeros([1, 4, 4, 3]))
    with pytest.raises(ValueError, match="of a static size; got noise of shape"):
        tf.function(
            lambda noise: sample_pixels(network, draw_for(1), noise),
            input_signature=[tf.TensorSpec([None, None, 4, 3])],
        ).get_concrete_function()
