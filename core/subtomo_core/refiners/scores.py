"""The two constrained dissimilarities with slope and curvature in six pose parameters."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from subtomo_core.refiners.pairs import Array, Moments

Score = Literal["rcs", "fcs"]

_LEAST_SHARE = 0.2  # of the curvature where little is alike: longer steps would be guesses
_TINY = 1e-30


class Local(NamedTuple):
    """A score about a pose: ``d(s) = value - 2 slope.s + s.curve s``, the overlap held.

    Attributes
    ----------
    value : float
        The dissimilarity d.
    correlation : float
        CCC within the overlap.
    slope : ndarray, (6,)
        ``-1/2`` of the derivative of d: the right side ``Re J^T r`` of the normal equations.
    curve : ndarray, (6, 6)
        Expected curvature.
    """

    value: float
    correlation: float
    slope: Array
    curve: Array


def local(moments: Moments, score: Score) -> Local:
    """A score and its derivatives at the pose of ``moments``.

    ``rcs``: both volumes restricted to the overlap, their mean removed (k = 0 left out) and of
    unit norm, ``d = ||Nf - Ng||^2 = 2 - 2 CCC`` (Xu & Alber 2012, equation 4). ``fcs``:
    ``d = sum O |f - g|^2 / sum O`` (equation 13).

    The curvature is that of Gauss and Newton, ``Re J^T Re J + Im J^T Im J`` (equation 18), times
    the correlation: of the slopes of a noisy volume only the part that both share bends d, and
    the rest, were it left in, would make all steps short.
    """
    ff, fg, gg, mass = moments.sums.tolist()
    norm_f, norm_g = math.sqrt(max(ff, _TINY)), math.sqrt(max(gg, _TINY))
    ccc = fg / (norm_f * norm_g)
    share = max(ccc, _LEAST_SHARE)
    if score == "fcs":
        mass = max(mass, _TINY)
        slope = (moments.slopes[0] - moments.slopes[1]) / mass
        return Local((ff - 2.0 * fg + gg) / mass, ccc, slope, moments.curve * (share / mass))
    along = moments.slopes[1] / norm_g
    slope = (moments.slopes[0] / norm_f - ccc * along) / norm_g
    curve = moments.curve / (norm_g * norm_g) - np.outer(along, along) / (norm_g * norm_g)
    return Local(2.0 - 2.0 * ccc, ccc, slope, share * curve)
