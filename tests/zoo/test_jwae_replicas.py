"""One and two replicas take the same steps of both players on the same global batches."""

import json

import pytest

from tests.training import processes


@pytest.mark.slow
def test_one_and_two_replicas_agree(tmp_path):
    script = processes.start("tests.zoo.jwae_replicas", tmp_path)
    result = json.loads(processes.finish(script, seconds=400).splitlines()[-1])
    assert result["replicas"] == 2
    assert result["difference"] < 1e-5 < 1e-3 < result["moved"], result
    assert result["losses"][0] == pytest.approx(result["losses"][1], abs=1e-4)
