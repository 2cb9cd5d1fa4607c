"""CPU time of a refined pose, all candidates together, and its errors, for each refiner.

    python benchmarks/refiners.py --box 64 --r-max 20

Noisy particles of an asymmetric phantom against the phantom, which is prepared once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from subtomo_core.orientation.rotations import angular_distance
from subtomo_core.refiners import (
    Fixed,
    FourierPair,
    FrmRefiner,
    GradientRefiner,
    Moved,
    Refiner,
    RotationalMatch,
    SagRefiner,
    Starts,
    candidates,
    everywhere,
)
from subtomo_core.simulate import asymmetric_blob, simulate
from subtomo_core.spec.missing_region import Complete, Wedge

_VOXEL, _SHIFTS, _REACH = 6.0, 3.0, 8.0


def matched(pair: FourierPair) -> Starts:
    """Candidates from fast rotational matching."""
    return candidates(RotationalMatch.of(pair, 12.0, 24), 50)


def spread(pair: FourierPair) -> Starts:
    """Starts at 60 degrees."""
    return everywhere(pair, 60.0)


REFINERS: dict[str, tuple[Callable[[FourierPair], Starts], Refiner]] = {
    "RCS, 60 degrees": (spread, GradientRefiner()),
    "FCS, 60 degrees": (spread, GradientRefiner(score="fcs")),
    "RCS, FRM": (matched, GradientRefiner()),
    "SAG optimised, FRM": (matched, SagRefiner()),
    "SAG basic, FRM": (matched, SagRefiner(batch=0.0)),
    "FRM": (matched, FrmRefiner()),
}


def main() -> None:
    """Print a table of refiners."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--box", type=int, default=64)
    parser.add_argument("--r-max", type=float, default=20.0)
    parser.add_argument("--particles", type=int, default=20)
    parser.add_argument("--snr", type=float, default=0.01)
    arguments = parser.parse_args()
    structure = asymmetric_blob(0.5 * arguments.box * _VOXEL)
    region = Wedge(tilt_min_deg=-60, tilt_max_deg=60)
    made = simulate(
        [structure],
        [arguments.particles],
        arguments.box,
        _VOXEL,
        snr=arguments.snr,
        missing=region,
        shift_range=_SHIFTS,
    )
    moved = Moved.of(structure.density(arguments.box, _VOXEL), Complete(), arguments.r_max)
    rows: dict[str, list[list[float]]] = {name: [] for name in REFINERS}
    for i in range(arguments.particles):
        start = time.process_time()
        fixed = Fixed.of(made.particles.volume(i), region, arguments.r_max)
        prepared = time.process_time() - start
        pair = FourierPair(fixed, moved, _REACH)
        for name, (begin, refiner) in REFINERS.items():
            start = time.process_time()
            starts = begin(pair)
            found = time.process_time()
            best = refiner.refine(pair, starts)[0]
            end = time.process_time()
            angle = float(angular_distance(best.rotation, made.truth.rotations[i]))
            distance = float(np.linalg.norm(best.shift - made.truth.shifts[i]))
            times = [1e3 * prepared, 1e3 * (found - start), 1e3 * (end - found)]
            rows[name].append([*times, angle, distance])
    print("| refiner | reading ms | starts ms | refining ms | all ms | degrees | voxels |")
    print("|---|---|---|---|---|---|---|")
    for name, values in rows.items():
        a, b, c, angle, distance = np.median(np.array(values[1:]), axis=0)  # the first compiles
        print(
            f"| {name} | {a:.0f} | {b:.0f} | {c:.0f} | {a + b + c:.0f} "
            f"| {angle:.2f} | {distance:.3f} |"
        )


if __name__ == "__main__":
    main()
