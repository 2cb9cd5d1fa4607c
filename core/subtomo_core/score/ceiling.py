"""The ceiling: what this program's own averaging makes of the true poses and classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.initial_poses import in_classes
from subtomo_core.data.particles import Particles
from subtomo_core.data.truth import Truth
from subtomo_core.fourier.missing import Region
from subtomo_core.run import run
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import FamlSpec
from subtomo_core.spec.parameters import FamlParameters
from subtomo_core.spec.start import PosesStart

_HELD = 1e-4  # degrees, and voxels: how far a pose may move in an iteration
_ITERATIONS = 12  # until noise, mask and gains have settled


def ceiling(
    particles: Particles, truth: Truth, structure: int, *, symmetry: str = "C1", threads: int = 1
) -> NDArray[np.float32]:
    """Average (n, n, n) of a structure's particles at their true poses, made as a job makes it.

    The job's own noise, mask, weighting by what halves share, and symmetry, with the search held
    at the truth. The oracle (`oracle_average`) is a plain average without any of these; a job
    stays below this one, where it often beats the oracle.

    Parameters
    ----------
    particles : Particles
    truth : Truth
    structure : int
        Which one, from 0.
    symmetry : str
        Point group which the job imposes.
    threads : int
        The result does not depend on them.
    """
    own = np.nonzero(truth.classes == structure)[0]
    chosen = _Chosen(particles, own)
    spec = FamlSpec(
        dataset="ceiling",
        algorithm="faml",
        iterations=_ITERATIONS,
        start=PosesStart(),
        symmetry=symmetry,
        parameters=FamlParameters(
            junk=0.0,
            candidates=1,
            shift_range_angstrom=particles.summary.box * particles.summary.voxel_size_angstrom,
            search_range_deg=_HELD,
            search_range_angstrom=_HELD * particles.summary.voxel_size_angstrom,
        ),
    )
    members = np.zeros(len(own), np.int64)
    poses = in_classes(truth.rotations[own], truth.shifts[own], members, 1)
    maps: NDArray[np.float32] = run(chosen, spec, poses=poses, threads=threads).model.maps
    return np.ascontiguousarray(maps[0])


class _Chosen:
    """Some of the particles."""

    def __init__(self, particles: Particles, indices: NDArray[np.int64]):
        self._particles, self._indices = particles, indices

    @property
    def summary(self) -> DatasetSummary:
        """As of all, but for their number."""
        return self._particles.summary.model_copy(update={"particles": len(self._indices)})

    def volume(self, index: int) -> NDArray[np.float32]:
        """Volume of the chosen particle ``index``."""
        return self._particles.volume(int(self._indices[index]))

    def weight(self, index: int) -> NDArray[np.float32] | None:
        """Its weights, or None."""
        return self._particles.weight(int(self._indices[index]))

    def region(self, index: int) -> Region | None:
        """What it has observed, or None where it brings weights."""
        return self._particles.region(int(self._indices[index]))
