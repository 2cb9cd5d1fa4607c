"""How near to the oracle averages come, from random starts, without a hint of the truth.

    python benchmarks/quality.py groel --seeds 5
    python benchmarks/quality.py --list

Needs the shared atomic models (SUBTOMO_SHARED_DATA, or ../shared/data beside the checkout)
for all experiments but the phantoms.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from judged import THREADS, judged

from subtomo_core.data.particles import Particles
from subtomo_core.data.truth import Truth
from subtomo_core.score import ceiling, compare_maps
from subtomo_core.simulate import (
    MapStructure,
    Simulation,
    Structure,
    asymmetric_blob,
    density_of_atoms,
    simulate,
)
from subtomo_core.spec.missing_region import Wedge

SHARED = Path(os.environ.get("SUBTOMO_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
GROEL, GROES, RIBOSOME = "1MNF_14mer.cif.gz", "1AON_21mer.cif.gz", "4V5A_70S_copy1.cif.gz"
PROTEASOME, RUBISCO, POLYMERASE = "3J9I_28mer.cif.gz", "1BXN_assembly.cif.gz", "1WCM.pdb.gz"


@dataclass(frozen=True)
class Experiment:
    """Particles to make and the job to run on them."""

    models: tuple[str, ...]
    counts: tuple[int, ...]
    snr: float
    symmetries: tuple[str, ...]
    box: int = 64
    voxel: float = 6.0
    tilt: float = 60.0
    about_y: bool = False
    junk: int = 0
    job: dict[str, Any] = field(default_factory=dict)

    def structures(self) -> list[Structure]:
        """The true structures."""
        return [
            asymmetric_blob(seed=int(name[len("phantom ") :] or 3))
            if name.startswith("phantom")
            else MapStructure(
                density_of_atoms(SHARED / "models" / name, self.box, self.voxel, 2.5 * self.voxel),
                self.voxel,
            )
            for name in self.models
        ]

    def particles(self, seed: int) -> Simulation:
        """Simulated particles with known truth."""
        return simulate(
            self.structures(),
            self.counts,
            self.box,
            self.voxel,
            snr=self.snr,
            missing=Wedge(tilt_min_deg=-self.tilt, tilt_max_deg=self.tilt),
            shift_range=3.0,
            seed=seed,
            orientations="about_y" if self.about_y else "uniform",
            junk=self.junk,
        )


EXPERIMENTS = {
    "phantom": Experiment(("phantom",), (40,), 0.02, ("C1",), box=32, voxel=6.0),
    "groel": Experiment((GROEL,), (100,), 0.003, ("D7",)),
    "groel-faint": Experiment((GROEL,), (100,), 0.001, ("D7",)),
    "groel-junk": Experiment((GROEL,), (60,), 0.003, ("D7",), junk=40),
    "groel-faint-junk": Experiment((GROEL,), (100,), 0.001, ("D7",), junk=50),
    "groel-groes-junk": Experiment((GROEL, GROES), (60, 60), 0.003, ("D7", "C7"), junk=60),
    "phantom-junk": Experiment(("phantom",), (40,), 0.02, ("C1",), box=32, junk=40),
    "groel-about-y": Experiment((GROEL,), (50,), 0.01, ("D7",), tilt=40.0, about_y=True),
    "groel-ribosome": Experiment((GROEL, RIBOSOME), (100, 100), 0.01, ("D7", "C1")),
    "groel-groes": Experiment((GROEL, GROES), (60, 60), 0.01, ("D7", "C7")),
    "groel-groes-0.003": Experiment((GROEL, GROES), (60, 60), 0.003, ("D7", "C7")),
    "groel-groes-0.0015": Experiment((GROEL, GROES), (60, 60), 0.0015, ("D7", "C7")),
    "groel-groes-unequal": Experiment((GROEL, GROES), (80, 10), 0.01, ("D7", "C7")),
    "phantoms": Experiment(("phantom", "phantom 4"), (40, 40), 0.03, ("C1", "C1"), box=32),
    "phantoms-unequal": Experiment(("phantom", "phantom 4"), (80, 10), 0.03, ("C1", "C1"), box=32),
    "five-unequal": Experiment(
        (GROEL, GROES, PROTEASOME, RUBISCO, POLYMERASE),
        (80, 60, 30, 20, 10),
        0.02,
        ("D7", "C7", "D7", "D4", "C1"),
        box=48,
        voxel=8.0,
    ),
    "five": Experiment(
        (GROEL, GROES, PROTEASOME, RUBISCO, POLYMERASE),
        (40,) * 5,
        0.02,
        ("D7", "C7", "D7", "D4", "C1"),
        box=48,
        voxel=8.0,
    ),
}


def measure(
    experiment: Experiment, seed: int, job: dict[str, Any], tell: Callable[[str], None]
) -> dict[str, Any]:
    """Run one experiment and judge it."""
    simulation = experiment.particles(seed)
    fields = {"classes": len(experiment.models), "seed": seed, **experiment.job, **job}
    last = [time.process_time()]

    def on_iteration(model: Any, _: Any) -> None:
        now = time.process_time()
        m = model.metrics
        tell(
            f"  {model.iteration:3d} {m.resolution_in_use_angstrom:5.1f} Å"
            f"  LL {m.log_likelihood:.0f}"
            f"  turned {m.pose_change_deg:.1f}  shares "
            f"{' '.join(f'{s:.2f}' for s in m.class_shares)}  {now - last[0]:.1f} s"
            f"  starts {' '.join(f'{s:.0f}' for s in m.start_log_likelihoods)}"
        )
        for sentence in (*m.notes, *m.alarms):
            tell(f"      {sentence}")
        last[0] = now

    particles, truth = simulation.particles, simulation.truth
    result, verdict, seconds = judged(
        particles, truth, fields, symmetries=experiment.symmetries, on_iteration=on_iteration
    )
    tell(str(verdict))
    ceilings = [
        ceiling_resolution(particles, truth, k, fields.get("symmetry", "C1"))
        for k in range(len(truth.maps))
    ]
    shown, counted = truth.classes >= 0, result.poses.counted
    count = (
        (sum(experiment.counts) + experiment.junk) * len(experiment.models) * len(result.history)
    )
    return {
        "seed": seed,
        "iterations": len(result.history) - 1,
        "cpu_seconds": seconds,
        "cpu_ms_per_particle_class_iteration": 1e3 * seconds / count,
        "mean_f1": verdict.agreement.mean_f1,
        "purity": verdict.agreement.purity,
        "kept": float(counted[shown].mean()),
        "junk_kept": float(counted[~shown].mean()) if experiment.junk else 0.0,
        "structures": [
            {
                "r": c.average.r if c.average else 0.0,
                "r_oracle": c.oracle.r,
                "share_of_oracle": c.share_of_oracle,
                "fsc05": c.average.resolution_angstrom if c.average else float("nan"),
                "fsc05_oracle": c.oracle.resolution_angstrom,
                "fsc05_ceiling": ceilings[c.structure],
                "share_symmetric_oracle": (c.symmetric_oracle or c.oracle).r_in_band
                / c.oracle.r_in_band,
                "fsc05_symmetric_oracle": (c.symmetric_oracle or c.oracle).resolution_angstrom,
                "consensus_10": c.poses.consensus(10),
                "consensus_15": c.poses.consensus(15),
                "f1": c.f1,
            }
            for c in verdict.classes
        ],
    }


def ceiling_resolution(particles: Particles, truth: Truth, structure: int, symmetry: str) -> float:
    """FSC-0.5 of what this program's own averaging makes of the true poses, in ångström."""
    best = ceiling(particles, truth, structure, symmetry=symmetry, threads=THREADS)
    voxel = particles.summary.voxel_size_angstrom
    return compare_maps(best, truth.maps[structure], voxel, try_mirror=False).resolution_05_angstrom


def main() -> None:
    """Run the experiments named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", nargs="*", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 1 .. N")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--job", type=json.loads, default={}, help="JSON of job fields to change")
    parser.add_argument("--quiet", action="store_true")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(EXPERIMENTS))
    for name in arguments.experiment:
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            row = measure(
                EXPERIMENTS[name],
                seed,
                arguments.job,
                (lambda _: None) if arguments.quiet else (lambda text: print(text, flush=True)),
            )
            for k, s in enumerate(row["structures"]):
                print(
                    f"| {name} | {seed} | {k + 1} | {s['r']:.3f} | {s['r_oracle']:.3f} "
                    f"| {s['share_of_oracle']:.3f} | {s['fsc05']:.1f} | {s['fsc05_oracle']:.1f} "
                    f"| {s['fsc05'] / s['fsc05_oracle']:.2f} | {s['consensus_10']:.2f} "
                    f"| {s['consensus_15']:.2f} | {s['f1']:.3f} "
                    f"| {s['share_symmetric_oracle']:.3f} "
                    f"| {s['fsc05_symmetric_oracle']:.1f} "
                    f"| {row['cpu_ms_per_particle_class_iteration']:.1f} "
                    f"| {row['iterations']} | {row['cpu_seconds']:.0f} | {row['purity']:.3f} "
                    f"| {row['kept']:.2f} | {row['junk_kept']:.2f} "
                    f"| {s['fsc05_ceiling']:.1f} | {s['fsc05'] / s['fsc05_ceiling']:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    np.seterr(all="warn", under="ignore")
    main()
