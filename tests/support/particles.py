"""Tiny datasets on disk (STAR and MRC), and the shared samples where they are present."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from subtomo_core.orientation.rotations import random_rotations
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star import ParticleRows, write_particles


def shared(*parts: str) -> Path:
    """A file of the shared data; the test is skipped where it is missing."""
    root = os.environ.get("SUBTOMO_SHARED_DATA")
    checkout = Path(__file__).resolve().parents[2]
    folder = Path(root) if root else checkout.parent / "shared" / "data"
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"shared data are not here: {path} (set SUBTOMO_SHARED_DATA)")
    return path


def noise_volumes(count: int, box: int, seed: int = 0) -> NDArray[np.float32]:
    """Random volumes ``(count, box, box, box)``."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, box, box, box)).astype(np.float32)


def full_weights(count: int, box: int, seed: int = 0) -> NDArray[np.float32]:
    """Friedel-symmetric weights on the full, centred grid, with a missing part."""
    rng = np.random.default_rng(seed + 1)
    weights = rng.uniform(0.5, 2.0, size=(count, box, box, box))
    weights[:, :, :, : box // 4] = 0.0
    mates = np.roll(weights[:, ::-1, ::-1, ::-1], 1, axis=(1, 2, 3))
    return (0.5 * (weights + mates)).astype(np.float32)


@dataclass(frozen=True)
class Uploaded:
    """A dataset as a user would upload it, and the truth about it."""

    folder: Path
    star: Path
    volumes: NDArray[np.float32]
    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]
    weights: NDArray[np.float32] | None = field(default=None)


def make_particles(
    folder: Path,
    count: int = 4,
    box: int = 8,
    voxel_size: float = 5.0,
    *,
    weighted: bool = False,
    seed: int = 0,
) -> Uploaded:
    """Write ``particles.star``, ``particles/p0.mrc`` ... and, if wanted, ``p0_ctf.mrc`` ...

    ``folder`` is what would be uploaded; the poses in the STAR file are random.
    """
    rng = np.random.default_rng(seed)
    volumes = noise_volumes(count, box, seed)
    weights = full_weights(count, box, seed) if weighted else None
    (folder / "particles").mkdir(parents=True, exist_ok=True)
    for i, volume in enumerate(volumes):
        write_volume(folder / "particles" / f"p{i}.mrc", volume, voxel_size)
        if weights is not None:
            write_volume(folder / "particles" / f"p{i}_ctf.mrc", weights[i], voxel_size)
    rotations, shifts = random_rotations(rng, count), rng.uniform(-2, 2, (count, 3))
    rows = ParticleRows(
        images=[f"particles/p{i}.mrc" for i in range(count)],
        voxel_size=voxel_size,
        box=box,
        rotations=rotations,
        shifts=shifts,
        classes=np.arange(count) % 2 + 1,
        tomograms=["TS_01"] * count,
        ctf_images=[f"particles/p{i}_ctf.mrc" for i in range(count)] if weighted else None,
    )
    write_particles(folder / "particles.star", rows)
    return Uploaded(folder, folder / "particles.star", volumes, rotations, shifts, weights)
