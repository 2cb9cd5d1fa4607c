"""Every rotation and shift of every particle, as a job (Scheres et al. 2009)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from subtomo_core.errors import Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.exhaustive_parameters import CcParameters, MlParameters
from subtomo_core.spec.job_base import Iterations, JobBase
from subtomo_core.spec.mask_and_resolution import Mask, SingleResolution
from subtomo_core.spec.start import JobStart, MapStart, PosesStart, RandomStart
from subtomo_core.spec.strict import titled

GivenOrRandom = Annotated[
    RandomStart | MapStart | JobStart | PosesStart, Field(discriminator="kind")
]


class ExhaustiveBase(JobBase):
    """What both have: one start, one resolution, and averages as they are."""

    coarse_to_fine: ClassVar[bool] = False
    fits_mask: ClassVar[bool] = False
    several_starts: ClassVar[bool] = False

    algorithm: str
    iterations: Iterations = 40
    start: GivenOrRandom = RandomStart()
    starts: Literal[1] = 1
    trial_iterations: None = None
    symmetry: Literal["C1"] = "C1"
    half_sets: Literal[False] = False
    whole_tomograms: Literal[False] = False
    resolution: SingleResolution = SingleResolution()

    def problems(self, summary: DatasetSummary) -> list[Problem]:  # noqa: ARG002
        """What of the mask does not fit a search of whole particles."""
        detail = "the algorithm '{}' {}: leave mask.{} out, or use 'faml'"
        asked = {
            "particles": self.mask.particles and "searches particles whole",
            "fit": isinstance(self.mask, Mask) and self.mask.fit and "fits no mask",
        }
        return [
            Problem(detail.format(self.algorithm, why, field), pointer=f"/mask/{field}")
            for field, why in asked.items()
            if why
        ]


class MlSpec(ExhaustiveBase):
    """Maximum likelihood over every rotation and shift (Scheres et al. 2009)."""

    model_config = titled("ML: maximum likelihood over every pose")

    algorithm: Literal["ml"]
    parameters: MlParameters = MlParameters()


class CcSpec(ExhaustiveBase):
    """Hard assignment by constrained correlation over every pose (Scheres et al. 2009)."""

    model_config = titled("CC: constrained correlation over every pose")

    algorithm: Literal["cc"]
    parameters: CcParameters = CcParameters()
