"""CPU time of each stage of one particle, class and iteration, beside what it needs at least.

python benchmarks/stages.py --box 64 --r-max 20
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
from peaks import Counts, Work, cpu_ms, peaks

from subtomo_core import methods
from subtomo_core.data.statistics import Batch, Model
from subtomo_core.expect.alignment import Alignment
from subtomo_core.expect.backprojection import Accumulator, Share, Term
from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.likelihood.pose_search import HOPELESS
from subtomo_core.likelihood.posterior import log_weights, soft_posterior
from subtomo_core.methods import Method
from subtomo_core.orientation.pose_weights import PosePoints
from subtomo_core.run import run
from subtomo_core.simulate import barrel, simulate
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Wedge


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

    alignment = Alignment.prepare(method.settings, model)  # type: ignore[attr-defined]
    plan = alignment.prepared
    search, (templates, scales, _) = plan.search, plan.references[0]
    template, scale = templates[0], (scales or [np.ones(1, np.float32)])[0]
    observer = plan.settings.observer
    particle = plan.observed(batch.particles, 0)
    weighed, magnitude = particle.weighed, particle.magnitude
    assert magnitude is not None
    assert batch.poses is not None
    share = (arguments.candidates + 1) // 2
    rotations = search.by_magnitude(magnitude, scale, template, share)
    shift = batch.poses.best_shift[0]
    again = search.by_phase(weighed, shift, scale, template, share // 2)
    candidates = search.find(weighed, magnitude, scale, template, shift)
    points = alignment.competition.points or PosePoints.draw(np.random.default_rng(0), 10_000)
    pose = Share(0, candidates.rotations[0], candidates.shifts[0], 1.0)
    accumulator = Accumulator(plan.sums, 1)
    term = Term(0, particle.summed, [pose])
    counted = np.eye(1, len(candidates.gain))[0]

    surveyed = len(rotations) + 2 * len(again)

    def coarsely() -> Candidates:
        found = search.survey(weighed, rotations, template)
        for _ in range(2):
            found = found + search.survey(weighed, again, template)
        return found

    looks = search.through_rings(weighed, coarsely(), template) / len(search.support.index)
    rings = search.rings
    counts = Counts(
        box=arguments.box,
        bandwidth=search.matcher.tables.bandwidth,
        shells=len(search.matcher.radii),
        components=len(search.support.index),
        summed=len(plan.sums.index),
        coarse=len(rings.first.index),
        columns=rings.grid.waves[1].shape[2],
        shifts=len(rings.grid.shifts),
        reach=rings.first.reach,
    )
    phase = counts.harmonics + counts.correlation(even=False)
    climbers = np.sort(candidates.log_likelihood)[-3:]
    climbs = int((climbers >= climbers[-1] - HOPELESS).sum())
    stages: dict[str, tuple[int, Work, Callable[[], object]]] = {
        "read, transform, take components": (
            1,
            counts.read,
            lambda: observer.read(batch.particles, 0, search.support, plan.sums),
        ),
        "harmonics of |S|": (
            1,
            counts.harmonics,
            lambda: search.matcher.magnitudes(search.support, weighed.values),
        ),
        "candidates by magnitude": (
            1,
            counts.correlation(even=True),
            lambda: search.by_magnitude(magnitude, scale, template, share),
        ),
        "candidates by phase": (
            2,
            phase,
            lambda: search.by_phase(weighed, shift, scale, template, share // 2),
        ),
        f"shifts of {surveyed}, {looks:.1f} closely": (
            1,
            counts.surveyed * surveyed + counts.looked_at * looks,
            lambda: search.look_closer(weighed, coarsely(), template),
        ),
        f"refinement of {climbs}": (
            1,
            counts.climbed * climbs,
            lambda: search.refined(weighed, copy(candidates), template),
        ),
        "Voronoi weights, posterior": (
            1,
            Work(24.0 * points.points.shape[1] * len(candidates.gain)),
            lambda: soft_posterior(log_weights([candidates], points, 3.0), np.zeros(1)),
        ),
        "noise (one pose)": (
            1,
            counts.noise,
            lambda: plan.noise_of(particle, [candidates], [counted], 0.0),
        ),
        "sums (one pose)": (1, counts.sums, lambda: accumulator.add(term)),
    }
    best = peaks(search, template)
    print(
        f"box {arguments.box}, r_max {arguments.r_max:g}, {counts.components} components; at best "
        f"{best.flops / 1e9:.1f} Gflop/s, {best.bytes / 1e9:.1f} GB/s, {best.cells / 1e6:.0f} M "
        "cells/s"
    )
    print("| stage | count | limit ms | CPU ms | ratio |\n|---|---|---|---|---|")
    total = least = 0.0
    for name, (times, need, work) in stages.items():
        spent, limit = times * cpu_ms(work, arguments.repeats), best.milliseconds(need * times)
        total, least = total + spent, least + limit
        label = f"{name}{f', {times} times' if times > 1 else ''}"
        print(f"| {label} | {need * times} | {limit:.2f} | {spent:.2f} | {spent / limit:.1f} |")
    print(f"| sum of the stages | | {least:.2f} | {total:.2f} | {total / least:.1f} |")
    rows = cpu_ms(lambda: [alignment.row(batch, i) for i in range(40)], 3) / 40
    print(f"| row of a particle, mean of 40 | | | {rows:.2f} | |")


def copy(candidates: Candidates) -> Candidates:
    """The same poses, to be moved again."""
    return Candidates(*(np.array(getattr(candidates, f.name)) for f in fields(Candidates)))


if __name__ == "__main__":
    main()
