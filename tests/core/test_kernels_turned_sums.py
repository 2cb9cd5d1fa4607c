from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from subtomo_core.kernels.turned_sums import sum_turned
from support.strategies import seeds


@pytest.mark.parametrize("lanes", [4, 8, 12, 16, 20, 28, 32])
@pytest.mark.parametrize("both", [True, False])
@settings(max_examples=5, deadline=None)
@given(seed=seeds())
def test_sums_of_turned_rows_touch_what_they_are_told_to(lanes, both, seed):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(2, 9)).astype(np.float32)
    rows = rng.normal(size=(11, 2, lanes)).astype(np.float32)
    first, count, start = 2, 6, 3
    out = np.full(3 * lanes, np.nan, np.float32)
    sum_turned(
        numbers[0],
        numbers[1],
        first,
        count,
        rows.reshape(-1),
        start * 2 * lanes,
        2 * lanes,
        lanes,
        out,
        lanes // 2,
        both,
    )
    turned = numbers[0, first : first + count] + 1j * numbers[1, first : first + count]
    used = rows[start : start + count]
    expected = turned @ (used[:, 0] + 1j * used[:, 1])
    written = lanes // 2 + np.arange(2 * lanes if both else lanes)
    whole = np.concatenate([expected.real, expected.imag])
    assert np.allclose(out[written], whole[: len(written)], atol=1e-5)
    assert np.isnan(np.delete(out, written)).all()


def test_no_terms_make_nothing():
    out = np.ones(16, np.float32)
    sum_turned(out, out, 0, 0, out, 0, 16, 8, out, 0, True)
    assert not out.any()
