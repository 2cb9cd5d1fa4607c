"""Copies of averages where their particles lie, as commands of UCSF ChimeraX and of ArtiaX.

ChimeraX: ``volume copy`` and ``view matrix models``, whose matrix is three rows of a rotation and a
translation in ångström. ArtiaX: ``originScaleFactor`` turns the coordinates of a list into
ångström, ``artiax attach`` shows a map at each particle of a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Copies:
    """N particles of one tomogram, in ångström from its first voxel, or from its centre.

    Attributes
    ----------
    tomogram : str
    classes : array of int, shape (N,)
        Counted from 1.
    rotations : array, shape (N, 3, 3)
        From the average to the tomogram.
    centres : array, shape (N, 3)
        x, y, z.
    from_centre : bool
    box : int
        Side of the averages in voxels.
    voxel_size : float
        Of the averages.
    """

    tomogram: str
    classes: NDArray[np.int64]
    rotations: Array
    centres: Array
    from_centre: bool
    box: int
    voxel_size: float

    @property
    def shown(self) -> list[int]:
        """Classes that have a copy."""
        return sorted(set(self.classes.tolist()))


def chimerax_script(copies: Copies, maps: Sequence[str]) -> str:
    """Commands that open the averages and place one copy for each particle.

    Parameters
    ----------
    copies : Copies
    maps : sequence of str
        File name of the average of each class, from class 1 on.
    """
    lines = [*_head(copies), "# Needs no other package. Open it in a new session."]
    number = {cls: at for at, cls in enumerate(copies.shown, 1)}
    lines += [f"open {_quoted(maps[cls - 1])}" for cls in number]
    lines += [f"volume #{at} style surface step 1" for at in number.values()]
    for model, row in _models(copies, number):
        lines.append(f"volume copy #{number[copies.classes[row]]} modelId #{model}")
        lines.append(f"view matrix models #{model},{_matrix(copies, row)}")
    lines += [f"hide #{at} models" for at in number.values()]
    return "\n".join([*lines, "view", ""])


def artiax_script(copies: Copies, maps: Sequence[str], lists: Sequence[str]) -> str:
    """Commands of ArtiaX that open a list for each class and attach the class's average to it.

    ``lists`` are the names of STAR files of each class, from class 1 on, with coordinates in
    voxels of the averages.
    """
    lines = [*_head(copies), "# Needs ArtiaX. Open it in a new session.", "artiax start"]
    for at, cls in enumerate(copies.shown, 1):
        lines += [
            f"open {_quoted(lists[cls - 1])} format relion",
            f"artiax particles #1.2.{at} originScaleFactor {copies.voxel_size:g}",
        ]
    for at, cls in enumerate(copies.shown, 1):
        lines += [
            f"open {_quoted(maps[cls - 1])}",
            f"artiax attach #{at + 1} toParticleList #1.2.{at}",
            f"artiax show #1.2.{at} surfaces",
        ]
    return "\n".join([*lines, ""])


def _head(copies: Copies) -> list[str]:
    name = " ".join(copies.tomogram.split())
    told = f"# Subtomo: {len(copies.classes)} particles in tomogram {name}, in ångström from its "
    if not copies.from_centre:
        return [f"{told}first voxel."]
    return [
        f"{told}centre.",
        "# A tomogram of nx x ny x nz voxels lies there after: volume #N originIndex "
        "nx/2,ny/2,nz/2 (put in the numbers).",
    ]


def _models(copies: Copies, number: dict[int, int]) -> Iterator[tuple[str, int]]:
    """Model number and row of each copy, class after class."""
    for cls, at in number.items():
        for place, row in enumerate(np.flatnonzero(copies.classes == cls).tolist(), 1):
            yield f"{len(number) + at}.{place}", row


def _matrix(copies: Copies, row: int) -> str:
    """Rows of (R | P - R c): the map's own origin lies c = n // 2 voxels from its first voxel."""
    rotation = copies.rotations[row]
    middle = np.full(3, copies.box // 2 * copies.voxel_size)
    moved = copies.centres[row] - rotation @ middle
    return ",".join(f"{v:.6f}" for v in np.column_stack([rotation, moved]).ravel())


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
