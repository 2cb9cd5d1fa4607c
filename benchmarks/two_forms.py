"""The same simulated images as particles in two forms: back-projections, and sums with weights.

    python benchmarks/two_forms.py 1WCM --snr 0.02 0.05 0.15 0.5 --seeds 5
    python benchmarks/two_forms.py 1WCM 1MNF --count 60 --snr 0.1 --neighbours 2 --junk 30

Needs the shared atomic models. Prints the FSC-0.5 of a job with all defaults beside the oracle's
and the ceiling's (docs/decisions/0049), F1, particles kept, junk kept, iterations, and the point
groups that the classes show.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from judged import THREADS, judged

from subtomo_core.data.particles import Particles
from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.score import ceiling, fit, resolution_angstrom
from subtomo_core.score.curves import fsc
from subtomo_core.simulate import (
    Crowd,
    MapStructure,
    Optics,
    SeriesSimulation,
    TiltSeries,
    density_of_atoms,
    simulate_series,
)

SHARED = Path(os.environ.get("SUBTOMO_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def made(arguments: argparse.Namespace, snr: float, seed: int) -> SeriesSimulation:
    """Particles of the chosen models."""
    box, voxel = arguments.box, arguments.voxel
    paths = [next((SHARED / "models").glob(f"{name}*")) for name in arguments.models]
    return simulate_series(
        [MapStructure(density_of_atoms(p, box, voxel, 2.0 * voxel), voxel) for p in paths],
        [arguments.count] * len(paths),
        box,
        voxel,
        snr=snr,
        optics=Optics(error_um=arguments.defocus_error),
        tilts=TiltSeries(
            shift_error_voxels=arguments.shift_error, rotation_error_deg=arguments.rotation_error
        ),
        crowd=Crowd(neighbours=arguments.neighbours, junk=arguments.junk),
        seed=seed,
    )


def rows(simulation: SeriesSimulation, particles: Particles, seed: int) -> list[str]:
    """A job with all defaults: columns of a table for each structure."""
    truth = simulation.truth
    fields = {"classes": len(truth.maps), "seed": seed}
    result, verdict, _ = judged(particles, truth, fields)
    last = result.history[-1].verdict
    shown, counted = truth.classes >= 0, result.poses.counted
    box, voxel = particles.summary.box, particles.summary.voxel_size_angstrom
    mask = soft_sphere(box, 0.42 * box)
    groups = " ".join(f.symmetry or "-" for f in last.classes) if last else "-"
    told = []
    for k, found in enumerate(verdict.classes):
        best = fit(ceiling(particles, truth, k, threads=THREADS), truth.maps[k]).map
        curve = fsc(best * mask, truth.maps[k] * mask)
        reached = found.average.resolution_angstrom if found.average else float("nan")
        top = resolution_angstrom(curve, 0.5, box * voxel)
        told.append(
            f"{reached:.1f} | {found.oracle.resolution_angstrom:.1f} | {top:.1f} "
            f"| {reached / top:.2f} | {found.f1:.3f} | {int(counted[shown].sum())}/{shown.sum()} "
            f"| {int(counted[~shown].sum())}/{(~shown).sum()} | {len(result.history) - 1} "
            f"| {groups} |"
        )
    return told


def main() -> None:
    """Run every SNR and seed in both forms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="beginnings of the models' file names")
    parser.add_argument("--box", type=int, default=48)
    parser.add_argument("--voxel", type=float, default=5.0)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--snr", type=float, nargs="+", default=[0.05])
    parser.add_argument("--seeds", type=int, default=1, help="seeds 1 .. N")
    parser.add_argument("--neighbours", type=int, default=0)
    parser.add_argument("--junk", type=int, default=0)
    parser.add_argument("--defocus-error", type=float, default=0.0, help="µm")
    parser.add_argument("--shift-error", type=float, default=0.0, help="voxels")
    parser.add_argument("--rotation-error", type=float, default=0.0, help="degrees")
    arguments = parser.parse_args()
    for snr in arguments.snr:
        for seed in range(1, arguments.seeds + 1):
            simulation = made(arguments, snr, seed)
            forms = {"sums": simulation.weighted, "projections": simulation.back_projected}
            for form, particles in forms.items():
                for name, row in zip(
                    arguments.models, rows(simulation, particles, seed), strict=True
                ):
                    print(f"| {name} | {snr:g} | {seed} | {form} | {row}", flush=True)


if __name__ == "__main__":
    np.seterr(all="warn", under="ignore")
    main()
