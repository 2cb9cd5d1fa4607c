"""Oracle and ceiling of a structure, measured on its true map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from subtomo_core.data.particles import Particles
from subtomo_core.data.truth import Truth
from subtomo_core.score.ceiling import ceiling
from subtomo_core.score.compare import MapComparison, compare_maps
from subtomo_core.score.oracle import oracle_average


@dataclass(frozen=True, eq=False)
class Limits:
    """A structure's oracle and ceiling on the true map.

    Attributes
    ----------
    oracle : MapComparison
        Of the plain average at the true poses, of the true class.
    ceiling : MapComparison
        Of what this program's own averaging makes of the same.
    """

    oracle: MapComparison
    ceiling: MapComparison


def limits(
    particles: Particles, truth: Truth, structure: int, *, symmetry: str = "C1", threads: int = 1
) -> Limits:
    """Oracle and ceiling of one structure (from 0), brought onto its true map and measured there.

    ``symmetry`` is the point group that the job imposes; results do not depend on ``threads``.
    """
    own = np.nonzero(truth.classes == structure)[0]
    poses = truth.rotations[own], truth.shifts[own]
    averages = (
        oracle_average(particles, own, *poses, threads=threads),
        ceiling(particles, truth, structure, symmetry=symmetry, threads=threads),
    )
    true, voxel = truth.maps[structure], particles.summary.voxel_size_angstrom
    return Limits(*(compare_maps(average, true, voxel, try_mirror=False) for average in averages))
