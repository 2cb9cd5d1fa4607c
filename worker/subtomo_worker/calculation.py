"""Creation of a method of the core, and checks on its results."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Expectation, Model, Poses
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec
from subtomo_worker.errors import NumericalError

if TYPE_CHECKING:  # the methods bring the kernels along
    from subtomo_core.methods import Method

Volume = NDArray[np.float32]
Folds = NDArray[np.int64]
# Of a resolved specification, its dataset, the map of its mask where it names one, and the folds.
MethodFactory: TypeAlias = "Callable[[AnySpec, DatasetSummary, Volume | None, Folds], Method]"


def check_expectation(expectation: Expectation, what: str) -> None:
    """Refuse statistics or poses that make no sense.

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
    """Refuse averages that make no sense.

    Raises
    ------
    NumericalError
        If a map holds a value that is not a finite number.
    """
    if not (np.isfinite(model.maps).all() and np.isfinite(model.half_maps).all()):
        raise NumericalError("the averages hold values which are not finite numbers")
