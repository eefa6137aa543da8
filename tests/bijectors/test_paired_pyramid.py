"""The lossless pyramid: bit-exact, in its range, of low entropy, with every setting."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.bijectors import PairedPyramid

tfb = tfp.bijectors


def noise(bits, *shape, seed=0, dtype=tf.int32):
    return tf.constant(np.random.RandomState(seed).randint(0, 2**bits, shape), dtype)


def smooth(side, seed=0):
    """A 1 / f^1.5 field of 8 bits, [1, side, side, 1]."""
    random = np.random.RandomState(seed)
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    frequencies[0, 0] = np.inf
    spectrum = np.fft.fft2(random.normal(size=[side, side])) / frequencies**1.5
    field = np.real(np.fft.ifft2(spectrum))
    field = (field - field.min()) / (field.max() - field.min())
    return tf.constant(np.round(255 * field)[None, :, :, None], tf.int32)


def entropy(x, values=256):
    share = np.bincount(np.asarray(x).ravel(), minlength=values) / np.size(x)
    return -np.sum(share[share > 0] * np.log2(share[share > 0]))


@pytest.mark.parametrize("bits", [1, 5, 8])
@pytest.mark.parametrize("dtype", [tf.uint8, tf.int32, tf.int64])
def test_is_bit_exact_in_range_and_keeps_the_number_of_pixels(bits, dtype):
    image = noise(bits, 3, 16, 8, 3, dtype=dtype)
    pyramid = PairedPyramid(levels=5, bits=bits)
    parts, log_det = pyramid.inverse_and_log_det(image)
    assert [part.shape[1:3].as_list() for part in parts] == [
        [2, 2],
        [2, 2],
        [4, 2],
        [4, 4],
        [8, 4],
        [8, 8],
    ]
    assert sum(int(tf.size(part)) for part in parts) == int(tf.size(image))
    for part in parts:
        assert part.dtype == dtype
        assert 0 <= part.numpy().min() and part.numpy().max() < 2**bits
    back, forward_log_det = pyramid.forward_and_log_det(parts)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, image)
    for value in (log_det, forward_log_det):
        np.testing.assert_array_equal(value, np.zeros(3, np.float32))


def test_is_the_formula_of_the_paper_pixel_by_pixel():
    """Eqs. 7.1 and 7.2 by hand, with the first row of each pair kept and no shift."""
    image = np.array([[3, 200], [5, 10], [250, 0], [1, 255]], np.uint8)
    image = image[None, :, :, None]
    pyramid = PairedPyramid(levels=2, kept="first", shift=0)
    coarse, second, first = (np.asarray(x)[0, :, :, 0] for x in pyramid.inverse(image))
    np.testing.assert_array_equal(first, [[2, 256 - 190], [256 - 249, 255]])
    np.testing.assert_array_equal(coarse, [[3], [250]])
    np.testing.assert_array_equal(second, [[197], [256 - 250]])
    coarse, _, first = (
        np.asarray(x)[0, :, :, 0] for x in PairedPyramid(levels=2, shift=128).inverse(image)
    )
    np.testing.assert_array_equal(first, [[126, 62], [121, 129]])
    np.testing.assert_array_equal(coarse, [[10], [255]])


@pytest.mark.parametrize(
    "first_axis, kept, difference, shift",
    itertools.product(("rows", "columns"), ("first", "second"), (True, False), (None, 0, 7)),
)
def test_every_setting_is_a_bijection_of_a_whole_space(first_axis, kept, difference, shift):
    """All 4^4 images of 2 x 2 pixels and two bits have pyramids of their own."""
    pyramid = PairedPyramid(
        2,
        bits=3,
        first_axis=first_axis,
        kept=kept,
        modulo_difference=difference,
        shift=shift,
    )
    every = np.array(list(itertools.product(range(4), repeat=4)), np.uint8).reshape(-1, 2, 2, 1)
    parts = pyramid.inverse(every)
    rows = np.concatenate([np.asarray(part).reshape(len(every), -1) for part in parts], 1)
    assert len(np.unique(rows, axis=0)) == len(every) and rows.max() < 8
    np.testing.assert_array_equal(pyramid.forward(parts), every)
    kept_index = 0 if kept == "first" else 1
    np.testing.assert_array_equal(rows[:, 0], every[:, kept_index, kept_index, 0])
    coarse, fine = pyramid.halve(every, 1)
    halved = every if first_axis == "rows" else every.transpose(0, 2, 1, 3)
    other = halved[:, 1 - kept_index].astype(int)
    moved = {None: 4 if difference else 0}.get(shift, shift)
    expected = (other - halved[:, kept_index] * difference + moved) % 8
    np.testing.assert_array_equal(np.asarray(fine).reshape(expected.shape), expected)
    np.testing.assert_array_equal(pyramid.join(coarse, fine, 1), every)


def test_entropy_falls_on_smooth_images_towards_fine_levels_and_not_on_noise():
    image = smooth(256)
    fines = PairedPyramid(levels=9).inverse(image)[:0:-1]
    bits = [entropy(fine) for fine in fines]
    assert bits[0] < entropy(image) - 1.5
    assert bits[0] < bits[2] < bits[4] < bits[6]
    white = noise(8, 1, 256, 256, 1)
    assert entropy(PairedPyramid(levels=1).inverse(white)[-1]) > 7.95
    plain = PairedPyramid(levels=1, modulo_difference=False).inverse(image)[-1]
    assert entropy(plain) > bits[0] + 1.5


def test_shift_brings_the_two_peaks_of_the_histogram_together():
    image = smooth(128)
    spread = {}
    for shift in (0, None):
        fine = np.asarray(PairedPyramid(levels=1, shift=shift).inverse(image)[-1])
        spread[shift] = fine.std()
        assert entropy(fine) == pytest.approx(entropy((fine + 128) % 256))
    assert spread[None] < 20 and spread[0] > 100


def test_leading_axes_event_shapes_and_graphs_of_unknown_size():
    pyramid = PairedPyramid(levels=3, bits=5)
    image = noise(5, 2, 3, 8, 4, 2)
    parts = pyramid.inverse(image)
    flat = pyramid.inverse(tf.reshape(image, [6, 8, 4, 2]))
    for part, same in zip(parts, flat):
        np.testing.assert_array_equal(tf.reshape(part, same.shape), same)
    assert pyramid.inverse_and_log_det(image)[1].shape == [2, 3]
    shapes = [part.shape[-3:] for part in parts]
    assert pyramid.inverse_event_shape([8, 4, 2]) == shapes
    assert pyramid.forward_event_shape(shapes) == [8, 4, 2]
    for got, expected in zip(pyramid.inverse_event_shape_tensor([8, 4, 2]), shapes):
        np.testing.assert_array_equal(got, expected)
    tensors = [tf.constant(shape.as_list()) for shape in shapes]
    np.testing.assert_array_equal(pyramid.forward_event_shape_tensor(tensors), [8, 4, 2])
    np.testing.assert_array_equal(pyramid.forward_log_det_jacobian(parts), np.zeros([2, 3]))

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 2], tf.int32)])
    def there_and_back(image):
        return pyramid.forward(pyramid.inverse(image))

    for shape in ([1, 8, 4, 2], [5, 4, 6, 2]):
        image = noise(5, *shape)
        np.testing.assert_array_equal(there_and_back(image), image)


def test_works_as_a_tfp_bijector():
    pyramid = PairedPyramid(levels=2)
    image = noise(8, 2, 4, 4, 1)
    inverted = tfb.Invert(pyramid)
    parts = inverted.forward(image)
    np.testing.assert_array_equal(inverted.inverse([tf.identity(p) for p in parts]), image)
    assert pyramid.name in repr(pyramid)


class TestErrors:
    @pytest.mark.parametrize(
        "settings, message",
        [
            ({"levels": 0}, "one level at least; got levels=0"),
            ({"levels": 1, "bits": 0}, "bits is 1 to 31; got 0"),
            ({"levels": 1, "bits": 5, "shift": 128}, r"shift is in 0 \.\. 31 for 5 bits; got 128"),
            ({"levels": 1, "kept": "third"}, "'first' or 'second' of each pair; got 'third'"),
            ({"levels": 1, "first_axis": "x"}, "'rows' or 'columns'; got 'x'"),
        ],
    )
    def test_settings(self, settings, message):
        with pytest.raises(ValueError, match=message):
            PairedPyramid(**settings)

    def test_odd_sizes_say_which_level(self):
        image = noise(8, 1, 6, 4, 1)
        PairedPyramid(levels=2).inverse(image)
        with pytest.raises(ValueError, match=r"Level 3 .* pairs of rows.*\[3, 2, 1\]. Pad or crop"):
            PairedPyramid(levels=3).inverse(image)

    def test_inputs(self):
        pyramid = PairedPyramid(levels=1, bits=9)
        with pytest.raises(ValueError, match="takes integers; got float32"):
            pyramid.inverse(tf.zeros([1, 2, 2, 1]))
        with pytest.raises(ValueError, match="9 bits, which uint8 does not hold; cast to int32"):
            pyramid.inverse(tf.zeros([1, 2, 2, 1], tf.uint8))
        with pytest.raises(
            ValueError, match=r"of one shape; got \(1, 2, 2, 1\) and \(1, 2, 4, 1\)"
        ):
            pyramid.join(tf.zeros([1, 2, 2, 1], tf.int32), tf.zeros([1, 2, 4, 1], tf.int32), 1)
        with pytest.raises(ValueError, match="levels 1 .. 1; got 2"):
            pyramid.halve(tf.zeros([1, 2, 2, 1], tf.int32), 2)
        with pytest.raises(ValueError, match="coarsest image and as many fine components; got 1"):
            pyramid.forward_and_log_det([tf.zeros([1, 2, 2, 1], tf.int32)])

    def test_pixels_out_of_range_are_told_when_asked_for(self):
        image = noise(8, 1, 4, 4, 1)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"pixels are in 0 \.\. 31"):
            PairedPyramid(levels=1, bits=5, validate_args=True).inverse(image)
        PairedPyramid(levels=1, bits=8, validate_args=True).inverse(image)
