"""The measurement of autoregressive models: what its columns mean."""

import numpy as np
import pytest
import tensorflow as tf

from recipes.benchmarks import autoregressive, autoregressive_models, autoregressive_training
from recipes.benchmarks.autoregressive_models import GROWING, SMALL, count_millions, make_model


def tiny(name):
    del name
    return autoregressive_models.make_pixel_cnn(4, 4, 1, 2, resolutions=1)


def test_columns_are_those_of_the_images(monkeypatch):
    """A model of 4 x 4 pixels, and a clock that says 2 and 4 ms."""
    times = iter([0.002, 0.004])
    monkeypatch.setattr(autoregressive, "seconds_per_call", lambda function, budget: next(times))
    monkeypatch.setattr(autoregressive, "make_model", tiny)
    score, draw = autoregressive.measure_pixel_cnns(0.1, {"small": (2,)}, reference=None)
    assert score["work"] == "likelihood" and score["s/image"] == pytest.approx(0.001)
    assert draw["work"] == "sampling" and draw["s/image"] == pytest.approx(0.002)
    # 16 passes of 2 ms for two images, against 4 ms.
    assert draw["other s/image"] == pytest.approx(0.016)
    assert draw["times as fast"] == pytest.approx(8.0)
    assert draw["steps"] == 16 and draw["side"] == 4 and draw["batch"] == 2
    assert draw["M parameters"] == pytest.approx(count_millions(tiny("")))


def test_sizes_of_the_networks_are_those_of_the_paper_and_one_million():
    assert count_millions(make_model(SMALL)) == pytest.approx(1.0, rel=0.05)
    config = make_model(autoregressive.PYRAMIDS).config
    assert (config.image_size, config.bits, config.u_net_filters, config.u_net_depth) == (
        256,
        5,
        64,
        4,
    )


@pytest.mark.slow
def test_tfd_pixel_cnn_is_drawn_as_it_draws(monkeypatch):
    monkeypatch.setattr(autoregressive, "make_model", tiny)
    *_, score, draw, ours = autoregressive.measure_pixel_cnns(
        0.01, {"small": (1,)}, reference=(4, 1, 1, 2, 1)
    )
    assert score["model"] == draw["model"] == "tfd.PixelCNN, 4 filters"
    # Sixteen passes and what is between them.
    assert draw["s/image"] > score["s/image"] > 0
    assert ours["times as fast"] == pytest.approx(draw["s/image"] / ours["s/image"])


def test_released_seconds_are_of_the_same_work(monkeypatch):
    times = iter([1.88, 0.915])
    monkeypatch.setattr(autoregressive, "seconds_per_call", lambda function, budget: next(times))
    monkeypatch.setattr(autoregressive, "make_model", lambda name: GROWING["PixelPyramids"](16))
    score, draw = autoregressive.measure_pyramids("small", 0.1)
    assert score["times as fast"] == pytest.approx(2.0) and score["steps"] == "-"
    assert draw["times as fast"] == pytest.approx(4.0) and draw["steps"] == 16 + 4 * 16


def test_growth_is_logarithmic_for_the_pyramid_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(autoregressive, "seconds_per_call", lambda function, budget: 0.5)
    file = tmp_path / "growth.png"
    sides = {"PixelPyramids": (32, 64), "PixelCNN": (32, 64)}
    rows = autoregressive.measure_growth(0.1, sides, file)
    assert [row["steps"] for row in rows] == [16 + 6 * 16, 16 + 8 * 16, 32**2, 64**2]
    picture = tf.io.decode_png(file.read_bytes()).numpy()
    assert len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0)) > 20


def test_a_training_step_moves_the_weights_and_tells_its_memory(monkeypatch):
    model = tiny("")
    before = [variable.numpy() for variable in model.trainable_variables]
    monkeypatch.setattr(autoregressive_training, "make_model", lambda name: model)
    facts = autoregressive_training.measure_here("small", 2, 0.01)
    moved = [np.abs(v.numpy() - b).max() for v, b in zip(model.trainable_variables, before)]
    assert max(moved) > 1e-3 and facts["seconds"] > 0 and facts["peak MB"] > 100
    monkeypatch.setattr(autoregressive_training, "measure_in_new_process", lambda *question: facts)
    (row,) = autoregressive.measure_training(0.01, [("small", 2)])
    assert row["s/image"] == facts["seconds"] / 2 and row["peak MB"] == facts["peak MB"]
