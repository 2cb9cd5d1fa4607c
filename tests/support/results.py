"""Results of a job as its ``particles.star`` says them, with poses that are known."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.simulate import Simulation
from subtomo_store.formats.result_table import ResultTable, read_result
from subtomo_store.formats.star import ParticleRows, write_particles
from support.small_jobs import VOXEL, blobs, volumes_of


class KnownResult(NamedTuple):
    """Particles without noise, whole, at known poses; and the table that tells the poses."""

    table: ResultTable
    simulation: Simulation
    volumes: NDArray[np.float32]
    coordinates: NDArray[np.float64]


def known_result(folder: Path, count: int = 10, box: int = 24) -> KnownResult:
    """Write and read a table of particles in two tomograms, halves alternating."""
    simulation = blobs(count, box, snr=np.inf, missing=None, shift_range=2.0)
    truth = simulation.truth
    places = np.random.default_rng(1).uniform(50, 400, (count, 3))
    rows = ParticleRows(
        images=[f"sub/particle_{i + 3:05d}.mrc" for i in range(count)],
        voxel_size=VOXEL,
        box=box,
        rotations=truth.rotations,
        shifts=truth.shifts,
        classes=truth.classes + 1,
        correlations=np.linspace(0.2, 0.9, count),
        probabilities=np.ones(count),
        tomograms=["TS_01"] * (count - 3) + ["TS_02"] * 3,
        half_sets=np.arange(count) % 2 + 1,
        coordinates=places,
    )
    path = folder / "particles.star"
    write_particles(path, rows)
    table = read_result(path, VOXEL, np.ones(count, np.bool_))
    return KnownResult(table, simulation, volumes_of(simulation.particles), places)
