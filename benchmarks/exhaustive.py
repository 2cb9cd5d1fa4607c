"""The fast search beside an exhaustive one: log-likelihoods of the best poses found.

    python benchmarks/exhaustive.py groel --step 7.5

A job runs to its end; then the first particles meet its references once more: in the engine's
search, and at every rotation of an even grid with all shifts and all components, the best hundred
refined.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from quality import EXPERIMENTS

from subtomo_core.data.statistics import Batch
from subtomo_core.expect.alignment import Alignment
from subtomo_core.expect.prepared_search import PreparedSearch
from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.likelihood.pose_ascent import refine
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.likelihood.rings import Rings
from subtomo_core.likelihood.weighted_samples import Weighed
from subtomo_core.orientation.rotation_matching import Template
from subtomo_core.orientation.rotations import angular_distance, even_rotations
from subtomo_core.plan import Settings
from subtomo_core.run import run
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import job_spec_adapter

_REFINED = 100  # best poses of the grid which are refined
_CHUNK = 500


def exhaustive(
    search: Search, weighed: Weighed, template: Template, grid: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Log-likelihood and rotation of the best pose of the whole grid, refined.

    ``search`` looks at every rotation with all components.
    """
    parts: Candidates | None = None
    for first in range(0, len(grid), _CHUNK):
        part = search.survey(weighed, grid[first : first + _CHUNK], template)
        parts = part if parts is None else parts + part
    assert parts is not None
    order = np.argsort(-parts.log_likelihood, kind="stable")[:_REFINED]
    poses = [
        refine(
            template.grid,
            search.support,
            weighed.parts,
            weighed.doubled,
            parts.rotations[i],
            parts.shifts[i],
            steps=12,
            reach=search.reach,
        )
        for i in order
    ]
    best = max(poses, key=lambda pose: pose.value)
    return best.value, best.rotation


def unpruned(prepared: PreparedSearch) -> PreparedSearch:
    """The same with one ring: every candidate is looked at with all components."""
    search, settings = prepared.search, prepared.settings
    band = settings.observer.band(settings.search_radius(prepared.model.shell_in_use))
    rings = Rings.of(band, search.reach, whole=True)
    noise = (1.0 / prepared.noise[band.shell]).astype(np.float32)
    return replace(prepared, search=replace(search, rings=rings, inverse_noise=noise))


def main() -> None:
    """Print a row for each particle, and the worst."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--step", type=float, default=7.5, help="of the grid, degrees")
    parser.add_argument("--particles", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=12)
    arguments = parser.parse_args()
    threads = os.cpu_count() or 1
    made = EXPERIMENTS[arguments.experiment].particles(1)
    job = {"dataset": "b", "algorithm": "faml", "iterations": arguments.iterations, "starts": 1}
    spec = resolve(job_spec_adapter.validate_python(job), made.particles.summary)
    result = run(made.particles, spec, threads=threads)
    alignment = Alignment.prepare(Settings.of(spec, made.particles.summary), result.model)
    batch = Batch(made.particles, np.arange(len(result.poses)), result.poses)
    prepared = alignment.prepared
    thorough = unpruned(prepared)
    grid = even_rotations(arguments.step)

    def one(index: int) -> tuple[float, float, float]:
        row, _ = alignment.row(batch, index)
        particle = thorough.observed(made.particles, index)
        template = prepared.references[index % prepared.settings.folds].templates[0]
        most, rotation = exhaustive(thorough.search, particle.weighed, template, grid)
        return float(row.score[0]), most, float(angular_distance(row.rotations[0], rotation))

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(one, range(arguments.particles)))
    print(f"{len(grid)} rotations, {len(prepared.search.support.index)} components")
    print("| particle | fast | exhaustive | lost | degrees apart |\n|---|---|---|---|---|")
    for index, (fast, most, apart) in enumerate(found):
        print(f"| {index + 1} | {fast:.2f} | {most:.2f} | {1 - fast / most:.2%} | {apart:.1f} |")
    total = np.array(found).sum(0)
    print(f"| all | {total[0]:.2f} | {total[1]:.2f} | {1 - total[0] / total[1]:.2%} | |")


if __name__ == "__main__":
    main()
