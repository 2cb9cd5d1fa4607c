"""SAG beside Levenberg-Marquardt and FRM, as in Lü et al. (2019), on GroEL.

    python benchmarks/sag.py pairs
    python benchmarks/sag.py averages --seeds 3

``pairs``: 20 particles against a noise-free reference at 60 Å. ``averages``: 50 particles
without a reference. Needs the shared atomic models (SUBTOMO_SHARED_DATA, or ../shared/data
beside the checkout).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from judged import judged
from quality import GROEL, Experiment
from scipy import stats

from subtomo_core.fourier.shells import low_pass
from subtomo_core.orientation.point_group_rotations import distance_modulo, symmetry_group
from subtomo_core.refiners import (
    Fixed,
    FourierPair,
    FrmRefiner,
    GradientRefiner,
    Moved,
    Refiner,
    RotationalMatch,
    SagRefiner,
    candidates,
)
from subtomo_core.refiners.scores import local
from subtomo_core.simulate import Simulation
from subtomo_core.spec.missing_region import Complete, Wedge

_STARTS = 24  # from rotational matching
_REACH = 6.0  # voxels
_BANDWIDTH = 24


def refiners(plain: bool) -> dict[str, Refiner]:
    """All four; ``plain`` ones let all shells count alike, as the papers do."""
    coarse, weighed = 8.0, not plain
    return {
        "SAG, basic": SagRefiner(0.0, coarse, 8, weighed),
        "SAG, optimised": SagRefiner(0.25, coarse, 8, weighed),
        "LM": GradientRefiner("rcs", coarse, 8, weighed),
        "FRM": FrmRefiner(bandwidth=_BANDWIDTH),
    }


@dataclass
class Aligned:
    """What a refiner made of the particles: correlations, errors in degrees, CPU seconds."""

    ccc: np.ndarray
    degrees: np.ndarray
    seconds: float


def align(made: Simulation, tilt: float, way: Refiner, resolution: float, r_max: float) -> Aligned:
    """Every particle to the noise-free reference, low-passed."""
    region = Wedge(tilt_min_deg=-tilt, tilt_max_deg=tilt)
    voxel = made.particles.summary.voxel_size_angstrom
    moved = Moved.of(low_pass(made.truth.maps[0], voxel, resolution), Complete(), r_max + 1.0)
    cccs, rotations, spent = [], [], 0.0
    for i in range(made.particles.summary.particles):
        begin = time.process_time()
        pair = FourierPair(Fixed.of(made.particles.volume(i), region, r_max), moved, _REACH)
        starts = candidates(RotationalMatch.of(pair, r_max, _BANDWIDTH), _STARTS)
        best = way.refine(pair, starts)[0]
        spent += time.process_time() - begin
        cccs.append(local(pair.moments(best.rotation, best.shift), "rcs").correlation)
        rotations.append(best.rotation)
    errors = distance_modulo(np.array(rotations), made.truth.rotations, symmetry_group("D7"))
    return Aligned(np.array(cccs), errors, spent)


def pairs(seed: int, plain: bool) -> None:
    """Tables 1 and 2 and Figure 6 of the paper."""
    ours = refiners(plain)
    print("| tilt | SNR | refiner | mean CCC | median error | CPU s | t | Wilcoxon |")
    print("|---|---|---|---|---|---|---|---|")
    for tilt in (60.0, 40.0):
        for snr in (0.03, 0.01, 0.003):
            made = Experiment((GROEL,), (20,), snr, ("D7",), tilt=tilt).particles(seed)
            found = {name: align(made, tilt, way, 60.0, 7.5) for name, way in ours.items()}
            first = found["SAG, optimised"].ccc
            for name, one in found.items():
                tests = "| | |" if np.array_equal(one.ccc, first) else _tests(first, one.ccc)
                print(
                    f"| +-{tilt:g} | {snr:g} | {name} | {one.ccc.mean():.4f} "
                    f"| {np.median(one.degrees):.2f} | {one.seconds:.2f} {tests}",
                    flush=True,
                )


def _tests(first: np.ndarray, second: np.ndarray) -> str:
    """Sign of the mean difference, and P of the paired t-test and of Wilcoxon's."""
    sign = "+" if first.mean() > second.mean() else "-"
    return (
        f"| {sign}{stats.ttest_rel(first, second).pvalue:.1e} "
        f"| {stats.wilcoxon(first - second).pvalue:.1e} |"
    )


def averages(seeds: int, job: dict[str, Any]) -> None:
    """Figures 7 and 8 of the paper: 50 particles at SNR 0.003, +-60, gold-standard halves."""
    print(
        "| algorithm | seed | FSC-0.143 of the halves | FSC-0.5 with the truth | oracle's | r "
        "| share | poses within 10 | iterations | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    experiment = Experiment((GROEL,), (50,), 0.003, ("D7",))
    for seed in range(1, seeds + 1):
        made = experiment.particles(seed)
        for algorithm in ("sag", "gradient", "frm", "faml"):
            fields = {"algorithm": algorithm, "seed": seed, "half_sets": True, "iterations": 14}
            result, verdict, spent = judged(
                made.particles, made.truth, fields | job, symmetries=("D7",)
            )
            told, metrics = verdict.classes[0], result.history[-1]
            if told.average is None:
                continue
            print(
                f"| {algorithm} | {seed} | {metrics.resolution_0143_angstrom[0]:.1f} "
                f"| {told.average.resolution_angstrom:.1f} | {told.oracle.resolution_angstrom:.1f} "
                f"| {told.average.r:.3f} | {told.share_of_oracle:.3f} "
                f"| {told.poses.consensus(10):.2f} | {len(result.history) - 1} | {spent:.0f} |",
                flush=True,
            )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["pairs", "averages"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="all shells count alike")
    parser.add_argument("--iterations", type=int, default=14)
    arguments = parser.parse_args()
    if arguments.what == "pairs":
        pairs(arguments.seeds, arguments.plain)
    else:
        averages(arguments.seeds, {"iterations": arguments.iterations})


if __name__ == "__main__":
    main()
