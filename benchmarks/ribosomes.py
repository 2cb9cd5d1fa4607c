"""The 40 experimental 70S ribosomes: from a low-passed model, and from random orientations.

    python benchmarks/ribosomes.py --iterations 20

Needs the shared data (SUBTOMO_SHARED_DATA, or ../shared/data beside the checkout). Prints the
pose consensus with the depositors' poses, and the FSC with the average at these.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from subtomo_core.masks import soft_sphere
from subtomo_core.rotations import from_relion_angles
from subtomo_core.run import run
from subtomo_core.score import fit, fsc, mirror, oracle_average, pose_errors
from subtomo_core.simulate import density_of_atoms
from subtomo_core.spec import Weights, job_spec_adapter
from subtomo_store.sealing import seal
from subtomo_store.stack import StackParticles

SHARED = Path(
    os.environ.get("SUBTOMO_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
)


def particles(folder: Path) -> StackParticles:
    """The 40 particles with their weights, packed into ``folder``."""
    source = SHARED / "ribosome-70S"
    shutil.copytree(source / "particles", folder / "uploads" / "particles")
    shutil.copy(source / "particles.star", folder / "uploads")
    seal(folder, Weights(), None, dark_particles=False)
    return StackParticles(folder)


def depositors_rotations() -> np.ndarray:
    """Poses' rotations which the depositors refined."""
    text = (SHARED / "ribosome-70S" / "poses_depositor.star").read_text()
    rows = [line.split() for line in text.splitlines() if line.startswith("particles/")]
    return from_relion_angles([[float(v) for v in row[1:4]] for row in rows])


def main() -> None:
    """Run both starts and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--start", choices=["model", "random", "both"], default="both")
    parser.add_argument("--job", type=json.loads, default={}, help="JSON of job fields to change")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = particles(Path(scratch))
        true = depositors_rotations()
        everybody = np.arange(len(true))
        yardstick = oracle_average(source, everybody, true, np.zeros((len(true), 3)))
        mask = soft_sphere(32, 13.0, 3.0)
        # The particles' frame is the mirror image of the molecule's: see the data's own page.
        model = mirror(density_of_atoms(SHARED / "models" / "4V5A_70S_copy1.cif.gz", 32, 12.0, 30.0))
        for start in ("model", "random") if arguments.start == "both" else (arguments.start,):
            for seed in range(1, arguments.seeds + 1):
                spec = job_spec_adapter.validate_python(
                    {
                        "dataset": "ribosomes",
                        "algorithm": "faml",
                        "iterations": arguments.iterations,
                        "seed": seed,
                        "resolution": {"start_angstrom": 60.0},
                        **arguments.job,
                    }
                )
                given = None if start == "random" else model[None]

                def tell(model, poses) -> None:  # type: ignore[no-untyped-def]
                    errors = pose_errors(poses.best_rotation, true)
                    print(
                        f"  {model.iteration:3d} {model.metrics.resolution_in_use_angstrom:5.1f} Å"
                        f"  LL {model.metrics.log_likelihood:.0f}  xi {model.xi:.2f}"
                        f"  consensus {errors.consensus(20):.2f}",
                        flush=True,
                    )

                result = run(source, spec, references=given, threads=2, on_iteration=tell)
                errors = pose_errors(result.poses.best_rotation, true)
                lies = fit(result.model.maps[0], yardstick, mask=mask)
                curve = fsc(lies.map * mask, yardstick * mask)
                print(
                    f"| {start} | {seed} | {errors.consensus(10):.2f} | {errors.consensus(20):.2f} "
                    f"| {np.median(errors.angles_deg):.1f} "
                    f"| {' '.join(f'{c:.2f}' for c in curve[1:13])} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
