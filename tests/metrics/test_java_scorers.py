"""METEOR and SPICE: present with numbers, or absent with a reason in words."""

import os
import shutil
import sys

import numpy as np
import pytest

from tfgen.metrics import candidate_scores, caption_scores, java_scorers
from tfgen.metrics.java_scorers import java_metric_problem

REFERENCES = [["a dog runs on grass", "the dog is running"], ["a cat sleeps"], ["a man"]]
# Scores the caption "bad" with None, as SPICE does for what it cannot parse, others with 0.25.
FAKE_SPICE = """#!{python}
import json, sys
given = json.load(open(sys.argv[4]))
assert sys.argv[1:4] == ["-jar", "-Xmx8G", {jar!r}], sys.argv
print("noise")
scores = [{{"image_id": x["image_id"], "scores": {{"All": {{"f": None if x["test"] == "bad" else
    0.25 * len(x["refs"])}}}}}} for x in reversed(given)]
json.dump(scores, open(sys.argv[sys.argv.index("-out") + 1], "w"))
"""


@pytest.mark.slow
@pytest.mark.skipif(java_metric_problem("METEOR") is not None, reason="METEOR is not here")
def test_meteor_knows_stems_and_is_of_the_set():
    """The same words score 1; "sleeping" matches "sleeps", which BLEU-1 does not count."""
    candidates = ["the dog is running", "a cat sleeping", ""]
    result = caption_scores(REFERENCES, candidates, metrics=["METEOR", "BLEU-1"])
    scores = result.per_example["METEOR"]
    assert scores[0] == pytest.approx(1, abs=0.01)
    assert 0.7 < scores[1] < 0.95
    assert result.per_example["BLEU-1"][1] == pytest.approx(2 / 3)
    assert scores[2] == 0
    assert 0.3 < result.scores["METEOR"] < 1


def test_without_java_the_result_says_so_and_has_no_number(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    result = caption_scores(REFERENCES, ["a dog", "a cat", "a man"])
    assert set(result.missing) == {"METEOR", "SPICE"}
    assert "METEOR needs Java" in result.missing["METEOR"]
    assert set(result.scores) == set(result.per_example)
    assert not set(result.scores) & {"METEOR", "SPICE"} and len(result.scores) == 7
    with pytest.raises(RuntimeError, match="SPICE needs Java"):
        candidate_scores(REFERENCES, [["a"]] * 3, metrics=["SPICE"])


def test_without_its_files_spice_says_which(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: "java")
    monkeypatch.setattr(java_scorers, "_paths", lambda metric: [str(tmp_path / "spice.jar")])
    result = caption_scores(REFERENCES, ["a dog", "a cat", "a man"], metrics=["SPICE"])
    assert result.scores == {}
    assert f"{tmp_path}/spice.jar; nothing is downloaded" in result.missing["SPICE"]


@pytest.fixture
def fake_spice(monkeypatch, tmp_path):
    jar, java = tmp_path / "spice.jar", tmp_path / "java"
    jar.write_text("")
    java.write_text(FAKE_SPICE.format(python=sys.executable, jar=str(jar)))
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(java_scorers, "_paths", lambda metric: [str(jar)])


def test_spice_is_called_as_its_program_wants(fake_spice, capfd):
    result = caption_scores(REFERENCES, ["a dog", "a cat", ""], metrics=["SPICE"])
    np.testing.assert_array_equal(result.per_example["SPICE"], [0.5, 0.25, 0.25])
    assert result.scores["SPICE"] == pytest.approx(1 / 3)
    many = candidate_scores(REFERENCES, [["a"], ["b", "c"], ["d"]], metrics=["SPICE"])
    assert [list(scores) for scores in many["SPICE"]] == [[0.5], [0.25, 0.25], [0.25]]
    assert capfd.readouterr() == ("", "")


def test_caption_that_spice_cannot_score_is_an_error_not_a_nan(fake_spice):
    with pytest.raises(RuntimeError, match="SPICE failed in Java: no score for the caption 'bad'"):
        caption_scores(REFERENCES, ["a dog", "bad", "a man"], metrics=["SPICE"])
