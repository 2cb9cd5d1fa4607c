"""Which rotations of an even grid an exhaustive search looks at for each particle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from subtomo_core.data.statistics import Model, Poses
from subtomo_core.orientation.rotation_matching import Neighbourhood
from subtomo_core.orientation.rotations import even_rotations, random_rotations
from subtomo_core.plan import Settings

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

_DRAW = 4  # told apart from the other draws of a job


class Looks(NamedTuple):
    """Rotations of an iteration, and who looks at which.

    Attributes
    ----------
    rotations : ndarray, (M, 3, 3)
    chosen : ndarray of bool, (K, B, M)
        Of each class and particle of the batch.
    allowed : ndarray of float64, (K, B)
        Number of rotations among which the prior is even.
    """

    rotations: Values
    chosen: Flags
    allowed: Values

    @classmethod
    def of(
        cls, settings: Settings, model: Model, poses: Poses | None, count: int, step_deg: float
    ) -> Looks:
        """All rotations of a grid, or those near the present ``poses`` of ``count`` particles.

        With poses that are fixed, each particle's own.
        """
        parameters, classes = settings.exhaustive, settings.spec.classes
        if parameters.poses == "fixed" and poses is not None:
            rotations = poses.rotations.transpose(1, 0, 2, 3).reshape(-1, 3, 3)
            own = np.eye(classes * count, dtype=bool).reshape(classes, count, classes * count)
            return cls(rotations, own, np.ones((classes, count)))
        rotations = turned_grid(settings, model, step_deg)
        within = parameters.search_range_deg
        if within is None or poses is None:
            chosen = np.ones((classes, count, len(rotations)), bool)
        else:
            chosen = np.stack(
                [near(rotations, own, within) for own in poses.rotations.swapaxes(0, 1)]
            )
        return cls(rotations, chosen, chosen.sum(2).astype(np.float64))

    def among(self, coarse: Values, kept: Flags) -> Looks:
        """The same without rotations whose nearest one on a ``coarse`` grid was not ``kept``."""
        _, nearest = cKDTree(coarse.reshape(-1, 9)).query(self.rotations.reshape(-1, 9))
        return self._replace(chosen=self.chosen & kept[:, :, nearest])


def turned_grid(settings: Settings, model: Model, step_deg: float) -> Values:
    """Even rotations (M, 3, 3) of an iteration; the whole grid is turned unless it is fixed."""
    grid = even_rotations(step_deg)
    if settings.exhaustive.grid == "fixed":
        return grid
    rng = np.random.default_rng([settings.spec.seed, _DRAW, model.iteration + 1])
    turned: Values = np.einsum("ij,mjk->mik", random_rotations(rng, 1)[0], grid)
    return turned


def near(rotations: Values, own: Values, within_deg: float) -> Flags:
    """Which rotations (M, 3, 3) lie within an angle of each particle's own (B, 3, 3), (B, M).

    The nearest one always does.
    """
    found = np.empty((len(own), len(rotations)), bool)
    for row, rotation in zip(found, own, strict=True):
        row[:] = Neighbourhood(rotation, within_deg).holds(rotations)
        row[int((rotations * rotation).sum((1, 2)).argmax())] = True
    return found
