"""The seam to the core: what a worker needs of a method, and how one is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Batch, Expectation, Model, Poses, Statistics
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec
from subtomo_worker.errors import NumericalError

Spec = AnySpec


class Method(Protocol):
    """The four calls of *statistics that add* (the fourth is ``+``)."""

    def start(self, references: NDArray[np.float32] | None) -> Model:
        """Model before anything is averaged, iteration -1."""

    def expect(
        self, batch: Batch, model: Model, *, threads: int, on_particle: Callable[[], None]
    ) -> Expectation:
        """Statistics and poses of a batch; ``on_particle`` runs after each, in any thread."""

    def maximise(self, model: Model, statistics: Statistics) -> Model:
        """Next model."""


Volume = NDArray[np.float32]
Folds = NDArray[np.int64]
# Of a resolved specification, its dataset, the map of its mask where it names one, and the folds.
MethodFactory = Callable[[Spec, DatasetSummary, Volume | None, Folds], Method]


def check_expectation(expectation: Expectation, what: str) -> None:
    """Refuse statistics or poses which make no sense.

    Raises
    ------
    NumericalError
        Naming ``what`` was aligned.
    """
    sums = expectation.statistics.to_arrays()
    poses: Poses = expectation.poses
    finite = all(np.isfinite(array).all() for array in sums.values())
    placed = np.isfinite(poses.rotations).all() and np.isfinite(poses.shifts).all()
    if not finite or not placed or np.isnan(poses.probability).any() or np.isnan(poses.score).any():
        raise NumericalError(
            f"aligning {what} gave values which are not finite numbers: look for particles "
            "with extreme or constant voxels"
        )


def check_model(model: Model) -> None:
    """Refuse averages which make no sense.

    Raises
    ------
    NumericalError
        If a map holds a value which is not a finite number.
    """
    if not (np.isfinite(model.maps).all() and np.isfinite(model.half_maps).all()):
        raise NumericalError("the averages hold values which are not finite numbers")
