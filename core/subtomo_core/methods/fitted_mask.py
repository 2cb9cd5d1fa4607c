"""The mask drawn in to the molecule: a sphere about all that the half maps agree on.

What lies outside the molecule is noise in every reference, and in the correlation of the halves
(docs/decisions/0019-gains.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier import Complex, on_components, radius_of, soft_edge, to_real
from subtomo_core.masks import radii
from subtomo_core.methods.averages import Averages
from subtomo_core.methods.reference_mask import MASK_EDGE, mask_within
from subtomo_core.methods.settings import Settings
from subtomo_core.spec_parts import Mask
from subtomo_core.statistics import Model

_HELD = 0.99  # of the molecule's squared density
_MARGIN = 4.0  # voxels from there to where the mask is one half; its edge is six wide
_WORTH = 2.5  # voxels by which the sphere is drawn in at least
_OUTER = (-3.0, 1.0)  # voxels about where the last mask was one half: no molecule there
_EMPTY = 0.1  # of the molecule's: a sphere with more than this in its outer part is full


def fitted(settings: Settings, averages: Averages, model: Model) -> Settings:
    """The settings with their sphere drawn in, where the job asks for it.

    Never beyond the radius which they have, and by nothing less than `_WORTH`: a molecule which
    all but fills the sphere would be cut in one iteration and found cut in the next, for ever. The
    largest class decides.
    """
    mask = settings.spec.mask
    if not isinstance(mask, Mask) or not mask.fit or model.iteration < 0 or not model.scaled:
        return settings
    halves, classes = half_transforms(averages, model), range(settings.spec.classes)
    radius = max(extent(settings, halves, model, k) for k in classes) + _MARGIN
    if radius > settings.mask_radius - _WORTH:
        return settings
    return replace(settings, mask=mask_within(settings.box, radius), mask_radius=radius)


def half_transforms(averages: Averages, model: Model) -> tuple[list[Complex], list[Complex]]:
    """Averages of both halves, filled in where nothing was seen, of each class."""
    first, second = (averages.classes(model, None, 0.0, half) for half in (0, 1))
    return first, second


def extent(
    settings: Settings,
    halves: tuple[list[Complex], list[Complex]],
    model: Model,
    class_index: int,
) -> float:
    """Radius in voxels about the origin which holds a class's molecule.

    From the product of its half maps, summed over spheres: what they agree on, squared. They also
    agree on what they took from references made of both, evenly over the mask of these; where
    that falls off it tells how much it is. Half maps are filled in where nothing was seen, and
    are not masked, so that a sphere which was too small grows again. Shells count by how far
    halves agreed before.
    """
    known = np.clip(model.fsc[class_index], 0.0, 1.0)
    known[: int(settings.start_shell) + 1] = 1.0
    passed = soft_edge(radius_of(settings.box), model.shell_in_use)
    passed = passed * on_components(known, settings.box)
    first, second = (to_real(half[class_index] * passed) for half in halves)
    last = int(settings.mask_radius)
    distance = np.rint(radii(settings.box)).astype(np.int64).ravel()
    volume = np.bincount(distance)[: last + 1]
    shared = np.bincount(distance, (first.astype(np.float64) * second).ravel())[: last + 1]
    taken = _taken(settings, model, distance)[: last + 1]
    edge = last_radius(settings, model)
    outer = slice(int(edge + _OUTER[0]), int(edge + _OUTER[1]) + 1)
    background = max(0.0, float(shared[outer].sum() / max(taken[outer].sum(), 1e-30)))
    within = np.cumsum(shared - background * taken)
    radius = holding(within)
    if radius is None:
        return settings.mask_radius
    inside = float(shared[: radius + 1].sum() / volume[: radius + 1].sum())
    return float(radius) if background < _EMPTY * inside else settings.mask_radius


def holding(within: NDArray[np.float64]) -> int | None:
    """First radius from which on all but a hundredth of the last sum is held.

    None where sums within spheres end at nothing, or do not grow towards their end.
    """
    short = np.flatnonzero(within < _HELD * within[-1])
    return int(short[-1]) + 1 if within[-1] > 0 and len(short) else None


def last_radius(settings: Settings, model: Model) -> float:
    """Radius in voxels at which the mask of the references was one half, from where they end."""
    held = np.any(model.maps != 0, axis=0)
    outermost = float(radii(settings.box)[held].max()) if held.any() else np.inf
    return min(settings.mask_radius, outermost - 0.5 * MASK_EDGE)


def _taken(settings: Settings, model: Model, distance: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared mask of the references, summed over spheres: where halves share their noise."""
    mask = mask_within(settings.box, last_radius(settings, model)).astype(np.float64)
    sums: NDArray[np.float64] = np.bincount(distance, (mask**2).ravel()).astype(np.float64)
    return sums
