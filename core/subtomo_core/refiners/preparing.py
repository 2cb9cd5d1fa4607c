"""One volume made ready: what is missing continued, noise around the molecule taken away."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.fourier.masks import radii
from subtomo_core.fourier.missing import Region, observed
from subtomo_core.fourier.shells import shell_sums, soft_edge
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.spec.missing_region import Complete

Seen = Region | NDArray[np.float32]

RADIUS = 0.44  # of the box: where no other is given, a molecule lies within this of the centre
_FILLINGS = 4


def mask_of(seen: Seen, box: int) -> Real:
    """What is observed of each component, (n, n, n // 2 + 1)."""
    return seen if isinstance(seen, np.ndarray) else observed(seen, box)


def prepared(volume: Real, seen: Seen, r_max: float, radius: float | None) -> Complex:
    """Transform (n, n, n // 2 + 1) of a volume inside a soft sphere, of power 1 in the band.

    Noise outside the molecule would only meet other noise: under the sphere less of it is left
    in each component, and the transform is smooth enough to be interpolated well. A plain
    product with a sphere would smear what is missing into what was observed. So the transform
    is first continued into the missing part such that the volume vanishes outside the sphere, by
    a few projections onto both constraints (Gerchberg 1974, Papoulis 1975); they reach about as
    far as the sphere smears. Only what was observed is ever compared.

    Parameters
    ----------
    radius : float or None
        Of the sphere about the origin, voxels; it must hold the molecule wherever it lies.
    """
    box = volume.shape[0]
    mask = mask_of(seen, box)
    sphere = soft_edge(radii(box), RADIUS * box if radius is None else radius)
    if isinstance(seen, Complete):
        outside = 1.0 - sphere
        ground = float((volume * outside).sum(dtype=np.float64) / max(outside.sum(), 1e-30))
        transform = to_fourier((volume - np.float32(ground)) * sphere)
    else:
        transform = to_fourier(to_real(filled(to_fourier(volume), mask, sphere)) * sphere)
    inside = slice(1, math.floor(r_max + 0.5) + 1)
    power = shell_sums(mask * np.abs(transform) ** 2, box)[inside].sum()
    count = shell_sums(mask, box)[inside].sum()
    transform *= np.float32(math.sqrt(count / max(float(power), 1e-30)))
    return transform


def filled(transform: Complex, mask: Real, sphere: Real) -> Complex:
    """Observed components as they are, the others such that the volume fits into a soft sphere.

    All arrays but the sphere (n, n, n) are half transforms (n, n, n // 2 + 1).
    """
    missing = mask <= 0.0
    known = np.where(missing, 0.0, transform).astype(np.complex64)
    whole = known
    for _ in range(_FILLINGS):
        inside = to_fourier(to_real(whole) * sphere)
        whole = np.where(missing, inside, known).astype(np.complex64)
    return whole
