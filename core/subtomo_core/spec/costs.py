"""What a particle costs, and how many make a batch."""

from __future__ import annotations

from subtomo_core.spec.job import AnySpec, PairwiseSpec
from subtomo_core.spec.parameters import FrmParameters, PairwiseParameters, RefinementParameters

_LEAST_ROWS = 4  # of pairs: a volume is prepared for a batch, and used by each of its rows


def seconds_per_particle(spec: AnySpec, limit_shell: float, particles: int) -> float:
    """Rough CPU seconds which one particle costs in one iteration (see docs/benchmarks.md)."""
    if isinstance(spec.parameters, PairwiseParameters):
        return _seconds_per_row(spec.parameters, limit_shell, particles)
    components = (limit_shell / 20.0) ** 3
    per_class = 0.0015 + spec.parameters.candidates * 1e-4 * components
    if isinstance(spec.parameters, RefinementParameters):
        per_class += spec.parameters.candidates * 1e-3 * (0.5 + 0.5 * components)
    elif isinstance(spec.parameters, FrmParameters):
        per_class += 0.05
    return spec.classes * per_class + 0.001 * components


def usual_batch(spec: AnySpec, limit_shell: float, particles: int) -> int:
    """Particles in a batch: an eighth of them, so that workers share a job.

    But no less than a worker of four cores does in a few seconds, for each batch prepares the
    references anew, and no more than it does in half a minute.
    """
    seconds = seconds_per_particle(spec, limit_shell, particles)
    if isinstance(spec, PairwiseSpec):
        return _rows_in_batch(seconds, particles)
    least, most = 10.0 / seconds, 120.0 / seconds
    return max(16, round(min(most, max(least, particles / 8.0))))


def _seconds_per_row(parameters: PairwiseParameters, limit_shell: float, particles: int) -> float:
    """Rough CPU seconds of one particle's pairs, half of those it is in (docs/benchmarks.md)."""
    starts = (60.0 / parameters.grid_deg) ** 3
    components = (limit_shell / 20.0) ** 3
    return 0.5 * (particles - 1) * (0.02 + 0.01 * starts + 0.1 * components)


def _rows_in_batch(seconds: float, particles: int) -> int:
    """Rows in a batch: an eighth of them, but of a minute on two cores at the most."""
    return max(_LEAST_ROWS, round(min(120.0 / seconds, particles / 8.0)))
