"""CPU time of each stage of one particle, class and iteration.

python benchmarks/stages.py --box 64 --r-max 20
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from subtomo_core import methods
from subtomo_core.defaults import resolve
from subtomo_core.methods import Method
from subtomo_core.methods.accumulate import Accumulator, Share, Term
from subtomo_core.methods.align import Alignment
from subtomo_core.posterior import log_weights, soft_posterior
from subtomo_core.run import run
from subtomo_core.simulate import barrel, simulate
from subtomo_core.spec import Wedge, job_spec_adapter
from subtomo_core.statistics import Batch, Model
from subtomo_core.voronoi import PosePoints


def cpu_ms(work: Callable[[], object], repeats: int) -> float:
    """Least CPU milliseconds of one call."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def converged(box: int, r_max: float, candidates: int) -> tuple[Method, Model, Batch]:
    """A job on 40 particles (barrel, SNR 0.01) some iterations on, its search at ``r_max``."""
    voxel = 384.0 / box
    region = Wedge(tilt_min_deg=-60, tilt_max_deg=60)
    made = simulate([barrel()], [40], box, voxel, snr=0.01, missing=region, shift_range=3.0)
    shell = r_max - 1.0  # the search reaches one shell beyond the resolution in use
    job = {
        "dataset": "benchmark",
        "algorithm": "faml",
        "iterations": 10,
        "parameters": {"candidates": candidates, "bandwidth": 24},
        "resolution": {"limit_angstrom": 384.0 / shell},
    }
    spec = resolve(job_spec_adapter.validate_python(job), made.particles.summary)
    result = run(made.particles, spec, threads=os.cpu_count() or 1)
    method = methods.create(spec, made.particles.summary)
    model = replace(result.model, shell_in_use=shell)
    return method, model, Batch(made.particles, np.arange(40), result.poses)


def main() -> None:
    """Print a table of stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--box", type=int, default=64)
    parser.add_argument("--r-max", type=float, default=20.0)
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    method, model, batch = converged(arguments.box, arguments.r_max, arguments.candidates)

    plan = Alignment.prepare(method.settings, model)  # type: ignore[attr-defined]
    search, template = plan.search, plan.templates[0][0]
    scale = plan.scales[0][0] if plan.scales else np.ones(1, np.float32)
    observer = plan.settings.observer
    seen, summed = observer.read(batch.particles, 0, search.support, plan.sums)
    weighed = search.weigh(seen)
    magnitude = search.harmonics(np.abs(weighed.values))
    share = (arguments.candidates + 1) // 2
    rotations = search.by_magnitude(magnitude, scale, template, share)
    shift = batch.poses.best_shift[0]
    again = search.by_phase(weighed, shift, scale, template, share // 2)
    evidence = search.find(weighed, magnitude, scale, template, shift)
    points = plan.points or PosePoints.draw(np.random.default_rng(0), 10_000)
    pose = Share(0, evidence.rotations[0], evidence.shifts[0], 1.0)
    accumulator = Accumulator(plan.sums, np.ones(len(plan.sums.index), np.float32), 1, 1)

    def scatter() -> None:
        term = Term(0, summed, [pose])
        accumulator._fill(0, 0, [term])

    stages: dict[str, tuple[int, Callable[[], object]]] = {
        "read, transform, take components": (
            1,
            lambda: observer.read(batch.particles, 0, search.support, plan.sums),
        ),
        "harmonics of |S|": (1, lambda: search.harmonics(np.abs(weighed.values))),
        "candidates by magnitude": (
            1,
            lambda: search.by_magnitude(magnitude, scale, template, share),
        ),
        "candidates by phase": (
            2,
            lambda: search.by_phase(weighed, shift, scale, template, share // 2),
        ),
        f"shifts and likelihoods of {len(rotations)} + 2 x {len(again)}": (
            1,
            lambda: search.look_closer(
                weighed,
                search.survey(weighed, rotations, template)
                + search.survey(weighed, again, template)
                + search.survey(weighed, again, template),
                template,
            ),
        ),
        "refinement of the best 3": (1, lambda: search.refined(weighed, evidence, template)),
        "Voronoi weights, posterior": (
            1,
            lambda: soft_posterior(log_weights([evidence], points, 3.0), np.zeros(1)),
        ),
        "noise (one pose)": (1, lambda: plan._noise(seen, weighed, [pose], 0)),
        "sums (one pose)": (1, scatter),
    }
    print(f"box {arguments.box}, r_max {arguments.r_max:g}, {len(search.support.index)} components")
    print("| stage | CPU ms |\n|---|---|")
    total = 0.0
    for name, (times, work) in stages.items():
        spent = times * cpu_ms(work, arguments.repeats)
        total += spent
        print(f"| {name}{f', {times} times' if times > 1 else ''} | {spent:.2f} |")
    print(f"| sum of the stages | {total:.2f} |")
    rows = cpu_ms(lambda: [plan.row(batch, i) for i in range(40)], 3) / 40
    print(f"| row of a particle, mean of 40 | {rows:.2f} |")


if __name__ == "__main__":
    main()
