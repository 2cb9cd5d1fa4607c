"""Candidate poses: local maxima of correlations over SO(3).

Two generators (docs/method.md#rotational-matching). ``magnitude`` correlates the magnitudes of
transforms, an upper bound over all shifts that knows no phases (FAML equation 2). ``phase``
correlates the complex transforms at the particle's present shift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.fourier.band import Band
from subtomo_core.fourier.grids import padded_grid
from subtomo_core.kernels import components, peaks
from subtomo_core.orientation import harmonics

_POOL = 4  # local maxima looked at for each candidate wanted, before close ones are dropped
_CLOSEST_DEG = 8.0


class Neighbourhood(NamedTuple):
    """Rotations no further than ``within_deg`` from one: where a limited search looks."""

    rotation: NDArray[np.float64]
    within_deg: float

    @property
    def trace(self) -> float:
        """Least trace of ``R1^T R2``: 1 + 2 cos of the angle."""
        return 1.0 + 2.0 * math.cos(math.radians(self.within_deg))

    def holds(self, rotations: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of rotations (C, 3, 3) lie inside, (C,)."""
        inside: NDArray[np.bool_] = (rotations * self.rotation).sum((1, 2)) >= self.trace - 1e-9
        return inside


EVERYWHERE = Neighbourhood(np.eye(3), 180.0)


@dataclass(frozen=True, eq=False)
class Template:
    """A class reference as the search needs it: a grid to gather from, and its harmonics.

    Attributes
    ----------
    grid : ndarray of float32
        Padded twice (`fourier.grids.padded_grid`).
    magnitude, phase, power : ndarray of float32, (shells, L, 2, L)
        Harmonics of ``|A|``, of the Hartley values of A, and of ``|A|^2``.
    shell_power : ndarray of float32, (shells,)
        Mean of ``|A|^2`` on each shell 1, 2, ...
    """

    grid: Real
    magnitude: Real
    phase: Real
    power: Real
    shell_power: Real


@dataclass(frozen=True, eq=False)
class Matcher:
    """Rotational matching at one resolution.

    Attributes
    ----------
    radii : ndarray of float32, (shells,)
        Fourier shells in use, in pixels.
    areas : ndarray of float32, (shells,)
        Their squares.
    tables : harmonics.Sphere
    """

    radii: Real
    areas: Real
    tables: harmonics.Sphere

    @classmethod
    def at(cls, r_max: float, bandwidth: int) -> Matcher:
        """Matcher over the shells 1 .. ``r_max``."""
        radii = np.arange(1, math.floor(r_max) + 1, dtype=np.float32)
        return cls(radii, radii**2, harmonics.sphere(bandwidth))

    def template(self, reference: Real) -> Template:
        """Prepare a reference volume (n, n, n)."""
        grid = padded_grid(reference, float(self.radii[-1]) + 1.0)
        power = np.zeros_like(grid)
        power[..., 0] = grid[..., 0] ** 2 + grid[..., 1] ** 2
        of_magnitude, of_grid, of_power = (
            harmonics.analyse(g, self.radii, 2.0, self.tables)
            for g in (np.sqrt(power), grid, power)
        )
        mean = of_power[:, 0, 0, 0] * np.float32(math.sqrt(1.0 / (4.0 * math.pi)))
        return Template(grid, of_magnitude, of_grid, of_power, mean)

    def analyse(self, band: Band, values: Complex) -> Real:
        """Harmonics of components (J,) of one particle."""
        grid = band.empty_grid()
        components.spread(_pairs(values), band.cells, grid.reshape(-1))
        return harmonics.analyse(grid, self.radii, 1.0, self.tables)

    def magnitudes(self, band: Band, values: Complex) -> Real:
        """Harmonics of the magnitudes of components (J,)."""
        grid = band.empty_grid()
        components.spread_magnitudes(_pairs(values), band.cells, grid.reshape(-1))
        return harmonics.analyse(grid, self.radii, 1.0, self.tables)

    def phases(self, band: Band, values: Complex, shift: NDArray[np.float64]) -> Real:
        """Harmonics of components (J,) of a particle moved back by ``shift`` voxels."""
        grid = band.empty_grid()
        components.spread_moved(
            _pairs(values), band.points, shift, band.box, band.cells, grid.reshape(-1)
        )
        return harmonics.analyse(grid, self.radii, 1.0, self.tables)

    def correlate(self, f: Real, g: Real, *, even: bool) -> Real:
        """Correlation over all rotations, each shell weighted with its area."""
        return harmonics.correlate(f, g, self.areas, self.tables, even=even)

    def scale(self, weights: Real, template: Template) -> Real:
        """``1 / sqrt(sum W |A_R|^2)`` over all rotations, for harmonics of the weights W.

        It depends on the missing region and the reference, not on the particle.
        """
        power = self.correlate(weights, template.power, even=True)
        lowest = np.float32(1e-6 * max(float(power.max()), 1e-30))
        return np.reciprocal(np.sqrt(np.maximum(power, lowest)))

    def candidates(
        self, correlation: Real, scale: Real, count: int, near: Neighbourhood = EVERYWHERE
    ) -> NDArray[np.float64]:
        """Best local maxima of ``correlation * scale`` in a neighbourhood, best first.

        Returns
        -------
        ndarray of float64, (C, 3, 3)
            At most ``count`` rotations, no two closer than 8 degrees. There may be none in a
            small neighbourhood.
        """
        found = np.empty((count, 9))
        closest = 1.0 + 2.0 * math.cos(math.radians(_CLOSEST_DEG))
        number = peaks.candidates(
            correlation, scale, near.rotation, near.trace, closest, _POOL * count, found
        )
        return found[:number].reshape(-1, 3, 3)


def _pairs(values: Complex) -> Real:
    """Real and imaginary parts of components, (J, 2)."""
    return np.ascontiguousarray(values).view(np.float32).reshape(-1, 2)
