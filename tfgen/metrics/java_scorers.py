"""METEOR and SPICE, which run in Java."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from typing import Optional, Sequence, Tuple

import numpy as np

from tfgen.metrics.coco_scorers import coco_scorer

__all__ = ["java_metric_problem", "java_metric_scores"]

# Files that a metric needs, beside the module of pycocoevalcap that runs it.
FILES = {
    "METEOR": ("meteor.meteor", ["meteor-1.5.jar", "data/paraphrase-en.gz"]),
    "SPICE": (
        "spice.spice",
        [
            "spice-1.0.jar",
            "lib/stanford-corenlp-3.6.0.jar",
            "lib/stanford-corenlp-3.6.0-models.jar",
        ],
    ),
}


def java_metric_problem(metric: str) -> Optional[str]:
    """Why a metric, "METEOR" or "SPICE", cannot be computed here; None where it can."""
    if shutil.which("java") is None:
        return f"{metric} needs Java, and there is no command java."
    try:
        missing = [path for path in _paths(metric) if not os.path.exists(path)]
    except ImportError as error:
        return str(error)
    if missing:
        return f"{metric} needs {' and '.join(missing)}; nothing is downloaded."
    return None


def java_metric_scores(
    metric: str, references: Sequence[Sequence[str]], candidates: Sequence[str]
) -> Tuple[float, np.ndarray]:
    """Scores of tokenised captions, joined by spaces.

    Args:
      metric: "METEOR" or "SPICE", for which `java_metric_problem` is None.
      references: [N] lists of captions, not empty.
      candidates: [N], not empty.

    Returns:
      The score of the whole and those of the examples, [N].

    Raises:
      RuntimeError: Java failed, with its words.
    """
    try:
        return {"METEOR": _meteor, "SPICE": _spice}[metric](references, candidates)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or b""
        raise RuntimeError(f"{metric} failed in Java: {error} {said.decode()[-500:]}") from error


def _paths(metric):
    module, names = FILES[metric]
    directory = os.path.dirname(os.path.abspath(coco_scorer(module).__file__))
    return [os.path.join(directory, name) for name in names]


def _meteor(references, candidates):
    # Three bars divide the fields of its protocol.
    clean = [[text.replace("|||", "") for text in group] for group in references]
    score, scores = (
        coco_scorer("meteor.meteor")
        .Meteor()
        .compute_score(dict(enumerate(clean)), {i: [text] for i, text in enumerate(candidates)})
    )
    return float(score), np.array(scores)


def _spice(references, candidates):
    jar = _paths("SPICE")[0]
    examples = [
        {"image_id": index, "test": candidate, "refs": list(group)}
        for index, (group, candidate) in enumerate(zip(references, candidates))
    ]
    # pycocoevalcap's own call writes into the installed package; this one into a directory of
    # its own.
    with tempfile.TemporaryDirectory() as directory:
        given, cache, result = (os.path.join(directory, n) for n in ("in", "cache", "out"))
        os.mkdir(cache)
        with open(given, "w", encoding="utf-8") as file:
            json.dump(examples, file)
        command = ["java", "-jar", "-Xmx8G", jar, given, "-cache", cache, "-out", result]
        subprocess.run(
            [*command, "-subset", "-silent"],
            cwd=os.path.dirname(jar),
            check=True,
            capture_output=True,
        )
        with open(result, encoding="utf-8") as file:
            found = {entry["image_id"]: entry["scores"]["All"]["f"] for entry in json.load(file)}
    scores = np.array([found.get(index) for index in range(len(candidates))], np.float64)
    if not np.isfinite(scores).all():
        wrong = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ValueError(f"no score for the caption {candidates[wrong]!r}")
    return float(scores.mean()), scores
