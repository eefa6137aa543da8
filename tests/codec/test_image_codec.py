"""The codec on a model of rows: round trips, what the code costs, and what is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.codec.toy_coder import Rows, export_of, smooth
from tfgen import codec, serving
from tfgen.codec import (
    CodecError,
    CompressedImages,
    ImageCodec,
    StoredImage,
    SymbolReader,
    SymbolWriter,
    compress_arrays,
    decompress_arrays,
)

SHAPE = (4, 6, 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return export_of(Rows(), tmp_path_factory.mktemp("saved_models") / "rows")


@pytest.fixture(scope="module")
def compressed(model):
    """Three images of odd sizes, and the file that they are in."""
    pictures = [smooth(1, (height, width, 3))[0] for height, width in ((4, 6), (7, 13), (1, 1))]
    stored = [
        StoredImage(f"picture{i}", p.shape[1], p.shape[0], "RGB") for i, p in enumerate(pictures)
    ]
    content, report = compress_arrays(ImageCodec(model), pictures, stored, block_size=3, check=True)
    return pictures, content, report


class TestEntropyCoder:
    def test_symbols_come_back_and_cost_their_information(self):
        rng = np.random.default_rng(0)
        table = rng.dirichlet(np.full(16, 0.3), 5000).astype(np.float32)
        cumulative = np.cumsum(table, axis=1, dtype=np.float64)
        uniform = rng.uniform(size=(5000, 1)) * cumulative[:, -1:]
        symbols = np.minimum((cumulative < uniform).sum(1), 15)
        writer = SymbolWriter()
        writer.write(symbols[:123], table[:123])
        writer.write(symbols[123:], table[123:])
        words = writer.to_bytes()
        reader = SymbolReader(words)
        parts = [reader.read(table[:2000]), reader.read(table[2000:])]
        np.testing.assert_array_equal(np.concatenate(parts), symbols)
        bits = -np.log2(table[np.arange(5000), symbols].astype(np.float64)).sum()
        assert bits < 8 * len(words) < 1.0005 * bits + 64

    def test_every_symbol_can_be_told_however_improbable(self):
        """The most skewed tables, of which float32 sums would leave the last symbol nothing."""
        table = np.zeros([4, 256], np.float32)
        table[0, 0] = table[1, 255] = 1.0
        table[2] = 1e-38
        table[3, [0, 255]] = 1.0, 1e-30
        symbols = np.array([255, 0, 17, 254])
        writer = SymbolWriter()
        writer.write(symbols, table)
        np.testing.assert_array_equal(SymbolReader(writer.to_bytes()).read(table), symbols)
        assert 8 * len(writer.to_bytes()) <= 24 + 24 + 8 + 24 + 64

    def test_no_probabilities_are_refused(self):
        for wrong in (np.nan, -1.0):
            with pytest.raises(CodecError, match="gave no probabilities"):
                SymbolWriter().write(np.array([0]), np.array([[1.0, wrong]]))


class TestImages:
    @pytest.mark.parametrize("block_size", [1, 4, 16])
    def test_come_back_whatever_the_block(self, model, block_size):
        images = smooth(9, SHAPE, seed=1)
        coder = ImageCodec(model)
        done = []
        blocks = coder.encode(images, block_size, done.append)
        assert done[-1] == 9 and len(done) == len(blocks) == -(-9 // block_size)
        np.testing.assert_array_equal(coder.decode(blocks, 9, block_size), images)

    def test_code_costs_what_the_model_says(self, model):
        images = smooth(64, SHAPE, seed=2)
        coder = ImageCodec(model)
        bits = -model.log_prob(images=images)["log_prob"].astype(np.float64).sum() / np.log(2)
        assert coder.bits(images, 10) == pytest.approx(bits, rel=1e-6)
        code = 8 * sum(len(block.words) for block in coder.encode(images, 64))
        assert bits - 1 < code < 1.001 * bits + 64

    def test_any_images_come_back(self, model):
        """Noise, which the model finds impossible: its tables have zeros for most of it."""
        images = np.random.default_rng(3).integers(0, 256, [5, *SHAPE]).astype(np.uint8)
        coder = ImageCodec(model)
        np.testing.assert_array_equal(coder.decode(coder.encode(images, 5), 5, 5), images)

    def test_blocks_fit_in_memory(self, model):
        coder = ImageCodec(model)
        assert coder.tile_shape == [4, 6, 3]
        assert [coder.block_size_for(count) for count in (1, 40, 1000)] == [1, 40, 64]
        coder._symbols = 1024 * 1024 * 6
        assert coder.block_size_for(1000) == 1

    def test_what_does_not_fit_the_model_is_refused(self, tmp_path):
        coder = ImageCodec(export_of(Rows((2, 2, 1), values=32), tmp_path / "five_bits"))
        with pytest.raises(CodecError, match=r"values 0 \.\. 31; the largest given: 32"):
            coder.encode(np.full([1, 2, 2, 1], 32, np.uint8), 1)
        with pytest.raises(
            CodecError, match=r"images uint8 \[N, \*\[2, 2, 1\]\]; got uint8 \[1, 3"
        ):
            coder.encode(np.zeros([1, 3, 2, 1], np.uint8), 1)
        with pytest.raises(CodecError, match=r"got float64 \[1, 2, 2, 1\]"):
            coder.encode(np.zeros([1, 2, 2, 1]), 1)

    def test_an_export_without_the_signatures_is_told_why(self, tmp_path):
        density = {"log_prob": Rows().signatures()["log_prob"]}
        flow = export_of(density, tmp_path / "flow")
        with pytest.raises(CodecError, match=r"flow \(system toy\) cannot code .* coding_symbols"):
            ImageCodec(flow)
        assert not codec.can_code(flow.card)


class TestFiles:
    def test_report_adds_up(self, compressed):
        pictures, content, report = compressed
        numbers = report.as_dict()
        assert (numbers["images"], numbers["tiles"]) == (3, 1 + 2 * 3 + 1)
        assert numbers["raw_bytes"] == sum(p.size for p in pictures)
        assert numbers["file_bytes"] == len(content) > numbers["code_bytes"]
        assert numbers["bits_per_dim"] == pytest.approx(8 * len(content) / numbers["raw_bytes"])
        assert 0 < numbers["code_bytes"] - numbers["model_bytes"] < 3 * 8
        assert numbers["overhead"] == numbers["code_bytes"] / numbers["model_bytes"] - 1
        assert numbers["less_than_png"] == 1 - len(content) / numbers["png_bytes"]
        assert numbers["less_than_webp"] == 1 - len(content) / numbers["webp_bytes"]
        speed = numbers["decode_images_per_second"]
        assert speed == pytest.approx(3 / numbers["decode_seconds"])

    def test_a_fresh_load_decodes(self, model, compressed):
        pictures, content, _ = compressed
        fresh = ImageCodec(serving.load(model.path))
        decoded = decompress_arrays(fresh, CompressedImages.from_bytes(content))
        for one, other in zip(pictures, decoded):
            np.testing.assert_array_equal(one, other)

    def test_every_flipped_byte_is_found(self, compressed):
        _, content, _ = compressed
        for place in range(len(content)):
            spoilt = bytearray(content)
            spoilt[place] ^= 1 << (place % 8)
            with pytest.raises(CodecError, match="damaged|cut|no file|has format"):
                CompressedImages.from_bytes(bytes(spoilt))

    def test_every_cut_is_found(self, compressed):
        _, content, _ = compressed
        for length in range(len(content)):
            with pytest.raises(CodecError, match="is cut|no file of compressed"):
                CompressedImages.from_bytes(content[:length], "a.tfgen")
        with pytest.raises(CodecError, match=f"has {len(content) + 1} bytes where it says"):
            CompressedImages.from_bytes(content + b"x")

    def test_another_export_is_refused(self, compressed, tmp_path):
        _, content, _ = compressed
        other = ImageCodec(export_of(Rows(width=8.5), tmp_path / "rows"))
        with pytest.raises(CodecError, match="made with rows version 1 .* is another export"):
            decompress_arrays(other, CompressedImages.from_bytes(content))

    def test_tables_that_differ_in_their_last_bits_are_refused(self, model, compressed):
        """Another processor, say: what is decoded then is noise, and must not come out."""
        _, content, _ = compressed
        file = CompressedImages.from_bytes(content)

        class Elsewhere(serving.LoadedModel):
            def run(self, name, **tensors):
                found = dict(super().run(name, **tensors))
                if "table" in found:
                    found["table"] *= 1.0 + 1e-3 * tf.range(256.0) / 256.0
                return found

        other = ImageCodec(Elsewhere(model._saved, model.path, model.card))
        with pytest.raises(CodecError, match="Block 1 of 3 .* on the machine that encoded it"):
            decompress_arrays(other, file)
        environment = {**file.environment, "tensorflow": "1.0"}
        file = dataclasses.replace(file, environment=environment)
        with pytest.raises(CodecError, match=r"tensorflow 1\.0 there, 2\.15"):
            decompress_arrays(other, file)

    def test_too_few_blocks_are_refused(self, model, compressed):
        _, content, _ = compressed
        file = CompressedImages.from_bytes(content)
        with pytest.raises(CodecError, match="8 images in blocks of 3 are 3 blocks; got 2"):
            decompress_arrays(ImageCodec(model), dataclasses.replace(file, blocks=file.blocks[:2]))

    @pytest.mark.parametrize("name", ["../a", "a/b", "..", "", "a\\b"])
    def test_names_that_leave_the_folder_are_refused(self, compressed, name):
        _, content, _ = compressed
        file = CompressedImages.from_bytes(content)
        images = [dataclasses.replace(file.images[0], name=name), *file.images[1:]]
        made_up = dataclasses.replace(file, images=images).to_bytes()
        with pytest.raises(CodecError, match="which no file may have"):
            CompressedImages.from_bytes(made_up)
