"""The rotational symmetry of maps, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from subtomo_core.errors import InputError, Problem
from subtomo_core.score import RotationalSymmetry, rotational_symmetry
from subtomo_server.scoring.inputs import NamedMap


@dataclass(frozen=True)
class Turning:
    """What maps are turned about, and up to which order.

    Attributes
    ----------
    axis : tuple of float
        Direction x, y, z through the origin.
    highest : int
    """

    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    highest: int = 24

    @classmethod
    def asked(
        cls, wanted: bool, axis: tuple[float, float, float] | None, highest: int | None
    ) -> Turning | None:
        """What the command's options ask for; None for nothing.

        Raises
        ------
        InputError
            If only details are given.
        """
        if wanted:
            return cls(axis or cls.axis, highest or cls.highest)
        if axis or highest:
            detail = "--axis and --highest-order go with --rotational-symmetry"
            raise InputError(Problem(f"{detail}: ask for it too, or leave them out"))
        return None


@dataclass(frozen=True, eq=False)
class TurnedMap:
    """A map's rotational symmetry.

    Attributes
    ----------
    name : str
    fitted_on : str or None
        The true map on which it was measured; None for where it lies itself.
    turning : Turning
    found : RotationalSymmetry
    """

    name: str
    fitted_on: str | None
    turning: Turning
    found: RotationalSymmetry

    @classmethod
    def of(cls, shown: NamedMap, fitted_on: str | None, turning: Turning) -> TurnedMap:
        """Measure a map."""
        found = rotational_symmetry(shown.array, axis=turning.axis, highest=turning.highest)
        return cls(shown.name, fitted_on, turning, found)

    def line(self) -> str:
        """Sentence for a person."""
        found, about = self.found, " ".join(f"{a:g}" for a in self.turning.axis)
        where = f" on {self.fitted_on}" if self.fitted_on else ""
        which = f"{self.name}{where} about {about}"
        varies = 1.0 - found.axial
        if found.order == 1:
            return (
                f"{which}: no rotational symmetry of 2 to {self.turning.highest} stands out from "
                f"noise ({varies:.2f} of the variance varies about the axis)"
            )
        at = int(np.flatnonzero(found.orders == found.order)[0])
        return (
            f"{which}: {found.order}-fold symmetry stands out, in {found.strength[at]:.2f} of what "
            f"varies about the axis (that is {varies:.2f} of the variance; noise comes to "
            f"{found.chance[at]:.2f}); its {found.order} copies correlate by "
            f"{found.pairwise[at]:.2f}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        found = self.found
        return {
            "map": self.name,
            "fitted_on": self.fitted_on,
            "axis": list(self.turning.axis),
            "order": found.order,
            "axial": found.axial,
            "orders": found.orders.tolist(),
            "strength": found.strength.tolist(),
            "chance": found.chance.tolist(),
            "pairwise_correlation": found.pairwise.tolist(),
        }
