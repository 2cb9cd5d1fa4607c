"""The E-step for one particle: candidates, shifts, likelihoods.

Sums over Fourier components run over the whole transform; on the half, `Band.count` doubles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier import Band, Complex, Real
from subtomo_core.kernels import residuals as residual_kernel
from subtomo_core.kernels import shifts as shift_kernel
from subtomo_core.matching import EVERYWHERE, Matcher, Neighbourhood, Template
from subtomo_core.observation import Samples
from subtomo_core.refinement import refine

_CLIMBERS = 3  # best candidates which are refined
_STEPS = 4  # evaluations in a refinement
# A pose this much below the best in log-likelihood is not worth another look: even where
# refinement gains ten, its posterior stays below 1e-4.
_HOPELESS = 20.0


@dataclass(frozen=True, eq=False)
class ShiftGrid:
    """Shifts -reach .. reach on each axis, and their phase factors.

    Attributes
    ----------
    reach : float
        Longest shift in voxels.
    shifts : ndarray of float32, (G,)
    cos, sin : ndarray of float32, (2 r + 1, G)
        ``exp(2 pi i k t / n)`` at [k + r, g].
    """

    reach: float
    shifts: Real
    cos: Real
    sin: Real

    @classmethod
    def covering(cls, support: Band, reach: float) -> ShiftGrid:
        """Three points in the shortest wavelength of the band, up to ``reach`` voxels."""
        step = support.box / (3.0 * support.reach)
        half = max(1, math.ceil(reach / step))
        shifts = np.arange(-half, half + 1, dtype=np.float32) * np.float32(step)
        k = np.arange(-support.reach, support.reach + 1)
        angle = 2.0 * np.pi / support.box * k[:, None] * shifts
        return cls(
            reach, shifts, np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        )


@dataclass(frozen=True, eq=False)
class Evidence:
    """Candidate poses of one particle in one class.

    Attributes
    ----------
    rotations : ndarray, (C, 3, 3)
    shifts : ndarray, (C, 3)
        Voxels, order x, y, z.
    gain : ndarray, (C,)
        ``Re sum S conj(A_Rt) / sigma^2``.
    power : ndarray, (C,)
        ``sum W |A_R|^2 / sigma^2``.
    """

    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]
    gain: NDArray[np.float64]
    power: NDArray[np.float64]

    def __add__(self, other: Evidence) -> Evidence:
        """Candidates of both."""
        return Evidence(
            np.concatenate([self.rotations, other.rotations]),
            np.concatenate([self.shifts, other.shifts]),
            np.concatenate([self.gain, other.gain]),
            np.concatenate([self.power, other.power]),
        )

    @property
    def log_likelihood(self) -> NDArray[np.float64]:
        """Log of the likelihood ratio of each pose against empty space, (C,)."""
        return self.gain - 0.5 * self.power

    def score(self, *, soft: bool) -> NDArray[np.float64]:
        """What ranks the candidates: log-likelihood, or constrained correlation, (C,)."""
        return self.log_likelihood if soft else self.correlation

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Gain over the reference's norm: ranks as the constrained correlation does, (C,)."""
        return self.gain / np.sqrt(np.maximum(self.power, 1e-30))


@dataclass(frozen=True, eq=False)
class Search:
    """Finds the poses of particles against templates at one resolution.

    Attributes
    ----------
    support : Band
    inverse_noise : ndarray of float32, (J,)
        ``1 / sigma^2`` at each component of the band.
    matcher : Matcher
    grid : ShiftGrid
    count : int
        Candidates for each class.
    generators : str
        ``magnitude``, ``phase`` or ``both``.
    scaled : bool
        The references have the particles' scale; else poses are ranked by correlation, and not
        refined.
    """

    support: Band
    inverse_noise: Real
    matcher: Matcher
    grid: ShiftGrid
    count: int
    generators: str
    scaled: bool = True

    def weigh(self, samples: Samples) -> Samples:
        """S and W divided by the noise variance."""
        return Samples(samples.values * self.inverse_noise, samples.weights * self.inverse_noise)

    def harmonics(self, values: NDArray[np.generic]) -> Real:
        """Harmonics of components of the band."""
        return self.matcher.analyse(self.support, values.astype(np.complex64))

    def by_magnitude(
        self,
        magnitude: Real,
        scale: Real,
        template: Template,
        count: int,
        *,
        near: Neighbourhood = EVERYWHERE,
    ) -> NDArray[np.float64]:
        """Candidate rotations (C, 3, 3) from harmonics of ``|S|``."""
        correlation = self.matcher.correlate(magnitude, template.magnitude, even=True)
        return self.matcher.candidates(correlation, scale, count, near)

    def by_phase(
        self,
        samples: Samples,
        shift: NDArray[np.float64],
        scale: Real,
        template: Template,
        count: int,
        *,
        near: Neighbourhood = EVERYWHERE,
    ) -> NDArray[np.float64]:
        """Candidate rotations (C, 3, 3) of a particle moved back by ``shift`` voxels."""
        phases = self.harmonics(self.support.shifted(samples.values, shift))
        correlation = self.matcher.correlate(phases, template.phase, even=False)
        return self.matcher.candidates(correlation, scale, count, near)

    def find(
        self,
        samples: Samples,
        magnitude: Real | None,
        scale: Real,
        template: Template,
        shift: NDArray[np.float64],
        *,
        near: Neighbourhood | None = None,
    ) -> Evidence:
        """Candidate poses of one particle (weighed) in one class.

        Rotations by magnitude and by phase at the present shift are each given their best
        shift; the phase search is repeated at the best of these (Chen 2013 alternates so), and
        the best poses climb to their summits.

        Parameters
        ----------
        magnitude : ndarray or None
            Harmonics of ``|S|``; None when magnitudes are not used.
        scale : ndarray
            `Matcher.scale` of the particle's weights and the template.
        shift : ndarray, (3,)
            Where the phase search looks first: the particle's present shift.
        near : Neighbourhood, optional
            Only rotations in it are candidates, its centre always.
        """
        parts = [] if near is None else [near.rotation[None]]
        near = near or EVERYWHERE
        if magnitude is not None:
            share = self.count if self.generators == "magnitude" else (self.count + 1) // 2
            parts.append(self.by_magnitude(magnitude, scale, template, share, near=near))
        share = max(1, (self.count - sum(len(p) for p in parts)) // 2)
        if self.generators != "magnitude":
            parts.append(self.by_phase(samples, shift, scale, template, share, near=near))
        evidence = self.evidence(samples, np.concatenate(parts), template)
        if self.generators != "magnitude":
            best = evidence.shifts[int(np.argmax(evidence.score(soft=self.scaled)))]
            again = self.by_phase(samples, best, scale, template, share, near=near)
            evidence = evidence + self.evidence(samples, again, template)
        return self.refined(samples, evidence, template) if self.scaled else evidence

    def refined(self, samples: Samples, evidence: Evidence, template: Template) -> Evidence:
        """The evidence with its best poses moved to the summits nearby."""
        likelihood = evidence.log_likelihood
        order = np.argsort(-likelihood, kind="stable")[:_CLIMBERS]
        order = order[likelihood[order] >= likelihood[order[0]] - _HOPELESS]
        doubled = self.support.count
        values, weights = pairs(samples.values * doubled), samples.weights * doubled
        for i in order:
            pose = refine(
                template.grid,
                self.support,
                values,
                weights,
                evidence.rotations[i],
                evidence.shifts[i],
                steps=_STEPS,
                reach=self.grid.reach,
            )
            evidence.rotations[i] = pose.rotation
        again = self.evidence(samples, evidence.rotations[order], template)
        evidence.shifts[order], evidence.gain[order] = again.shifts, again.gain
        evidence.power[order] = again.power
        return evidence

    def evidence(
        self, samples: Samples, rotations: NDArray[np.float64], template: Template
    ) -> Evidence:
        """Best shift, and likelihood there, of every rotation (C, 3, 3) for one particle."""
        count, size = len(rotations), len(self.grid.shifts)
        best, gain, power = np.zeros((count, 3)), np.empty(count), np.empty(count)
        doubled = self.support.count
        shift_kernel.match_all(
            template.grid,
            self.support.columns,
            self.support.starts,
            self.support.heights,
            pairs(samples.values * doubled),
            samples.weights * doubled,
            rotations,
            self.grid.cos,
            self.grid.sin,
            self.grid.shifts,
            self.grid.reach,
            2.0 * math.pi / self.support.box,
            _HOPELESS if self.scaled else math.inf,
            np.empty((len(doubled), 2), np.float32),
            np.empty((2, size), np.float32),
            np.empty((self.support.reach + 1, 2, size, size), np.float32),
            np.empty((size, size, size), np.float32),
            np.empty((3, 2 * self.support.reach + 1, 2), np.float32),
            best,
            gain,
            power,
        )
        return Evidence(rotations, best, gain, power)

    def residuals(
        self,
        samples: Samples,
        template: Template,
        rotation: NDArray[np.float64],
        shift: NDArray[np.float64],
        *,
        probability: float,
        out: NDArray[np.float64],
    ) -> None:
        """Add ``p sum (W |A_Rt|^2 - 2 Re S conj(A_Rt)) / sigma^2`` to each shell of ``out``."""
        doubled = self.support.count
        residual_kernel.residuals(
            template.grid,
            self.support.points,
            pairs(samples.values * doubled),
            samples.weights * doubled,
            self.support.shell,
            rotation,
            shift,
            probability,
            self.support.box,
            out,
        )


def pairs(values: Complex) -> Real:
    """Complex numbers (J,) as float32 pairs (J, 2) for the kernels."""
    return np.ascontiguousarray(values, np.complex64).view(np.float32).reshape(-1, 2)
