"""Studies of PixelPyramids: levels trained apart, the released code's settings."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import Splits, array_source
from tfgen.training import CheckpointError, RunDirectory, TrainingConfig
from zoo.pixelpyramids import (
    CoarsestConfig,
    PixelPyramids,
    PixelPyramidsConfig,
    PyramidEvaluationConfig,
    PyramidStudyConfig,
    compare_variants,
    load_variant,
    train_variants,
)

CONFIG = PyramidStudyConfig(
    recipe="tiny",
    variants=("squeezes_0",),
    levels_apart=True,
    model=PixelPyramidsConfig(
        image_size=4,
        channels=1,
        bits=2,
        coarsest_size=2,
        u_net_filters=2,
        features=2,
        filters=2,
        layers=1,
        components=2,
        coarsest=CoarsestConfig(filters=2, blocks=1, components=2),
    ),
    training=TrainingConfig(steps=1, batch_size=4, steps_per_epoch=1, average_decay=0.5),
    evaluation=PyramidEvaluationConfig(batch_size=6),
)


@pytest.fixture(scope="module")
def data():
    images = np.random.RandomState(1).randint(0, 4, [6, 4, 4, 1]).astype(np.uint8)
    source = array_source({"image": images})
    return Splits(source, source, source, {"name": "noise"})


@pytest.mark.slow
def test_levels_trained_apart_make_one_model(data, tmp_path):
    run = RunDirectory.create(tmp_path, "tiny", CONFIG)
    with pytest.raises(CheckpointError, match="squeezes_0_0_level_1"):
        load_variant(CONFIG, "squeezes_0", 0, data.train, run)
    train_variants(CONFIG, data, run)
    model = load_variant(CONFIG, "squeezes_0", 0, data.train, run)
    images = next(iter(data.test.batches(6)))["image"]
    parts = [float(tf.reduce_mean(part)) for part in model.log_prob_parts(images)]
    for level in range(1, len(parts) + 1):
        (row,) = run.history(f"squeezes_0_0_level_{level}")
        # Validation uses whole batches: the first four of the six images.
        first = model.log_prob_parts(images[:4])[level - 1]
        assert row["val_log_prob"] == pytest.approx(float(tf.reduce_mean(first)), rel=1e-4)
    numbers, models = compare_variants(CONFIG, data, run)
    bits = -sum(parts) / 16 / np.log(2.0)
    assert numbers["bits_per_dim_squeezes_0"] == pytest.approx(bits, rel=1e-5)
    assert numbers["sequential_steps_squeezes_0"] == 2 + 4
    assert numbers["parameters_squeezes_0"] == sum(
        int(np.prod(v.shape)) for v in models["squeezes_0"].trainable_variables
    )
    assert not any(name.startswith("excess") for name in numbers)


@pytest.mark.slow
def test_seeds_of_one_study_are_trained_as_if_alone(data, tmp_path):
    """They share a model and its graphs, and nothing else."""
    both = dataclasses.replace(
        CONFIG,
        levels_apart=False,
        seeds=2,
        training=dataclasses.replace(CONFIG.training, steps=2),
    )
    alone = dataclasses.replace(both, seed=1, seeds=1)
    runs = [RunDirectory.create(tmp_path / name, "tiny", both) for name in ("both", "alone")]
    for config, run in zip((both, alone), runs):
        train_variants(config, data, run)
    rows, expected = (run.history("squeezes_0_1") for run in runs)
    assert rows == expected and len(rows) == 2
    assert rows != runs[0].history("squeezes_0_0")
    numbers, models = compare_variants(both, data, runs[0])
    bits = [numbers[f"bits_per_dim_squeezes_0_seed_{seed}"] for seed in (0, 1)]
    images = next(iter(data.test.batches(6)))["image"]
    found = -float(tf.reduce_mean(models["squeezes_0"].log_prob(images))) / 16 / np.log(2.0)
    assert found == pytest.approx(bits[0], rel=1e-5) and bits[0] != pytest.approx(bits[1], rel=1e-3)


def test_released_code_draws_at_a_tenth_of_the_noise():
    released = dataclasses.replace(CONFIG, model=dataclasses.replace(CONFIG.model))
    assert released.temperature == 1.0
    released.model.as_released = True
    assert released.temperature == 0.1
    assert PixelPyramids(released.model).pyramid.shift == 0
