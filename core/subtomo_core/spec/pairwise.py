"""The alignment of every particle to every other one, as a job."""

from __future__ import annotations

from typing import ClassVar, Literal

from subtomo_core.errors import Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job_base import JobBase
from subtomo_core.spec.mask_and_resolution import Mask, SingleResolution
from subtomo_core.spec.parameters import PairwiseParameters
from subtomo_core.spec.start import RandomStart
from subtomo_core.spec.strict import titled

_MOST_PARTICLES = 500
_LOOKING = 0.03  # work of an iteration that looks at particles, or pairs as they lie, once


class PairwiseSpec(JobBase):
    """Every particle aligned to every other one, and clustered (Xu & Alber 2012, Figure 6).

    ``classes`` is the number of clusters. Particles are compared as they lie (iteration 0), then
    aligned in pairs (1) and averaged in their clusters (2): nothing else is there to start from,
    to repeat or to keep apart.
    """

    model_config = titled("Pairwise: all pairs, and their clusters")

    usual_limit: ClassVar[float] = 0.25  # half of Nyquist (docs/decisions/0034)
    passes: ClassVar[float | None] = 1.0  # over all pairs, at one resolution
    coarse_to_fine: ClassVar[bool] = False
    several_starts: ClassVar[bool] = False

    algorithm: Literal["pairwise"]
    iterations: Literal[2] = 2
    start: RandomStart = RandomStart()
    starts: Literal[1] = 1
    trial_iterations: None = None
    stop_when_converged: Literal[False] = False
    symmetry: Literal["C1"] = "C1"
    half_sets: Literal[False] = False
    whole_tomograms: Literal[False] = False
    mask: Mask = Mask()
    resolution: SingleResolution = SingleResolution()
    parameters: PairwiseParameters = PairwiseParameters()

    def problems(self, summary: DatasetSummary) -> list[Problem]:
        """What keeps a dataset from being aligned in pairs."""
        count = summary.particles
        if count < 2:
            detail = "one particle makes no pair: choose a dataset of two particles or more"
            return [Problem(detail, pointer="/dataset")]
        if count > _MOST_PARTICLES:
            detail = (
                f"{count} particles make {count * (count - 1) // 2} pairs: align all pairs of at "
                f"most {_MOST_PARTICLES} particles, and a larger dataset by 'faml' with several "
                "classes"
            )
            return [Problem(detail, pointer="/dataset")]
        return []

    def work_in(self, iteration: int) -> float:
        """Pairs are aligned in iteration 1; the others look at particles or pairs once."""
        return 1.0 if iteration == 1 else _LOOKING
