"""Peak resident memory of a worker process which aligns and reduces, each case in a fresh one.

python benchmarks/memory.py --case 64 4 200 --case 128 2 32 --starts 1 3 --half-sets

A job's survey, then one iteration with all references at the limit of resolution, which is the
worst case. Batches go through files, as between workers. Few candidates: they cost time, and no
memory.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from repeated import Repeated, barrels

from subtomo_core import methods
from subtomo_core.data.adding import total
from subtomo_core.data.statistics import Batch, Model, Poses
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import job_spec_adapter
from subtomo_store.files.data_folder import Files
from subtomo_worker import folders, running  # noqa: F401  (what a worker has in memory)
from subtomo_worker.memory import return_large_arrays

_CANDIDATES = 4
_JOB = "job_benchmark"
_MIB = 1024.0  # the system counts in KiB


def peak() -> float:
    """Peak resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB


def measure(volumes: Path, classes: int, count: int, starts: int, half_sets: bool) -> list[float]:
    """Peaks, MiB: at rest, after survey, expectation and maximisation."""
    return_large_arrays()
    particles = Repeated(np.load(volumes, mmap_mode="r"), count)
    job = {
        "dataset": "benchmark",
        "algorithm": "faml",
        "classes": classes,
        "starts": starts,
        "half_sets": half_sets,
    }
    spec = resolve(job_spec_adapter.validate_python(job), particles.summary)
    few = spec.parameters.model_copy(update={"candidates": _CANDIDATES})
    spec = spec.model_copy(update={"parameters": few})
    method = methods.create(spec, particles.summary)
    size = spec.batch_particles or count
    ranges = [np.arange(first, min(first + size, count)) for first in range(0, count, size)]
    peaks = [peak()]
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))

        def expect(number: int, model: Model, poses: Poses | None) -> list[folders.BatchKey]:
            keys = [folders.BatchKey(number, i, 0) for i in range(len(ranges))]
            for key, rows in zip(keys, ranges, strict=True):
                batch = Batch(particles, rows, None if poses is None else poses[rows])
                found = method.expect(batch, model, threads=2)
                folders.write_batch(files, _JOB, key, found)
            return keys

        def reduce(model: Model, keys: list[folders.BatchKey]) -> tuple[Model, Poses]:
            summed = total(folders.read_batch(files, _JOB, key) for key in keys)
            return method.maximise(model, summed.statistics), summed.poses

        start = method.start(None)
        model, poses = reduce(start, expect(0, start, None))
        peaks.append(peak())
        limit = method.settings.limit_shell  # type: ignore[attr-defined]
        rivals = tuple(replace(rival, shell_in_use=limit) for rival in model.rivals)
        model = replace(model, shell_in_use=limit, rivals=rivals)
        keys = expect(1, model, poses)
        peaks.append(peak())
        reduce(model, keys)
        peaks.append(peak())
    return peaks


def main() -> None:
    """Print a table of peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", nargs=3, type=int, action="append", metavar=("BOX", "K", "N"))
    parser.add_argument("--starts", nargs="+", type=int, default=[1])
    parser.add_argument("--half-sets", action="store_true")
    parser.add_argument("--volumes", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.volumes:  # the process which is measured
        ((_, classes, count),), (starts,) = arguments.case, arguments.starts
        peaks = measure(arguments.volumes, classes, count, starts, arguments.half_sets)
        print(" | ".join(f"{value:.0f}" for value in peaks))
        return
    print("| box | K | N | starts | half sets | at rest | survey | align | maximise |")
    print("|" + "---|" * 9)
    with tempfile.TemporaryDirectory() as folder:
        for box, classes, count in arguments.case or [(64, 4, 200), (64, 4, 2000), (128, 2, 32)]:
            volumes = Path(folder) / f"{box}.npy"
            if not volumes.exists():
                np.save(volumes, barrels(box, 8))
            for starts in arguments.starts:
                command = [sys.executable, "-W", "ignore", __file__]
                command += ["--volumes", str(volumes), "--starts", str(starts)]
                command += ["--case", str(box), str(classes), str(count)]
                command += ["--half-sets"] * arguments.half_sets
                found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                half = "yes" if arguments.half_sets else "no"
                print(
                    f"| {box} | {classes} | {count} | {starts} | {half} | {found.stdout.strip()} |"
                )


if __name__ == "__main__":
    main()
