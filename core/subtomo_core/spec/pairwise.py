"""What aligning every particle to every other one costs, and how many particles it takes."""

from __future__ import annotations

from subtomo_core.errors import Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec, PairwiseSpec

MOST_PARTICLES = 500
_USUAL_LIMIT = 0.25  # of the box: half of Nyquist (docs/decisions/0034)
_LOOKING = 0.03  # work of an iteration which looks at particles, or pairs as they lie, once


def pairwise_problems(spec: AnySpec, summary: DatasetSummary) -> list[Problem]:
    """What keeps a dataset from being aligned in pairs."""
    if not isinstance(spec, PairwiseSpec):
        return []
    count = summary.particles
    if count < 2:
        detail = "one particle makes no pair: choose a dataset of two particles or more"
        return [Problem(detail, pointer="/dataset")]
    if count > MOST_PARTICLES:
        detail = (
            f"{count} particles make {count * (count - 1) // 2} pairs: align all pairs of at most "
            f"{MOST_PARTICLES} particles, and a larger dataset by 'faml' with several classes"
        )
        return [Problem(detail, pointer="/dataset")]
    return []


def usual_limit_shell(spec: AnySpec, box: int) -> float:
    """Finest shell in use unless the job says otherwise."""
    return (_USUAL_LIMIT if isinstance(spec, PairwiseSpec) else 0.4) * box


def work_in(spec: AnySpec, iteration: int) -> float | None:
    """Work of an iteration over that of the longest; None where the algorithm has no such plan."""
    if not isinstance(spec, PairwiseSpec):
        return None
    return 1.0 if iteration == 1 else _LOOKING
