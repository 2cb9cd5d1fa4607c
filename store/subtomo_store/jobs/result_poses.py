"""Poses as an iteration left them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from subtomo_core.data.poses import Poses

POSES, MODEL = "poses.npz", "model.npz"


def own_poses(folder: Path) -> Poses:
    """Poses of the start that counts, from an iteration's folder.

    Raises
    ------
    FileNotFoundError
        If the files are gone.
    """
    with np.load(folder / POSES, allow_pickle=False) as arrays:
        poses = Poses.from_arrays(dict(arrays))
    # Of the model only what tells which start it is.
    with np.load(folder / MODEL, allow_pickle=False) as model:
        return poses.of_start(int(model["start"]), len(model["shares"]))
