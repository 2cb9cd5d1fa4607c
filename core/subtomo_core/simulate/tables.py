"""Truth as the columns of a RELION table, for callers that write files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.truth import Truth
from subtomo_core.orientation.rotations import relion_angles, relion_origins


def particle_names(count: int) -> list[str]:
    """File names ``particles/p0000.mrc``, ... of ``count`` particles, as a lab would hand over."""
    return [f"particles/p{i:04d}.mrc" for i in range(count)]


def relion_columns(
    truth: Truth, names: Sequence[str], voxel_size_angstrom: float
) -> dict[str, list[str] | NDArray[np.float64] | NDArray[np.int64]]:
    """Columns of a STAR table with the true poses and classes, from 1; 0 is junk."""
    angles = relion_angles(truth.rotations)
    origins = relion_origins(truth.shifts, voxel_size_angstrom)
    return {
        "rlnImageName": list(names),
        "rlnAngleRot": angles[:, 0],
        "rlnAngleTilt": angles[:, 1],
        "rlnAnglePsi": angles[:, 2],
        "rlnOriginXAngst": origins[:, 0],
        "rlnOriginYAngst": origins[:, 1],
        "rlnOriginZAngst": origins[:, 2],
        "rlnClassNumber": truth.classes + 1,
    }
