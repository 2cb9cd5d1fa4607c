"""The E-step for one particle: candidates, shifts, likelihoods.

Sums over Fourier components run over the whole transform; on the half, `Band.count` doubles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.fourier.band import Band
from subtomo_core.kernels import residuals as residual_kernel
from subtomo_core.kernels import shifts as shift_kernel
from subtomo_core.kernels.summits import climb_best
from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.likelihood.observation import Samples
from subtomo_core.likelihood.rings import Rings
from subtomo_core.likelihood.weighted_samples import Weighed
from subtomo_core.orientation.rotation_matching import EVERYWHERE, Matcher, Neighbourhood, Template

_CLIMBERS = 3  # best candidates that are refined
_STEPS = 4  # evaluations in a refinement
# A pose this much below the best in log-likelihood is not worth another look: even where
# refinement gains ten, its posterior stays below 1e-4.
HOPELESS = 20.0
_SAME_SHIFT = 0.1  # shortest wavelengths: two shifts this close see the same phases


@dataclass(frozen=True, eq=False)
class Search:
    """Finds the poses of particles against templates at one resolution.

    Attributes
    ----------
    rings : Rings
        Where candidates are looked at, and all of them in the first.
    inverse_noise : ndarray of float32, (J,)
        ``1 / sigma^2`` at each component of the band.
    matcher : Matcher
    count : int
        Candidates for each class.
    generators : str
        ``magnitude``, ``phase`` or ``both``.
    scaled : bool
        The references have the particles' scale; else poses are ranked by correlation, and not
        refined.
    """

    rings: Rings
    inverse_noise: Real
    matcher: Matcher
    count: int
    generators: str
    scaled: bool = True

    @property
    def support(self) -> Band:
        """The components that are searched."""
        return self.rings.support

    @property
    def reach(self) -> float:
        """Longest shift searched, voxels."""
        return self.rings.grid.reach

    def weigh(self, samples: Samples) -> Weighed:
        """S and W divided by the noise variance."""
        values = samples.values * self.inverse_noise
        return Weighed.of(self.support, values, samples.weights * self.inverse_noise)

    def moved_back(self, weighed: Weighed, shift: NDArray[np.float64]) -> Weighed:
        """The particle moved back by ``shift`` voxels."""
        values = self.support.shifted(weighed.values, shift)
        return Weighed.of(self.support, values, weighed.weights)

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
        weighed: Weighed,
        shift: NDArray[np.float64],
        scale: Real,
        template: Template,
        count: int,
        *,
        near: Neighbourhood = EVERYWHERE,
    ) -> NDArray[np.float64]:
        """Candidate rotations (C, 3, 3) of a particle moved back by ``shift`` voxels."""
        phases = self.matcher.phases(self.support, weighed.values, shift)
        correlation = self.matcher.correlate(phases, template.phase, even=False)
        return self.matcher.candidates(correlation, scale, count, near)

    def find(
        self,
        weighed: Weighed,
        magnitude: Real | None,
        scale: Real,
        template: Template,
        shift: NDArray[np.float64],
        *,
        near: Neighbourhood | None = None,
    ) -> Candidates:
        """Candidate poses of one particle in one class.

        Rotations by magnitude and by phase at the present shift are each given their best
        shift; the phase search is repeated at the best of these (Chen 2013 alternates so) where
        it is another shift, and the best poses climb to their summits.

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
        candidates = self.candidates(weighed, magnitude, scale, template, shift, near=near)
        if not len(candidates.gain):  # no correlation was a number
            return candidates
        candidates = self.look_closer(weighed, candidates, template)
        return self.refined(weighed, candidates, template) if self.scaled else candidates

    def candidates(
        self,
        weighed: Weighed,
        magnitude: Real | None,
        scale: Real,
        template: Template,
        shift: NDArray[np.float64],
        *,
        near: Neighbourhood | None = None,
    ) -> Candidates:
        """Candidate poses, looked at in the first ring only; see `find`."""
        parts = [] if near is None else [near.rotation[None]]
        near = near or EVERYWHERE
        if magnitude is not None:
            share = self.count if self.generators == "magnitude" else (self.count + 1) // 2
            parts.append(self.by_magnitude(magnitude, scale, template, share, near=near))
        share = max(1, (self.count - sum(len(p) for p in parts)) // 2)
        if self.generators != "magnitude":
            parts.append(self.by_phase(weighed, shift, scale, template, share, near=near))
        rotations = np.concatenate(parts)
        candidates = self.survey(weighed, rotations, template)
        if len(rotations) and self.generators != "magnitude":
            best = candidates.shifts[int(np.argmax(candidates.score(soft=self.scaled)))]
            if math.dist(best, shift) > _SAME_SHIFT * self.support.box / self.support.reach:
                again = self.by_phase(weighed, best, scale, template, share, near=near)
                candidates = candidates + self.survey(weighed, again, template)
        return candidates

    def survey(
        self, weighed: Weighed, rotations: NDArray[np.float64], template: Template
    ) -> Candidates:
        """Candidates at the best shift of every rotation (C, 3, 3), from the first ring alone."""
        count, grid = len(rotations), self.rings.grid
        candidates = Candidates(rotations, np.empty((count, 3)), np.empty(count), np.empty(count))
        shift_kernel.survey(
            template.grid,
            self.rings.first.points,
            weighed.parts,
            weighed.doubled,
            rotations,
            grid.runs,
            grid.waves,
            grid.shifts,
            grid.reach,
            self.support.box,
            HOPELESS + self._hopes(weighed, template)[0] if self.scaled else math.inf,
            candidates.shifts,
            candidates.gain,
            candidates.power,
        )
        return candidates

    def look_closer(
        self, weighed: Weighed, candidates: Candidates, template: Template
    ) -> Candidates:
        """The candidates evaluated with all components; minus infinity for hopeless ones."""
        if len(self.rings.ends) > 1:
            self.through_rings(weighed, candidates, template)
        return candidates

    def through_rings(self, weighed: Weighed, candidates: Candidates, template: Template) -> int:
        """The same in place, whatever the rings; how many components were looked at."""
        return shift_kernel.look_closer(
            template.grid,
            self.support.points,
            weighed.parts,
            weighed.doubled,
            self.rings.ends,
            self._hopes(weighed, template),
            candidates.rotations,
            self.reach,
            self.support.box,
            self.support.box / (3.0 * self.support.reach),
            HOPELESS if self.scaled else math.inf,
            candidates.shifts,
            candidates.gain,
            candidates.power,
        )

    def _hopes(self, weighed: Weighed, template: Template) -> NDArray[np.float64]:
        return shift_kernel.hopes(template.shell_power, weighed.shell_weights, self.rings.shells)

    def refined(self, weighed: Weighed, candidates: Candidates, template: Template) -> Candidates:
        """The candidates with its best poses moved to the summits nearby."""
        climb_best(
            template.grid,
            self.support.points,
            weighed.parts,
            weighed.doubled,
            self.support.box,
            _STEPS,
            self.reach,
            _CLIMBERS,
            HOPELESS,
            candidates.rotations,
            candidates.shifts,
            candidates.gain,
            candidates.power,
        )
        return candidates

    def residuals(
        self,
        weighed: Weighed,
        template: Template,
        rotations: NDArray[np.float64],
        shifts: NDArray[np.float64],
        *,
        probabilities: NDArray[np.float64],
        out: NDArray[np.float64],
    ) -> None:
        """Add ``sum p (W |A_Rt|^2 - 2 Re S conj(A_Rt)) / sigma^2`` to each shell of ``out``.

        Summed over poses (C,); those of no probability are not looked at.
        """
        residual_kernel.residuals(
            template.grid,
            self.support.points,
            weighed.parts,
            weighed.doubled,
            self.support.shell,
            rotations,
            shifts,
            probabilities,
            self.support.box,
            out,
        )
