"""Refiners as the search of a job: FRM, gradient refinement and SAG against its references.

A particle is observed with weights: with S its samples and W its weights over the noise
variance, the volume that stays is ``f = S / W``, its mask is W, and the sum of squares of
Xu & Alber (2012), ``sum O |f - g|^2``, is the squared distance of the likelihood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.expect.limited_search import Centre, held
from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.likelihood.pose_ascent import refine
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.likelihood.weighted_samples import Weighed
from subtomo_core.orientation.rotation_matching import Template
from subtomo_core.orientation.rotations import even_rotations, rotation_about
from subtomo_core.refiners.averaged_gradient import SagRefiner
from subtomo_core.refiners.climbing import FREE, about
from subtomo_core.refiners.gradient import GradientRefiner
from subtomo_core.refiners.pairs import Fixed, FourierPair, Moved
from subtomo_core.refiners.rotational import FrmRefiner
from subtomo_core.refiners.seam import Refiner, Starts
from subtomo_core.refiners.starting_poses import best_shifts
from subtomo_core.spec.parameters import (
    FrmParameters,
    GradientParameters,
    MatchingParameters,
    RefinementParameters,
    SagParameters,
)

_COMPLETE = np.zeros((0, 0, 0), np.float32)
_COARSE_GRID = 3.5  # Fourier pixels in which a body of half the box is found from 60 degrees off
_COARSE_MATCH = 8.0  # the same from a candidate of rotational matching
_FINALISTS = 8
_FRM_BANDWIDTH = 32
_FRM_RADIUS = 12.0
_EULER = (2.0 / np.pi) ** (1.0 / 3.0)  # see `refiners.starting_poses`
_Z = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, eq=False)
class Refining:
    """Finds the poses of particles by a refiner.

    Attributes
    ----------
    refiner : Refiner
    grid_deg : float or None
        Step of the rotations from which poses are refined; None from candidates of matching.
    about_normal : bool
        A particle turns only about its own z axis in the frame of the references.
    """

    refiner: Refiner
    grid_deg: float | None = None
    about_normal: bool = False

    @classmethod
    def of(cls, parameters: MatchingParameters) -> Refining | None:
        """What refines under these parameters; None where matching alone is the search."""
        if not parameters.refines:
            return None
        return _MAKERS[type(parameters)](parameters)

    def find(
        self,
        search: Search,
        weighed: Weighed,
        magnitude: Real | None,
        *,
        scale: Real,
        template: Template,
        centre: Centre,
    ) -> Candidates:
        """Refined poses of one particle in one class, in place of `limited_search.find`."""
        moved = search.moved_back(weighed, centre.origin) if centre.origin.any() else weighed
        pair = pair_of(search, moved, template)
        starts = self._given(pair, centre)
        if starts is None:
            shift, near = centre.shift - centre.origin, centre.near
            found = search.candidates(moved, magnitude, scale, template, shift, near=near)
            starts = Starts(found.rotations, found.shifts, FREE)
        refined = self.refiner.refine(pair, starts)
        rotations = np.stack([pose.rotation for pose in refined])
        shifts = np.stack([pose.shift for pose in refined])
        candidates = weigh(search, moved, template, rotations, shifts)

        def at_edge(edge: NDArray[np.float64]) -> Candidates:
            return weigh(search, moved, template, edge, best_shifts(pair, edge))

        candidates = held(candidates, centre.near, at_edge)
        return replace(candidates, shifts=candidates.shifts + centre.origin)

    def _given(self, pair: FourierPair, centre: Centre) -> Starts | None:
        """Starts that need no matching: on a grid, or about the particle's normal."""
        if self.grid_deg is None:
            return None
        if self.about_normal and centre.rotation is not None:
            turns = rotation_about(_Z, np.arange(0.0, 360.0 - 1e-6, self.grid_deg))
            rotations, free = centre.rotation @ turns, about(centre.rotation @ _Z)
        else:
            rotations, free = even_rotations(_EULER * self.grid_deg), FREE
            if centre.near is not None:
                inside = rotations[centre.near.holds(rotations)]
                rotations = np.concatenate([inside, centre.near.rotation[None]])
        return Starts(rotations, best_shifts(pair, rotations), free)


def _frm(parameters: FrmParameters) -> Refining:
    return Refining(FrmRefiner(_FRM_RADIUS, _FRM_BANDWIDTH, parameters.peaks))


def _gradient(parameters: GradientParameters) -> Refining:
    refiner = GradientRefiner(parameters.score, _coarse(parameters), _FINALISTS)
    return Refining(refiner, _grid(parameters), parameters.about_normal)


def _sag(parameters: SagParameters) -> Refining:
    refiner = SagRefiner(parameters.slices, _coarse(parameters), _FINALISTS)
    return Refining(refiner, _grid(parameters), parameters.about_normal)


_MAKERS: Mapping[type, Callable[[Any], Refining]] = {
    FrmParameters: _frm,
    GradientParameters: _gradient,
    SagParameters: _sag,
}


def _grid(parameters: RefinementParameters) -> float | None:
    """Step of the rotations from which poses are refined, degrees; None from matching."""
    asked = parameters.starts_from == "grid" or parameters.about_normal
    return parameters.grid_deg if asked else None


def _coarse(parameters: RefinementParameters) -> float:
    """Fourier radius at which the starts are near enough to a pose to climb to it."""
    step = _grid(parameters)
    return _COARSE_MATCH if step is None else _COARSE_GRID * 60.0 / step


def pair_of(search: Search, weighed: Weighed, template: Template) -> FourierPair:
    """A particle, which stays, and a reference without a missing region, which is moved to it."""
    support = search.support
    most = max(float(weighed.weights.max()), 1e-30)
    mask = (weighed.doubled / np.float32(most)).astype(np.float32)
    known = np.maximum(weighed.weights, np.float32(1e-6 * most))
    samples = np.stack([weighed.values.real / known, weighed.values.imag / known])
    if not search.scaled:  # brought to the reference's power, as two particles are
        last = len(template.shell_power)  # a band's shells are rounded, its edge is not
        power = template.shell_power[np.minimum(support.shell, last) - 1]
        own = float((mask * (samples**2).sum(0)).sum())
        samples *= np.sqrt(float((mask * power).sum()) / max(own, 1e-30))
    fixed = Fixed(support, samples.astype(np.float32), mask, mask)
    return FourierPair(fixed, Moved(template.grid, _COMPLETE), search.reach)


def weigh(
    search: Search,
    weighed: Weighed,
    template: Template,
    rotations: NDArray[np.float64],
    shifts: NDArray[np.float64],
) -> Candidates:
    """Gain and power of poses, as the posterior and the sums need them."""
    found = [
        refine(
            template.grid,
            search.support,
            weighed.parts,
            weighed.doubled,
            rotation,
            shift,
            steps=1,
            reach=np.inf,
        )
        for rotation, shift in zip(rotations, shifts, strict=True)
    ]
    gain, power = np.array([p.gain for p in found]), np.array([p.power for p in found])
    return Candidates(rotations, shifts, gain, power)


def stay(
    search: Search,
    weighed: Weighed,
    magnitude: Real | None,  # noqa: ARG001
    *,
    scale: Real,  # noqa: ARG001
    template: Template,
    centre: Centre,
) -> Candidates:
    """The particle's present pose alone, in place of `limited_search.find`."""
    if centre.rotation is None:
        raise ValueError("a pose that stays has to be known")
    return weigh(search, weighed, template, centre.rotation[None], centre.shift[None])
