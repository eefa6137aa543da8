"""Picture files: kinds that can be kept to the last bit, and what is said of the others."""

import numpy as np
import pytest
from PIL import Image

from tests.codec.toy_coder import Rows, export_of, smooth
from tfgen.codec import (
    CodecError,
    StoredImage,
    compress,
    cut_tiles,
    decompress,
    join_tiles,
    read_file,
    read_picture,
)

RGB = np.random.default_rng(0).integers(0, 256, [5, 7, 3]).astype(np.uint8)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved_models")
    return {
        "colour": export_of(Rows(), directory / "colour"),
        "grey": export_of(Rows((4, 4, 1), values=32), directory / "grey"),
    }


def save(path, pixels, mode=None, **settings):
    Image.fromarray(pixels, mode).save(path, **settings)
    return path


@pytest.mark.parametrize("shape", [(4, 6), (1, 1), (5, 13), (8, 12), (9, 7)], ids=str)
def test_tiles_cover_any_size_and_repeat_its_edges(shape):
    pixels = np.random.default_rng(1).integers(0, 256, [*shape, 3]).astype(np.uint8)
    tiles = cut_tiles(pixels, [4, 6, 3])
    rows, columns = -(-shape[0] // 4), -(-shape[1] // 6)
    assert tiles.shape == (rows * columns, 4, 6, 3)
    np.testing.assert_array_equal(join_tiles(tiles, *shape), pixels)
    whole = join_tiles(tiles, 4 * rows, 6 * columns)
    np.testing.assert_array_equal(whole[shape[0] :, : shape[1]] - pixels[-1:], 0)
    np.testing.assert_array_equal(whole[-1, -1], pixels[-1, -1])


class TestReading:
    def test_grey_has_equal_channels(self, tmp_path):
        grey = RGB[..., 0]
        pixels, stored = read_picture(save(tmp_path / "a b.png", grey), 3)
        np.testing.assert_array_equal(pixels, np.repeat(grey[..., None], 3, -1))
        assert stored == StoredImage("a b", 7, 5, "L")
        assert read_picture(tmp_path / "a b.png", 1)[0].shape == (5, 7, 1)

    def test_palettes_and_bits_are_their_colours(self, tmp_path):
        palette = Image.fromarray(RGB).quantize(8)
        palette.save(tmp_path / "p.png")
        pixels, stored = read_picture(tmp_path / "p.png", 3)
        np.testing.assert_array_equal(pixels, np.asarray(palette.convert("RGB")))
        assert stored.mode == "RGB"
        Image.fromarray(RGB[..., 0] > 127).save(tmp_path / "b.png")
        pixels, stored = read_picture(tmp_path / "b.png", 1)
        np.testing.assert_array_equal(pixels[..., 0], np.where(RGB[..., 0] > 127, 255, 0))
        assert stored.mode == "L"

    def test_turned_pictures_are_turned(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        path = save(tmp_path / "t.png", RGB, exif=exif)
        pixels, stored = read_picture(path, 3)
        np.testing.assert_array_equal(pixels, np.rot90(RGB, -1))
        assert (stored.width, stored.height) == (5, 7)

    def test_what_cannot_be_kept_is_told(self, tmp_path):
        alpha = np.concatenate([RGB, RGB[..., :1]], -1)
        (tmp_path / "text.png").write_text("no picture")
        (tmp_path / "cut.png").write_bytes(save(tmp_path / "c.png", RGB).read_bytes()[:90])
        frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
        frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
        deep = np.arange(35, dtype=np.uint16).reshape(5, 7) * 1000
        for path, channels, message in (
            (save(tmp_path / "alpha.png", alpha), 3, r"partly transparent \(mode RGBA\)"),
            (save(tmp_path / "deep.png", deep), 3, "has mode I;16; wanted 8 bits"),
            (save(tmp_path / "colour.png", RGB), 1, "is in colour; this model knows grey"),
            (tmp_path / "text.png", 3, "text.png cannot be read as a picture"),
            (tmp_path / "cut.png", 3, "cut.png cannot be read"),
            (tmp_path / "two.gif", 3, "has 2 pictures; give each its own file"),
            (tmp_path / "none.png", 3, "none.png cannot be read"),
        ):
            with pytest.raises(CodecError, match=message):
                read_picture(path, channels)


class TestCompression:
    def test_pictures_come_back_from_files(self, models, tmp_path):
        pixels = [smooth(1, (9, 8, 3))[0], smooth(1, (4, 6, 3), seed=1)[0]]
        grey = smooth(1, (5, 5, 1))[0, ..., 0]
        paths = [save(tmp_path / f"{i}.png", p) for i, p in enumerate((*pixels, grey))]
        file = tmp_path / "deep" / "all.tfgen"
        report = compress(models["colour"], paths, file, check=True)
        assert report.file_bytes == file.stat().st_size
        assert [entry.name for entry in file.parent.iterdir()] == ["all.tfgen"]
        written = decompress(models["colour"], read_file(file), tmp_path / "out")
        for path, expected in zip(written, (*pixels, grey)):
            np.testing.assert_array_equal(Image.open(path), expected)

    def test_few_bits_and_one_channel(self, models, tmp_path):
        pixels = smooth(1, (6, 11, 1), values=32)[0, ..., 0]
        file = tmp_path / "a.tfgen"
        compress(models["grey"], [save(tmp_path / "a.png", pixels)], file, block_size=2)
        (written,) = decompress(models["grey"], read_file(file), tmp_path / "out")
        np.testing.assert_array_equal(Image.open(written), pixels)

    def test_nothing_is_overwritten_unless_told(self, models, tmp_path):
        path = save(tmp_path / "a.png", smooth(1, (4, 6, 3))[0])
        other = save(tmp_path / "b.png", smooth(1, (4, 6, 3), seed=1)[0])
        file = tmp_path / "a.tfgen"
        compress(models["colour"], [other, path], file)
        before = path.read_bytes()
        other.unlink()
        with pytest.raises(FileExistsError, match="a.png would be overwritten"):
            decompress(models["colour"], read_file(file), tmp_path)
        assert path.read_bytes() == before and not other.exists()
        decompress(models["colour"], read_file(file), tmp_path, overwrite=True)
        assert other.exists()

    def test_a_failure_leaves_what_was_there(self, models, tmp_path):
        file = tmp_path / "a.tfgen"
        file.write_bytes(b"before")
        good = save(tmp_path / "a.png", smooth(1, (4, 6, 3))[0])
        alpha = save(tmp_path / "b.png", np.zeros([4, 6, 4], np.uint8))
        (tmp_path / "c").mkdir()
        again = save(tmp_path / "c" / "a.png", RGB)
        for paths, message in (
            ([good, alpha], "partly transparent"),
            ([good, again], "Two of the pictures are named a"),
            ([], "no pictures to compress"),
        ):
            with pytest.raises(CodecError, match=message):
                compress(models["colour"], paths, file)
        bright = save(tmp_path / "b.png", np.full([4, 6], 40, np.uint8))
        with pytest.raises(CodecError, match=r"b\.png: .* values 0 \.\. 31; the largest given: 40"):
            compress(models["grey"], [bright], file)
        with pytest.raises(CodecError, match="1 tile or more; got 0"):
            compress(models["colour"], [good], file, block_size=0)
        assert file.read_bytes() == b"before"
        assert {entry.name for entry in tmp_path.iterdir()} == {"a.tfgen", "a.png", "b.png", "c"}

    def test_files_that_are_none_are_told(self, tmp_path):
        (tmp_path / "a").write_bytes(b"\x89PNG\r\n")
        for name, message in (
            ("a", "is no file of compressed images"),
            ("none", "There is no file"),
            ("", "is a directory"),
        ):
            with pytest.raises(CodecError, match=message):
                read_file(tmp_path / name)
