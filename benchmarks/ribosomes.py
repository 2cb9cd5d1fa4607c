"""The 40 experimental 70S ribosomes: from a model, random orientations, the depositors' poses.

    python benchmarks/ribosomes.py --start model random --iterations 20
    python benchmarks/ribosomes.py --start poses --job '{"parameters":{"search_range_deg":20}}'
    python benchmarks/ribosomes.py --judge FOLDER     (what `subtomo fetch` brought)

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
import starfile

from subtomo_core.data.initial_poses import in_classes
from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.nufft import rotate
from subtomo_core.orientation.rotations import from_relion_angles, random_rotations
from subtomo_core.run import run
from subtomo_core.score import fit, fsc, mirror, oracle_average, pose_errors
from subtomo_core.simulate import density_of_atoms
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Weights
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.volumes import read_volume

SHARED = Path(os.environ.get("SUBTOMO_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


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


def verdict(name: str, map_: np.ndarray, rotations: np.ndarray, source: StackParticles) -> str:
    """Poses and average beside the depositors', as a row of a table."""
    true = depositors_rotations()
    yardstick = oracle_average(source, np.arange(len(true)), true, np.zeros((len(true), 3)))
    mask = soft_sphere(32, 13.0, 3.0)
    curve = fsc(fit(map_, yardstick, mask=mask).map * mask, yardstick * mask)
    errors = pose_errors(rotations, true)
    return (
        f"| {name} | {errors.consensus(10):.2f} | {errors.consensus(20):.2f} "
        f"| {np.median(errors.angles_deg):.1f} | {' '.join(f'{c:.2f}' for c in curve[1:13])} |"
    )


def main() -> None:
    """Run both starts, or judge a result, and compare with the depositors'."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--turn", type=int, help="turn the starting model by this seed first")
    parser.add_argument(
        "--start", choices=["model", "random", "particles", "poses"], nargs="*", default=[]
    )
    parser.add_argument("--job", type=json.loads, default={}, help="fields of the specification")
    parser.add_argument("--judge", type=Path, help="folder of a downloaded result")
    parser.add_argument("--write-model", type=Path, help="write the starting map here, and stop")
    arguments = parser.parse_args()
    # The particles' frame is the mirror image of the molecule's: see the data's own page.
    atoms = SHARED / "models" / "4V5A_70S_copy1.cif.gz"
    model = mirror(density_of_atoms(atoms, 32, 12.0, 30.0))
    if arguments.turn is not None:
        rng = np.random.default_rng(arguments.turn)
        model = rotate(model, random_rotations(rng, 1)[0])
    if arguments.write_model:
        write_volume(arguments.write_model, model, 12.0)
        return
    with tempfile.TemporaryDirectory() as scratch:
        source = particles(Path(scratch))
        if arguments.judge:
            map_ = read_volume(arguments.judge / "class_1.mrc").array
            table = starfile.read(arguments.judge / "particles.star")["particles"]
            angles = table[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]].to_numpy()
            print(verdict(arguments.judge.name, map_, from_relion_angles(angles), source))
        for start in arguments.start:
            fields = {
                "dataset": "ribosomes",
                "algorithm": "faml",
                "iterations": arguments.iterations,
                "seed": arguments.seed,
                "resolution": {"start_angstrom": 60.0},
                "start": {"kind": "random" if start == "model" else start},
            }
            spec = job_spec_adapter.validate_python(fields | arguments.job)
            true = depositors_rotations()
            members = np.zeros(len(true), np.int64)
            result = run(
                source,
                spec,
                references=model[None] if start == "model" else None,
                poses=in_classes(true, np.zeros((len(true), 3)), members, 1)
                if start == "poses"
                else None,
                threads=os.cpu_count() or 1,
            )
            turned = "" if arguments.turn is None else f", turned {arguments.turn}"
            name = f"{start}{turned}, seed {arguments.seed}"
            print(
                verdict(name, result.model.maps[0], result.poses.best_rotation, source), flush=True
            )


if __name__ == "__main__":
    main()
