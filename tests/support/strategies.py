"""Hypothesis strategies for rotations, poses, volumes and missing regions."""

from __future__ import annotations

from typing import Literal

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from subtomo_core.orientation.rotations import from_euler
from subtomo_core.spec.missing_region import Complete, Cone, Formula, Pyramid, Wedge

_turns = st.floats(-360.0, 360.0, allow_nan=False, width=32)


def rotations() -> st.SearchStrategy[NDArray[np.float64]]:
    """Rotation matrices (3, 3); shrinks towards the identity and the poles."""
    angles = st.tuples(_turns, st.floats(0.0, 180.0, width=32), _turns)
    return angles.map(from_euler)


def shifts(reach: float = 3.0) -> st.SearchStrategy[NDArray[np.float64]]:
    """Shifts (3,) in voxels, each component within +- ``reach``."""
    return st.tuples(*[st.floats(-reach, reach, width=32)] * 3).map(np.array)


def seeds() -> st.SearchStrategy[int]:
    """Seeds of random generators."""
    return st.integers(0, 2**31 - 1)


def volumes(box: int) -> st.SearchStrategy[NDArray[np.float32]]:
    """White noise (box, box, box)."""
    return seeds().map(
        lambda seed: np.random.default_rng(seed).normal(size=(box,) * 3).astype(np.float32)
    )


def _ranges() -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(st.integers(-90, 89), st.integers(1, 179)).map(
        lambda pair: (float(pair[0]), float(min(pair[0] + pair[1], 90)))
    )


def wedges() -> st.SearchStrategy[Wedge]:
    """Single-axis wedges, symmetric or not."""
    axes: list[Literal["x", "y"]] = ["x", "y"]
    return st.tuples(_ranges(), st.sampled_from(axes)).map(
        lambda both: Wedge(tilt_min_deg=both[0][0], tilt_max_deg=both[0][1], axis=both[1])
    )


def regions() -> st.SearchStrategy[Formula]:
    """Missing regions known by a formula."""
    pyramids = st.tuples(_ranges(), _ranges()).map(
        lambda both: Pyramid(
            tilt_min_deg=both[0][0],
            tilt_max_deg=both[0][1],
            second_tilt_min_deg=both[1][0],
            second_tilt_max_deg=both[1][1],
        )
    )
    cones = st.integers(1, 89).map(lambda angle: Cone(half_angle_deg=float(angle)))
    return st.one_of(wedges(), pyramids, cones, st.just(Complete()))
