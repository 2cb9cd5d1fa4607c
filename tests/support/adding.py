"""A method small enough to check by hand: averages of particles, class by index.

It stands behind the same seam as the real ones. Its averages depend on the batches' order of
summation in their last bits (sums of float32), as the real ones do.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Batch, Expectation, Metrics, Model, Poses, Statistics
from subtomo_core.expect.ordered_threads import nothing
from subtomo_core.methods import create
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec


@dataclass(frozen=True)
class Adding:
    """Averages particles after a turn which the model decides."""

    spec: AnySpec
    summary: DatasetSummary
    seconds_per_particle: float
    fault: str
    mask: NDArray[np.float32] | None = None
    folds: NDArray[np.int64] | None = None

    def start(self, references: NDArray[np.float32] | None = None) -> Model:
        return replace(
            create(self.spec, self.summary, self.mask, self.folds).start(references), rivals=()
        )

    def expect(
        self,
        batch: Batch,
        model: Model,
        *,
        threads: int = 1,
        on_particle: Callable[[], None] = nothing,
    ) -> Expectation:
        if self.fault == "raise":
            raise ZeroDivisionError("a planned fault")
        if self.fault == "kill" and 4 in batch.indices:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "cut" and 4 in batch.indices:
            for process in (os.getppid(), os.getpid()):  # as a machine goes down
                os.kill(process, signal.SIGKILL)

        def one(index: int) -> NDArray[np.float32]:
            time.sleep(self.seconds_per_particle)
            volume = np.roll(batch.particles.volume(int(index)), model.iteration + 1)
            on_particle()
            return volume

        with ThreadPoolExecutor(threads) as pool:
            volumes = list(pool.map(one, batch.indices))
        statistics = self._sums(batch, model, volumes)
        return Expectation(statistics, self._poses(batch, model))

    def maximise(self, model: Model, statistics: Statistics) -> Model:
        mass = np.maximum(statistics.mass, 1)[..., None, None, None]
        halves = (statistics.numerator.real / mass).astype(np.float32)
        alarms = ("class 1 is watched",) if model.iteration == 0 else ()
        shares = tuple(float(share) for share in statistics.mass.sum(0) / statistics.particles)
        converged = self.fault == "converge" and model.iteration == 0
        metrics = Metrics(
            class_shares=shares,
            sigma=float("nan"),
            converged=converged,
            notes=("all is well",) if converged else (),
            alarms=alarms,
        )
        return replace(
            model,
            iteration=model.iteration + 1,
            maps=halves.mean(0),
            half_maps=halves,
            metrics=metrics,
        )

    def _sums(self, batch: Batch, model: Model, volumes: list[NDArray[np.float32]]) -> Statistics:
        classes, box = self.spec.classes, self.summary.box
        numerator = np.zeros((2, classes, box, box, box), np.complex64)
        mass = np.zeros((2, classes))
        for index, volume in zip(batch.indices, volumes, strict=True):
            half, klass = index % 2, (index // 2) % classes
            numerator[half, klass] += volume * np.float32(1.1) + model.maps[klass] / 3
            mass[half, klass] += 1
        if self.fault == "nan":
            numerator[0, 0, 0, 0, 0] = np.nan
        sums: dict[str, Any] = {
            **{field.name: np.zeros(1) for field in fields(Statistics)},
            "numerator": numerator,
            "mass": mass,
            "particles": float(len(volumes)),
        }
        return Statistics(**sums)

    def _poses(self, batch: Batch, model: Model) -> Poses:
        count, classes = len(batch.indices), self.spec.classes
        if model.iteration >= 0:
            # The rows of the iteration before are those of these very particles.
            assert batch.poses is not None
            assert (batch.poses.score[:, 0] == batch.indices).all()
        probability = np.zeros((count, classes))
        probability[np.arange(count), (batch.indices // 2) % classes] = 1.0
        return Poses(
            rotations=np.tile(np.eye(3), (count, classes, 1, 1)),
            shifts=np.zeros((count, classes, 3)),
            probability=probability,
            score=np.repeat(batch.indices[:, None].astype(np.float64), classes, 1),
        )


def create_adding(
    spec: AnySpec,
    summary: DatasetSummary,
    mask: NDArray[np.float32] | None = None,
    folds: NDArray[np.int64] | None = None,
) -> Adding:
    """Make the method; its pace and planned faults come from the environment."""
    return Adding(
        spec,
        summary,
        float(os.environ.get("ADDING_SECONDS", "0.02")),
        os.environ.get("ADDING_FAULT", ""),
        mask,
        folds,
    )
