"""Image files: what is found broken, and that every odd kind comes out with the right pixels."""

import io
import logging
import os
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from tests.data import fixtures
from tfgen.data import DataError, Problems, check_image_files, decode_image_file, fit_image


def check(paths, **settings):
    problems = Problems("image files")
    return check_image_files([str(path) for path in paths], problems, **settings), problems


def decoded(path, **settings):
    files, problems = check([path], **settings)
    assert not problems.items
    return decode_image_file(tf.constant(str(path)), tf.constant(files.plain[0])).numpy()


@pytest.fixture
def rgb():
    return fixtures.picture(3, 20, 30)


def write_bad_files(folder):
    """name -> a part of the reason that must be given."""
    whole = fixtures.picture(0, 40, 40)
    whole.save(folder / "whole.png")
    png = (folder / "whole.png").read_bytes()
    whole.save(folder / "whole.jpg")
    jpeg = (folder / "whole.jpg").read_bytes()
    (folder / "cut.png").write_bytes(png[: len(png) // 2])
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "stub.png").write_bytes(png[:10])
    (folder / "text.png").write_text("This is not a picture.")
    (folder / "empty.png").write_bytes(b"")
    (folder / "folder.png").mkdir()
    return {
        "cut.png": "truncated",
        "cut.jpg": "truncated",
        "stub.png": "truncated",
        "text.png": "is not an image",
        "empty.png": "is empty (0 bytes)",
        "folder.png": "is not a file",
        "absent.png": "is missing",
    }


@pytest.mark.parametrize("how", ["decode", "header"])
def test_broken_files_are_named_with_their_reasons(tmp_path, how):
    wanted = write_bad_files(tmp_path)
    paths = [tmp_path / name for name in ("whole.png", *wanted, "whole.jpg")]
    files, problems = check(paths, check=how)
    assert list(files.kept) == [0, len(paths) - 1]
    assert list(files.paths) == [str(tmp_path / "whole.png"), str(tmp_path / "whole.jpg")]
    reasons = {name.split("/")[-1]: reason for name, reason in problems.items}
    assert set(reasons) == set(wanted)
    for name, part in wanted.items():
        assert part in reasons[name], (name, reasons[name])


def test_decode_finds_damage_inside_that_header_does_not(tmp_path):
    path = tmp_path / "damaged.png"
    fixtures.picture(0, 64, 64).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert len(check([path], check="header")[1]) == 0
    ((name, reason),) = check([path], check="decode")[1].items
    assert name == str(path) and "is damaged" in reason


def test_a_wrong_size_is_a_problem_and_says_both_sizes(tmp_path):
    for name, width in (("right.png", 20), ("wrong.png", 21)):
        fixtures.picture(0, width, 30).save(tmp_path / name)
    files, problems = check(
        [tmp_path / "right.png", tmp_path / "wrong.png"], expected_size=(30, 20)
    )
    assert list(files.kept) == [0]
    assert problems.items == [(str(tmp_path / "wrong.png"), "is 21x30 pixels, wanted 20x30")]


def test_size_is_compared_after_turning_by_exif(tmp_path, rgb):
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(tmp_path / "turned.jpg", exif=exif)
    assert len(check([tmp_path / "turned.jpg"], expected_size=(20, 30))[1]) == 0
    assert len(check([tmp_path / "turned.jpg"], expected_size=(30, 20))[1]) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, rgb, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    rgb.save(path, exif=exif)
    pixels = np.asarray(rgb)
    # What a viewer sees, from the meaning of the eight values in the EXIF standard.
    upright = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(pixels, 1),
    }[orientation]
    np.testing.assert_array_equal(decoded(path), upright)


@pytest.mark.parametrize("how", ["decode", "header"])
def test_grey_palette_bits_and_alpha_become_rgb(tmp_path, rgb, how):
    pixels = np.asarray(rgb)
    grey = np.asarray(rgb.convert("L"))
    grey_rgb = np.repeat(grey[..., None], 3, 2)
    palette = rgb.quantize(16)
    bits = rgb.convert("1")
    opaque = rgb.convert("RGBA")
    half = np.dstack([pixels, np.full(grey.shape, 255, np.uint8)])
    half[:15, :, 3] = 0
    over_white = pixels.copy()
    over_white[:15] = 255
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    cases = {
        "rgb.png": (rgb, pixels),
        "grey.png": (rgb.convert("L"), grey_rgb),
        "grey_alpha.png": (rgb.convert("LA"), grey_rgb),
        "deep_grey.png": (deep, grey_rgb),
        "palette.png": (palette, np.asarray(palette.convert("RGB"))),
        "bits.png": (bits, np.asarray(bits.convert("RGB"))),
        "opaque.png": (opaque, pixels),
        "half.png": (Image.fromarray(half), over_white),
        "rgb.bmp": (rgb, pixels),
        "rgb.tiff": (rgb, pixels),
    }
    for name, (image, wanted) in cases.items():
        image.save(tmp_path / name)
        np.testing.assert_array_equal(decoded(tmp_path / name, check=how), wanted, err_msg=name)


def test_transparent_palette_lies_over_white(tmp_path, rgb):
    palette = rgb.quantize(8)
    palette.save(tmp_path / "palette.png", transparency=0)
    wanted = np.asarray(palette.convert("RGB")).copy()
    wanted[np.asarray(palette) == 0] = 255
    assert (np.asarray(palette) == 0).any()
    np.testing.assert_array_equal(decoded(tmp_path / "palette.png"), wanted)


def test_cmyk_jpeg_has_the_colours_that_pillow_gives(tmp_path, rgb):
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    difference = np.abs(decoded(tmp_path / "cmyk.jpg").astype(int) - np.asarray(rgb))
    assert difference.mean() < 8


def test_opaque_alpha_is_left_to_tensorflow_when_the_check_decodes(tmp_path, rgb):
    rgb.convert("RGBA").save(tmp_path / "opaque.png")
    assert check([tmp_path / "opaque.png"])[0].plain.tolist() == [True]
    assert check([tmp_path / "opaque.png"], check="header")[0].plain.tolist() == [False]


def test_crop_takes_the_central_square():
    image = np.zeros([218, 178, 3], np.uint8)
    image[35:183, 15:163] = 200
    assert np.all(fit_image(tf.constant(image), 64, "crop", 148).numpy() == 200)
    # One pixel more on each side lets the black border in.
    assert np.any(fit_image(tf.constant(image), 150, "crop", 150).numpy() == 0)


def test_crop_larger_than_the_image_takes_the_largest_square():
    image = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    np.testing.assert_array_equal(fit_image(tf.constant(image), 4, "crop", 100).numpy(), image[1:5])


def test_halving_uses_the_triangle_filter():
    """Scale 2: weights 1, 3, 3, 1 (over 8) along each side, normalised at the border."""
    row = np.array([0, 80, 160, 240, 40, 8, 16, 24], np.uint8)
    image = np.repeat(np.tile(row, [8, 1])[..., None], 3, 2)
    wanted = [
        (3 * 0 + 3 * 80 + 160) / 7,
        (80 + 3 * 160 + 3 * 240 + 40) / 8,
        (240 + 3 * 40 + 3 * 8 + 16) / 8,
        (8 + 3 * 16 + 3 * 24) / 7,
    ]
    result = fit_image(tf.constant(image), 4, "crop").numpy()
    np.testing.assert_allclose(result[2, :, 0], np.round(wanted), atol=1)


def test_stretch_and_pad():
    image = np.full([32, 48, 3], 90, np.uint8)
    assert np.all(fit_image(tf.constant(image), 12, "stretch").numpy() == 90)
    padded = fit_image(tf.constant(image), 12, "pad").numpy()[..., 0]
    np.testing.assert_array_equal(padded[:, 5], [0] * 2 + [90] * 8 + [0] * 2)


def test_loader_matches_one_by_one(tmp_path):
    paths = []
    for number, (name, mode) in enumerate([("a.jpg", "RGB"), ("b.png", "RGBA"), ("c.png", "L")]):
        fixtures.picture(number, 30 + number, 40, mode).save(tmp_path / name)
        paths.append(tmp_path / name)
    files, _ = check(paths)
    images = tf.function(files.loader(16))(tf.constant([2, 0, 1, 0], tf.int64))
    assert images.shape == [4, 16, 16, 3] and images.dtype == tf.uint8
    for row, index in enumerate([2, 0, 1, 0]):
        image = ImageOps.exif_transpose(Image.open(paths[index])).convert("RGB")
        wanted = fit_image(tf.constant(np.asarray(image)), 16).numpy().astype(int)
        difference = np.abs(images[row].numpy() - wanted)
        assert difference.max() <= 4 and difference.mean() < 1  # two JPEG decoders round apart


def test_wrong_settings_are_refused(tmp_path, rgb):
    rgb.save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="check is 'decode' or 'header'; got 'fast'"):
        check([tmp_path / "a.png"], check="fast")
    with pytest.raises(ValueError, match="fit is one of crop, stretch, pad; got 'fill'"):
        fit_image(tf.constant(np.asarray(rgb)), 8, "fill")
    with pytest.raises(ValueError, match="got image_size=0"):
        check([tmp_path / "a.png"])[0].loader(0)


def test_few_problems_are_logged_and_many_refused(caplog):
    problems = Problems("image files")
    for number in range(12):
        problems.add(f"{number:02d}.png", "is empty (0 bytes)")
    with caplog.at_level(logging.WARNING, "tfgen.data"):
        problems.settle(1200, 0.01)
    assert "12 of 1200 image files (1.00%) cannot be used and are left out" in caplog.text
    assert "09.png: is empty" in caplog.text and "... and 2 more" in caplog.text
    with pytest.raises(DataError) as error:
        problems.settle(1199, 0.01, "Fetch them again.")
    message = str(error.value)
    assert "12 of 1199 image files (1.00%)" in message and "at most 1.00% may be" in message
    assert "00.png: is empty (0 bytes)" in message and "Fetch them again." in message
    assert "raise max_bad_share" in message


def test_all_bad_is_refused_whatever_the_share():
    problems = Problems("image files")
    problems.add("a.png", "is missing")
    with pytest.raises(DataError) as error:
        problems.settle(1, 1.0)
    assert "raise max_bad_share" not in str(error.value)
    with pytest.raises(ValueError, match="between 0 and 1; got 3"):
        problems.settle(1, 3)


def test_summary_counts_reasons():
    problems = Problems("image files")
    for name, reason in (("a", "is missing"), ("b", "is missing"), ("c", "is not a file")):
        problems.add(name, reason)
    assert problems.summary(shown=2) == {
        "count": 3,
        "reasons": {"is missing": 2, "is not a file": 1},
        "names": ["a", "b"],
    }


def test_many_files_show_a_progress_bar(tmp_path, monkeypatch, capsys):
    from tfgen.data import image_files

    monkeypatch.setattr(image_files, "_PROGRESS_FROM", 3)
    buffer = io.BytesIO()
    fixtures.picture(0, 8, 8).save(buffer, "PNG")
    for name in "abc":
        (tmp_path / name).write_bytes(buffer.getvalue())
    check([tmp_path / name for name in "abc"])
    output = capsys.readouterr().out
    assert "Checking 3 image files" in output and "3/3" in output


@pytest.mark.parametrize("how", ["decode", "header"])
def test_sixteen_bits_keep_their_upper_eight(tmp_path, rgb, how):
    grey = np.asarray(rgb.convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 256 + 200)
    exif = Image.Exif()
    exif[0x0112] = 3
    deep.save(tmp_path / "deep.png")
    deep.save(tmp_path / "deep.tiff")
    deep.save(tmp_path / "turned.png", exif=exif)
    wanted = np.repeat(grey[..., None], 3, 2)
    for name in ("deep.png", "deep.tiff"):
        np.testing.assert_array_equal(decoded(tmp_path / name, check=how), wanted, err_msg=name)
    turned = decoded(tmp_path / "turned.png", check=how)
    np.testing.assert_array_equal(turned, wanted[::-1, ::-1])


@pytest.mark.parametrize("how", ["decode", "header"])
def test_pixels_whose_white_is_not_known_are_refused(tmp_path, how):
    Image.fromarray(np.ones([9, 9], np.float32)).save(tmp_path / "float.tiff")
    Image.fromarray(np.ones([9, 9], np.int32)).save(tmp_path / "long.tiff")
    _, problems = check([tmp_path / "float.tiff", tmp_path / "long.tiff"], check=how)
    reasons = [reason for _, reason in problems.items]
    assert [reason.split(" (")[0] for reason in reasons] == [
        "has pixels of mode F",
        "has pixels of mode I",
    ]


def declared(width, height):
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + head + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("how", ["decode", "header"])
def test_bombs_are_refused_before_they_are_decoded(tmp_path, how):
    (tmp_path / "bomb.png").write_bytes(declared(60_000, 60_000))
    ((_, reason),) = check([tmp_path / "bomb.png"], check=how)[1].items
    assert reason.startswith("is too large") and "3600000000 pixels" in reason


def test_whatever_an_image_format_raises_is_a_reason(tmp_path, rgb, monkeypatch):
    rgb.save(tmp_path / "a.png")

    def fail(*arguments):
        raise NotImplementedError("Unimplemented pixel format")

    monkeypatch.setattr(Image, "open", fail)
    ((_, reason),) = check([tmp_path / "a.png"])[1].items
    assert reason == "cannot be read (Unimplemented pixel format)"


def test_names_need_not_be_utf8(tmp_path, rgb):
    good, bad = (
        os.path.join(os.fsencode(tmp_path), name) for name in (b"caf\xe9.png", b"\xe9.png")
    )
    with open(good, "wb") as file:
        rgb.save(file, "PNG")
    with open(bad, "wb") as file:
        file.write(b"no image")
    files, problems = check([os.fsdecode(good), os.fsdecode(bad)])
    image = files.loader(20)(tf.constant([0]))[0]
    np.testing.assert_array_equal(image, fit_image(tf.constant(np.asarray(rgb)), 20))
    ((name, _),) = problems.items
    assert name.endswith("\\udce9.png") and name.encode("utf-8")


@pytest.mark.parametrize("width, height", [(1, 1), (1, 900), (3000, 2)])
def test_thin_images_come_to_any_size(tmp_path, width, height):
    Image.new("L", (width, height), 77).save(tmp_path / "thin.png")
    files, _ = check([tmp_path / "thin.png"])
    for fit in ("crop", "stretch"):
        images = files.loader(16, fit)(tf.constant([0]))
        assert np.all(images.numpy() == 77) and images.shape == [1, 16, 16, 3]
