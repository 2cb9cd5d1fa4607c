"""What half sets cost, and whether their resolution can be believed.

    python benchmarks/halves.py phantom --seeds 3
    python benchmarks/halves.py groel --shared 0 64 48
    python benchmarks/halves.py noise

``--shared`` gives resolutions (Å) down to which the halves' references are shared; 0 stands for
the default, and ``off`` for one reference for both halves. Poses are also judged for each half
apart, which shows halves that each found a frame, but not the same.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from judged import THREADS, judged
from quality import EXPERIMENTS

from subtomo_core.maximise.half_map_fsc import HalfCurves
from subtomo_core.run import Result, run
from subtomo_core.score import pose_errors, resolution_angstrom
from subtomo_core.simulate import Simulation, asymmetric_blob, simulate
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Wedge


def fields_of(seed: int, shared: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Fields of a FAML job with or without half sets."""
    halves, iterations = shared != "off", arguments.iterations
    fields: dict[str, Any] = {"seed": seed, "half_sets": halves, "iterations": iterations}
    if arguments.mask:
        fields["mask"] = {"diameter_angstrom": arguments.mask}
    if shared not in ("off", "0"):
        fields["resolution"] = {"shared_angstrom": float(shared)}
    return fields


def row(name: str, seed: int, shared: str, arguments: argparse.Namespace) -> str:
    """One line of the table: a result beside the truth, and what its halves say of it."""
    experiment = EXPERIMENTS[name]
    made = experiment.particles(seed)
    result, verdict, seconds = judged(
        made.particles,
        made.truth,
        fields_of(seed, shared, arguments),
        symmetries=experiment.symmetries,
    )
    one = verdict.classes[0]
    assert one.average is not None
    metrics = result.model.metrics
    apart = " / ".join(
        f"{half_errors(made, result, half, experiment.symmetries[0]).consensus(15):.2f}"
        for half in range(2)
    )
    return (
        f"| {name} | {seed} | {metrics.fsc_kind} "
        f"| {metrics.shared_angstrom or float('nan'):.0f} "
        f"| {one.poses.consensus(10):.2f} / {one.poses.consensus(15):.2f} | {apart} "
        f"| {one.average.r:.3f} | {one.share_of_oracle:.3f} "
        f"| {one.average.resolution_angstrom:.1f} | {one.oracle.resolution_angstrom:.1f} "
        f"| {metrics.resolution_0143_angstrom[0]:.1f} | {metrics.resolution_05_angstrom[0]:.1f} "
        f"| {seconds:.0f} |"
    )


def half_errors(made: Simulation, result: Result, half: int, symmetry: str) -> Any:
    """Errors of the poses of one half, in its own frame."""
    poses, truth = result.poses, made.truth
    return pose_errors(poses.best_rotation[half::2], truth.rotations[half::2], symmetry=symmetry)


def noise(seed: int, shared: str, arguments: argparse.Namespace) -> str:
    """Curves of half maps made of noise alone."""
    missing = Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0)
    made = simulate([asymmetric_blob()], [40], 32, 6.0, snr=1e-9, missing=missing, seed=seed)
    body = {"dataset": "benchmark", "algorithm": "faml", **fields_of(seed, shared, arguments)}
    spec = job_spec_adapter.validate_python(body)
    result = run(made.particles, spec, threads=THREADS)
    curves = HalfCurves(result.model.fsc[0], *result.model.fsc_parts[:, 0])
    extent = 192.0
    lines = [f"noise, seed {seed}, {result.model.metrics.fsc_kind}, shared {shared}:"]
    for title, curve in curves._asdict().items():
        values = " ".join(f"{value:5.2f}" for value in curve)
        lines.append(f"  {title:17} {values}  ({resolution_angstrom(curve, 0.143, extent):.0f} Å)")
    return "\n".join(lines)


def main() -> None:
    """Run the experiments named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", nargs="+", help="of quality.py, or 'noise'")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 1 .. N")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--mask", type=float, help="diameter in Å")
    parser.add_argument("--shared", nargs="+", default=["off", "0"])
    arguments = parser.parse_args()
    for name in arguments.experiment:
        for shared in arguments.shared:
            for seed in range(1, arguments.seeds + 1):
                told = (
                    noise(seed, shared, arguments)
                    if name == "noise"
                    else row(name, seed, shared, arguments)
                )
                print(told, flush=True)


if __name__ == "__main__":
    np.seterr(all="warn", under="ignore")
    main()
