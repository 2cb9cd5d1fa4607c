"""The mask on the references, as a job asks for it."""

from __future__ import annotations

import numpy as np

from subtomo_core.arrays import Real
from subtomo_core.errors import InputError
from subtomo_core.fourier.masks import mask_problem, radius_of_mask, soft_sphere
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.mask_and_resolution import MapMask, Mask

MASK_EDGE = 6.0  # width in voxels of the edge of a spherical mask


def mask_of(
    spec: Mask | MapMask, summary: DatasetSummary, given: Real | None
) -> tuple[Real, float]:
    """Mask (n, n, n) on the references, and the radius in voxels of the sphere that holds it.

    Raises
    ------
    InputError
        If the map that was given is no mask for this dataset.
    """
    if isinstance(spec, MapMask):
        if given is None:
            raise ValueError(f"the mask {spec.map} was not handed over")
        problem = mask_problem(given, summary.box)
        if problem:
            raise InputError(problem)
        return np.ascontiguousarray(given, np.float32), radius_of_mask(given)
    if spec.diameter_angstrom is None:
        raise ValueError("the specification has open fields: call spec.resolve first")
    radius = spec.diameter_angstrom / summary.voxel_size_angstrom / 2.0
    return mask_within(summary.box, radius), radius


def mask_within(box: int, radius: float) -> Real:
    """Soft sphere of a radius in voxels, or the largest that the box holds."""
    return soft_sphere(box, min(radius, 0.5 * (box - MASK_EDGE)), MASK_EDGE)
