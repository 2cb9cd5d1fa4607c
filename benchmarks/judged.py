"""A job over simulated particles: run, timed and judged by the truth."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from subtomo_core.data.particles import Particles
from subtomo_core.data.statistics import Model, Poses
from subtomo_core.data.truth import Truth
from subtomo_core.run import Result, run
from subtomo_core.score import Judgement, judge
from subtomo_core.spec.job import job_spec_adapter

THREADS = os.cpu_count() or 1


class Judged(NamedTuple):
    """A job's result, what the truth says of it, and the CPU seconds of the run."""

    result: Result
    verdict: Judgement
    seconds: float


def judged(
    particles: Particles,
    truth: Truth,
    fields: Mapping[str, Any],
    *,
    symmetries: Sequence[str] | None = None,
    on_iteration: Callable[[Model, Poses], None] | None = None,
) -> Judged:
    """Run FAML, or what ``fields`` of the specification say, and judge it modulo symmetries."""
    body = {"dataset": "benchmark", "algorithm": "faml", **fields}
    spec = job_spec_adapter.validate_python(body)
    start = time.process_time()
    result = run(particles, spec, threads=THREADS, on_iteration=on_iteration)
    seconds = time.process_time() - start
    verdict = judge(
        result.model.maps, result.poses, particles, truth, symmetries=symmetries, threads=THREADS
    )
    return Judged(result, verdict, seconds)
