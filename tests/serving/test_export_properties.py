"""The export properties, over the toy of these tests and every export that is committed."""

import pathlib

import pytest

from tests.properties_exports import PROPERTIES, ExportCase, a_fresh_load_gives_the_same
from tests.serving.toy_model import ToyModel, toy_card
from tfgen import serving

COMMITTED = pathlib.Path(__file__).parents[2] / "saved_models"


def committed(name):
    return ExportCase(name, lambda directory: serving.find_version(COMMITTED / name))


CASES = [
    ExportCase(
        "toy",
        lambda directory: serving.export(ToyModel(), directory / "toy", toy_card()),
        max_megabytes=0.4,
    ),
    *(committed(path.name) for path in sorted(COMMITTED.glob("*")) if serving.versions_in(path)),
]


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request, tmp_path_factory):
    return request.param.open(tmp_path_factory.mktemp("export"))


@pytest.mark.slow
@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda check: check.__name__)
def test_property(case, holds):
    if holds is a_fresh_load_gives_the_same and COMMITTED in case.model.path.parents:
        pytest.skip("test_plain_tensorflow.py loads this export again, in another process")
    holds(case)
