"""Search in the neighbourhood of each particle's present pose (Scheres 2009, *limited search*)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.data.statistics import Poses
from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.likelihood.weighted_samples import Weighed
from subtomo_core.orientation.pose_weights import PosePoints
from subtomo_core.orientation.rotation_matching import Neighbourhood, Template
from subtomo_core.orientation.rotations import from_rotation_vectors
from subtomo_core.spec.parameters import ReferenceParameters

Values = NDArray[np.float64]


class Centre(NamedTuple):
    """A particle's pose of the iteration before in one class.

    Attributes
    ----------
    near : Neighbourhood or None
        Rotations to search; None for all.
    rotation : ndarray or None, (3, 3)
        The pose's own; None where there is none yet.
    shift : ndarray, (3,)
        Voxels, order x, y, z.
    origin : ndarray, (3,)
        What shifts are counted from in the search: 0, or ``shift`` where their range goes along.
    """

    near: Neighbourhood | None
    rotation: Values | None
    shift: Values
    origin: Values


NOWHERE = Centre(None, None, np.zeros(3), np.zeros(3))


def centres(parameters: ReferenceParameters, poses: Poses | None, position: int) -> list[Centre]:
    """Where to search for a particle in each class; empty in case it has no pose yet."""
    if poses is None:
        return []
    within, follows = parameters.search_range_deg, parameters.search_range_angstrom is not None
    return [
        Centre(
            None if within is None else Neighbourhood(rotation, within),
            rotation,
            shift,
            shift if follows else np.zeros(3),
        )
        for rotation, shift in zip(poses.rotations[position], poses.shifts[position], strict=True)
    ]


def find(
    search: Search,
    weighed: Weighed,
    magnitude: Real | None,
    *,
    scale: Real,
    template: Template,
    centre: Centre,
) -> Candidates:
    """`Search.find` about a centre; what refinement led out is pulled back to the edge."""
    elsewhere = bool(centre.origin.any())
    moved = search.moved_back(weighed, centre.origin) if elsewhere else weighed
    start = centre.shift - centre.origin
    found = search.find(moved, magnitude, scale, template, start, near=centre.near)

    def at_edge(edge: Values) -> Candidates:
        return search.look_closer(moved, search.survey(moved, edge, template), template)

    found = held(found, centre.near, at_edge)
    return replace(found, shifts=found.shifts + centre.origin) if elsewhere else found


def held(
    found: Candidates, near: Neighbourhood | None, at_edge: Callable[[Values], Candidates]
) -> Candidates:
    """The candidates with rotations that left a neighbourhood back on its edge.

    ``at_edge`` looks at rotations there, which take the place of those outside.
    """
    if near is None:
        return found
    outside = ~near.holds(found.rotations)
    if not outside.any():
        return found
    again = at_edge(pulled_back(found.rotations[outside], near))
    parts = [np.array(getattr(found, name)) for name in ("rotations", "shifts", "gain", "power")]
    for part, name in zip(parts, ("rotations", "shifts", "gain", "power"), strict=True):
        part[outside] = getattr(again, name)
    return Candidates(*parts)


def pulled_back(rotations: Values, near: Neighbourhood) -> Values:
    """Rotations (C, 3, 3) from outside a neighbourhood on its edge, turned about the same axis."""
    relative = np.einsum("ji,cjk->cik", near.rotation, rotations)
    axes = np.stack([relative[:, 2, 1], relative[:, 0, 2], relative[:, 1, 0]], 1)
    axes -= np.stack([relative[:, 1, 2], relative[:, 2, 0], relative[:, 0, 1]], 1)
    lengths = np.sqrt((axes**2).sum(1, keepdims=True))
    turns = from_rotation_vectors(math.radians(near.within_deg) * axes / lengths)
    edge: Values = np.einsum("ij,cjk->cik", near.rotation, turns)
    return edge


def points_within(rng: np.random.Generator, count: int, within_deg: float | None) -> PosePoints:
    """Points for the Voronoi weights: over all rotations, or about the unit rotation.

    `about` brings candidates there. The angle of a uniform rotation has the distribution
    ``(w - sin w) / pi``.
    """
    if within_deg is None:
        return PosePoints.draw(rng, count)
    angles = np.linspace(0.0, math.radians(within_deg), 4097)
    shares = angles - np.sin(angles)
    lengths = np.interp(rng.random(count) * shares[-1], shares, angles)
    axes = rng.normal(size=(count, 3))
    axes /= np.sqrt((axes**2).sum(1, keepdims=True))
    rotations = from_rotation_vectors(axes * lengths[:, None]).reshape(count, 9)
    stacked = np.concatenate([rotations, rng.random((count, 3))], 1)
    return PosePoints(np.ascontiguousarray(stacked.T, np.float32))


def about(candidates: list[Candidates], centres: list[Centre]) -> list[Candidates]:
    """Candidates as seen from the centres of their neighbourhoods, for the Voronoi weights."""
    if not centres or any(centre.near is None for centre in centres):
        return candidates
    return [
        replace(e, rotations=np.einsum("ji,cjk->cik", c.near.rotation, e.rotations))
        for e, c in zip(candidates, centres, strict=True)
        if c.near is not None
    ]
