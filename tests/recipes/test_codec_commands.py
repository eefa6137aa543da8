"""`tfgen compress`, `tfgen decompress` and `tfgen benchmark codec` on the toy model of rows."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from recipes.benchmarks import codec as codec_benchmark
from recipes.command_line import main
from tests.codec.toy_coder import Rows, export_of, smooth


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """The folder of saved_models, with a model that codes and one that does not."""
    folder = tmp_path_factory.mktemp("work")
    export_of(Rows(), folder / "saved_models" / "rows")
    density = {"log_prob": Rows().signatures()["log_prob"]}
    export_of(density, folder / "saved_models" / "flow")
    return folder


@pytest.fixture
def work(exports, monkeypatch, tmp_path):
    """A folder with saved_models and pictures, which is the current one; the pictures."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved_models").symlink_to(exports / "saved_models")
    pictures = {"a": smooth(1, (9, 8, 3))[0], "b": smooth(1, (4, 6, 3), seed=1)[0]}
    (tmp_path / "in").mkdir()
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / "in" / f"{name}.png")
    return pictures


def run(capsys, *words):
    code = main(list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_pictures_come_back(work, capsys):
    words = ["compress", "saved_models/rows", "in/a.png", "in/b.png", "--output", "all.tfgen"]
    code, out, _ = run(capsys, *words, "--check", "--report", "numbers/report.json")
    assert code == 0
    numbers = json.loads(open("numbers/report.json").read())
    assert f"this file      {numbers['file_bytes']} bytes" in out
    assert "2, in 7 tiles" in out and "decode" in out and "WebP" in out
    code, out, _ = run(capsys, "decompress", "all.tfgen", "--output", "out")
    assert code == 0 and "Wrote 2 pictures to out" in out
    for name, pixels in work.items():
        np.testing.assert_array_equal(Image.open(f"out/{name}.png"), pixels)
    code, _, error = run(capsys, "decompress", "all.tfgen", "--output", "out")
    assert code == 2 and "a.png and 1 more would be overwritten" in error
    assert "--overwrite" in error
    words = ["decompress", "all.tfgen", "--output", "out", "--overwrite", "--export"]
    assert run(capsys, *words, "saved_models/rows")[0] == 0
    code, _, error = run(capsys, *words, "saved_models/flow")
    assert code == 2 and "flow (system toy) cannot code" in error


def test_folders_are_gone_through(work, capsys):
    assert run(capsys, "compress", "saved_models/rows", "in", "--output", "all.tfgen")[0] == 0
    assert run(capsys, "decompress", "all.tfgen", "--output", "out")[0] == 0
    np.testing.assert_array_equal(Image.open("out/b.png"), work["b"])


def test_an_export_that_is_not_here_is_asked_for(work, capsys, tmp_path):
    run(capsys, "compress", "saved_models/rows", "in", "--output", "all.tfgen")
    (tmp_path / "saved_models").unlink()
    code, _, error = run(capsys, "decompress", "all.tfgen", "--output", "out")
    assert code == 2 and "made with rows version 1 (SHA-256" in error and "--export" in error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["saved_models/flow", "in"], "Exports that can: saved_models/rows/1"),
        (["saved_models/rows", "in/c.png"], "There is no picture 'in/c.png'."),
        (["saved_models/rows", "in", "--block", "0"], "--block must be 1 or more; got 0"),
        (["saved_models/rows", "in", "--blok", "2"], "Did you mean '--block'?"),
        (["saved_models/rowz", "in"], "Did you mean 'saved_models/rows'?"),
        (["saved_models/rows", "saved_models"], "saved_models"),
    ],
)
def test_mistakes_are_told(work, capsys, words, expected):
    code, _, error = run(capsys, "compress", *words, "--output", "all.tfgen")
    assert code == 2 and error.startswith("tfgen: ") and expected in error


def test_a_damaged_file_writes_nothing(work, capsys, tmp_path):
    run(capsys, "compress", "saved_models/rows", "in", "--output", "all.tfgen")
    content = bytearray((tmp_path / "all.tfgen").read_bytes())
    content[-3] ^= 4
    (tmp_path / "bad.tfgen").write_bytes(bytes(content))
    code, _, error = run(capsys, "decompress", "bad.tfgen", "--output", "out")
    assert code == 2 and "bad.tfgen is damaged: the checksum of block 1 of 1" in error
    assert not (tmp_path / "out").exists()


def test_benchmark_is_of_held_out_pictures(tmp_path):
    export_of(Rows((16, 16, 3), width=200.0), tmp_path / "rows")
    (row,) = codec_benchmark.measure(tmp_path / "rows", pictures=3)
    assert row["pictures"] == 3 and row["file bytes"] > row["code bytes"]
    assert row["bits/dim"] == pytest.approx(8 * row["file bytes"] / (3 * 16 * 16 * 3))
    assert 0 < row["overhead %"] < 1
