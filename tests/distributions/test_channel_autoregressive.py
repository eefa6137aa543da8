"""The prior over channels: its density, its order of channels, its samples."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.weights import set_weights
from tfgen.distributions import ChannelAutoregressive
from tfgen.layers import ChannelPriorNetwork

tfd = tfp.distributions
CHANNELS, CONDITIONING = 5, 3
SMALL = {"filters": 6, "layers": 2}
BOTH = pytest.mark.parametrize("conditional", [False, True], ids=["alone", "conditional"])


def make(conditional, dtype="float64", channels=CHANNELS, image_shape=(3, 4), seed=1, **settings):
    """A prior with large random weights, far from the N(0, I) that it starts as."""
    network = ChannelPriorNetwork(
        channels, CONDITIONING if conditional else None, **{**SMALL, **settings}, dtype=dtype
    )
    set_weights(network, seed, scale=4.0)
    return ChannelAutoregressive(network, image_shape)


def maps(batch=2, size=(3, 4), channels=CHANNELS, dtype=np.float64, seed=0):
    random = np.random.RandomState(seed)
    return tf.constant(random.normal(size=[*np.atleast_1d(batch), *size, channels]), dtype)


def given(conditional, batch=2, size=(3, 4), dtype=np.float64):
    return {"conditioning": maps(batch, size, CONDITIONING, dtype, 7)} if conditional else {}


def replay(prior, value, conditioning=None, image_shape=None):
    """Moments by the steps that sampling takes, of given channels."""
    network, state, moments = prior.network, None, []
    context = network.context(conditioning, image_shape)
    previous = tf.zeros_like(value[..., :1])
    for j in range(value.shape[-1]):
        moment, state = network.step(previous, state, context)
        moments.append(moment)
        previous = value[..., j : j + 1]
    return [tf.concat(parts, -1) for parts in zip(*moments)]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize(
    ("conditional", "settings", "size"),
    [
        (False, {}, (3, 4)),
        (True, {"kernel_size": 5, "dilation": 2}, (4, 6)),
        (True, {"dilation": 2, "peephole": False}, (3, 4)),
        (False, {"channels": 20}, (2, 2)),
    ],
)
def test_one_pass_over_given_channels_equals_the_steps_of_sampling(
    conditional, settings, size, dtype, tolerance
):
    prior = make(conditional, dtype, **settings)
    value = maps(3, size, prior.sequential_steps, dtype)
    kwargs = given(conditional, 3, size, dtype)
    mean, log_scale = prior.parameters_of(value, **kwargs)
    assert np.std(mean) > 0.05 and np.std(log_scale) > 0.05
    # Told the size, steps over maps as small as these are matrix products.
    for image_shape in (None, size):
        step_mean, step_log_scale = replay(prior, value, **kwargs, image_shape=image_shape)
        np.testing.assert_allclose(mean, step_mean, rtol=0, atol=tolerance)
        np.testing.assert_allclose(log_scale, step_log_scale, rtol=0, atol=tolerance)


@BOTH
def test_density_is_the_product_of_gaussians_of_those_moments(conditional):
    prior = make(conditional)
    value, kwargs = maps(), given(conditional)
    mean, log_scale = replay(prior, value, **kwargs)
    wanted = tf.reduce_sum(tfd.Normal(mean, tf.exp(log_scale)).log_prob(value), [1, 2, 3])
    np.testing.assert_allclose(prior.log_prob(value, **kwargs), wanted, rtol=1e-12)


def test_two_channels_of_one_pixel_integrate_to_one():
    prior = make(False, channels=2, log_scale_bound=1.0)
    axis = np.linspace(-20, 20, 601)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape([-1, 1, 1, 2])
    density = np.exp(prior.log_prob(grid)).reshape([601, 601])
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-6)
    # Not a product of its margins: the second channel depends on the first.
    conditional = density / density.sum(1, keepdims=True)
    means = (conditional * axis).sum(1)[270:331]
    assert np.ptp(means) > 0.1


@BOTH
def test_channels_depend_on_those_before_and_on_the_conditioning(conditional):
    prior = make(conditional)
    value, kwargs = maps(1), given(conditional, 1)
    sources = [value, *kwargs.values()]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        moments = tf.stack(prior.parameters_of(value, **kwargs))
        # Signed sums over pixels, so that a dependence does not cancel.
        signs = np.random.RandomState(3).normal(size=moments.shape[:-1])
        of_channel = tf.reduce_sum(signs[..., np.newaxis] * moments, [1, 2, 3])  # [2, C]
    jacobians = tape.jacobian(of_channel, sources)
    reach = np.abs(jacobians[0]).max((2, 3, 4))  # [2, C, C]: of moment, channel j, on channel k
    for moment in reach:
        assert (moment[np.triu_indices(CHANNELS)] == 0).all()
        assert (moment[np.tril_indices(CHANNELS, -1)] > 1e-6).all()
    if conditional:
        assert (np.abs(jacobians[1]).max((2, 3, 4, 5)) > 1e-4).all()


def test_pixels_of_a_channel_are_independent_given_the_channels_before():
    """The mixed derivative of log p by two pixels of the last channel vanishes."""
    prior = make(False, channels=2)
    value = maps(1, channels=2)

    def hessian(channel):
        pixels = tf.reshape(value[..., channel], [-1])
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(pixels)
            with tf.GradientTape() as inner:
                inner.watch(pixels)
                layers = tf.unstack(value, axis=-1)
                layers[channel] = tf.reshape(pixels, layers[channel].shape)
                log_prob = prior.log_prob(tf.stack(layers, -1))
            slope = inner.gradient(log_prob, pixels)
        return outer.jacobian(slope, pixels, experimental_use_pfor=False).numpy()

    last = hessian(1)
    _, log_scale = prior.parameters_of(value)
    np.testing.assert_array_equal(last[~np.eye(12, dtype=bool)], 0)
    np.testing.assert_allclose(np.diag(last), -np.exp(-2 * log_scale[0, ..., 1]).ravel())
    # Through the second channel, the pixels of the first do meet.
    assert np.abs(hessian(0)[~np.eye(12, dtype=bool)]).max() > 1e-3


@BOTH
def test_new_prior_is_standard_normal(conditional):
    network = ChannelPriorNetwork(CHANNELS, CONDITIONING if conditional else None, **SMALL)
    prior = ChannelAutoregressive(network, [3, 4])
    value, kwargs = maps(dtype=np.float32), given(conditional, dtype=np.float32)
    for moment in prior.parameters_of(value, **kwargs):
        np.testing.assert_array_equal(moment, np.zeros(value.shape))
    wanted = -0.5 * np.sum(value.numpy().astype(np.float64) ** 2 + np.log(2 * np.pi), (1, 2, 3))
    np.testing.assert_allclose(prior.log_prob(value, **kwargs), wanted, rtol=1e-6)


def test_log_scale_is_bounded():
    prior = make(False, log_scale_bound=2.0)
    value = 1e4 * maps()
    prior.network.output_layer.bias.assign([0.0, 1e6])
    np.testing.assert_allclose(prior.parameters_of(value)[1], 2.0)
    prior.network.output_layer.bias.assign([0.0, -1e6])
    np.testing.assert_allclose(prior.parameters_of(value)[1], -2.0)
    assert np.isfinite(prior.log_prob(value)).all()


@BOTH
def test_samples_agree_with_the_density(conditional):
    """E log p is minus the entropy, and the whitened samples are standard normal."""
    prior, kwargs = make(conditional), given(conditional, 1)
    samples = prior.sample(4000, seed=3, **kwargs)
    mean, log_scale = prior.parameters_of(samples, **kwargs)
    entropy = tf.reduce_sum(log_scale + 0.5 * np.log(2 * np.pi * np.e), [-3, -2, -1])
    difference = np.ravel(prior.log_prob(samples, **kwargs) + entropy)
    error = difference.std() / np.sqrt(len(difference))
    assert difference.std() > 1 and abs(difference.mean()) < 4 * error
    noise = np.reshape((samples - mean) * tf.exp(-log_scale), [-1, 3 * 4 * CHANNELS])
    np.testing.assert_allclose(noise.mean(0), 0, atol=0.07)
    np.testing.assert_allclose(noise.std(0), 1, atol=0.05)
    correlations = np.corrcoef(noise.T) - np.eye(noise.shape[1])
    assert np.abs(correlations).max() < 0.09
    assert np.std(mean) > 0.1


@BOTH
def test_temperature_multiplies_the_scale(conditional):
    prior, kwargs = make(conditional), given(conditional)
    samples = {t: prior.sample(3, seed=3, temperature=t, **kwargs) for t in (0.0, 0.5, 1.0)}
    mean, _ = prior.parameters_of(samples[0.0], **kwargs)
    np.testing.assert_allclose(samples[0.0], mean, atol=1e-12)
    np.testing.assert_array_equal(samples[0.0], prior.sample(3, seed=4, temperature=0.0, **kwargs))
    noises = []
    for temperature in (0.5, 1.0):
        mean, log_scale = prior.parameters_of(samples[temperature], **kwargs)
        noises.append((samples[temperature] - mean) * tf.exp(-log_scale))
    np.testing.assert_allclose(noises[0], 0.5 * noises[1], atol=1e-10)


@BOTH
@pytest.mark.parametrize("batch", [1, 3])
def test_shapes(conditional, batch):
    prior, kwargs = make(conditional, "float32"), given(conditional, batch, dtype=np.float32)
    assert prior.event_shape == [3, 4, CHANNELS] and prior.batch_shape == []
    event = [3, 4, CHANNELS]
    for sample_shape in ((), 1, 4, (4, 2)):
        leading = [*np.reshape(sample_shape, [-1]).astype(int), *([batch] if kwargs else [])]
        samples = prior.sample(sample_shape, seed=1, **kwargs)
        assert samples.shape == leading + event
        log_prob = prior.log_prob(samples, **kwargs)
        assert log_prob.shape == leading
        if len(leading) > 1:
            row = prior.log_prob(samples[-1], **kwargs)
            np.testing.assert_allclose(log_prob[-1], row, rtol=1e-5)
    assert prior.log_prob(maps((), dtype=np.float32), **kwargs).shape == ([batch] if kwargs else [])


def test_any_image_size_and_one_row_for_all():
    prior = make(True, dilation=2)
    for size in ((1, 1), (4, 2), (5, 3)):
        kwargs = given(True, 2, size)
        samples = prior.sample(seed=1, **kwargs)
        assert samples.shape == [2, *size, CHANNELS]
        replayed = replay(prior, samples, **kwargs)
        np.testing.assert_allclose(prior.parameters_of(samples, **kwargs), replayed, atol=1e-12)
    alone = make(False)
    assert alone.sample(2, seed=1, image_shape=[5, 2]).shape == [2, 5, 2, CHANNELS]
    # One map r for a batch of l, and one l for a batch of r.
    value, conditioning = maps(3), given(True, 3)["conditioning"]
    one = prior.log_prob(value, conditioning=conditioning[:1])
    np.testing.assert_allclose(
        one, prior.log_prob(value, conditioning=tf.repeat(conditioning[:1], 3, 0)), rtol=1e-12
    )
    one = prior.log_prob(value[0], conditioning=conditioning)
    np.testing.assert_allclose(
        one, prior.log_prob(tf.repeat(value[:1], 3, 0), conditioning=conditioning), rtol=1e-12
    )


@BOTH
def test_seed_decides_the_sample(conditional):
    prior, kwargs = make(conditional), given(conditional)
    first = prior.sample(4, seed=7, **kwargs)
    for same in (7, (7, 0), tf.constant(7)):
        np.testing.assert_array_equal(prior.sample(4, seed=same, **kwargs), first)
    assert np.abs(prior.sample(4, seed=8, **kwargs) - first).min() > 0
    noise = np.reshape(prior.sample(4, seed=7, **given(conditional, 3)), [-1])
    assert len(np.unique(noise)) == noise.size
    if conditional:  # a smaller batch does not change what its first rows get
        fewer = prior.sample(4, seed=7, conditioning=kwargs["conditioning"][:1])
        np.testing.assert_allclose(fewer, first[:, :1], atol=1e-12)


@BOTH
def test_every_parameter_has_a_gradient_both_ways(conditional):
    prior, kwargs = make(conditional), given(conditional)
    value = maps()
    losses = {
        "density": lambda: tf.reduce_sum(prior.log_prob(value, **kwargs)),
        "sample": lambda: tf.reduce_sum(prior.sample(3, seed=1, **kwargs) ** 2),
    }
    assert len(prior.trainable_variables) == (15 if conditional else 10)
    for name, loss in losses.items():
        with tf.GradientTape() as tape:
            result = loss()
        gradients = tape.gradient(result, prior.trainable_variables)
        for variable, gradient in zip(prior.trainable_variables, gradients):
            assert gradient is not None and np.abs(gradient).max() > 1e-4, (name, variable.name)


def steps_in_graph(prior, sample):
    """How often the network takes a step when a graph draws a sample."""
    count, step = tf.Variable(0), prior.network.step

    def counted(*args, **kwargs):
        count.assign_add(1)
        return step(*args, **kwargs)

    prior.network.step = counted
    try:
        tf.function(sample)()
    finally:
        prior.network.step = step
    return int(count)


@pytest.mark.parametrize("channels", [1, 2, 7, 20])
def test_a_sample_takes_as_many_steps_as_channels(channels):
    prior = make(False, channels=channels, filters=2, layers=1)
    assert prior.sequential_steps == channels
    assert steps_in_graph(prior, lambda: prior.sample(3, seed=1)) == channels


@BOTH
def test_graph_of_unknown_sizes_and_saved_model(conditional, tmp_path):
    prior = make(conditional, "float32", dilation=2, layers=1, image_shape=(2, 4))
    specs = [tf.TensorSpec([None, 2, 4, CONDITIONING])] if conditional else []

    def named(conditioning):
        return {"conditioning": conditioning[0]} if conditional else {}

    module = tf.Module()
    module.prior = prior

    @tf.function(input_signature=[tf.TensorSpec([None, 2, 4, CHANNELS]), *specs])
    def log_prob(value, *conditioning):
        return prior.log_prob(value, **named(conditioning))

    @tf.function(
        input_signature=[
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([], tf.int64),
            tf.TensorSpec([]),
            *specs,
        ]
    )
    def sample(count, seed, temperature, *conditioning):
        return prior.sample(count, seed=seed, temperature=temperature, **named(conditioning))

    module.log_prob, module.sample = log_prob, sample
    tf.saved_model.save(module, str(tmp_path / "model"))
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    for batch in (1, 3):
        value = maps(batch, (2, 4), dtype=np.float32)
        kwargs = given(conditional, batch, (2, 4), np.float32)
        wanted = prior.log_prob(value, **kwargs)
        drawn = prior.sample(5, seed=7, temperature=0.8, **kwargs)
        for functions in (module, loaded):
            got = functions.log_prob(value, *kwargs.values())
            np.testing.assert_allclose(got, wanted, rtol=1e-5)
            got = functions.sample(5, tf.constant(7, tf.int64), 0.8, *kwargs.values())
            np.testing.assert_allclose(got, drawn, rtol=0, atol=2e-5)


@BOTH
def test_keras_modules_and_checkpoints_hold_every_variable(conditional, tmp_path):
    prior, other = make(conditional), make(conditional, seed=2)
    model, module = tf.keras.Model(), tf.Module()
    model.priors, module.priors = [prior], [prior]
    wanted = {id(variable) for variable in prior.network.trainable_variables}
    for holder in (prior, model, module):
        assert {id(variable) for variable in holder.trainable_variables} == wanted
        assert {id(variable) for variable in holder.variables} == wanted
    again = tf.keras.Model()
    again.priors = [other]
    path = tf.train.Checkpoint(model).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(again).restore(path).assert_consumed()
    value, kwargs = maps(), given(conditional)
    np.testing.assert_array_equal(prior.log_prob(value, **kwargs), other.log_prob(value, **kwargs))


def test_network_from_its_configuration_and_copy_of_the_prior():
    prior = make(True, dilation=2, embedding_channels=2, peephole=False, log_scale_bound=3.0)
    network = ChannelPriorNetwork.from_config(prior.network.get_config())
    assert network.get_config() == prior.network.get_config()
    network.set_weights(prior.network.get_weights())
    value, kwargs = maps(), given(True)
    wanted = prior.log_prob(value, **kwargs)
    got = ChannelAutoregressive(network).log_prob(value, **kwargs)
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(prior.copy().log_prob(value, **kwargs), wanted)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_densities_in_float32(policy):
    value, kwargs = maps(dtype=np.float32), given(True, dtype=np.float32)
    wanted = make(True, "float32").log_prob(value, **kwargs)
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        prior = make(True, None)
        log_prob = prior.log_prob(value, **kwargs)
        samples = prior.sample(2, seed=1, **kwargs)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert log_prob.dtype == samples.dtype == prior.dtype == tf.float32
    assert {variable.dtype for variable in prior.variables} == {tf.float32}
    np.testing.assert_allclose(log_prob, wanted, rtol=0.02)
    exact = make(True, "float32").sample(2, seed=1, **kwargs)
    assert 0 < np.abs(samples - exact).max() < 0.2


def test_learns_what_a_gaussian_cannot():
    """Noisy maps of two patterns: channel after channel, the first ones tell which it is."""
    random = np.random.RandomState(0)
    patterns = random.choice([-1.0, 1.0], size=[4, 4, 3])

    def draw(count):
        signs = random.choice([-1.0, 1.0], size=[count, 1, 1, 1])
        return (signs * patterns + 0.3 * random.normal(size=[count, 4, 4, 3])).astype(np.float32)

    held_out = draw(500)
    prior = ChannelAutoregressive(ChannelPriorNetwork(3, filters=16, layers=1), [4, 4])
    optimizer = tf.keras.optimizers.Adam(0.01)
    optimizer.build(prior.trainable_variables)

    @tf.function
    def update(value):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(prior.log_prob(value))
        gradients = tape.gradient(loss, prior.trainable_variables)
        optimizer.apply_gradients(zip(gradients, prior.trainable_variables))
        return loss

    for _ in range(200):
        update(draw(64))
    reached = np.mean(prior.log_prob(held_out))
    # Gaussians of the single pixels have mean 0 and variance 1 + 0.3^2. No better is possible for
    # the first channel; but it tells the pattern, and for the others only the noise remains.
    entropy_apart, entropy_known = (
        0.5 * np.log(2 * np.pi * np.e * variance) for variance in (1.09, 0.09)
    )
    gaussian, best = -48 * entropy_apart, -16 * entropy_apart - 32 * entropy_known
    assert best - gaussian > 35
    assert best - 3 < reached < best + 0.5


def test_errors():
    alone, conditional = make(False, image_shape=None), make(True)
    with pytest.raises(ValueError, match="does not know the size of its samples"):
        alone.sample(3, seed=1)
    with pytest.raises(ValueError, match=r"image_shape is \[H, W\]"):
        ChannelAutoregressive(alone.network, [3, 4, 5])
    with pytest.raises(ValueError, match="so pass no conditioning; got one of shape"):
        alone.log_prob(maps(), **given(True))
    with pytest.raises(ValueError, match=r"\[B, H, W, 3\]; got none"):
        conditional.log_prob(maps())
    with pytest.raises(ValueError, match=r"\[B, H, W, 3\]; got none"):
        conditional.sample(3, seed=1)
    with pytest.raises(ValueError, match=r"\[B, H, W, 3\]; got one of shape \(2, 3, 4, 5\)"):
        conditional.log_prob(maps(), conditioning=maps())
    with pytest.raises(ValueError, match=r"maps \[..., H, W, 5\]; got shape \(2, 3, 4, 4\)"):
        alone.log_prob(maps(channels=4))
    with pytest.raises(ValueError, match=r"static size; got conditioning of shape \(3, 4, 3\)"):
        conditional.sample(seed=1, conditioning=given(True, ())["conditioning"])
    with pytest.raises(ValueError, match="one channel at least; got channels=0"):
        ChannelPriorNetwork(0)
    with pytest.raises(ValueError, match="log_scale_bound is positive; got 0"):
        ChannelPriorNetwork(2, log_scale_bound=0)


TWO_REPLICAS = """
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.distributions.test_channel_autoregressive import given, make
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    conditional, alone = make(True), make(False)
r = given(True, 6)["conditioning"]
whole = conditional.sample(2, seed=7, conditioning=r), alone.sample(6, seed=7)
def share():
    first = 3 * tf.distribute.get_replica_context().replica_id_in_sync_group
    part = r[first : first + 3]
    return conditional.sample(2, seed=7, conditioning=part), alone.sample(3, seed=7)
of_r, plain = tf.function(lambda: strategy.run(share))()
of_r = np.concatenate(strategy.experimental_local_results(of_r), 1)
plain = np.concatenate(strategy.experimental_local_results(plain), 0)
np.testing.assert_allclose(of_r, whole[0], rtol=0, atol=1e-10)
np.testing.assert_allclose(plain, whole[1], rtol=0, atol=1e-10)
print("same")
"""


def test_two_replicas_draw_what_one_draws():
    root = pathlib.Path(__file__).resolve().parents[2]
    process = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert process.stdout.strip().endswith("same"), process.stderr[-2000:]
