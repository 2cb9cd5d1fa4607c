"""The particles of an iteration as rows of a table: chosen, sorted, and a page at a time."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.poses import Poses
from subtomo_core.orientation.rotations import relion_angles
from subtomo_server.datasets.selections import Choice, chosen_rows
from subtomo_server.jobs.results import Found
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.jobs.result_poses import own_poses

Column = Literal["row", "class", "probability", "junk_probability", "score"]


class Window(NamedTuple):
    """Which rows of a table, and in which order."""

    sort: Column
    descending: bool
    offset: int
    limit: int


def rows_document(
    found: Found, particles: StackParticles, choice: Choice, window: Window
) -> dict[str, Any]:
    """Rows for JSON, how many there are in all, and how many particles the job has."""
    poses = own_poses(found.path.parent)
    rows = chosen_rows(poses, choice)
    order = np.argsort(_column(poses, window.sort)[rows], kind="stable")
    shown = rows[order[::-1] if window.descending else order]
    shown = shown[window.offset : window.offset + window.limit]
    table = particles.table()
    angles = relion_angles(poses.best_rotation[shown])
    shifts = poses.best_shift[shown] * particles.summary.voxel_size_angstrom
    junk = poses.junk_probability[shown]
    items = [
        {
            "row": int(row) + 1,
            "image": table.images[row].text,
            "tomogram": table.tomograms[row] if table.tomograms else None,
            "class": int(poses.best_class[row]) + 1,
            "probability": float(poses.best_probability[row]),
            "probabilities": poses.probability[row].tolist(),
            "junk_probability": float(junk[place]),
            "junk": not bool(poses.counted[row]),
            "score": float(poses.best_score[row]),
            "angles_deg": angles[place].tolist(),
            "shift_angstrom": shifts[place].tolist(),
        }
        for place, row in enumerate(shown)
    ]
    return {"items": items, "total": len(rows), "particles": len(poses)}


def _column(poses: Poses, name: Column) -> NDArray[np.float64]:
    values: dict[str, NDArray[Any]] = {
        "row": np.arange(len(poses)),
        "class": poses.best_class,
        "probability": poses.best_probability,
        "junk_probability": poses.junk_probability,
        "score": poses.best_score,
    }
    return values[name].astype(np.float64)
