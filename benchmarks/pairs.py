"""Poses of pairs of noisy particles: Tables 1 to 4 of Xu & Alber (2012), ours beside theirs.

    python benchmarks/pairs.py tables
    python benchmarks/pairs.py search

The phantom of four Gaussians, box 32, voxel 10 Å, in random poses (shifts uniform in +-3 voxels)
through the microscope of `imaging`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from imaging import Microscope
from numpy.typing import NDArray
from xu_alber import INTERVALS, SNRS, THEIRS, TILTS

from subtomo_core.orientation.rotations import angular_distance, random_rotations
from subtomo_core.refiners import (
    Fixed,
    FourierPair,
    GradientRefiner,
    Moved,
    Starts,
    about_axis,
    best_shifts,
    everywhere,
    independently,
    search,
)
from subtomo_core.refiners.scores import local
from subtomo_core.simulate import four_gaussians
from subtomo_core.spec.missing_region import Complete, Formula, Wedge

BOX, VOXEL, DIAMETER, R_MAX, REACH = 32, 10.0, 190.0, 10.0, 8.0
SCORES = ("rcs", "fcs")
_ORIENTATIONS_AT_5 = 168_634  # of their scan at 5 degrees


@dataclass(frozen=True, eq=False)
class Known:
    """A pair and its true pose; both volumes' normals are their molecules' z axes."""

    pair: FourierPair
    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]
    normals: tuple[NDArray[np.float64], NDArray[np.float64]]

    def errors(self, rotation: NDArray[np.float64], shift: NDArray[np.float64]) -> list[float]:
        """Degrees and voxels."""
        angle = float(angular_distance(rotation, self.rotation))
        return [angle, float(np.linalg.norm(shift - self.shift))]


def make(tilt: int, snr: float, number: int) -> Known:
    """Pair ``number`` of a cell."""
    seen: Formula = Wedge(tilt_min_deg=-tilt, tilt_max_deg=tilt) if tilt < 90 else Complete()
    rng = np.random.default_rng([tilt, int(100 * min(snr, 1e3)), number])
    microscope, structure = Microscope(BOX, VOXEL, tilt), four_gaussians(DIAMETER)
    (Rf, Rg), (tf, tg) = random_rotations(rng, 2), rng.uniform(-3.0, 3.0, (2, 3))
    f, g = (microscope.take(structure, R, t, snr, rng) for R, t in ((Rf, tf), (Rg, tg)))
    pair = FourierPair(Fixed.of(f, seen, R_MAX), Moved.of(g, seen, R_MAX), REACH)
    R = Rf @ Rg.T
    return Known(pair, R, tf - R @ tg, (Rf[:, 2], Rg[:, 2]))


def starts_of(known: Known, kind: str, interval: float) -> Starts:
    """Starts of a free search or of one about the axis."""
    if kind == "free":
        return everywhere(known.pair, interval)
    return about_axis(known.pair, *known.normals, interval)


def one_pair(tilt: int, snr: float, number: int) -> list[list[float]]:
    """Errors of one pair, in the order of `keys`."""
    known = make(tilt, snr, number)
    found = []
    for kind, interval, score in keys():
        refiner = GradientRefiner(score=score)  # type: ignore[arg-type]
        best = refiner.refine(known.pair, starts_of(known, kind, interval))[0]
        found.append(known.errors(best.rotation, best.shift))
    return found


def keys() -> list[tuple[str, int, str]]:
    """Search, interval and score of each block of the tables."""
    return [(k, i, s) for k in ("free", "axis") for i in INTERVALS for s in SCORES]


def tables(pairs: int, workers: int) -> None:
    """Print the four tables, and how often ours are better."""
    ours: dict[tuple[str, str, int, str], list[list[tuple[float, float]]]] = {}
    with ProcessPoolExecutor(workers) as pool:
        for tilt in TILTS:
            for key in THEIRS:
                ours.setdefault(key, []).append([])
            for snr in SNRS:
                made = list(pool.map(partial(one_pair, tilt, snr), range(pairs), chunksize=5))
                errors = np.array(made)
                print(f"tilt {tilt}, SNR {snr:g}: done", file=sys.stderr, flush=True)
                middle = np.median(errors, axis=0)
                spread = np.median(np.abs(errors - middle), axis=0)
                for (kind, interval, score), m, d in zip(keys(), middle, spread, strict=True):
                    for axis, unit in enumerate(("deg", "voxels")):
                        ours[kind, unit, interval, score][-1].append((m[axis], d[axis]))
    worse = better = cells = 0
    for key, rows in ours.items():
        kind, unit, interval, score = key
        print(f"\n{kind}, {unit}, starts at {interval} degrees, {score.upper()}\n")
        print("| tilt | " + " | ".join(f"SNR {snr:g}" for snr in SNRS) + " |")
        print("|---|" + "---|" * len(SNRS))
        for tilt, row, theirs in zip(TILTS, rows, THEIRS[key], strict=True):
            texts = []
            for (m, d), their in zip(row, theirs.split(), strict=True):
                ratio = m / float(their.split("±")[0])
                cells, worse, better = cells + 1, worse + (ratio > 1.0), better + (ratio <= 0.8)
                texts.append(f"{m:.2g}±{d:.2g} ({their})")
            print(f"| ±{tilt} | " + " | ".join(texts) + " |", flush=True)
    print(f"\n{cells} cells: {worse} worse than theirs, {better} better by 20 % or more")


def one_search(tilt: int, snr: float, interval: float, score: str, number: int) -> list[float]:
    """Steps to the best pose and in all, steps of independent refinement, whether they agree."""
    known, refiner = make(tilt, snr, number), GradientRefiner(score=score)  # type: ignore[arg-type]
    starts = everywhere(known.pair, interval)
    inner = replace(known.pair, fixed=known.pair.fixed.within(refiner.coarse))
    found = search(inner, refiner.score, starts, refiner.rules, 0)
    alone = independently(inner, refiner.score, starts)
    reached = next(i for i, v in enumerate(found.best) if v <= 1.001 * found.best[-1]) + 1
    same = found.best[-1] <= 1.01 * alone.climbers[0].here.value
    whole = refiner.refine(known.pair, starts)[0].steps
    return [reached, found.steps, alone.steps, same, whole]


def searches(pairs: int, workers: int) -> None:
    """Print steps of the search together beside independent refinement, and times."""
    print("| starts | score | tilt | SNR | to the best | in all | independent | times | same |")
    print("|---|---|---|---|---|---|---|---|---|")
    with ProcessPoolExecutor(workers) as pool:
        for interval in INTERVALS:
            for score in SCORES:
                for tilt, snr in ((90, np.inf), (60, 0.5), (60, 0.1)):
                    work = partial(one_search, tilt, snr, interval, score)
                    made = np.array(list(pool.map(work, range(pairs))))
                    reached, together, alone, _, _ = np.median(made, axis=0)
                    times = np.median(made[:, 2] / made[:, 0])
                    print(
                        f"| {interval} | {score.upper()} | ±{tilt} | {snr:g} | {reached:.0f} "
                        f"| {together:.0f} | {alone:.0f} | {times:.1f} | {made[:, 3].mean():.2f} |",
                        flush=True,
                    )
    scan()


def scan() -> None:
    """Print CPU times of an alignment and of a scan with the same score."""
    known = make(60, 0.5, 0)
    pair = known.pair

    def sample(count: int) -> None:
        rotations = random_rotations(np.random.default_rng(0), count)
        for R, t in zip(rotations, best_shifts(pair, rotations), strict=True):
            local(pair.moments(R, t), "rcs")

    share = 2000
    whole = cpu(partial(sample, share)) * _ORIENTATIONS_AT_5 / share
    print(f"\nscan at 5 degrees, {_ORIENTATIONS_AT_5} orientations: {whole:.1f} s of CPU")
    for interval in INTERVALS:
        for score in SCORES:
            refiner = GradientRefiner(score=score)  # type: ignore[arg-type]

            def align(refiner: GradientRefiner = refiner, interval: int = interval) -> None:
                refiner.refine(pair, everywhere(pair, interval))

            seconds = cpu(align)
            print(
                f"{interval} degrees, {score}: {1e3 * seconds:.0f} ms, {whole / seconds:.0f} times"
            )


def cpu(work: Callable[[], None]) -> float:
    """Least CPU time of five calls after a first one, seconds."""
    work()
    times = []
    for _ in range(5):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("tables", "search"))
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    {"tables": tables, "search": searches}[arguments.what](arguments.pairs, arguments.workers)


if __name__ == "__main__":
    main()
