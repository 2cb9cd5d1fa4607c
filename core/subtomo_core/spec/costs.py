"""What a particle costs, and how many make a batch."""

from __future__ import annotations

from subtomo_core.spec.job import AnySpec
from subtomo_core.spec.search_parameters import Work

_MOST_BATCH_SECONDS = 120.0  # of CPU: half a minute of four cores


def seconds_per_particle(spec: AnySpec, limit_shell: float, particles: int) -> float:
    """Rough CPU seconds that one particle costs in one iteration (see docs/benchmarks.md)."""
    return spec.parameters.seconds(Work(spec.classes, particles, (limit_shell / 20.0) ** 3))


def usual_batch(spec: AnySpec, limit_shell: float, particles: int) -> int:
    """Particles in a batch: an eighth of them, so that workers share a job.

    But no less than what keeps a worker of four cores busy for a few seconds, and no more than
    it does in half a minute.
    """
    seconds, parameters = seconds_per_particle(spec, limit_shell, particles), spec.parameters
    least, most = parameters.least_batch_seconds / seconds, _MOST_BATCH_SECONDS / seconds
    return max(parameters.least_batch, round(min(most, max(least, particles / 8.0))))
