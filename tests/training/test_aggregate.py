"""Fits to the aggregate posterior of any model with encode()."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.data import Source, array_source
from tfgen.distributions import CouplingFlow
from tfgen.randomness import fold_in
from tfgen.training import (
    AggregateFit,
    RunDirectory,
    TrainingConfig,
    encode_source,
    fit_aggregate,
)

tfd = tfp.distributions


class ToyEncoder(tf.keras.Model):
    """Nothing of tfgen: a Keras model with encode(x, y) -> a diagonal Gaussian."""

    def __init__(self):
        super().__init__()
        initializer = tf.keras.initializers.GlorotUniform(1)
        self.dense = tf.keras.layers.Dense(4, kernel_initializer=initializer)

    def encode(self, x, label):
        mean, log_scale = tf.split(self.dense(x), 2, -1)
        mean += tf.cast(label, tf.float32)[:, tf.newaxis]
        return tfd.MultivariateNormalDiag(mean, tf.exp(0.3 * log_scale))


def toy_source(count=23) -> Source:
    """x is a function of the index, and label says which index it was."""

    def load(indices):
        angle = tf.cast(indices, tf.float32)
        return {
            "x": tf.stack([tf.sin(angle), tf.cos(2 * angle), angle / count], -1),
            "label": tf.cast(indices, tf.int32),
            "other": angle,
        }

    return Source(
        count,
        load,
        {
            "x": tf.TensorSpec([3], tf.float32),
            "label": tf.TensorSpec([], tf.int32),
            "other": tf.TensorSpec([], tf.float32),
        },
    )


def everything(source):
    return {
        name: np.concatenate([batch[name] for batch in source.batches(7)])
        for name in source.features
    }


class TestEncodeSource:
    @pytest.fixture(scope="class")
    def model(self):
        model = ToyEncoder()
        model.encode(tf.zeros([1, 3]), tf.zeros([1], tf.int32))
        return model

    def test_equals_encode_and_keeps_the_order(self, model):
        source = toy_source()
        encoded = encode_source(model, source, ["x", "label"], ["label"], 5, progress=False)
        assert encoded.count == 23
        assert set(encoded.features) == {"posterior_mean", "posterior_scale", "label"}
        assert encoded.features["posterior_mean"] == tf.TensorSpec([2], tf.float32)
        given, got = everything(source), everything(encoded)
        posterior = model.encode(given["x"], given["label"])
        np.testing.assert_allclose(got["posterior_mean"], posterior.mean(), rtol=1e-6)
        np.testing.assert_allclose(got["posterior_scale"], posterior.stddev(), rtol=1e-6)
        np.testing.assert_array_equal(got["label"], np.arange(23))
        np.testing.assert_array_equal(
            got["posterior_mean"][[4, 0]],
            encoded.load(tf.constant([4, 0], tf.int64))["posterior_mean"],
        )

    def test_weights_stay(self, model):
        before = [variable.numpy() for variable in model.variables]
        encode_source(model, toy_source(), ["x", "label"], progress=False)
        for variable, value in zip(model.variables, before):
            np.testing.assert_array_equal(variable, value)

    @pytest.mark.parametrize(
        "inputs, keep, name", [(["image"], [], "image"), (["x", "label"], ["words"], "words")]
    )
    def test_missing_features_are_named(self, model, inputs, keep, name):
        with pytest.raises(ValueError, match=f"no feature '{name}'; it has .'label', 'other', 'x'"):
            encode_source(model, toy_source(), inputs, keep)

    def test_array_source(self):
        source = array_source({"a": np.arange(6).reshape(3, 2), "b": np.array(["x", "y", "z"])})
        assert source.count == 3 and source.features["a"] == tf.TensorSpec([2], tf.int32)
        rows = source.load(tf.constant([2, 0], tf.int64))
        assert rows["a"].numpy().tolist() == [[4, 5], [0, 1]]
        assert rows["b"].numpy().tolist() == [b"z", b"x"]


def mixture_of_posteriors(count=512):
    """Posteriors around two points, so that the aggregate is a mixture of two Gaussians."""
    sides = np.where(np.arange(count) % 2, 1.5, -1.5)
    mean = np.stack([sides, 0.5 * sides], -1).astype(np.float32)
    scale = np.tile(np.float32([0.4, 0.6]), [count, 1])
    return array_source(
        {
            "posterior_mean": mean,
            "posterior_scale": scale,
            "side": (np.arange(count) % 2).astype(np.int32),
        }
    )


class ClassGaussian(tf.keras.layers.Layer):
    """q_phi(z|y): a Gaussian with a mean and scales of its own for each label."""

    def __init__(self, labels):
        super().__init__()
        self.mean = self.add_weight("mean", [labels, 2], initializer="zeros")
        self.log_scale = self.add_weight("log_scale", [labels, 2], initializer="zeros")

    def log_prob(self, z, label):
        normal = tfd.MultivariateNormalDiag(
            tf.gather(self.mean, label), tf.exp(tf.gather(self.log_scale, label))
        )
        return normal.log_prob(z)


class TestObjective:
    def test_terms(self):
        """log q of the reparametrised draw; kl in expectation the analytic KL."""
        normal = tfd.MultivariateNormalDiag([0.5, -0.5], [1.0, 2.0])

        class Layer(tf.keras.layers.Layer):
            def log_prob(self, z):
                return normal.log_prob(z)

        model = AggregateFit(Layer(), seed=2)
        batch = next(iter(mixture_of_posteriors(20_000).batches(20_000)))
        terms = model.objective(batch, training=False)
        np.testing.assert_array_equal(terms["loss"], -terms["log_q"])
        posterior = tfd.MultivariateNormalDiag(batch["posterior_mean"], batch["posterior_scale"])
        exact = tfd.kl_divergence(posterior, normal).numpy().mean()
        error = terms["kl"].numpy().std() / np.sqrt(20_000)
        assert abs(terms["kl"].numpy().mean() - exact) < 4 * error < 0.05
        cross_entropy = (posterior.entropy() + tfd.kl_divergence(posterior, normal)).numpy().mean()
        assert abs(terms["loss"].numpy().mean() - cross_entropy) < 5 * error

    def test_new_noise_each_step(self):
        model = AggregateFit(ClassGaussian(2), ["side"])
        batch = next(iter(mixture_of_posteriors(8).batches(8)))
        first = model.objective(batch, training=True)["loss"].numpy()
        np.testing.assert_array_equal(first, model.objective(batch, training=True)["loss"])
        model.step.assign(1)
        assert (first != model.objective(batch, training=True)["loss"]).numpy().all()


def train(make_density, source, root, conditions=(), **settings):
    training = TrainingConfig(
        **{
            "steps": 250,
            "batch_size": 256,
            "steps_per_epoch": 250,
            "learning_rate": 0.02,
            "schedule": {"type": "cosine"},
            **settings,
        }
    )
    run = RunDirectory(root, "toy", "run")
    return fit_aggregate(make_density, source, training, run, "density", conditions, seed=3)


def test_conditional_minimiser_is_the_aggregate_of_each_label(tmp_path):
    """Within a family of Gaussians, Eq. 5 is minimal at the moments of the aggregate q^y(z)."""
    random = np.random.RandomState(0)
    labels = np.arange(600) % 3
    centres = np.array([[-1, 0], [2, 1], [0, -2]])[labels]
    mean = centres + random.normal(size=[600, 2]) * [[1.0, 0.3]]
    scale = np.tile([[0.5, 0.8]], [600, 1]) * (1 + 0.5 * labels[:, None])
    source = array_source(
        {
            "posterior_mean": mean.astype(np.float32),
            "posterior_scale": scale.astype(np.float32),
            "label": labels.astype(np.int32),
        }
    )
    density = train(lambda: ClassGaussian(3), source, tmp_path, ["label"], learning_rate=0.1)
    for label in range(3):
        some = labels == label
        wanted = np.sqrt(mean[some].var(0) + (scale[some] ** 2).mean(0))
        np.testing.assert_allclose(density.mean[label], mean[some].mean(0), atol=0.05)
        np.testing.assert_allclose(np.exp(density.log_scale[label]), wanted, rtol=0.05)


def test_linear_gaussian_aggregate(tmp_path):
    """q(z|x) = N(A x, S), x ~ N(0, I): the aggregate is N(0, A A' + S), and one coupling has it."""
    random = np.random.RandomState(1)
    matrix = np.array([[1.0, 0.3], [0.8, -0.5]])
    x = random.normal(size=[4000, 2])
    mean = ((x - x.mean(0)) @ matrix.T).astype(np.float32)
    scale = np.tile(np.float32([0.4, 0.3]), [4000, 1])
    covariance = np.cov(mean.T, bias=True) + np.diag([0.4, 0.3]) ** 2
    flow = train(
        lambda: CouplingFlow(2, couplings=1, hidden_units=(8,), seed=1),
        array_source({"posterior_mean": mean, "posterior_scale": scale}),
        tmp_path,
        steps=400,
        steps_per_epoch=400,
    )
    samples = flow.sample(40_000, seed=2).numpy()
    np.testing.assert_allclose(samples.mean(0), 0, atol=0.06)
    np.testing.assert_allclose(np.cov(samples.T), covariance, atol=0.08)
    # The divergence from the analytic aggregate, on samples of the aggregate.
    aggregate = tfd.MultivariateNormalFullCovariance(np.zeros(2), covariance)
    z = aggregate.sample(20_000, seed=4)
    divergence = aggregate.log_prob(z) - tf.cast(flow.log_prob(tf.cast(z, tf.float32)), tf.float64)
    assert -0.01 < divergence.numpy().mean() < 0.02


def test_aggregate_prior_of_a_mixture_comes_close_to_its_entropy(tmp_path):
    """Any model with encode(): posteriors of a Keras model, then a flow over their aggregate."""

    class Sides(tf.keras.Model):
        def encode(self, side):
            mean = (2.0 * tf.cast(side, tf.float32) - 1.0)[:, tf.newaxis] * [[1.5, 0.75]]
            return tfd.MultivariateNormalDiag(mean, tf.fill(tf.shape(mean), 0.5))

    encoded = encode_source(Sides(), mixture_of_posteriors(), ["side"], progress=False)
    flow = train(
        lambda: CouplingFlow(2, couplings=3, hidden_units=(16, 16), seed=2),
        encoded,
        tmp_path,
        steps=350,
        steps_per_epoch=350,
    )
    mixture = tfd.MixtureSameFamily(
        tfd.Categorical(probs=[0.5, 0.5]),
        tfd.MultivariateNormalDiag([[1.5, 0.75], [-1.5, -0.75]], [[0.5, 0.5], [0.5, 0.5]]),
    )
    z = mixture.sample(20_000, seed=fold_in(5))
    entropy = -mixture.log_prob(z).numpy().mean()
    gaussian = tfd.MultivariateNormalFullCovariance(
        np.zeros(2, np.float32), np.cov(z.numpy().T).astype(np.float32)
    )
    excess = -flow.log_prob(z).numpy().mean() - entropy
    assert 0 < excess < 0.06
    assert -gaussian.log_prob(z).numpy().mean() - entropy > 0.25, "a Gaussian is far from it"
