"""Data folders as Dynamo writes them, with poses converted independently of the program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dynamotable
import emfile
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from subtomo_core.orientation.rotations import random_rotations
from support.particles import noise_volumes

Array = NDArray[np.float64]


def dynamo_angles(rotations: Array) -> Array:
    """Dynamo's (tdrot, tilt, narot) of rotations from the reference to the particle.

    Its matrix is the inverse, ``Rz(narot) Rx(tilt) Rz(tdrot)``: written out, the last row and
    the last column hold the sines and cosines of the outer angles.
    """
    M = np.swapaxes(rotations, -1, -2)
    tilt = np.arccos(np.clip(M[:, 2, 2], -1.0, 1.0))
    tdrot = np.arctan2(M[:, 2, 0], M[:, 2, 1])
    narot = np.arctan2(M[:, 0, 2], -M[:, 1, 2])
    angles: Array = np.degrees(np.stack([tdrot, tilt, narot], -1))
    return angles


def write_table(path: Path, rotations: Array, shifts: Array, **columns: Any) -> Path:
    """Write a table of ``len(rotations)`` particles with tags from 1; columns may be replaced."""
    angles = dynamo_angles(rotations)
    usual = {
        "tag": np.arange(1, len(rotations) + 1),
        **dict(zip(("dx", "dy", "dz"), shifts.T, strict=True)),
        **dict(zip(("tdrot", "tilt", "narot"), angles.T, strict=True)),
        "aligned_value": 1,
        "averaged_value": 1,
        "ftype": 1,
        "ymintilt": -60,
        "ymaxtilt": 60,
        "tomo": 7,
    }
    dynamotable.write(pd.DataFrame({**usual, **columns}), str(path))
    return path


def write_particles(folder: Path, volumes: NDArray[np.float32]) -> None:
    """Write ``particle_00001.em`` ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for tag, volume in enumerate(volumes, 1):
        emfile.write(folder / f"particle_{tag:05d}.em", np.asarray(volume, np.float32))


class DataFolder:
    """Four particles of box 8 in EM format, and ``crop.tbl``."""

    def __init__(self, folder: Path, count: int = 4):
        rng = np.random.default_rng(0)
        self.folder, self.table = folder, folder / "crop.tbl"
        self.volumes = noise_volumes(count, 8)
        self.rotations, self.shifts = random_rotations(rng, count), rng.uniform(-2, 2, (count, 3))
        write_particles(folder, self.volumes)
        self.write()

    def write(self, **columns: Any) -> None:
        """Write the table anew with other columns."""
        write_table(self.table, self.rotations, self.shifts, **columns)

    def put(self, row: int, column: int, value: str) -> None:
        """Change one value, both counted from 1; an empty one leaves the row short."""
        lines = [line.split() for line in self.table.read_text().splitlines()]
        lines[row - 1][column - 1] = value
        self.table.write_text("\n".join(" ".join(line) for line in lines) + "\n")
