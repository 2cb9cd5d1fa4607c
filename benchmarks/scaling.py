"""What an iteration costs with more threads, particles, classes and voxels.

python benchmarks/scaling.py threads
python benchmarks/scaling.py particles
python benchmarks/scaling.py classes
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from repeated import EXTENT, Repeated, barrels

from subtomo_core import methods
from subtomo_core.data.adding import total
from subtomo_core.data.statistics import Batch, Expectation, Model
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import job_spec_adapter

_MADE = 8  # particles which differ


class Spent(NamedTuple):
    """Seconds: by the clock, of all threads, and of the thread which calls."""

    wall: float
    cpu: float
    serial: float


class Case:
    """A job just before an iteration, all its references at a Fourier radius."""

    def __init__(self, box: int, r_max: float, classes: int, count: int, **parameters: Any):
        shell = r_max - 1.0  # the search reaches one shell beyond the resolution in use
        self.particles = Repeated(barrels(box, _MADE), count)
        job = {
            "dataset": "benchmark",
            "algorithm": "faml",
            "classes": classes,
            "starts": 1,
            "parameters": {"bandwidth": 24, "regularisation_iterations": 0, **parameters},
            "resolution": {"limit_angstrom": EXTENT / shell, "start_angstrom": EXTENT / shell},
        }
        spec = resolve(job_spec_adapter.validate_python(job), self.particles.summary)
        self.size = spec.batch_particles or count
        self.method = methods.create(spec, self.particles.summary)
        # Iterations on few particles give references like those of any job.
        few = Batch(self.particles, np.arange(min(count, 4 * _MADE * classes)))
        self.model = self.method.start(None)
        for _ in range(3):
            found = self.method.expect(few, self.model)
            self.model = self.method.maximise(self.model, found.statistics)
            few = replace(few, poses=found.poses)

    def iterate(self, threads: int = 1) -> Model:
        """One iteration over all particles, in batches."""
        ends = range(0, self.particles.summary.particles, self.size)
        return self.method.maximise(
            self.model, total(self._expect(first, threads) for first in ends).statistics
        )

    def _expect(self, first: int, threads: int) -> Expectation:
        last = min(first + self.size, self.particles.summary.particles)
        batch = Batch(self.particles, np.arange(first, last))
        return self.method.expect(batch, self.model, threads=threads)

    def seconds(self, threads: int = 1) -> Spent:
        """What an iteration takes."""
        wall, spent, own = time.perf_counter(), time.process_time(), time.thread_time()
        self.iterate(threads)
        return Spent(
            time.perf_counter() - wall, time.process_time() - spent, time.thread_time() - own
        )


def threads(repeats: int) -> None:
    """One thread against two, taken in turns: the best of each, since others use the machine.

    *Serial* is the CPU time of the thread which calls, while two others wait; from it and the
    CPU times comes what two idle cores allow: CPU of one thread / (serial + rest / 2).
    """
    head = ["box", "K", "particles", "wall 1", "wall 2", "times", "CPU 1", "CPU 2", "serial"]
    print("| " + " | ".join([*head, "two cores allow"]) + " |\n" + "|---" * 10 + "|")
    for box, r_max, classes, count in [
        (32, 12.0, 1, 2000),
        (64, 20.0, 1, 1000),
        (64, 20.0, 2, 500),
    ]:
        case = Case(box, r_max, classes, count)
        turns = [(case.seconds(1), case.seconds(2)) for _ in range(repeats)]
        one, two = (Spent(*np.min([turn[i] for turn in turns], 0)) for i in range(2))
        allowed = one.cpu / (two.serial + (two.cpu - two.serial) / 2.0)
        values = [one.wall, two.wall, one.wall / two.wall, one.cpu, two.cpu, two.serial, allowed]
        numbers = " | ".join(f"{value:.2f}" for value in values)
        print(f"| {box} | {classes} | {count} | {numbers} |", flush=True)


def particles(largest: int) -> None:
    """CPU of one particle in datasets of any size, batches as the service cuts them."""
    print("| particles | batches | CPU s | ms per particle |\n|---|---|---|---|")
    count = 100
    while count <= largest:
        case = Case(16, 5.0, 1, count, candidates=4, bandwidth=8, voronoi_points=200)
        repeats = max(1, min(5, 3000 // count))
        spent = min(case.seconds().cpu for _ in range(repeats))
        batches = -(-count // case.size)
        print(f"| {count} | {batches} | {spent:.2f} | {1e3 * spent / count:.3f} |", flush=True)
        count *= 10


def classes(repeats: int) -> None:
    """CPU of one particle and class for each number of classes and box."""
    print("| box | r_max | K | CPU s | ms per particle and class |\n|---|---|---|---|---|")
    for box, r_max, count in [(32, 12.0, 48), (64, 20.0, 24), (128, 40.0, 8)]:
        for number in (1, 2, 4):
            case = Case(box, r_max, number, count)
            case.size = count
            batch = min(_row_seconds(case) for _ in range(repeats))
            each = 1e3 * batch / count / number
            print(f"| {box} | {r_max:g} | {number} | {batch:.2f} | {each:.2f} |", flush=True)


def _row_seconds(case: Case) -> float:
    spent = time.process_time()
    case._expect(0, 1)
    return time.process_time() - spent


def main() -> None:
    """Print the table which was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=["threads", "particles", "classes"])
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--largest", type=int, default=100_000)
    arguments = parser.parse_args()
    if arguments.table == "threads":
        threads(arguments.repeats)
    elif arguments.table == "particles":
        particles(arguments.largest)
    else:
        classes(arguments.repeats)


if __name__ == "__main__":
    main()
