"""Averages of classes from the sums of all folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.data.statistics import Model, Statistics
from subtomo_core.fourier import gridding
from subtomo_core.fourier.shells import shell_means
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.maximise.half_map_fsc import HalfCurves, half_curves
from subtomo_core.orientation.point_group_rotations import invariant_share
from subtomo_core.orientation.symmetry_average import symmetrised
from subtomo_core.plan import Settings

_RIDGE = 0.1  # of a shell's mean weight: where less was seen, an average fades to zero
_ALONE = 1.0  # the same for a single particle, whose components of little weight are noise
EMPTY = 1.0  # a class with less than this many particles is empty


@dataclass(frozen=True, eq=False)
class Averages:
    """Sums of all folds and classes within a Fourier radius, (F, K, n, n, n // 2 + 1).

    Attributes
    ----------
    mass : ndarray, (F, K)
        Sums of posteriors.
    radius : float
        Fourier pixels; beyond it the sums thin out.
    noise_left : ndarray, (K, shells)
        Share of its noise that averaging over its symmetry left a class.
    """

    settings: Settings
    numerators: NDArray[np.complex64]
    denominators: NDArray[np.float32]
    mass: NDArray[np.float64]
    radius: float
    noise_left: NDArray[np.float64]

    @classmethod
    def of(cls, settings: Settings, statistics: Statistics, shell_in_use: float) -> Averages:
        """Sums that were made at a resolution in use."""
        radius = settings.sum_radius(shell_in_use) - 1.0
        inside = gridding.ball(settings.box, radius)
        return cls(
            settings,
            statistics.numerator * inside,
            statistics.denominator * inside,
            statistics.mass,
            radius,
            np.ones((statistics.mass.shape[1], settings.shells)),
        )

    def over(
        self, group: NDArray[np.float64], class_index: int, frame: NDArray[np.float64]
    ) -> Averages:
        """The same with the sums of a class averaged over a group.

        ``frame`` (3, 4) is the pose (Q | c) at which the class lies on the group's axes.
        """
        rotation, shift = frame[:, :3], frame[:, 3]
        numerators, denominators = self.numerators.copy(), self.denominators.copy()
        own = (slice(None), class_index)
        numerators[own] = symmetrised(numerators[own], group, self.radius, rotation, shift)
        weights = denominators[own].astype(np.complex64)
        denominators[own] = symmetrised(weights, group, self.radius, rotation).real
        noise_left = self.noise_left.copy()
        noise_left[class_index] = invariant_share(group, self.settings.degrees)
        return replace(
            self, numerators=numerators, denominators=denominators, noise_left=noise_left
        )

    def half(self, half: int, class_index: int) -> Complex:
        """Weighted average of every second fold."""
        return _weighted(
            self.numerators[half::2, class_index].sum(0),
            self.denominators[half::2, class_index].sum(0),
        )

    def half_maps(self) -> tuple[Real, HalfCurves]:
        """Half maps (2, K, n, n, n), and how far they agree (K, shells)."""
        classes = range(self.mass.shape[1])
        maps = np.stack([np.stack([to_real(self.half(h, k)) for k in classes]) for h in range(2)])
        mask = self.settings.mask
        found = [half_curves(maps[0, k], maps[1, k], mask).cut(self.radius) for k in classes]
        return maps, HalfCurves(*(np.stack(curves) for curves in zip(*found, strict=True)))

    def classes(
        self, model: Model, without: int | None, theta: float, half: int | None = None
    ) -> list[Complex]:
        """Next transforms of all classes from all folds, or from all but one; or of one half.

        A class that holds nothing keeps its map, if that was made of these particles.
        ``theta`` draws the classes together (`regularised`).
        """
        folds = self._among(without, half)
        old = model.fold_maps.mean(0) if without is None else model.fold_maps[without]
        if not model.scaled:
            old = np.zeros_like(old)
        mass = self.mass[folds].sum(0)
        transforms = [
            self._next(folds, k, model, float(mass[k]), old[k])
            if mass[k] >= EMPTY
            else to_fourier(old[k])
            for k in range(len(mass))
        ]
        return regularised(transforms, mass, theta)

    def noise_power(
        self,
        model: Model,
        noise: NDArray[np.float64],
        without: int | None,
        theta: float,
        half: int | None = None,
    ) -> NDArray[np.float64]:
        """Noise power of a component of those `classes`, (K, shells).

        With ``noise`` (shells,), that of a particle's component of weight 1. A weighted average
        of weight D has ``noise / D``. Filled in, of which D / T was seen, it has
        ``noise / (T (2 - D / T))`` where what fills the rest holds the noise of other poses.
        """
        folds = self._among(without, half)
        mass = self.mass[folds].sum(0)
        seen = self.seen(folds)
        if self._filled_in(model):
            whole = np.maximum(mass[:, None], seen)
            power = noise / np.maximum(2.0 * whole - seen, 1e-30)
        else:
            power = noise / np.maximum((1.0 + _RIDGE) ** 2 * seen, 1e-30)
        power[seen <= 0] = 0.0
        power *= self.noise_left
        power[mass < EMPTY] = 0.0  # their old maps
        mixing = (np.diag(mass) + theta) / np.maximum(mass + len(mass) * theta, 1e-30)[:, None]
        mixed: NDArray[np.float64] = (mixing[:, :, None] ** 2 * power).sum(1)
        return mixed

    def _among(self, without: int | None, half: int | None) -> list[int]:
        """All folds, or those of a half, but one."""
        among = range(len(self.mass)) if half is None else range(half, len(self.mass), 2)
        return [f for f in among if f != without]

    def seen(self, folds: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Mean weight of a component of each class, (K, shells)."""
        chosen = self._among(None, None) if folds is None else list(folds)
        box = self.settings.box
        weights = [np.maximum(w.sum(0), 0.0) for w in self.denominators[chosen].swapaxes(0, 1)]
        return np.stack([shell_means(weight, box) for weight in weights])

    def _filled_in(self, model: Model) -> bool:
        """What is missing is filled with the old maps: where these are of the same particles."""
        return self.settings.fills_in(model) and not self.settings.weighted

    def _next(
        self, folds: list[int], class_index: int, model: Model, mass: float, old: Real
    ) -> Complex:
        numerator = self.numerators[folds, class_index].sum(0)
        denominator = self.denominators[folds, class_index].sum(0)
        if model.iteration < 0 and self.settings.from_particles:
            return _weighted(numerator, denominator, _ALONE)
        if not self._filled_in(model):
            return _weighted(numerator, denominator)
        whole = np.full(1, mass, np.float32)
        return gridding.fill_in(numerator, denominator, whole, to_fourier(old))


def _weighted(numerator: Complex, denominator: Real, ridge: float = _RIDGE) -> Complex:
    added = gridding.relative_ridge(denominator, ridge)
    return gridding.weighted_average(numerator, denominator, added)


def regularised(
    transforms: list[Complex], mass: NDArray[np.float64], theta: float
) -> list[Complex]:
    """Draw the classes towards each other (one step on Scheres 2009, equation 11).

    ``A_k <- (N_k A_k + theta sum_l A_l) / (N_k + K theta)``
    """
    if theta <= 0 or len(transforms) == 1:
        return transforms
    together = np.sum(transforms, 0)
    return [
        (m * a + np.float32(theta) * together) / (m + np.float32(len(transforms) * theta))
        for m, a in zip(mass.astype(np.float32), transforms, strict=True)
    ]
