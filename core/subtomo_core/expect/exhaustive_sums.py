"""Sums of the M-step over every pose of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.expect.backprojection import Accumulator
from subtomo_core.expect.every_pose import EveryPose
from subtomo_core.expect.exhaustive_pass import Pass, Posterior
from subtomo_core.expect.rotation_grid import Looks
from subtomo_core.fourier.transforms import to_fourier

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScatteredSums:
    """What a batch adds to the statistics.

    Where missing parts are filled in, the numerator is made of what particles depart from the
    reference, ``S - W A``, with the reference put back once sums are folded. Where reading a
    reference between grid points is a little off, both are off alike: the next average is a true
    step uphill, and the likelihood never falls for it.

    Attributes
    ----------
    numerator, denominator : ndarray, (F, K, n, n, n // 2 + 1)
    mass : ndarray, (F, K)
    distance : ndarray, (shells,)
        Squared distance to the references less the particles' own power.
    shift_square : float
    """

    numerator: NDArray[np.complex64]
    denominator: Real
    mass: Values
    distance: Values
    shift_square: float

    @classmethod
    def of(
        cls,
        search: Pass,
        every: list[EveryPose],
        looks: Looks,
        shared: Posterior,
        fold_of: NDArray[np.int64],
    ) -> ScatteredSums:
        """Sums by the posterior; ``fold_of`` (B,) are the particles' folds."""
        box, residual = search.settings.box, search.settings.fills_in(search.model)
        shape = (search.settings.folds, len(every), box, box, box // 2 + 1)
        numerator, denominator = np.zeros(shape, np.complex64), np.zeros(shape, np.float32)
        mass, distance, squares = np.zeros(shape[:2]), np.zeros(search.settings.shells), 0.0
        old = [to_fourier(m) for m in search.model.fold_maps[0]]
        for fold in np.unique(fold_of).tolist():
            own = fold_of == fold
            sums = Accumulator(search.samples.support, len(every))
            for k, one in enumerate(every):
                chosen = (shared.probability[k] > 0.0) & own[:, None]
                mass[fold, k] = shared.probability[k][own].sum()
                added = one.add(
                    looks.rotations,
                    chosen,
                    shared.levels[k],
                    into=sums,
                    class_index=k,
                    residual=residual,
                )
                distance += added.distance
                squares += added.shift_square
            sums.fold_into(numerator[fold], denominator[fold])
            if residual:
                for k, reference in enumerate(old):
                    numerator[fold, k] += denominator[fold, k] * reference
        noise = search.settings.assignment.temperature * search.model.noise
        return cls(numerator, denominator, mass, distance * noise, squares)
