"""What every bijector of tfgen must have. A new one is covered by adding it to REGISTRY."""

import dataclasses
import functools
import re
from typing import Callable, Optional, Sequence

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.perturbation import perturb
from tfgen.bijectors import (
    ActNorm,
    AdditiveCoupling,
    AffineCoupling,
    AutoregressiveMap,
    ConditionalActNorm,
    CouplingNetwork,
    DenseCouplingNetwork,
    DoubleAffineCoupling,
    HalfSwap,
    InvertibleConvolution,
    MaskedAutoregressive,
    MixtureCDFCoupling,
    PixelLogit,
    PixelScaling,
    ReverseChannels,
    Squeeze,
)
from tfgen.layers import CouplingConvolutions, GatedAttentionNetwork, MaskedConvolutions

tfb = tfp.bijectors


@dataclasses.dataclass(frozen=True)
class Case:
    """How to make a bijector, what it takes, and in what it differs from most."""

    name: str
    make: Callable  # dtype -> bijector, with a seed of its own: made twice, it is the same
    event_shape: Sequence[int]  # of the data: [C], or [H, W, C]
    conditioning_shape: Optional[Sequence[int]] = None  # of an event
    latent_shape: Optional[Sequence[int]] = None  # where it is not that of the data
    as_data: Callable = staticmethod(lambda noise: noise)  # normal noise -> values of the data
    starts_as_identity: bool = True
    volume_preserving: bool = False  # the log-determinant is zero, whatever the weights
    trainable: bool = True  # has trainable variables
    differentiable: Sequence[str] = ("forward", "inverse")  # directions with gradients
    batches: Optional[Sequence[Sequence[int]]] = None  # leading axes that it takes
    ignores_other_arguments: bool = True  # those that a flow passes, and it has no use for
    tolerance: float = 1e-5  # of the inverse in float32
    tolerance64: float = 1e-10  # of the inverse and the log-determinant in float64
    mixed_precision_tolerance: float = 0.0  # its networks may compute in float16

    @property
    def all_batches(self):
        """Unless the case says otherwise: any leading axes of vectors, one of images."""
        one = ((1,), (3,))
        return self.batches or (((), *one, (2, 3)) if len(self.event_shape) == 1 else one)

    def perturbed(self, dtype=tf.float32, seed=0):
        return perturb(self.make(dtype), seed=seed)

    def latents(self, batch, dtype=tf.float32, seed=1):
        """Noise and keyword arguments of forward."""
        return self._noise(batch, self.latent_shape or self.event_shape, dtype, seed)

    def data(self, batch, dtype=tf.float32, seed=1):
        """Data and keyword arguments of inverse."""
        noise, kwargs = self._noise(batch, self.event_shape, dtype, seed)
        return tf.constant(self.as_data(noise.numpy()), dtype), kwargs

    def _noise(self, batch, shape, dtype, seed):
        random = np.random.RandomState(seed)
        noise = tf.constant(random.normal(size=[*batch, *shape]), dtype)
        if self.conditioning_shape is None:
            return noise, {}
        conditioning = random.normal(size=[*batch, *self.conditioning_shape])
        return noise, {"conditioning": tf.constant(conditioning, dtype)}


class Affine(tf.keras.layers.Dense):
    """The smallest network of a conditioning, which starts at zero."""

    def __init__(self, input_size, output_size, dtype):
        super().__init__(output_size, kernel_initializer="zeros", dtype=tf.as_dtype(dtype).name)
        self.build([None, input_size])

    def call(self, conditioning, training=False, seed=None):
        return super().call(conditioning)


# Rounding in a network becomes a factor of the result; test_coupling_networks.py has the network's.
MAGNIFIED = np.inf
ANY = ((), (1,), (3,), (2, 3))


def dense(dtype, **kwargs):
    """Makes networks of couplings of vectors or of single pixels."""
    return functools.partial(
        DenseCouplingNetwork, hidden_units=(16,), seed=3, dtype=dtype.name, **kwargs
    )


def convolutions(dtype, **kwargs):
    """Makes networks of couplings of images, always with the same initial weights."""
    return seeded(CouplingConvolutions, dtype, filters=6, **kwargs)


def attention(dtype, **kwargs):
    """Makes networks of Flow++, always with the same initial weights."""
    return seeded(GatedAttentionNetwork, dtype, filters=8, blocks=1, heads=2, **kwargs)


def autoregressive_map(dtype):
    """The flow of a posterior, always with the same initial weights."""
    return AutoregressiveMap(2, seeded(MaskedConvolutions, dtype)(2, 3))


def seeded(network, dtype, **kwargs):
    def make(input_size, output_size):
        tf.random.set_seed(3)
        # In float32 the mixed-precision policy of the moment decides.
        chosen = {} if dtype == tf.float32 else {"dtype": dtype.name}
        return network(input_size, output_size, **kwargs, **chosen)

    return make


REGISTRY = [
    Case(
        "double_affine_coupling",
        lambda dtype: DoubleAffineCoupling(6, hidden_units=(16, 16), seed=3, dtype=dtype),
        event_shape=[6],
        ignores_other_arguments=False,
    ),
    Case(
        "double_affine_coupling_odd_conditional",
        lambda dtype: DoubleAffineCoupling(
            5, hidden_units=(16,), conditioning_size=4, activation="leaky_relu", seed=3, dtype=dtype
        ),
        event_shape=[5],
        conditioning_shape=[4],
        ignores_other_arguments=False,
    ),
    Case(
        "double_affine_coupling_two",
        lambda dtype: DoubleAffineCoupling(2, hidden_units=(8, 8, 8), seed=3, dtype=dtype),
        event_shape=[2],
        ignores_other_arguments=False,
    ),
    Case(
        "act_norm",
        lambda dtype: ActNorm(3, dtype=dtype),
        event_shape=[2, 4, 3],
        batches=ANY,
    ),
    Case(
        "act_norm_vector",
        lambda dtype: ActNorm(4, event_ndims=1, dtype=dtype),
        event_shape=[4],
    ),
    Case(
        "conditional_act_norm",
        lambda dtype: ConditionalActNorm(3, lambda size: Affine(4, size, dtype), dtype=dtype),
        event_shape=[2, 4, 3],
        conditioning_shape=[4],
        batches=ANY,
    ),
    Case(
        "conditional_act_norm_maps",
        lambda dtype: ConditionalActNorm(
            3, lambda size: Affine(5, size, dtype), conditioning_ndims=3, dtype=dtype
        ),
        event_shape=[2, 4, 3],
        conditioning_shape=[2, 4, 5],
        batches=ANY,
    ),
    Case(
        "conditional_act_norm_vector",
        lambda dtype: ConditionalActNorm(
            5, lambda size: Affine(4, size, dtype), event_ndims=1, dtype=dtype
        ),
        event_shape=[5],
        conditioning_shape=[4],
    ),
    Case(
        "invertible_convolution",
        lambda dtype: InvertibleConvolution(6, seed=3, dtype=dtype),
        event_shape=[2, 4, 6],
        batches=ANY,
        starts_as_identity=False,
    ),
    Case(
        "invertible_convolution_vector",
        lambda dtype: InvertibleConvolution(5, event_ndims=1, seed=3, dtype=dtype),
        event_shape=[5],
        starts_as_identity=False,
    ),
    Case(
        "half_swap",
        lambda dtype: HalfSwap(4),
        event_shape=[2, 4, 4],
        batches=ANY,
        starts_as_identity=False,
        volume_preserving=True,
        trainable=False,
    ),
    Case(
        "half_swap_odd_vector",
        lambda dtype: HalfSwap(5, event_ndims=1),
        event_shape=[5],
        starts_as_identity=False,
        volume_preserving=True,
        trainable=False,
    ),
    Case(
        "reverse_channels",
        lambda dtype: ReverseChannels(),
        event_shape=[2, 4, 3],
        batches=ANY,
        starts_as_identity=False,
        volume_preserving=True,
        trainable=False,
    ),
    Case(
        "squeeze",
        lambda dtype: Squeeze(),
        event_shape=[4, 6, 3],
        latent_shape=[2, 3, 12],
        batches=ANY,
        starts_as_identity=False,
        volume_preserving=True,
        trainable=False,
    ),
    Case(
        "pixel_logit",
        lambda dtype: PixelLogit(),
        event_shape=[2, 4, 3],
        as_data=lambda noise: 256.0 / (1.0 + np.exp(-3.0 * noise)),
        batches=ANY,
        starts_as_identity=False,
        trainable=False,
        tolerance=1e-4,
    ),
    Case(
        "pixel_logit_vector",
        lambda dtype: PixelLogit(alpha=0.01, levels=17, event_ndims=1),
        event_shape=[5],
        as_data=lambda noise: 17.0 / (1.0 + np.exp(-3.0 * noise)),
        starts_as_identity=False,
        trainable=False,
    ),
    Case(
        "pixel_scaling",
        lambda dtype: PixelScaling(),
        event_shape=[2, 4, 3],
        as_data=lambda noise: 256.0 / (1.0 + np.exp(-3.0 * noise)),
        batches=ANY,
        starts_as_identity=False,
        trainable=False,
        tolerance=1e-4,
    ),
    Case(
        "masked_autoregressive",
        lambda dtype: MaskedAutoregressive(5, hidden_units=(16, 16), seed=3, dtype=dtype),
        event_shape=[5],
        batches=((), (2, 3)),
    ),
    Case(
        "masked_autoregressive_conditional",
        lambda dtype: MaskedAutoregressive(3, (16,), conditioning_size=4, seed=3, dtype=dtype),
        event_shape=[3],
        conditioning_shape=[4],
        batches=((), (2, 3)),
    ),
    Case(
        "inverse_autoregressive_conditional",
        lambda dtype: MaskedAutoregressive(
            3, (16, 16), conditioning_size=4, inverse=True, seed=3, dtype=dtype
        ),
        event_shape=[3],
        conditioning_shape=[4],
        batches=((), (2, 3)),
    ),
    Case(
        "autoregressive_map",
        autoregressive_map,
        event_shape=[2, 3, 2],
        conditioning_shape=[2, 3, 6],
        starts_as_identity=False,
        mixed_precision_tolerance=MAGNIFIED,
    ),
    Case(
        "additive_coupling",
        lambda dtype: AdditiveCoupling(5, convolutions(dtype), dtype=dtype),
        event_shape=[2, 4, 5],
        volume_preserving=True,
        mixed_precision_tolerance=MAGNIFIED,
    ),
    Case(
        "additive_coupling_scaled_alternating_vector",
        lambda dtype: AdditiveCoupling(
            41, dense(dtype), "alternating", event_ndims=1, trainable_scale=True, dtype=dtype
        ),
        event_shape=[41],  # whose scales, 0.993 each, make a log-determinant that can be seen
        starts_as_identity=False,
    ),
    Case(
        "affine_coupling",
        lambda dtype: AffineCoupling(4, convolutions(dtype, conditioning_size=2), dtype=dtype),
        event_shape=[2, 4, 4],
        conditioning_shape=[2, 4, 2],
        starts_as_identity=False,
        mixed_precision_tolerance=MAGNIFIED,
    ),
    Case(
        "affine_coupling_exponential_checkerboard",
        lambda dtype: AffineCoupling(
            2, convolutions(dtype), "checkerboard", swap=True, scale="exponential", dtype=dtype
        ),
        event_shape=[3, 4, 2],
        mixed_precision_tolerance=MAGNIFIED,
    ),
    Case(
        "affine_coupling_vector_conditional",
        lambda dtype: AffineCoupling(
            5, dense(dtype, conditioning_size=4), swap=True, event_ndims=1, dtype=dtype
        ),
        event_shape=[5],
        conditioning_shape=[4],
        starts_as_identity=False,
    ),
    Case(
        "mixture_cdf_coupling",
        lambda dtype: MixtureCDFCoupling(4, attention(dtype), components=3, dtype=dtype),
        event_shape=[2, 4, 4],
        starts_as_identity=False,
        tolerance=1e-4,
        mixed_precision_tolerance=MAGNIFIED,
    ),
    Case(
        "mixture_cdf_coupling_checkerboard",
        lambda dtype: MixtureCDFCoupling(
            2, convolutions(dtype), "checkerboard", components=5, dtype=dtype
        ),
        event_shape=[3, 4, 2],
        starts_as_identity=False,
        tolerance=1e-4,
        mixed_precision_tolerance=MAGNIFIED,
    ),
    Case(
        "mixture_cdf_coupling_vector_conditional",
        lambda dtype: MixtureCDFCoupling(
            3,
            dense(dtype, conditioning_size=4),
            "alternating",
            event_ndims=1,
            components=4,
            dtype=dtype,
        ),
        event_shape=[3],
        conditioning_shape=[4],
        starts_as_identity=False,
        tolerance=1e-4,
    ),
]
TRAINABLE = [case for case in REGISTRY if case.trainable]
CONDITIONAL = [case for case in REGISTRY if case.conditioning_shape is not None]


def every(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def run(bijector, direction):
    """forward_and_log_det or inverse_and_log_det of a bijector."""
    return getattr(bijector, f"{direction}_and_log_det")


def inputs(case, direction, batch, dtype=tf.float32):
    return (case.latents if direction == "forward" else case.data)(batch, dtype)


def specifications(tensor, kwargs):
    """A signature that leaves the batch open, for a function of (tensor, kwargs)."""

    def open_batch(value):
        return tf.TensorSpec([None, *value.shape[1:]], value.dtype)

    return [open_batch(tensor), {name: open_batch(value) for name, value in kwargs.items()}]


@every(REGISTRY)
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=lambda dtype: dtype.name)
def test_inverse_undoes_forward_and_back(case, dtype):
    bijector = case.perturbed(dtype)
    tolerance = case.tolerance if dtype == tf.float32 else case.tolerance64
    batch = [200 if len(case.event_shape) == 1 else 10]
    x, kwargs = case.latents(batch, dtype)
    # TFP remembers that the inverse of its own result is its input; the identity makes it forget.
    y = tf.identity(bijector.forward(x, **kwargs))
    assert np.abs(tf.reshape(y, x.shape) - x).max() > 0.1
    np.testing.assert_allclose(bijector.inverse(y, **kwargs), x, rtol=0, atol=tolerance)
    y, kwargs = case.data(batch, dtype)
    x = tf.identity(bijector.inverse(y, **kwargs))
    np.testing.assert_allclose(bijector.forward(x, **kwargs), y, rtol=0, atol=tolerance)


@every(REGISTRY)
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_log_det_is_that_of_the_autodiff_jacobian(case, direction):
    if direction not in case.differentiable:
        pytest.skip("no gradients in this direction")
    bijector = case.perturbed(tf.float64)
    before, kwargs = inputs(case, direction, [20 if len(case.event_shape) == 1 else 3], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(before)
        after = run(bijector, direction)(before, **kwargs)[0]
    size = np.prod(case.event_shape)
    jacobian = tf.reshape(tape.batch_jacobian(after, before), [-1, size, size])
    _, expected = np.linalg.slogdet(jacobian.numpy())
    if not case.volume_preserving:
        assert np.abs(expected).max() > 0.1
    x, y, sign = (before, after, 1) if direction == "forward" else (after, before, -1)
    x, y = tf.identity(x), tf.identity(y)
    for got, wanted in (
        (bijector.forward_log_det_jacobian(x, **kwargs), sign * expected),
        (bijector.inverse_log_det_jacobian(y, **kwargs), -sign * expected),
        (bijector.forward_and_log_det(x, **kwargs)[1], sign * expected),
        (bijector.inverse_and_log_det(y, **kwargs)[1], -sign * expected),
    ):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=case.tolerance64)


@every([case for case in REGISTRY if case.starts_as_identity])
def test_starts_as_the_identity(case):
    bijector = case.make(tf.float32)
    x, kwargs = case.latents([7])
    y, log_det = bijector.forward_and_log_det(x, **kwargs)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(log_det, np.zeros(7))


@every(TRAINABLE)
def test_every_parameter_has_a_gradient(case):
    bijector = case.perturbed()
    for direction in case.differentiable:
        given, kwargs = inputs(case, direction, [50 if len(case.event_shape) == 1 else 5])
        with tf.GradientTape() as tape:
            result, log_det = run(bijector, direction)(given, **kwargs)
            loss = tf.reduce_sum(result**2) + tf.reduce_sum(log_det)
        gradients = tape.gradient(loss, bijector.trainable_variables)
        for variable, gradient in zip(bijector.trainable_variables, gradients):
            assert gradient is not None, variable.name
            assert np.abs(gradient).max() > 1e-6, variable.name


@every(REGISTRY)
def test_shapes(case):
    bijector = case.perturbed()
    latent_shape = case.latent_shape or case.event_shape
    for batch in case.all_batches:
        x, kwargs = case.latents(batch)
        y = bijector.forward(x, **kwargs)
        assert y.shape == [*batch, *case.event_shape]
        assert bijector.inverse(tf.identity(y), **kwargs).shape == x.shape
        assert bijector.forward_log_det_jacobian(x, **kwargs).shape == batch
        assert bijector.inverse_log_det_jacobian(tf.identity(y), **kwargs).shape == batch
        assert bijector.forward_and_log_det(x, **kwargs)[1].shape == batch
        assert bijector.inverse_and_log_det(y, **kwargs)[1].shape == batch
    assert bijector.forward_event_shape(latent_shape) == case.event_shape
    assert bijector.inverse_event_shape(case.event_shape) == latent_shape
    np.testing.assert_array_equal(
        bijector.forward_event_shape_tensor(latent_shape), case.event_shape
    )
    np.testing.assert_array_equal(
        bijector.inverse_event_shape_tensor(case.event_shape), latent_shape
    )


@every(REGISTRY)
def test_a_row_depends_on_its_row_alone(case):
    bijector = case.perturbed(tf.float64)
    x, kwargs = case.latents([6], tf.float64)
    alone = {name: value[2:3] for name, value in kwargs.items()}
    np.testing.assert_allclose(
        bijector.forward(x, **kwargs)[2:3], bijector.forward(x[2:3], **alone), atol=1e-12
    )


@every(REGISTRY)
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_graph_equals_eager(case, direction):
    function = run(case.perturbed(tf.float64), direction)
    given, kwargs = inputs(case, direction, [5], tf.float64)

    @tf.function(input_signature=specifications(given, kwargs))
    def graph(given, kwargs):
        return function(given, **kwargs)

    for got, expected in zip(graph(given, kwargs), function(given, **kwargs)):
        np.testing.assert_allclose(got, expected, atol=case.tolerance64)


@every(REGISTRY)
def test_arguments_without_a_use_are_ignored(case):
    """A flow passes the same arguments to all of its bijectors."""
    if not case.ignores_other_arguments:
        pytest.skip("not for a flow that passes arguments to all")
    bijector = case.perturbed()
    for direction in ("forward", "inverse"):
        given, kwargs = inputs(case, direction, [3])
        other = {"conditioning": tf.zeros([3, 1]), "training": False, "seed": [1, 2], **kwargs}
        for got, expected in zip(
            run(bijector, direction)(given, **other), run(bijector, direction)(given, **kwargs)
        ):
            np.testing.assert_array_equal(got, expected)


@every(REGISTRY)
def test_chains_and_inverts_as_a_tfp_bijector(case):
    first, second = case.perturbed(tf.float64), case.perturbed(tf.float64, seed=5)
    data, kwargs = case.data([4], tf.float64)
    chain = tfb.Chain([second, tfb.Invert(first, name="inverted")])
    named = {second.name: kwargs, "inverted": kwargs} if kwargs else {}
    y = chain.forward(data, **named)
    middle = first.inverse(tf.identity(data), **kwargs)
    np.testing.assert_allclose(y, second.forward(middle, **kwargs), atol=case.tolerance64)
    np.testing.assert_allclose(
        chain.forward_log_det_jacobian(data, **named),
        first.inverse_log_det_jacobian(tf.identity(data), **kwargs)
        + second.forward_log_det_jacobian(tf.identity(middle), **kwargs),
        atol=case.tolerance64,
    )
    np.testing.assert_allclose(chain.inverse(tf.identity(y), **named), data, atol=case.tolerance64)


@every(REGISTRY)
def test_results_of_twins_are_not_mixed_up(case):
    """TFP takes bijectors with equal constructor arguments for one and shares their cache."""
    first, second = case.perturbed(), case.perturbed(seed=5)
    assert first != second
    if not case.trainable:
        return
    x, kwargs = case.latents([4])
    y = first.forward(x, **kwargs)
    assert np.abs(second.inverse(y, **kwargs) - x).max() > 0.01


@every(TRAINABLE)
def test_checkpoint_brings_every_weight_back(case, tmp_path):
    bijector = case.perturbed()
    x, kwargs = case.latents([3])
    path = tf.train.Checkpoint(bijector=bijector).save(str(tmp_path / "checkpoint"))
    other = case.make(tf.float32)
    assert np.abs(other.forward(x, **kwargs) - bijector.forward(x, **kwargs)).max() > 0.01
    tf.train.Checkpoint(bijector=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(
        other.forward(tf.identity(x), **kwargs), bijector.forward(x, **kwargs)
    )


@every(REGISTRY)
def test_saved_model_gives_the_same_numbers(case, tmp_path):
    module = tf.Module()
    module.bijector = case.perturbed()
    y, kwargs = case.data([3])

    @tf.function(input_signature=specifications(y, kwargs))
    def inverse(y, kwargs):
        return module.bijector.inverse(y, **kwargs)

    module.inverse = inverse
    tf.saved_model.save(module, str(tmp_path / "model"))
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_allclose(
        loaded.inverse(y, kwargs), module.bijector.inverse(y, **kwargs), rtol=1e-5, atol=1e-6
    )


@every(REGISTRY)
def test_keras_and_modules_see_every_variable(case):
    bijector = case.make(tf.float32)
    model = tf.keras.Model()
    model.bijector = bijector
    module = tf.Module()
    module.bijectors = [bijector]
    used = set()
    for direction in ("forward", "inverse"):
        given, kwargs = inputs(case, direction, [3])
        with tf.GradientTape() as tape:
            run(bijector, direction)(given, **kwargs)
        used |= {id(variable) for variable in tape.watched_variables()}
    assert bool(used) == case.trainable
    everything = {id(variable) for variable in bijector.variables}
    for holder in (bijector, model, module):
        assert {id(variable) for variable in holder.trainable_variables} == used
        assert {id(variable) for variable in holder.variables} == everything


@every(REGISTRY)
def test_repr_names_the_bijector(case):
    bijector = case.make(tf.float32)
    words = re.findall("[A-Z]+(?![a-z])|[A-Z][a-z]*", type(bijector).__name__)
    assert bijector.name == "_".join(words).lower()
    assert bijector.name in repr(bijector)


@every(REGISTRY)
def test_mixed_precision_policy_leaves_it_exact(case):
    """Networks may compute in half precision; the map and its inverse still agree."""
    x, kwargs = case.latents([3])
    expected = case.perturbed().forward_and_log_det(x, **kwargs)
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        bijector = case.perturbed()
        got = bijector.forward_and_log_det(x, **kwargs)
        again, log_det = bijector.inverse_and_log_det(got[0], **kwargs)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    for one, other in zip(got, expected):
        assert one.dtype == tf.float32
        np.testing.assert_allclose(one, other, rtol=0, atol=case.mixed_precision_tolerance)
    np.testing.assert_allclose(again, x, rtol=0, atol=case.tolerance)
    np.testing.assert_allclose(log_det, -got[1], rtol=1e-6, atol=case.tolerance)


@every(CONDITIONAL)
def test_conditioning_matters(case):
    bijector = case.perturbed(tf.float64)
    x, kwargs = case.latents([4], tf.float64)
    for direction in ("forward", "inverse"):
        given, kwargs = inputs(case, direction, [4], tf.float64)
        here = run(bijector, direction)(given, **kwargs)[0]
        other = run(bijector, direction)(given, conditioning=kwargs["conditioning"][::-1])[0]
        assert np.abs(here - other).max() > 1e-3


@every([case for case in CONDITIONAL if (2, 3) in case.all_batches])
def test_conditioning_broadcasts(case):
    """Samples [n, B, ...] of conditionings [B, ...], and one sample of them."""
    bijector = case.perturbed(tf.float64)
    x, _ = case.latents([3, 4], tf.float64)
    _, kwargs = case.latents([4], tf.float64)
    y, log_det = bijector.forward_and_log_det(x, **kwargs)
    tiled = tf.stack([kwargs["conditioning"]] * 3)
    np.testing.assert_allclose(y, bijector.forward(x, conditioning=tiled), atol=1e-12)
    assert log_det.shape == [3, 4]
    one = bijector.forward(x[0, 0], **kwargs)
    assert one.shape == [4, *case.event_shape]
    np.testing.assert_allclose(one[0], y[0, 0], atol=1e-12)
    assert np.abs(one[0] - one[1]).max() > 1e-3


@every(CONDITIONAL)
def test_conditioning_left_out_or_of_wrong_size_is_refused(case):
    bijector = case.make(tf.float32)
    x, kwargs = case.latents([4])
    *outer, size = kwargs["conditioning"].shape
    with pytest.raises(ValueError, match=rf"pass conditioning=... of shape \[.*({size}|K)\]"):
        bijector.forward(x)
    wrong = tf.zeros([*outer, size + 5])
    got = re.escape(str(wrong.shape))
    with pytest.raises(ValueError, match=f"a conditioning of (size {size}; got )?shape {got}"):
        bijector.forward(x, conditioning=wrong)


def test_double_affine_coupling_has_all_variables_of_two_networks():
    """Two networks, each of kernels and biases of input, hidden and output layers."""
    for hidden_units, conditioning_size in (((8,), None), ((8, 9), 4), ((8, 8, 8), 3)):
        coupling = DoubleAffineCoupling(4, hidden_units, conditioning_size)
        one = 4 + 2 * (len(hidden_units) - 1) + (conditioning_size is not None)
        assert len(coupling.trainable_variables) == 2 * one


def test_conditioning_of_an_unconditional_coupling_is_refused():
    with pytest.raises(ValueError, match="so pass no conditioning"):
        DoubleAffineCoupling(4).forward(tf.zeros([4]), conditioning=tf.zeros([3]))


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="event_size is 2 or more; got 1"):
        DoubleAffineCoupling(1)
    with pytest.raises(ValueError, match=r"vectors of size 4; got shape \(2, 3\)"):
        DoubleAffineCoupling(4).forward(tf.zeros([2, 3]))
    with pytest.raises(ValueError, match="one width at least"):
        DoubleAffineCoupling(4, hidden_units=())
    with pytest.raises(ValueError, match="positive; got 0.0"):
        DoubleAffineCoupling(4, log_scale_bound=0.0)


def test_log_scale_stays_in_its_bound_for_any_weights():
    network = perturb(CouplingNetwork(3, 3, hidden_units=(8,), log_scale_bound=1.5), scale=1e4)
    x = tf.constant(np.random.RandomState(0).normal(size=[100, 3]), tf.float32)
    _, log_scale = network(x)
    np.testing.assert_allclose(np.abs(log_scale).max(), 1.5, rtol=1e-6)


def test_same_seed_same_weights():
    first, second, other = (DoubleAffineCoupling(4, seed=seed) for seed in (7, 7, 8))
    for one, two in zip(first.trainable_variables, second.trainable_variables):
        np.testing.assert_array_equal(one, two)
    kernel = [coupling.first_network.input_layer.kernel for coupling in (first, other)]
    assert np.abs(kernel[0] - kernel[1]).max() > 0.1
    assert np.abs(kernel[0] - first.second_network.input_layer.kernel).max() > 0.1


def test_network_is_remade_from_its_configuration():
    network = CouplingNetwork(3, 2, hidden_units=(5,), conditioning_size=4, activation="tanh")
    again = CouplingNetwork.from_config(network.get_config())
    x, c = tf.ones([1, 3]), tf.ones([1, 4])
    again.set_weights(perturb(network).get_weights())
    for one, two in zip(network(x, c), again(x, c)):
        np.testing.assert_array_equal(one, two)
