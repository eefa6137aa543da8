"""Compositions of image bijectors: order, shapes, log-determinants, memory."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tests.perturbation import perturb
from tfgen.bijectors import (
    ActNorm,
    BijectorSequence,
    InvertibleConvolution,
    MultiScale,
    OnePassBijector,
    Squeeze,
)

tfb, tfd = tfp.bijectors, tfp.distributions


class Bend(OnePassBijector):
    """From data to latent, what is positive is scaled: not linear, so that order matters."""

    def __init__(self, scale, dtype=tf.float64, name="bend"):
        super().__init__(forward_min_event_ndims=3, dtype=dtype, name=name)
        self.scale = tf.Variable(scale, dtype=dtype)
        self.seeds = []

    def inverse_and_log_det(self, y, conditioning=None, training=False, seed=None):
        self.seeds.append(seed)
        shift = 0.0 if conditioning is None else conditioning
        slope = tf.where(y > 0.0, self.scale, tf.ones_like(y))
        return slope * y + shift, tf.reduce_sum(tf.math.log(slope), [1, 2, 3])

    def forward_and_log_det(self, x, conditioning=None, training=False, seed=None):
        shift = 0.0 if conditioning is None else conditioning
        slope = tf.where(x > shift, self.scale, tf.ones_like(x))
        return (x - shift) / slope, -tf.reduce_sum(tf.math.log(slope), [1, 2, 3])


def bent(y, scale):
    return np.where(y > 0, scale * y, y)


def level(channels, scale=0.7, dtype=tf.float64, **kwargs):
    parts = [
        Squeeze(),
        ActNorm(4 * channels, dtype=dtype),
        InvertibleConvolution(4 * channels, seed=channels, dtype=dtype),
        Bend(scale, dtype),
    ]
    return perturb(BijectorSequence(parts, **kwargs), 0.2)


def images(*shape, dtype=tf.float64):
    return tf.constant(np.random.RandomState(1).normal(size=shape), dtype)


def jacobian_log_det(function, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    jacobian = tape.batch_jacobian(y, x)
    size = int(np.prod(x.shape[1:]))
    return np.linalg.slogdet(tf.reshape(jacobian, [-1, size, size]).numpy())[1]


class TestSequence:
    def test_is_tfb_chain(self):
        parts = [Bend(0.5), Bend(1.5)]
        sequence, chain = BijectorSequence(parts), tfb.Chain(parts)
        y = images(3, 2, 2, 2)
        x, log_det = sequence.inverse_and_log_det(y)
        np.testing.assert_allclose(x, chain.inverse(y), rtol=1e-12)
        np.testing.assert_allclose(x, bent(bent(y, 0.5), 1.5), rtol=1e-12)
        np.testing.assert_allclose(log_det, chain.inverse_log_det_jacobian(y, 3), rtol=1e-12)
        back, forward_log_det = sequence.forward_and_log_det(x)
        np.testing.assert_allclose(back, y, rtol=1e-12)
        np.testing.assert_allclose(forward_log_det, -log_det, rtol=1e-12)

    def test_log_det_is_that_of_the_autodiff_jacobian(self):
        sequence, y = level(1), images(5, 4, 4, 1)
        expected = jacobian_log_det(sequence.inverse, y)
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(sequence.inverse_and_log_det(y)[1], expected, atol=1e-10)

    def test_everyone_gets_the_conditioning_and_a_seed_of_its_own(self):
        parts = [Bend(0.5), Bend(1.5)]
        y = images(2, 2, 2, 1)
        x, _ = BijectorSequence(parts).inverse_and_log_det(y, conditioning=0.25 * y, seed=(1, 2))
        np.testing.assert_allclose(x, bent(bent(y, 0.5) + 0.25 * y, 1.5) + 0.25 * y, rtol=1e-12)
        seeds = [tuple(part.seeds[-1].numpy()) for part in parts]
        assert seeds[0] != seeds[1]

    @pytest.mark.parametrize("graph", [False, True])
    def test_recomputing_changes_no_number(self, graph):
        y, results = images(3, 4, 4, 1, dtype=tf.float32), []
        condition = images(3, 2, 2, 4, dtype=tf.float32)
        for recompute in (False, True):
            sequence = level(1, dtype=tf.float32, recompute=recompute)

            def gradients(y, condition, sequence=sequence):
                with tf.GradientTape() as tape:
                    tape.watch([y, condition])
                    x, log_det = sequence.inverse_and_log_det(y, conditioning=condition)
                    loss = tf.reduce_sum(x**2) - tf.reduce_sum(log_det)
                return tape.gradient(loss, [y, condition, *sequence.trainable_variables])

            run = tf.function(gradients) if graph else gradients
            results.append([value.numpy() for value in run(y, condition)])
        assert len(results[0]) > 5
        for plain, again in zip(*results):
            np.testing.assert_allclose(again, plain, rtol=1e-5, atol=1e-6)

    def test_refuses_nothing_and_mixed_ranks(self):
        with pytest.raises(ValueError, match="one bijector at least"):
            BijectorSequence([])
        with pytest.raises(ValueError, match="same rank; got ranks squeeze: 3, .*: 1"):
            BijectorSequence([Squeeze(), ActNorm(2, event_ndims=1)])


class TestMultiScale:
    def make(self, dtype=tf.float64):
        return MultiScale([level(1, 0.7, dtype), level(2, 1.3, dtype), level(4, 0.9, dtype)])

    def test_latents_keep_their_shapes_and_all_dimensions(self):
        flow = MultiScale([Squeeze(), Squeeze(), Squeeze()])
        x = images(5, 32, 32, 3, dtype=tf.float32)
        latents, log_det = flow.inverse_and_log_det(x)
        shapes = [latent.shape.as_list() for latent in latents]
        assert shapes == [[5, 16, 16, 6], [5, 8, 8, 12], [5, 4, 4, 48]]
        assert sum(np.prod(shape[1:]) for shape in shapes) == 32 * 32 * 3
        assert [s.as_list() for s in flow.latent_shapes([32, 32, 3])] == [s[1:] for s in shapes]
        assert flow.forward_event_shape(flow.latent_shapes([32, 32, 3])) == [32, 32, 3]
        tensors = flow.inverse_event_shape_tensor(tf.constant([32, 32, 3]))
        assert [list(shape.numpy()) for shape in tensors] == [s[1:] for s in shapes]
        assert list(flow.forward_event_shape_tensor(tensors).numpy()) == [32, 32, 3]
        np.testing.assert_array_equal(log_det, np.zeros(5))
        np.testing.assert_array_equal(flow.forward(latents), x)

    @pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float32, 1e-5), (tf.float64, 1e-10)])
    def test_inverse_undoes_forward(self, dtype, tolerance):
        flow, y = self.make(dtype), images(4, 8, 8, 1, dtype=dtype)
        latents = [tf.identity(latent) for latent in flow.inverse(y)]
        np.testing.assert_allclose(flow.forward(latents), y, atol=tolerance)

    def test_log_det_is_that_of_the_autodiff_jacobian(self):
        flow, y = self.make(), images(3, 8, 8, 1)

        def flat(y):
            return tf.concat([tf.reshape(v, [3, -1]) for v in flow.inverse_and_log_det(y)[0]], 1)

        expected = jacobian_log_det(flat, y)
        assert np.abs(expected).max() > 0.1
        latents, log_det = flow.inverse_and_log_det(y)
        np.testing.assert_allclose(log_det, expected, atol=1e-9)
        np.testing.assert_allclose(flow.forward_and_log_det(latents)[1], -expected, atol=1e-9)

    def test_goes_into_a_transformed_distribution(self):
        flow, y = self.make(), images(3, 8, 8, 1)
        shapes = flow.latent_shapes([8, 8, 1])
        base = tfd.JointDistributionSequential(
            [tfd.Sample(tfd.Normal(tf.constant(0.0, tf.float64), 1.0), shape) for shape in shapes]
        )
        latents, log_det = flow.inverse_and_log_det(y)
        expected = log_det + base.log_prob(latents)
        joint = tfd.TransformedDistribution(base, flow)
        np.testing.assert_allclose(joint.log_prob(y), expected, rtol=1e-10)
        assert joint.sample(2, seed=1).shape == [2, 8, 8, 1]

    def test_what_a_prior_may_see_is_the_half_that_goes_on(self):
        flow, y = self.make(), images(3, 8, 8, 1)
        parts = flow.split(y)
        whole = flow.levels[0].inverse_and_log_det(y)[0]
        np.testing.assert_array_equal(parts[0].latent, whole[..., :2])
        np.testing.assert_array_equal(parts[0].rest, whole[..., 2:])
        assert parts[-1].rest is None
        total = sum(part.log_det.numpy() for part in parts)
        np.testing.assert_allclose(flow.inverse_and_log_det(y)[1], total)

    def test_refuses_what_cannot_be_halved(self):
        flow = MultiScale([Bend(1.0, name="odd"), Squeeze()])
        with pytest.raises(ValueError, match="even number of channels; odd left 3"):
            flow.inverse(images(1, 2, 2, 3))
        with pytest.raises(ValueError, match="2 levels, so wanted as many latents; got 1"):
            flow.forward_and_log_det([images(1, 2, 2, 2)])
        with pytest.raises(ValueError, match="one level at least"):
            MultiScale([])
