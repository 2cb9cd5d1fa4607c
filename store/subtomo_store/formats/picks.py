"""Lists of picks as one: where particles lie in tomograms, whatever program tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class PixelSize(NamedTuple):
    """Å per pixel of places that a list tells in pixels.

    Attributes
    ----------
    tomogram : float
        Of the tomograms' voxels.
    given : float or None
        What the user says of the list; comes before all that the list says.
    """

    tomogram: float
    given: float | None = None

    @property
    def usual(self) -> float:
        """Where the list tells none."""
        return self.tomogram if self.given is None else self.given


@dataclass(frozen=True, eq=False)
class Picks:
    """One row per particle; None where the list says nothing.

    Attributes
    ----------
    program : str
        Whose list it is.
    centres : array, shape (N, 3)
        Of the particles in their tomograms, in ångström, x, y, z.
    from_centre : bool
        Whether they count from the voxel in the middle of the tomogram; else from its first.
    tomograms : tuple of str
        Names or numbers.
    rotations : array, shape (N, 3, 3)
        Reference to tomogram.
    remarks : tuple of str
        What was not read.
    """

    program: str
    centres: Array
    from_centre: bool = False
    tomograms: tuple[str, ...] | None = None
    rotations: Array | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.centres)
