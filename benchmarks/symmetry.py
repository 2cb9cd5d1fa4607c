"""Jobs with and without the symmetry of what they look for, from random orientations.

    python benchmarks/symmetry.py C2 C7 D5 O I --seeds 1
    python benchmarks/symmetry.py O I --phantom shell --snr 0.01 --box 48 --voxel 6

Prints a row for each group and seed: FSC-0.5 with the truth, pose errors modulo the symmetry and
CPU time, without the symmetry and with it, and the ratio of the CPU times.
"""

from __future__ import annotations

import argparse

import numpy as np
from judged import judged

from subtomo_core.simulate import Simulation, shell, simulate, symmetric_phantom
from subtomo_core.spec.missing_region import Wedge


def made(arguments: argparse.Namespace, group: str, seed: int) -> Simulation:
    """Particles of a phantom with the group."""
    phantom = shell if arguments.phantom == "shell" else symmetric_phantom
    return simulate(
        [phantom(group, arguments.diameter)],
        [arguments.count],
        arguments.box,
        arguments.voxel,
        snr=arguments.snr,
        missing=Wedge(tilt_min_deg=-60, tilt_max_deg=60),
        shift_range=3.0,
        seed=seed,
    )


def columns(simulation: Simulation, group: str, imposed: str, seed: int) -> tuple[str, float]:
    """Of a job with ``imposed`` symmetry: what the table holds, and CPU seconds."""
    ran = judged(
        simulation.particles,
        simulation.truth,
        {"symmetry": imposed, "seed": seed},
        symmetries=[group],
    )
    found = ran.verdict.classes[0]
    reached = found.average.resolution_angstrom if found.average else float("nan")
    told = (
        f"{reached:.1f} | {found.poses.median_deg:.1f} | {found.poses.consensus(10):.2f} "
        f"| {len(ran.result.history) - 1} | {ran.seconds:.0f}"
    )
    return told, ran.seconds


def main() -> None:
    """Run every group and seed without the symmetry, and with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="+")
    parser.add_argument("--phantom", choices=("complex", "shell"), default="complex")
    parser.add_argument("--box", type=int, default=48)
    parser.add_argument("--voxel", type=float, default=6.0)
    parser.add_argument("--diameter", type=float, default=140.0)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--snr", type=float, default=0.02)
    parser.add_argument("--seeds", type=int, default=1, help="seeds 1 .. N")
    arguments = parser.parse_args()
    each = "FSC-0.5 (Å) | median error | within 10 | iterations | CPU s"
    print(f"| group | seed | C1: {each} | imposed: {each} | CPU ratio |")
    for group in arguments.groups:
        for seed in range(1, arguments.seeds + 1):
            simulation = made(arguments, group, seed)
            plain, before = columns(simulation, group, "C1", seed)
            imposed, after = columns(simulation, group, group, seed)
            row = f"| {group} | {seed} | {plain} | {imposed} | {after / before:.2f} |"
            print(row, flush=True)


if __name__ == "__main__":
    np.seterr(all="warn", under="ignore")
    main()
