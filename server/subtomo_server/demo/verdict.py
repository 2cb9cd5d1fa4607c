"""Downloaded averages and poses beside the truth, which the service never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import SubtomoError
from subtomo_core.score import ClassJudgement, Judgement, judge
from subtomo_core.simulate import Simulation
from subtomo_server.demo.particles import PHANTOMS, VOXEL_ANGSTROM
from subtomo_store.formats.star import read_particles
from subtomo_store.formats.volumes import read_volume

SYMMETRIES = ("D7", "C1")
WITHIN_DEG = 15.0
GOOD_SHARE = 0.95
GOOD_F1 = 0.95


class IncompleteStar(SubtomoError):
    """The downloaded STAR lacks poses or classes."""


@dataclass(frozen=True, eq=False)
class DownloadedPoses:
    """Best class and pose of each particle, as the STAR tells them."""

    best_class: NDArray[np.int64]
    best_rotation: NDArray[np.float64]
    best_shift: NDArray[np.float64]


def read_poses(star: Path) -> DownloadedPoses:
    """Read classes (from 0), rotations and shifts (voxels) from a RELION STAR."""
    table = read_particles(star)
    if table.classes is None or table.rotations is None:
        raise IncompleteStar(f"{star} has no classes or no angles.")
    shifts = table.shifts_angstrom(VOXEL_ANGSTROM) / VOXEL_ANGSTROM
    return DownloadedPoses(table.classes - 1, table.rotations, shifts)


def judge_files(maps: Sequence[Path], star: Path, simulation: Simulation) -> Judgement:
    """Compare downloaded averages and poses with the truth and the oracle."""
    averages = np.stack([read_volume(path).array for path in maps])
    return judge(
        averages,
        read_poses(star),
        simulation.particles,
        simulation.truth,
        symmetries=SYMMETRIES,
    )


def is_good(judgement: Judgement) -> bool:
    """Whether every average comes near its oracle, and the classes are told apart."""
    near = all(_nearness(one) >= GOOD_SHARE for one in judgement.classes)
    return near and judgement.agreement.mean_f1 >= GOOD_F1


def told(judgement: Judgement) -> list[str]:
    """Say the judgement in lines for a person."""
    lines = ["compared with the truth, which the service never saw:"]
    for one in judgement.classes:
        lines += _lines(one)
    return [
        *lines,
        f"  mean F1 of the classes {judgement.agreement.mean_f1:.3f}",
        "  The oracle is the average made with the true poses; its band are the shells where its "
        "FSC with the truth is at least 0.5.",
    ]


def _lines(one: ClassJudgement) -> list[str]:
    name = PHANTOMS[one.structure]
    a, o = one.average, one.oracle
    if a is None:
        return [f"  {name}: no class stands for it"]
    return [
        f"  {name}, class {one.partner + 1}: "
        f"r {a.r:.3f} (oracle {o.r:.3f}), in the oracle's band {a.r_in_band:.3f} "
        f"(oracle {o.r_in_band:.3f})",
        f"    FSC 0.5 at {a.resolution_angstrom:.1f} Å (oracle {o.resolution_angstrom:.1f} Å), "
        f"{one.poses.consensus(WITHIN_DEG):.0%} of the poses within {WITHIN_DEG:.0f} degrees, "
        f"F1 {one.f1:.3f}",
    ]


def _nearness(one: ClassJudgement) -> float:
    """Share of the oracle's r, over all shells and over its band: the lesser of both."""
    if one.average is None:
        return 0.0
    return min(one.average.r / one.oracle.r, one.share_of_oracle)
