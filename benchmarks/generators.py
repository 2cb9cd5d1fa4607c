"""Which candidate poses find the frame: generators and their number, over noise and box.

    python benchmarks/generators.py phantom phantom-0.1 groel --seeds 2

One random start a run, so that a generator which fails is seen to fail.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from dataclasses import replace

from quality import EXPERIMENTS, Experiment

from subtomo_core.run import run
from subtomo_core.score import judge
from subtomo_core.simulate import Simulation
from subtomo_core.spec import job_spec_adapter

GENERATORS = ("magnitude", "phase", "both")
CELLS = {
    "phantom": EXPERIMENTS["phantom"],
    "phantom-0.1": replace(EXPERIMENTS["phantom"], snr=0.1),
    "groel": EXPERIMENTS["groel"],
}


def row(
    experiment: Experiment, simulation: Simulation, seed: int, generators: str, count: int
) -> str:
    """One run and its line of the table."""
    job = {
        "dataset": "benchmark",
        "algorithm": "faml",
        "seed": seed,
        "starts": 1,
        "parameters": {"generators": generators, "candidates": count},
    }
    threads = os.cpu_count() or 1
    start = time.process_time()
    result = run(simulation.particles, job_spec_adapter.validate_python(job), threads=threads)
    seconds = time.process_time() - start
    judged = judge(
        result.model.maps,
        result.poses,
        simulation.particles,
        simulation.truth,
        symmetries=experiment.symmetries,
        threads=threads,
    ).classes[0]
    r, finest = (judged.average.r, judged.average.resolution_angstrom) if judged.average else (0, 0)
    looks = len(result.history) * sum(experiment.counts)
    return (
        f"{generators} | {count} | {seed} | {r:.3f} | {judged.share_of_oracle:.3f} "
        f"| {finest:.1f} | {judged.poses.consensus(10):.2f} | {judged.poses.consensus(15):.2f} "
        f"| {len(result.history) - 1} | {1e3 * seconds / looks:.1f} |"
    )


def main() -> None:
    """Run the cells named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", nargs="+", choices=list(CELLS))
    parser.add_argument("--seeds", type=int, default=1, help="seeds 1 .. N")
    parser.add_argument("--candidates", type=int, nargs="+", default=[20, 50, 100])
    arguments = parser.parse_args()
    for name in arguments.cell:
        experiment = CELLS[name]
        for seed in range(1, arguments.seeds + 1):
            simulation = experiment.particles(seed)
            for generators, count in itertools.product(GENERATORS, arguments.candidates):
                line = row(experiment, simulation, seed, generators, count)
                print(f"| {name} {line}", flush=True)


if __name__ == "__main__":
    main()
