"""Means and spreads over seeds, and how long samples take."""

import pytest
import tensorflow as tf

from tfgen.metrics import over_seeds, sampling_seconds

ROWS = {4: {"bits_per_dim": 3.0, "kl": 5.0}, 5: {"bits_per_dim": 5.0, "kl": 9.0}}


def test_means_spreads_and_the_number_of_each_seed():
    assert over_seeds(ROWS, "_full") == {
        "bits_per_dim_full": 4.0,
        "bits_per_dim_full_std": pytest.approx(2.0**0.5),
        "bits_per_dim_full_seed_4": 3.0,
        "bits_per_dim_full_seed_5": 5.0,
        "kl_full": 7.0,
    }
    everything = over_seeds(ROWS, spread=None, each=())
    assert set(everything) == {"bits_per_dim", "bits_per_dim_std", "kl", "kl_std"}
    assert everything["kl_std"] == pytest.approx(8.0**0.5)


def test_one_seed_has_no_spread():
    assert over_seeds({4: ROWS[4]}) == {"bits_per_dim": 3.0, "bits_per_dim_seed_4": 3.0, "kl": 5.0}


def test_samples_are_timed_after_the_first(monkeypatch):
    """Calls take 9, 1, 5 and 2 seconds of a clock that stands still otherwise."""
    durations, now, seeds = iter([9.0, 1.0, 5.0, 2.0]), [0.0], []

    class Model:
        def sample(self, count, seed):
            now[0] += next(durations)
            seeds.append(seed)
            return {"images": tf.zeros([count, 2]), "labels": tf.zeros([count])}

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    assert sampling_seconds(Model(), count=4, repeats=3) == 0.5
    assert len(set(seeds)) == 4
