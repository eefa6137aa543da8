"""LPIPS, Inception score, Frechet distance and IvOM on cases with known answers."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfgen.metrics import (
    FeatureStatistics,
    InceptionNetwork,
    PerceptualDistance,
    frechet_distance,
    inception_score,
)
from tfgen.metrics.perceptual import NETWORKS


def lpips_weights(path, network, random, channels=4):
    arrays, inputs = {}, 3
    for stage, (_, convolutions) in enumerate(NETWORKS[network], start=1):
        for index in range(1, len(convolutions) + 1):
            name = f"conv{stage}_{index}"
            arrays[f"{name}/kernel"] = random.normal(size=[3, 3, inputs, channels]) * 0.4
            arrays[f"{name}/bias"] = random.normal(size=[channels]) * 0.1
            inputs = channels
        arrays[f"linear{stage}"] = random.uniform(0, 1, size=[channels])
    np.savez(path, **arrays)
    return arrays


@pytest.fixture(scope="module", params=["alex", "vgg"])
def lpips(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("lpips") / "weights.npz"
    arrays = lpips_weights(path, request.param, np.random.RandomState(0))
    return PerceptualDistance(path, request.param), arrays, request.param


def images(count, seed=1, size=48):
    return np.random.RandomState(seed).randint(0, 256, size=[count, size, size, 3]).astype(np.uint8)


def distance_by_definition(arrays, network, a, b):
    """LPIPS stage by stage with Keras's own layers, from its formula."""
    total = 0.0
    pair = [(x / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225] for x in (a, b)]
    for stage, (pool, convolutions) in enumerate(NETWORKS[network], start=1):
        if pool:
            pair = [tf.keras.layers.MaxPool2D(pool, 2)(x) for x in pair]
        for index, (stride, padding) in enumerate(convolutions, start=1):
            kernel, bias = (arrays[f"conv{stage}_{index}/{part}"] for part in ("kernel", "bias"))
            pair = [tf.keras.layers.ZeroPadding2D(padding)(tf.cast(x, tf.float32)) for x in pair]
            pair = [tf.nn.conv2d(x, kernel.astype("f"), stride, "VALID") for x in pair]
            pair = [tf.nn.relu(x + bias.astype("f")) for x in pair]
        unit = [x / np.linalg.norm(x, axis=-1, keepdims=True).clip(1e-10) for x in pair]
        gaps = np.square(unit[0] - unit[1]) * arrays[f"linear{stage}"]
        total = total + gaps.sum(-1).mean((1, 2))
    return total


def test_lpips_is_its_formula(lpips):
    metric, arrays, network = lpips
    a, b = images(3), images(3, seed=2)
    got = metric.distance(a, b)
    np.testing.assert_allclose(got, distance_by_definition(arrays, network, a, b), rtol=2e-4)
    np.testing.assert_array_equal(metric.distance(a, a), np.zeros(3))
    np.testing.assert_allclose(metric.distance(a / np.float32(255), b), got, rtol=1e-4)


def test_lpips_of_all_pairs_is_the_mean_of_distances(lpips):
    metric = lpips[0]
    some = images(4)
    pairs = [(i, j) for i in range(4) for j in range(i)]
    expected = np.mean([metric.distance(some[i : i + 1], some[j : j + 1])[0] for i, j in pairs])
    assert float(metric.diversity(some)) == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="got 1"):
        metric.diversity(some[:1])


def test_lpips_without_its_weights_says_what_is_missing(tmp_path, lpips):
    with pytest.raises(FileNotFoundError, match="no LPIPS weights at .*nowhere.*conv1_1/kernel"):
        PerceptualDistance(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "other.npz", linear1=np.ones(3))
    with pytest.raises(ValueError, match="lacks conv1_1/kernel.*linear5"):
        PerceptualDistance(tmp_path / "other.npz")
    with pytest.raises(ValueError, match="alex, vgg; got 'squeeze'"):
        PerceptualDistance(tmp_path / "other.npz", "squeeze")
    np.savez(tmp_path / "negative.npz", **{**lpips[1], "linear2": -np.ones(4)})
    with pytest.raises(ValueError, match="linear2 of .* negative"):
        PerceptualDistance(tmp_path / "negative.npz", lpips[2])
    with pytest.raises(ValueError, match=r"\[B, H, W, 3\]; got \(1, 48, 48, 1\)"):
        lpips[0].embed(images(1)[..., :1])
    with pytest.raises(ValueError, match="uint8, or float in.*int32"):
        lpips[0].embed(images(1).astype(np.int32))


def test_inception_without_its_weights_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="no Inception weights.*Nothing is downloaded"):
        InceptionNetwork(tmp_path / "inception.h5")


def test_inception_network_gives_features_and_probabilities(tmp_path, monkeypatch):
    """A network of two layers in Inception's place: what it is given and what comes back."""

    def small(weights):
        inputs = tf.keras.Input([299, 299, 3])
        features = tf.keras.layers.GlobalAveragePooling2D(name="avg_pool")(inputs)
        network = tf.keras.Model(inputs, tf.keras.layers.Softmax()(features))
        network.load_weights(weights)
        return network

    path = str(tmp_path / "weights.h5")
    monkeypatch.setattr(tf.keras.models.Model, "load_weights", lambda self, file: None)
    open(path, "wb").close()
    monkeypatch.setattr(tf.keras.applications, "InceptionV3", small)
    grey = np.full([2, 10, 20, 3], 51, np.uint8)
    features, probabilities = InceptionNetwork(path)(grey)
    # 51 / 255 = 0.2, which is -0.6 on [-1, 1].
    np.testing.assert_allclose(features, np.full([2, 3], -0.6), rtol=5e-3)
    np.testing.assert_allclose(probabilities, np.full([2, 3], 1 / 3), rtol=1e-5)


def test_inception_score_by_hand():
    assert inception_score(np.full([20, 5], 0.2)) == pytest.approx((1, 0))
    assert inception_score(np.tile(np.eye(5), [4, 1]), splits=4) == pytest.approx((5, 0))
    # p = (0.9, 0.1) or (0.1, 0.9), evenly: log 2 - H(0.1).
    rows = np.array([[0.9, 0.1], [0.1, 0.9]])
    expected = 2 * math.exp(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert inception_score(rows, splits=1)[0] == pytest.approx(expected)
    # One part with both classes, one with a single one: 2 and 1.
    rows = np.eye(2)[[0, 1, 0, 0]]
    assert inception_score(rows, splits=2) == pytest.approx((1.5, 0.5))
    with pytest.raises(ValueError, match="not logits"):
        inception_score([[3.0, -1.0]], splits=1)
    with pytest.raises(ValueError, match="2 splits"):
        inception_score([[1.0]], splits=2)


def test_statistics_of_batches_are_those_of_the_whole():
    features = 100 + np.random.RandomState(0).normal(size=[57, 4])
    statistics = FeatureStatistics(4)
    for part in np.split(features, [1, 20, 21]):
        statistics.update_state(part)
    statistics.update_state(np.full([2, 4], np.nan), sample_weight=[0, 0])
    got = statistics.result()
    assert float(got["count"]) == 57
    np.testing.assert_allclose(got["mean"], features.mean(0), rtol=1e-12)
    np.testing.assert_allclose(got["covariance"], np.cov(features.T), rtol=1e-8, atol=1e-9)
    statistics.reset_state()
    statistics.update_state(features[:1])
    assert not np.any(statistics.result()["covariance"])
    assert FeatureStatistics.from_config(statistics.get_config()).size == 4


def test_frechet_distance_by_hand():
    """Covariances that commute: |m1 - m2|^2 + sum (s1 - s2)^2 of the standard deviations."""
    random = np.random.RandomState(0)
    axes = np.linalg.qr(random.normal(size=[5, 5]))[0]
    a, b = random.uniform(0.1, 3, size=[2, 5])
    first = {"mean": np.zeros(5), "covariance": axes @ np.diag(a**2) @ axes.T}
    second = {"mean": np.arange(5.0), "covariance": axes @ np.diag(b**2) @ axes.T}
    expected = 30 + np.square(a - b).sum()
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-12)
    # Singular ones: a line against a point.
    line = {"mean": np.zeros(2), "covariance": np.array([[4.0, 0.0], [0.0, 0.0]])}
    point = {"mean": np.zeros(2), "covariance": np.zeros([2, 2])}
    assert frechet_distance(line, point) == pytest.approx(4)
    with pytest.raises(ValueError, match=r"\(5,\) and \(2,\)"):
        frechet_distance(first, line)


def test_frechet_distance_of_covariances_that_do_not_commute():
    import scipy.linalg

    random = np.random.RandomState(0)
    first, second = (np.cov(random.normal(size=[4, 30])) for _ in range(2))
    root = scipy.linalg.sqrtm(first @ second).real
    expected = np.trace(first + second - 2 * root)
    zero = np.zeros(4)
    got = frechet_distance(
        {"mean": zero, "covariance": first}, {"mean": zero, "covariance": second}
    )
    assert got == pytest.approx(expected, rel=1e-6)
