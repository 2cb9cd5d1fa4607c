"""The point group that an average shows though none was imposed (docs/decisions/0083)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.fourier.gridding import resample
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.maximise.axes_of_halves import axes_of_halves, correlation_at
from subtomo_core.orientation.point_group_rotations import symmetry_group

# Between what a body without the symmetry reaches at its best axes and 1: real complexes lie
# above 0.7, others below 0.5.
_SHOWS = 0.7
_MOST_FOLDS = 12
_FIRST_SHELLS = 10.0  # in which twelve subunits are seen apart where they lie well off the axis
_MOST_SHELLS = 16.0  # in which the group that is told is looked at again
_EDGE = 3  # shells around those, so that sampling between components stays exact


class Apparent(NamedTuple):
    """Point group that an average shows, and its correlation with its symmetrised self."""

    name: str
    correlation: float


def apparent_symmetry(halves: Real, fsc: Real, mask: Real, shell: float) -> Apparent | None:
    """The largest point group that an average shows; None where it shows none.

    Of C2 to C12, D2 to D12, T, O and I. A group is searched for where all groups that it
    contains show in coarse shells, so that a body without symmetry costs five short searches;
    the largest has to show in finer ones, too. An average that shows groups which no larger one
    unites, such as a ring whose subunits are not resolved, shows none for certain.

    Parameters
    ----------
    halves : ndarray of float32, (2, n, n, n)
        Half maps, neither masked nor low-passed.
    fsc : ndarray, (n // 2 + 1,)
        Their correlation in each shell.
    mask : ndarray of float32, (n, n, n)
    shell : float
        Fourier pixels in use.
    """
    pair = [to_fourier(half * mask) for half in halves]
    coarse = _Sight.of(pair, fsc, min(shell, _FIRST_SHELLS))
    shown: set[str] = set()
    for name, parts in _PARTS.items():
        if shown.issuperset(parts) and coarse.shows(name):
            shown.add(name)
    if not shown:
        return None
    largest = max(shown, key=lambda name: len(symmetry_group(name)))
    if not shown <= _within(largest):
        return None
    return _Sight.of(pair, fsc, min(shell, _MOST_SHELLS)).shows(largest)


class _Sight(NamedTuple):
    """Halves of an average in the smallest box that holds the components in use."""

    halves: list[Complex]
    fsc: NDArray[np.float64]
    reach: float

    @classmethod
    def of(cls, pair: list[Complex], fsc: Real, shells: float) -> _Sight:
        """Those of whole boxes, up to some shells and the next one."""
        reach = shells + 1.0
        side = min(len(pair[0]), 2 * (math.ceil(reach) + _EDGE))
        halves = [resample(half, side) for half in pair]
        return cls(halves, np.asarray(fsc, np.float64)[: side // 2 + 1], reach)

    def shows(self, name: str) -> Apparent | None:
        """The group, if it shows."""
        group = symmetry_group(name)
        correlation = axes_of_halves(self.halves, self.fsc, group, self.reach).correlation
        return Apparent(name, correlation) if correlation >= correlation_at(group, _SHOWS) else None


def _parts_of_groups() -> Mapping[str, tuple[str, ...]]:
    """The groups that each group contains, largest ones; those of small order first."""
    parts: dict[str, tuple[str, ...]] = {}
    for kind in "CD":
        for n in range(2, _MOST_FOLDS + 1):
            fewer = [n // p for p in range(2, n) if n % p == 0 and all(p % q for q in range(2, p))]
            own = [f"{kind}{m}" for m in fewer]
            parts[f"{kind}{n}"] = (*own, *(() if kind == "C" else ("C2", f"C{n}")))
    return parts | {"T": ("D2", "C3"), "O": ("T", "D3", "D4"), "I": ("T", "D3", "D5")}


_PARTS = _parts_of_groups()


def _within(name: str) -> set[str]:
    """A group and all that it contains."""
    return {name}.union(*(_within(part) for part in _PARTS[name]))
