"""Which candidate poses find the frame: generators and their number, over noise and box.

    python benchmarks/generators.py phantom phantom-0.1 groel --seeds 2

One random start a run, so that a generator which fails is seen to fail.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import replace

from judged import judged
from quality import EXPERIMENTS, Experiment

from subtomo_core.simulate import Simulation

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
    found = judged(
        simulation.particles,
        simulation.truth,
        {"seed": seed, "starts": 1, "parameters": {"generators": generators, "candidates": count}},
        symmetries=experiment.symmetries,
    )
    history, one = found.result.history, found.verdict.classes[0]
    r, finest = (one.average.r, one.average.resolution_angstrom) if one.average else (0, 0)
    looks = len(history) * sum(experiment.counts)
    return (
        f"{generators} | {count} | {seed} | {r:.3f} | {one.share_of_oracle:.3f} "
        f"| {finest:.1f} | {one.poses.consensus(10):.2f} | {one.poses.consensus(15):.2f} "
        f"| {len(history) - 1} | {1e3 * found.seconds / looks:.1f} |"
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
