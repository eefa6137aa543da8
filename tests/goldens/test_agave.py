"""AGAVEs compute what they computed when tests/goldens/agave.npz was made."""

import numpy as np
import pytest

from tests.goldens import make_agave


@pytest.mark.parametrize("name", make_agave.MODELS)
def test_numbers_are_those_of_the_golden(name):
    golden = np.load(make_agave.FILE)
    computed = make_agave.compute(name)
    assert set(computed) == {key for key in golden.files if key.startswith(f"{name}/")}
    for key, value in computed.items():
        np.testing.assert_allclose(value, golden[key], rtol=1e-3, atol=5e-3, err_msg=key)


def test_the_golden_numbers_say_something():
    golden = np.load(make_agave.FILE)
    assert make_agave.FILE.stat().st_size < 20_000
    for name in golden.files:
        assert np.isfinite(golden[name]).all() and golden[name].std() > 1e-2, name
