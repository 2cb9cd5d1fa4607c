from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.kernels.turned_sums import begin, turn
from support.strategies import seeds

FIRST, COUNT, START = 2, 6, 3


def normal(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("lanes", [4, 8, 12, 16, 20, 28, 32])
@pytest.mark.parametrize("both", [True, False])
@settings(max_examples=5, deadline=None)
@given(seed=seeds())
def test_sums_of_turned_rows_touch_what_they_are_told_to(lanes, both, seed):
    rng = np.random.default_rng(seed)
    factors, rows = normal(rng, 2, 9), normal(rng, 11, 2, lanes)
    out = np.full(6 * lanes, np.nan, np.float32)
    there, back = lanes // 2, 3 * lanes
    turn(
        factors.reshape(-1),
        FIRST,
        9,
        COUNT,
        rows.reshape(-1),
        START * 2 * lanes,
        2 * lanes,
        lanes,
        out,
        there,
        back,
        both,
    )
    numbers = (factors[0] + 1j * factors[1])[FIRST : FIRST + COUNT]
    used = rows[START : START + COUNT, 0] + 1j * rows[START : START + COUNT, 1]
    written = np.arange(2 * lanes if both else lanes)
    for place, turned in ((there, numbers), (back, numbers.conj())):
        expected = turned @ used
        whole = np.concatenate([expected.real, expected.imag])
        assert np.allclose(out[place + written], whole[: len(written)], atol=1e-5)
    assert np.isnan(np.delete(out, np.concatenate([there + written, back + written]))).all()


@pytest.mark.parametrize("lanes", [4, 8, 12, 16, 20, 28, 32])
@settings(max_examples=5, deadline=None)
@given(seed=seeds())
def test_the_first_axis_is_a_series_at_every_shift_and_back(lanes, seed):
    rng = np.random.default_rng(seed)
    a, b, angles = normal(rng, 9), normal(rng, 9), normal(rng, 11, lanes // 2)
    rows = np.stack([np.cos(angles), np.sin(angles)], 2).reshape(11, lanes).astype(np.float32)
    out = np.full(4 * lanes, np.nan, np.float32)
    begin(a, b, FIRST, COUNT, rows.reshape(-1), START * lanes, lanes, lanes, out, lanes)
    found = out[lanes : 2 * lanes] + 1j * out[2 * lanes : 3 * lanes]
    assert np.isnan(out[:lanes]).all()
    assert np.isnan(out[3 * lanes :]).all()
    numbers = (a + 1j * b)[FIRST : FIRST + COUNT, None]
    waves = np.exp(1j * angles[START : START + COUNT])
    over_cosines, over_sines = found[0::2], 1j * found[1::2]
    assert np.allclose(over_cosines + 1j * over_sines, (numbers * waves).sum(0), atol=1e-5)
    assert np.allclose(over_cosines - 1j * over_sines, (numbers / waves).sum(0), atol=1e-5)


def test_no_terms_make_nothing():
    out = np.ones(32, np.float32)
    turn(out, 0, 0, 0, out, 0, 16, 8, out, 0, 16, True)
    assert not out.any()
