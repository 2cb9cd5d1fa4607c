"""What is asked of a dataset before its particles are read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from subtomo_core.spec.missing_region import FoundRegion
from subtomo_core.spec.strict import Strict


class DatasetSummary(Strict):
    """What a job needs to know of a dataset before it reads a particle."""

    particles: Annotated[int, Field(ge=1)]
    box: Annotated[int, Field(ge=8, le=512)]
    voxel_size_angstrom: Annotated[float, Field(gt=0.0)]
    missing: FoundRegion
    dark_particles: bool = False
