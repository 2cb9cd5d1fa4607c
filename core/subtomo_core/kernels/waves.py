"""Cosine and sine in float32, in a form that compiles to vector instructions."""

from __future__ import annotations

import math

import numpy as np

from subtomo_core.kernels.jit import inlined

_ONE, _HALF, _QUARTER = np.float32(1.0), np.float32(0.5), np.float32(0.25)
# Chebyshev fits of sin(2 pi x) / x and (cos(2 pi x) - 1) / x^2 in x^2, for x up to 1/4.
_SINE = tuple(
    map(np.float32, (6.28318528, -41.341680668, 81.602480743, -76.581284559, 39.760722074))
)
_COSINE = tuple(
    map(np.float32, (-19.739208788, 64.939382660, -85.455359495, 60.179089560, -25.218571599))
)
_S0, _S1, _S2, _S3, _S4 = _SINE
_C0, _C1, _C2, _C3, _C4 = _COSINE


@inlined
def wave(turns: np.float32) -> tuple[np.float32, np.float32]:
    """Cosine and sine of ``2 pi turns`` (float32); error below 1e-6 of one turn's rounding."""
    x = turns - np.float32(math.floor(turns + _HALF))
    # Fold into -1/4 .. 1/4, where the series are short; there the cosine changes its sign.
    far = abs(x) > _QUARTER
    x = (_HALF if x > np.float32(0.0) else -_HALF) - x if far else x
    q = x * x
    sine = x * (_S0 + q * (_S1 + q * (_S2 + q * (_S3 + q * _S4))))
    cosine = _ONE + q * (_C0 + q * (_C1 + q * (_C2 + q * (_C3 + q * _C4))))
    return (-cosine if far else cosine), sine
