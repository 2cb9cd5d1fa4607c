"""Every pose of every particle (Scheres et al. 2009): what it costs, and what it sorts.

    python benchmarks/every_pose.py cost
    python benchmarks/every_pose.py purity --snr 0.1 0.03 0.01

GroEL and GroEL-GroES (1MNF, 1AON at 25 Å) in a box of 32, +-60 degrees, moderate preferred
orientation as in Figure 1 of the paper unless ``--bands`` says otherwise.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, NamedTuple

import numpy as np
from judged import judged
from quality import GROEL, GROES, SHARED

from subtomo_core import methods
from subtomo_core.data.statistics import Batch, Model, Poses
from subtomo_core.expect.exhaustive_pass import Pass
from subtomo_core.plan import Settings
from subtomo_core.simulate import MapStructure, Simulation, density_of_atoms, simulate
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Wedge

VOXEL = 8.0
BANDS = {"none": (), "moderate": ((60.0, 120.0),), "severe": ((40.0, 140.0),)}
METHODS: dict[str, dict[str, Any]] = {
    "ML": {"algorithm": "ml"},
    "ML-wavg": {"algorithm": "ml", "parameters": {"averaging": "weighted"}},
    "CC": {"algorithm": "cc"},
    "FAML": {"algorithm": "faml"},
    "FAML, one start": {"algorithm": "faml", "starts": 1},
}


def pair(count: int, snr: float, bands: str, seed: int, box: int = 32) -> Simulation:
    """Particles of the two structures, ``count`` in all."""
    voxel = VOXEL * 32 / box
    structures = [
        MapStructure(density_of_atoms(SHARED / "models" / name, box, voxel, 25.0), voxel)
        for name in (GROEL, GROES)
    ]
    return simulate(
        structures,
        [count - count // 2, count // 2],
        box,
        voxel,
        snr=snr,
        missing=Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0),
        shift_range=3.0,
        seed=seed,
        left_out_deg=BANDS[bands],
    )


class Begun(NamedTuple):
    """A job after an iteration of its own: method, model and batch."""

    settings: Settings
    method: methods.Method
    model: Model
    batch: Batch


def begun(made: Simulation, iterations: int = 1, **parameters: Any) -> Begun:
    """A job of two classes on some particles."""
    summary = made.particles.summary
    given = {"shift_range_angstrom": 5.0 * summary.voxel_size_angstrom} | parameters
    classes = given.pop("classes", 2)
    body = {"dataset": "b", "algorithm": "ml", "classes": classes, "parameters": given}
    spec = resolve(job_spec_adapter.validate_python(body), summary)
    method, poses = methods.create(spec, summary), None
    model, rows = method.start(), np.arange(summary.particles)
    for _ in range(iterations + 1):
        found = method.expect(Batch(made.particles, rows, poses), model, threads=2)
        model, poses = method.maximise(model, found.statistics), found.poses
    settings = Settings.of(spec, summary).knowing(model)
    return Begun(settings, method, model, Batch(made.particles, rows, poses))


def cost() -> None:
    """CPU seconds of a particle and iteration: how they go with what there is of everything."""
    print("| box | particles | classes | step | shifts | CPU s a particle and iteration |")
    print("|---|---|---|---|---|---|")
    cells = [
        (32, 8, 2, 15.0), (32, 16, 2, 15.0), (32, 8, 1, 15.0), (32, 8, 4, 15.0),
        (32, 8, 2, 20.0), (32, 4, 2, 10.0), (24, 16, 2, 15.0), (48, 4, 2, 15.0),
    ]  # fmt: skip
    for box, count, classes, step in cells:
        job = begun(pair(count, 0.02, "none", 1, box), classes=classes, step_deg=step)
        start = time.process_time()
        job.method.expect(job.batch, job.model, threads=1)
        each = (time.process_time() - start) / count
        print(f"| {box} | {count} | {classes} | {step:g} | +-5 | {each:.3f} |", flush=True)


def pruning(count: int) -> None:
    """What a coarse pass leaves out, and what that costs."""
    print("| SNR | iteration | share | rotations looked at | log-likelihood | lost | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for snr in (0.1, 0.03, 0.01):
        made = pair(count, snr, "moderate", 1)
        for iteration in (1, 10):
            job = begun(made, iteration)
            full = 0.0
            for share in (None, 0.999, 0.99):
                changed = job.settings.spec.parameters.model_copy(update={"pruning": share})
                spec = job.settings.spec.model_copy(update={"parameters": changed})
                summary = made.particles.summary
                settings = Settings.of(spec, summary).knowing(job.model)
                looks = Pass.prepare(settings, job.batch, job.model, 1).looks()
                start = time.process_time()
                found = methods.create(spec, summary).expect(job.batch, job.model)
                each = (time.process_time() - start) / count
                told = found.statistics.log_likelihood
                full = told if share is None else full
                print(
                    f"| {snr:g} | {iteration} | {share or 'all'} | {looks.chosen.mean():.3f} "
                    f"| {told:.1f} | {full - told:.3f} | {each:.3f} |",
                    flush=True,
                )


def purity(arguments: argparse.Namespace) -> None:
    """Purity of classes and quality of averages of each method."""
    print(
        "| SNR | seed | method | purity | F1 | r | r | poses 15 | poses 15 | iterations "
        "| CPU s a particle and iteration |"
    )
    print("|" + "---|" * 11)
    for snr in arguments.snr:
        for seed in range(1, arguments.seeds + 1):
            made = pair(arguments.particles, snr, arguments.bands, seed)
            for name in arguments.methods:
                print(
                    f"| {snr:g} | {seed} | {name} {measured(made, name, seed, arguments)}",
                    flush=True,
                )


def measured(made: Simulation, name: str, seed: int, arguments: argparse.Namespace) -> str:
    """One run, as the rest of its row."""
    fields = {"classes": 2, "seed": seed, "iterations": arguments.iterations, **METHODS[name]}
    if not name.startswith("FAML"):
        few = {"step_deg": arguments.step, "shift_range_angstrom": 5.0 * VOXEL}
        fields["parameters"] = few | fields.get("parameters", {})
        fields["resolution"] = {"limit_angstrom": arguments.limit}
    told: list[Poses] = []
    found = judged(
        made.particles,
        made.truth,
        fields,
        symmetries=("D7", "C7"),
        on_iteration=lambda _, poses: told.append(poses),
    )
    agreement, classes = found.verdict.agreement, found.verdict.classes
    fits = " | ".join(f"{c.average.r:.3f}" if c.average else "none" for c in classes)
    poses = " | ".join(f"{c.poses.consensus(15):.2f}" if c.average else "0" for c in classes)
    looks = len(made.truth.classes) * len(told)
    return (
        f"| {agreement.purity:.2f} | {agreement.mean_f1:.2f} | {fits} | {poses} "
        f"| {len(told) - 1} | {found.seconds / looks:.3f} |"
    )


def main() -> None:
    """Print the table asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=("cost", "pruning", "purity"))
    parser.add_argument("--snr", type=float, nargs="+", default=[0.1, 0.03, 0.01])
    parser.add_argument("--particles", type=int, default=40)
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--step", type=float, default=15.0, help="of the grid, degrees")
    parser.add_argument("--limit", type=float, default=32.0, help="finest detail compared, Å")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 1 .. N")
    parser.add_argument("--bands", choices=list(BANDS), default="moderate")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    arguments = parser.parse_args()
    if arguments.table == "cost":
        cost()
    elif arguments.table == "pruning":
        pruning(arguments.particles)
    else:
        purity(arguments)


if __name__ == "__main__":
    main()
