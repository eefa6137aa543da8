"""PixelPyramids: exact probabilities of whole spaces, independent levels, super-resolution."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.perturbation import perturb
from tests.properties import assert_variables_agree
from tests.properties_exports import PROPERTIES, ExportCase
from tfgen import serving
from tfgen.bijectors import PairedPyramid
from tfgen.data import array_source
from tfgen.training import ConfigError, load_config
from zoo.pixelpyramids import (
    CoarsestConfig,
    CoarsestImage,
    FineLevel,
    PixelMixtures,
    PixelPyramids,
    PixelPyramidsConfig,
    PyramidEvaluationConfig,
    bicubic,
    measure_entropies,
    measure_pixelpyramids,
    measure_super_resolution,
    replace_outliers,
)

# Fine components of 2 x 4 and 2 x 2 pixels, and a coarsest image of 2 x 2.
CONFIG = PixelPyramidsConfig(
    image_size=4,
    channels=3,
    bits=5,
    coarsest_size=2,
    squeezes=(1,),
    u_net_filters=4,
    features=4,
    filters=4,
    layers=1,
    components=2,
    coarsest=CoarsestConfig(filters=4, blocks=1, components=2),
)


def images(count, seed=0, config=CONFIG):
    shape = [count, config.image_size, config.image_size, config.channels]
    return tf.constant(np.random.RandomState(seed).randint(0, config.values, shape), tf.uint8)


def make(config, scale=0.3):
    tf.keras.utils.set_random_seed(3)
    model = PixelPyramids(config, seed=1)
    batch = {"image": images(8, 9, config)}
    model.objective(batch, training=False)
    model.initialise(batch)
    for variable in model.non_trainable_variables:
        if variable.dtype.is_floating:
            variable.assign_add(tf.fill(variable.shape, 0.2))
    return perturb(model, scale)


@pytest.fixture(scope="module")
def model():
    return make(CONFIG)


class TestWholeSpaces:
    TINY = {"channels": 1, "bits": 1, "coarsest_size": 1, "squeezes": (1,)}

    def total(self, config):
        """The sum of the probabilities of all images, and the model."""
        model = make(dataclasses.replace(CONFIG, **config))
        size = model.config.image_size
        every = np.array(list(itertools.product((0, 1), repeat=size**2)), np.uint8)
        every = tf.constant(every.reshape(-1, size, size, 1))
        log_prob = model.log_prob(every).numpy().astype(np.float64)
        assert log_prob.std() > 0.1
        return np.exp(log_prob).sum(), np.exp(log_prob), model

    @pytest.mark.parametrize(
        "changes",
        [{}, {"modulo_difference": False}, {"squeezes": (0,), "kept": "first"}, {"shift": 0}],
        ids=str,
    )
    def test_all_images_of_2_x_2_bits_sum_to_one(self, changes):
        total, _, _ = self.total({**self.TINY, "image_size": 2, **changes})
        assert total == pytest.approx(1.0, abs=1e-5)

    def test_all_images_of_4_x_4_bits_sum_to_one(self):
        total, _, _ = self.total({**self.TINY, "image_size": 4, "coarsest_size": 2})
        assert total == pytest.approx(1.0, abs=1e-4)

    def test_samples_are_as_frequent_as_the_model_says(self):
        _, expected, model = self.total({**self.TINY, "image_size": 2})
        count = 40_000
        drawn = tf.function(model.sample)(count, (3, 4)).numpy().reshape(count, 4)
        frequency = np.bincount(drawn @ [8, 4, 2, 1], minlength=16) / count
        deviation = np.sqrt(expected * (1.0 - expected) / count)
        assert (np.abs(frequency - expected) < 5.0 * deviation).all()
        cold = model.sample(50, seed=1, temperature=0.0).numpy().reshape(50, 4)
        assert len(np.unique(cold, axis=0)) == 1


class TestModel:
    def test_likelihood_is_the_sum_over_the_levels(self, model):
        x = images(5)
        parts = model.log_prob_parts(x)
        assert len(parts) == 3 and all(part.shape == [5] for part in parts)
        np.testing.assert_allclose(sum(parts), model.log_prob(x), rtol=1e-6)
        pieces = model.pyramid.inverse(x)
        np.testing.assert_allclose(parts[-1], model.coarsest.log_prob(pieces[0]), rtol=1e-5)
        coarse, fine = model.pyramid.halve(x, 1)
        np.testing.assert_allclose(parts[0], model.levels[0].log_prob(fine, coarse), rtol=1e-5)
        terms = model.objective({"image": x}, training=False)
        np.testing.assert_allclose(terms["loss"], -terms["log_prob"])
        bits = -terms["log_prob"] / (4 * 4 * 3) / np.log(2.0)
        np.testing.assert_allclose(terms["bits_per_dim"], bits, rtol=1e-6)

    def test_uniform_distributions_have_exactly_as_many_bits_as_the_pixels(self):
        """Far too wide logistics have half their mass in each open bin: one bit at 1 bit."""
        wide = make(dataclasses.replace(CONFIG, bits=1), scale=0.0)
        for part in (*wide.levels, wide.coarsest.network.head):
            for variable in part.trainable_variables:
                variable.assign(tf.zeros_like(variable))
        terms = wide.objective({"image": images(4, 2, wide.config)}, training=False)
        np.testing.assert_allclose(terms["bits_per_dim"], np.ones(4), atol=1e-5)

    def test_images_with_more_bits_than_the_model_are_refused(self, model):
        """They would have a finite likelihood, of other images."""
        brightest = tf.fill([2, 4, 4, 3], tf.constant(31, tf.uint8))
        assert np.isfinite(model.log_prob(brightest)).all()
        beyond = brightest + 1
        message = r"images of this model have values 0 \.\. 31; the largest[^$]*32"
        for refused in (
            model.log_prob,
            lambda images: model.objective({"image": images}, training=False),
            lambda images: model.super_resolve(images[:, :2]),
        ):
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                refused(beyond)

    def test_variables_agree(self, model):
        assert_variables_agree(model, {"image": images(3)})

    def test_levels_are_independent_and_learn_the_same_together_or_alone(self):
        batch = {"image": images(6, 3)}

        model = make(CONFIG)
        parts = [list(part.trainable_variables) for part in (*model.levels, model.coarsest)]

        def gradients(number):
            model.config = dataclasses.replace(CONFIG, trained_level=number)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(model.objective(batch, training=True)["loss"])
            return tape.gradient(loss, parts)

        together = gradients(0)
        for number in (1, 2, 3):
            alone = gradients(number)
            for index, (one, other) in enumerate(zip(alone, together), start=1):
                if index != number:
                    assert all(gradient is None for gradient in one)
                    continue
                for gradient, expected in zip(one, other):
                    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)

    def test_batch_norm_uses_moving_averages_in_evaluation_unless_as_released(self, model):
        x = images(4, 5)
        together = model.log_prob(x).numpy()
        alone = [model.log_prob(x[index : index + 1]).numpy()[0] for index in range(4)]
        np.testing.assert_allclose(together, alone, rtol=1e-5)
        before = [variable.numpy() for variable in model.non_trainable_variables]
        model.log_prob(x)
        model.sample(2, seed=1)
        for variable, value in zip(model.non_trainable_variables, before):
            np.testing.assert_array_equal(variable, value)
        released = make(dataclasses.replace(CONFIG, as_released=True))
        together = released.log_prob(x).numpy()
        alone = released.log_prob(x[:1]).numpy()
        assert np.abs(together[0] - alone[0]) > 1e-3
        assert (model.pyramid.shift, released.pyramid.shift) == (16, 0)
        eight = dataclasses.replace(CONFIG, as_released=True, bits=8)
        assert eight.cyclic_shift == 0

    def test_initialisation_fits_the_spread_of_the_data(self):
        """Smooth images cost little more than independent logistics would, before training."""
        ramp = tf.range(4)[:, tf.newaxis] + tf.range(4)
        x = tf.cast((ramp + tf.range(8)[:, tf.newaxis, tf.newaxis])[..., tf.newaxis], tf.uint8)
        x = tf.repeat(x, 3, -1)
        model = PixelPyramids(CONFIG)
        terms = model.objective({"image": x}, training=False)
        model.initialise({"image": x})
        again = model.objective({"image": x}, training=False)
        assert np.mean(again["bits_per_dim"]) < np.mean(terms["bits_per_dim"]) - 1.0
        level = model.levels[0]
        _, fine = model.pyramid.halve(x, 1)
        mixture = level.distribution(tf.reshape(level.outputs.bias, [1, 1, 1, -1]))
        centre = (2.0 * np.mean(fine) + 1.0) / 32.0 - 1.0
        np.testing.assert_allclose(mixture.means, np.full([1, 1, 1, 3, 2], centre), atol=1e-5)

    @pytest.mark.parametrize("size, steps", [(4, 2 * 4 + 4), (8, 4 * 4 + 4)])
    def test_steps_grow_with_the_logarithm_of_the_size(self, size, steps, monkeypatch):
        """Lemma 7.3.1: the calls that wait for one another, counted."""
        model = PixelPyramids(dataclasses.replace(CONFIG, image_size=size))
        calls, step = [], FineLevel.step

        def counted(self, *args):
            calls.append(self.level)
            return step(self, *args)

        monkeypatch.setattr(FineLevel, "step", counted)
        model.sample(1, seed=0)
        assert len(calls) + 4 == model.sequential_steps == steps
        assert calls == sorted(calls, reverse=True)

    def test_steps_at_the_sizes_of_the_paper(self):
        for size, fine in ((128, 10), (256, 12), (1024, 16)):
            config = dataclasses.replace(CONFIG, image_size=size, coarsest_size=4, squeezes=(2,))
            assert config.levels == fine
            assert sum(4**n for n in config.level_squeezes()) + 16 == 16 + 16 * fine

    def test_samples_follow_the_seed_in_graphs_too(self, model):
        one = model.sample(3, seed=(5, 6))
        assert one.shape == [3, 4, 4, 3] and one.dtype == tf.uint8 and one.numpy().max() < 32
        graph = tf.function(lambda count, seed: model.sample(count, seed))
        np.testing.assert_array_equal(graph(tf.constant(3), tf.constant([5, 6])), one)
        assert (model.sample(3, seed=7) != one).numpy().any()

    def test_coarsest_image_is_drawn_pixel_by_pixel(self, model):
        """The sampler that repeats itself ends where drawing in raster order ends."""
        from zoo.pixelpyramids import CoarsestImage

        coarsest = perturb(CoarsestImage(CONFIG), 1.0)
        drawn = coarsest.sample(5, seed=3).numpy()
        assert drawn.std() > 2.0
        noise = tf.random.stateless_uniform([5, 2, 2, 5], [3, 0]) + 2.0**-24
        image = np.zeros([5, 2, 2, 3], np.int32)
        for row, column in itertools.product(range(2), repeat=2):
            pixels = coarsest.distribution(tf.constant(image)).from_noise(noise)
            image[:, row, column] = pixels[:, row, column]
        np.testing.assert_array_equal(drawn, image)


class TestSuperResolution:
    def test_given_pixels_stay_at_every_level(self, model):
        coarse = images(3, 8)
        graph = model.signatures()["super_resolve"]
        for level in (1, 2):
            coarse, _ = model.pyramid.halve(coarse, level)
            full = model.super_resolve(coarse, seed=4)
            assert full.shape == [3, 4, 4, 3] and full.dtype == tf.uint8
            np.testing.assert_array_equal(
                graph(coarse, tf.constant(4, tf.int64), tf.constant(1.0))["images"], full
            )
            one = model.super_resolve(coarse, levels=1, seed=4)
            np.testing.assert_array_equal(model.pyramid.halve(one, level)[0], coarse)
            for number in range(1, level + 1):
                full, _ = model.pyramid.halve(full, number)
            np.testing.assert_array_equal(full, coarse)

    def test_wrong_sizes_and_levels_are_told(self, model):
        with pytest.raises(ValueError, match=r"one of \[\[2, 4, 3\], .*got shape \(1, 3, 3, 3\)"):
            model.super_resolve(tf.zeros([1, 3, 3, 3], tf.uint8))
        with pytest.raises(ValueError, match=r"level 2, so levels is 1 \.\. 2; got 3"):
            model.super_resolve(tf.zeros([1, 2, 2, 3], tf.uint8), levels=3)
        graph = model.signatures()["super_resolve"]
        with pytest.raises(tf.errors.InvalidArgumentError, match="takes images of 2x4, 2x2"):
            graph(tf.zeros([1, 3, 3, 3], tf.uint8), tf.constant(0, tf.int64), tf.constant(1.0))
        bright = tf.fill([1, 2, 2, 3], tf.constant(255, tf.uint8))
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"values 0 \.\. 31"):
            graph(bright, tf.constant(0, tf.int64), tf.constant(1.0))


class TestPatches:
    def test_are_the_same_place_of_both_maps_and_weigh_their_share(self, model):
        config = dataclasses.replace(CONFIG, image_size=16, patch_size=4, patch_levels=2)
        patched = PixelPyramids(config)
        place = np.arange(8 * 16).reshape(1, 8, 16, 1).repeat(400, 0)
        maps = [tf.constant(place), tf.constant(1000 + place)]
        (one, two), scale = patched._patches(maps, (1, 2))
        assert one.shape == [400, 4, 4, 1] and scale == 8.0
        np.testing.assert_array_equal(one + 1000, two)
        corner = one[:, 0, 0, 0].numpy()
        expected = corner[:, None, None] + np.arange(4)[:, None] * 16 + np.arange(4)
        np.testing.assert_array_equal(one[..., 0], expected)
        assert set(corner // 16) == set(range(5)) and set(corner % 16) == set(range(13))

    def test_are_used_in_the_objective_on_the_fine_levels_alone(self, model):
        config = dataclasses.replace(CONFIG, patch_size=4, patch_levels=1)
        batch = {"image": images(4, 6)}
        # A patch as large as the image is the image.
        whole, same = (make(c).objective(batch, training=True) for c in (CONFIG, config))
        np.testing.assert_allclose(whole["loss"], same["loss"], rtol=1e-5)
        small = dataclasses.replace(
            CONFIG, image_size=8, coarsest_size=4, patch_size=4, patch_levels=1
        )
        batch = {"image": images(4, 6, small)}
        whole = dataclasses.replace(small, patch_size=0)
        one, two = (make(c) for c in (small, whole))
        exact = [m.log_prob(batch["image"]) for m in (one, two)]
        np.testing.assert_allclose(*exact, rtol=1e-5)
        for training in (False, True):
            losses = [m.objective(batch, training=training)["loss"].numpy() for m in (one, two)]
            assert not np.allclose(*losses, rtol=1e-5)
            # The scaled loss of a patch is about that of the whole level.
            np.testing.assert_allclose(*losses, rtol=0.3)


class TestReleasedNoise:
    def test_temperature_reaches_the_scales_alone(self):
        """Two components of equal weight, at values 8 and 24 of 32, drawn without noise in each."""
        outputs = tf.constant([0.0, 0.0, -0.47, 0.53, -1.0, -1.0])
        outputs = tf.broadcast_to(outputs, [1, 40, 40, 6])
        drawn, scores = {}, []
        for released in (False, True):
            config = dataclasses.replace(CONFIG, channels=1, as_released=released)
            mixtures = PixelMixtures(config, 2)
            assert (mixtures.parameters, mixtures.noise_size) == (6, 3)
            drawn[released] = mixtures.sample(outputs, 3, temperature=0.0).numpy()
            scores.append(mixtures.distribution(outputs).log_prob(drawn[False]).numpy())
            noise = tf.random.stateless_uniform([1, 40, 40, 3], (1, 2))
            warm = mixtures.from_noise(outputs, noise).numpy()
            drawn[released, "warm"] = warm
        assert len(np.unique(drawn[False])) == 1
        values, counts = np.unique(drawn[True], return_counts=True)
        assert values.tolist() == [8, 24] and abs(counts[0] / 1600 - 0.5) < 0.05
        np.testing.assert_array_equal(drawn[False, "warm"], drawn[True, "warm"])
        # The likelihood knows nothing of it.
        np.testing.assert_allclose(*scores, rtol=1e-5)


def test_parameters_at_256_pixels_are_about_those_of_the_released_code():
    """167 M there (specs/reference_facts.md), 166 M in Table E.1.

    U-Nets of min(max(L - 5 - i, 1), 4) halvings would have 86 M.
    """
    config = PixelPyramidsConfig(
        image_size=256, bits=5, coarsest=CoarsestConfig(filters=32, blocks=2)
    )
    counts = {}
    for number in (8, 9, 10, 11, 12):
        level = FineLevel(config, number)
        # A U-Net has the same weights for maps of any size.
        level(*[tf.zeros([1, 16, 16, 3], tf.int32)] * 2)
        counts[number] = sum(np.prod(v.shape) for v in level.trainable_variables)
    assert counts[11] == counts[12] < counts[10] < counts[9] < counts[8]
    coarsest = CoarsestImage(config)
    total = 8 * counts[8] + sum(counts[number] for number in (9, 10, 11, 12))
    total += sum(np.prod(v.shape) for v in coarsest.trainable_variables)
    assert total == pytest.approx(167e6, rel=0.03)
    rule = 3 * counts[8] + counts[9] + counts[10] + 7 * counts[11]
    assert rule == pytest.approx(86e6, rel=0.01)


class TestEvaluation:
    def test_numbers_add_up(self, model):
        source = array_source({"image": images(7, 4).numpy()})
        numbers = measure_pixelpyramids(model, source, PyramidEvaluationConfig(batch_size=7))
        bits = model.objective({"image": images(7, 4)}, training=False)["bits_per_dim"].numpy()
        assert numbers["bits_per_dim"] == pytest.approx(bits.mean(), rel=1e-5)
        error = bits.std() / np.sqrt(7)
        assert numbers["bits_per_dim_standard_error"] == pytest.approx(error, rel=1e-3)
        for kind, total in (("bits_per_dim", bits.mean()), ("bits_share", 1), ("pixels_share", 1)):
            shares = [numbers[f"{kind}_level_{level}"] for level in (1, 2, 3)]
            assert sum(shares) == pytest.approx(total, rel=1e-5)
        assert numbers["pixels_share_level_1"] == 0.5
        limited = PyramidEvaluationConfig(batch_size=7, examples=2)
        first = measure_pixelpyramids(model, source, limited)["bits_per_dim"]
        assert first == pytest.approx(bits[:2].mean(), rel=1e-5)

    def test_entropies_of_a_ramp_are_known(self):
        """Rows 0, 1, 2 ...: the image has 3 bits, its first differences none."""
        ramp = np.broadcast_to(np.arange(8)[:, None, None], [2, 8, 8, 1]).astype(np.uint8)
        numbers = measure_entropies(
            PairedPyramid(3, bits=5), array_source({"image": ramp}), PyramidEvaluationConfig()
        )
        expected = {"image": 3.0, "level_1": 0.0, "level_2": 0.0, "level_3": 0.0, "coarsest": 1.0}
        assert numbers == pytest.approx({f"entropy_{k}": v for k, v in expected.items()})

    @pytest.mark.parametrize("kept", ["first", "second"])
    def test_bicubic_interpolation_knows_where_the_kept_pixels_were(self, kept):
        plane = 3.0 * np.arange(32)[:, None] + 2.0 * np.arange(32)
        image = plane.astype(np.uint8)[None, :, :, None]
        coarse = tf.constant(image)
        pyramid = PairedPyramid(4, kept=kept)
        for level in range(1, 5):
            coarse, _ = pyramid.halve(coarse, level)
        result = bicubic(coarse, [32, 32], kept).numpy()
        # A plane is found again where the kernel of four pixels lies within the image.
        np.testing.assert_array_equal(result[:, 8:-8, 8:-8], image[:, 8:-8, 8:-8])
        flat = tf.fill([1, 3, 3, 2], tf.constant(7, tf.uint8))
        np.testing.assert_array_equal(bicubic(flat, [12, 6], kept), np.full([1, 12, 6, 2], 7))

    def test_super_resolution_keeps_pixels_and_reports_both_ratios(self, model):
        source = array_source({"image": images(5, 4).numpy()})
        settings = PyramidEvaluationConfig(batch_size=4, resolved_levels=2, resolved_examples=4)
        found = measure_super_resolution(model, source, settings, seed=3)
        assert found.resolved.shape == found.originals.shape == (4, 4, 4, 3)
        np.testing.assert_array_equal(found.resolved[:, 1::2, 1::2], found.coarse)
        for name, result in (
            ("super_resolution_psnr", found.resolved),
            ("bicubic_psnr", found.bicubic),
        ):
            error = (found.originals.astype(float) - result) ** 2
            psnr = 10.0 * np.log10(31.0**2 / error.mean((1, 2, 3)))
            assert found.numbers[name] == pytest.approx(psnr.mean(), rel=1e-4)


class TestOutliers:
    def test_lone_pixels_become_the_median_and_others_stay(self):
        rows, columns = np.mgrid[:32, :32]
        image = np.stack([60 + 3 * rows, 80 + 2 * columns, 120 + rows + columns], -1)
        image = image.astype(np.uint8)
        spoilt, places = image.copy(), [(5, 6), (17, 20), (28, 9), (10, 25)]
        for place in places:
            spoilt[place] = (0, 255, 0)
        (cleaned,) = replace_outliers(spoilt[None], share=len(places) / 32**2)
        for place in places:
            assert np.abs(cleaned[place].astype(int) - image[place]).max() <= 3
        changed = (cleaned != spoilt).any(-1).sum()
        assert changed == len(places)
        with pytest.raises(ValueError, match=r"uint8 \[N, H, W, 3\]; got uint8 \[1, 4, 4, 1\]"):
            replace_outliers(np.zeros([1, 4, 4, 1], np.uint8))


class TestConfig:
    @pytest.mark.parametrize(
        "change, message",
        [
            ("image_size=12", "image_size: got 12; wanted coarsest_size = 4 times 2, 4, 8"),
            ("image_size=4", "image_size: got 4"),
            ("bits=9", "bits: got 9; wanted 1 to 8"),
            ("squeezes=[]", r"squeezes: got \[\]; wanted one number or more"),
            ("shift=256", r"shift: got 256; wanted 0 .. 255, or null"),
            ("trained_level=10", r"trained_level: got 10; wanted 0 .* 1 .. 8, or 9, the coarsest"),
            ("patch_size=6", "patch_size: got 6; wanted 0 or a multiple of 4"),
            ("filters=0", "filters: got 0; wanted 1 or more"),
            ("smallest_scale=0", "smallest_scale: got 0.0; wanted more than 0"),
        ],
    )
    def test_what_does_not_fit_is_told(self, change, message):
        with pytest.raises(ConfigError, match=message):
            load_config(PixelPyramidsConfig(), overrides=[change])


@pytest.fixture(scope="module")
def case(model, tmp_path_factory):
    parts = model.pyramid.inverse(images(1, 3))
    card = serving.Card(
        name="pyramid",
        system="pixelpyramids",
        summary="Noise.",
        data="noise",
        training={"preset": "smoke", "steps": 0, "wall_seconds": 0.0, "seeds": [0]},
        metrics={"bits_per_dim": 5.0},
        limits=["Knows noise."],
        configuration=CONFIG.as_dict(),
        examples={"coarse_images": parts[0].numpy().tolist()},
    )
    made = ExportCase(
        "pyramid",
        lambda path: serving.export(model, path / "pyramid", card),
        levels=model.config.values,
    )
    return made.open(tmp_path_factory.mktemp("export"))


@pytest.mark.slow
@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda check: check.__name__)
def test_property_of_the_export(case, holds):
    holds(case)
