"""What a dataset looks like to the core."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from subtomo_core.data.particle_regions import ParticleRegions
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.missing import Region
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import Each, Weights


class Particles(Protocol):
    """Subtomograms of one box size, read one at a time."""

    @property
    def summary(self) -> DatasetSummary:
        """Count, box, voxel size and missing region."""

    def volume(self, index: int) -> NDArray[np.float32]:
        """Particle ``index`` (from 0): shape (n, n, n), axes z, y, x, protein bright."""

    def weight(self, index: int) -> NDArray[np.float32] | None:
        """Weights of its Fourier components, or None where a formula gives the region.

        Shape (n, n, n // 2 + 1): the layout of ``rfftn``, origin at [0, 0, 0].
        """

    def region(self, index: int) -> Region | None:
        """What it has observed, or None where it brings weights."""


class ArrayParticles:
    """Particles in memory.

    Parameters
    ----------
    volumes : array_like
        Shape (N, n, n, n), axes z, y, x, protein bright.
    summary : DatasetSummary
        Must agree with the shape of ``volumes``.
    weights : array_like, optional
        Shape (N, n, n, n // 2 + 1): given exactly when the summary's region is ``weights``.
    regions : ParticleRegions, optional
        Given exactly when the summary's region is ``each``.

    Raises
    ------
    InputError
        If shapes and summary disagree, or a value is not finite.
    """

    def __init__(
        self,
        volumes: ArrayLike,
        summary: DatasetSummary,
        weights: ArrayLike | None = None,
        regions: ParticleRegions | None = None,
    ):
        self._volumes = np.asarray(volumes, np.float32)
        self._weights = None if weights is None else np.asarray(weights, np.float32)
        self._summary, self._regions = summary, regions
        n, count = summary.box, summary.particles
        _check_array("particles", self._volumes, (count, n, n, n))
        if isinstance(summary.missing, Weights) != (self._weights is not None):
            detail = "weights belong to the missing region 'weights': give both or neither"
            raise InputError(Problem(detail, pointer="/missing"))
        if isinstance(summary.missing, Each) != (regions is not None):
            detail = "regions of each particle belong to 'each': give both or neither"
            raise InputError(Problem(detail, pointer="/missing"))
        if self._weights is not None:
            _check_array("weights", self._weights, (count, n, n, n // 2 + 1))

    @property
    def summary(self) -> DatasetSummary:
        """Count, box, voxel size and missing region."""
        return self._summary

    @property
    def volumes(self) -> NDArray[np.float32]:
        """All particles, (N, n, n, n)."""
        return self._volumes

    @property
    def weights(self) -> NDArray[np.float32] | None:
        """Weights of all particles, (N, n, n, n // 2 + 1), or None."""
        return self._weights

    def volume(self, index: int) -> NDArray[np.float32]:
        """Particle ``index`` (from 0): shape (n, n, n), axes z, y, x."""
        volume: NDArray[np.float32] = self._volumes[index]
        return volume

    def weight(self, index: int) -> NDArray[np.float32] | None:
        """Weights (n, n, n // 2 + 1) of particle ``index``, or None."""
        return None if self._weights is None else self._weights[index]

    def region(self, index: int) -> Region | None:
        """What particle ``index`` has observed, or None where it brings weights."""
        return region_of(self._summary, self._regions, index)


def region_of(
    summary: DatasetSummary, regions: ParticleRegions | None, index: int
) -> Region | None:
    """Region of a particle: that of its dataset, or its own; None where it brings weights."""
    missing = summary.missing
    if isinstance(missing, Weights):
        return None
    if not isinstance(missing, Each):
        return missing
    if regions is None:
        raise InputError(Problem(f"particle {index + 1} comes without its missing region"))
    return regions.of(index)


def _check_array(name: str, array: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        detail = f"the {name} have the shape {array.shape}, but the summary asks for {shape}"
        raise InputError(Problem(detail))
    if not np.isfinite(array).all():
        raise InputError(Problem(f"the {name} hold values which are not finite numbers"))
