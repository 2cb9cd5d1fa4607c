"""Rough estimates of the time, memory and disk that a job needs."""

from __future__ import annotations

from subtomo_core.spec.costs import seconds_per_particle
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import shell_of
from subtomo_core.spec.job import AnySpec
from subtomo_core.spec.restart_schedule import starts_in
from subtomo_server.http.words import duration
from subtomo_server.jobs.schemas import Estimate
from subtomo_store.people.quotas import said

GROWTH = 0.5
EARLY_GROWTH = 0.35  # while starts are compared
FLOAT = 4
PROGRAM_BYTES = 400 * 2**20
COPIES_PER_CLASS = 12
VOLUMES_KEPT_PER_CLASS = 10  # three to look at, seven to go on from
TEMPORARY_VOLUMES_PER_CLASS = 4


def estimate(spec: AnySpec, summary: DatasetSummary, threads: int) -> Estimate:
    """Estimate a job on a worker with ``threads`` threads.

    The work grows with the cube of the resolution in use, which rises from start to limit:
    on the whole a job costs about half of what all its iterations would at the limit. Starts
    beside the first one cost early iterations alone. A job that converges takes less.
    """
    rivals = sum(starts_in(spec, number) - 1 for number in range(spec.iterations + 1))
    limit = spec.resolution.limit_angstrom
    shell = shell_of(limit, summary) if limit else 0.35 * summary.box
    passes = spec.passes or GROWTH * spec.iterations + EARLY_GROWTH * rivals
    cpu = seconds_per_particle(spec, shell, summary.particles) * summary.particles * passes
    seconds = cpu / max(threads, 1)
    volume = summary.box**3 * FLOAT
    batch = spec.batch_particles or summary.particles
    batches = -(-summary.particles // batch)
    folds = 2 if spec.half_sets else 1  # twice as many sums and references
    columns = folds * spec.classes * starts_in(spec, 0)
    memory = PROGRAM_BYTES + volume * (columns * COPIES_PER_CLASS + threads * 16)
    kept = volume * spec.classes * VOLUMES_KEPT_PER_CLASS * (spec.iterations + 1 + rivals)
    working = volume * columns * TEMPORARY_VOLUMES_PER_CLASS * batches
    disk = kept + working
    words = (
        f"about {duration(seconds)} on {threads} cores, {said(memory)} of memory "
        f"and {said(disk)} on the disk"
    )
    return Estimate(seconds=seconds, memory_bytes=memory, disk_bytes=disk, words=words)
