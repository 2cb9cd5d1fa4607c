"""Tomograms with copies of a body at known places and poses, and lists that tell these."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from subtomo_core.orientation.rotations import random_rotations
from subtomo_core.simulate import GaussianStructure, asymmetric_blob
from subtomo_store.formats.mrc import write_volume

Array = NDArray[np.float64]
VOXEL = 4.0
SHAPE = (72, 100, 120)  # z, y, x


@dataclass(frozen=True)
class Scene:
    """Places (N, 3) in voxels from the first, and poses, reference to tomogram."""

    body: GaussianStructure
    places: Array
    rotations: Array
    tomograms: list[str]

    def density(self, name: str) -> NDArray[np.float32]:
        """A tomogram, its copies added up exactly."""
        z, y, x = (np.arange(side, dtype=float) for side in SHAPE)
        whole = np.zeros(SHAPE)
        for place, rotation, where in zip(self.places, self.rotations, self.tomograms, strict=True):
            if where != name:
                continue
            centres = self.body.centres @ rotation.T / VOXEL + place
            parts = zip(centres, self.body.widths / VOXEL, self.body.amplitudes, strict=True)
            for (cx, cy, cz), width, height in parts:
                gx, gy, gz = (
                    np.exp(-0.5 * ((axis - c) / width) ** 2)
                    for axis, c in ((x, cx), (y, cy), (z, cz))
                )
                whole += height * gz[:, None, None] * gy[:, None] * gx
        return whole.astype(np.float32)


def scene() -> Scene:
    """Eight copies in two tomograms, their boxes of 40 voxels apart and within."""
    rng = np.random.default_rng(5)
    grid = np.array(
        [[30.0, 26.0, 36.0], [86.0, 26.0, 36.0], [30.0, 74.0, 36.0], [86.0, 74.0, 36.0]]
    )
    places = np.concatenate([grid, grid]) + rng.uniform(-3.0, 3.0, (8, 3))
    names = ["TS_01"] * 4 + ["TS_02"] * 4
    return Scene(asymmetric_blob(90.0), places, random_rotations(rng, 8), names)


def write_tomograms(folder: Path, made: Scene, pattern: str = "{}.mrc") -> Path:
    """The tomograms of a scene as MRC files in a folder."""
    folder.mkdir(exist_ok=True)
    for name in dict.fromkeys(made.tomograms):
        write_volume(folder / pattern.format(name), made.density(name), VOXEL)
    return folder


def zyz(rotation: Array) -> tuple[float, float, float]:
    """RELION's rot, tilt, psi in degrees of ``Rz(-psi) Ry(-tilt) Rz(-rot)``, written out."""
    inverse = rotation.T
    tilt = math.acos(inverse[2, 2])
    rot = math.atan2(inverse[1, 2], inverse[0, 2])
    psi = math.atan2(inverse[2, 1], -inverse[2, 0])
    return math.degrees(rot), math.degrees(tilt), math.degrees(psi)


def write_star(
    path: Path, columns: dict[str, list[object]], optics: dict[str, object] | None = None
) -> None:
    """A STAR file with a table of particles, and one optics group."""
    text = ""
    if optics:
        text += "data_optics\n\nloop_\n" + "".join(f"_{name}\n" for name in optics)
        text += " ".join(map(str, optics.values())) + "\n\n"
    text += "data_particles\n\nloop_\n" + "".join(f"_{name}\n" for name in columns)
    rows = zip(*columns.values(), strict=True)
    path.write_text(text + "".join(" ".join(map(str, row)) + "\n" for row in rows))


def angle_columns(made: Scene) -> dict[str, list[object]]:
    """Columns of RELION's angles."""
    angles = np.array([zyz(rotation) for rotation in made.rotations])
    names = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
    return {name: list(column) for name, column in zip(names, angles.T, strict=True)}


def place_columns(pattern: str, vectors: Array) -> dict[str, list[object]]:
    """Columns X, Y, Z."""
    return {pattern.format(a): list(v) for a, v in zip("XYZ", vectors.T, strict=True)}


def write_copick(folder: Path, made: Scene) -> list[Path]:
    """A file of copick for each tomogram: places less a part that the matrix's translation has."""
    paths = []
    for name in dict.fromkeys(made.tomograms):
        points = []
        for place, rotation, where in zip(made.places, made.rotations, made.tomograms, strict=True):
            if where == name:
                matrix = np.eye(4)
                matrix[:3, :3], matrix[:3, 3] = rotation, (4.0, 0.0, -8.0)
                x, y, z = place * VOXEL - matrix[:3, 3]
                points.append(
                    {
                        "location": {"x": x, "y": y, "z": z},
                        "transformation_": matrix.tolist(),
                        "instance_id": 0,
                        "score": 1.0,
                    }
                )
        whole = {
            "pickable_object_name": "blob",
            "user_id": "someone",
            "session_id": "1",
            "run_name": name,
            "voxel_spacing": VOXEL,
            "unit": "angstrom",
            "points": points,
        }
        paths.append(folder / f"someone_1_blob_{name}.json")
        paths[-1].write_text(json.dumps(whole))
    return paths


def write_portal(folder: Path, made: Scene) -> list[Path]:
    """Oriented points of the CryoET Data Portal, a file for each tomogram."""
    paths = []
    for name in dict.fromkeys(made.tomograms):
        lines = [
            json.dumps(
                {
                    "type": "orientedPoint",
                    "location": dict(zip("xyz", place, strict=True)),
                    "xyz_rotation_matrix": rotation.tolist(),
                }
            )
            for place, rotation, where in zip(
                made.places, made.rotations, made.tomograms, strict=True
            )
            if where == name
        ]
        paths.append(folder / f"{name}.ndjson")
        paths[-1].write_text("\n".join(lines))  # without a line's end behind the last
    return paths
