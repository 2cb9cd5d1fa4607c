"""Maps beside the true ones they stand for, and beside what true poses would have given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from subtomo_core.orientation.rotations import angular_distance
from subtomo_core.score import Limits, MapComparison


@dataclass(frozen=True, eq=False)
class ScoredMap:
    """A map and the true one it stands for.

    Attributes
    ----------
    name, truth : str
        Of their files.
    found : MapComparison
        How they compare.
    limits : Limits or None
        Oracle and ceiling on the same true map, where the particles are known.
    voxel_size : float
        In ångström.
    """

    name: str
    truth: str
    found: MapComparison
    limits: Limits | None
    voxel_size: float

    @property
    def ratio_to_ceiling(self) -> float | None:
        """Resolution at FSC 0.5 over the ceiling's: above 1 the map is the coarser."""
        if self.limits is None:
            return None
        return self.found.resolution_05_angstrom / self.limits.ceiling.resolution_05_angstrom

    def lines(self) -> list[str]:
        """Sentences for a person."""
        mirrored = "; as its MIRROR IMAGE, which fits better" if self.found.fit.mirrored else ""
        told = [f"{self.name} on {self.truth}: {_quality(self.found)}{mirrored}"]
        if self.limits is not None:
            told += limit_lines(self.limits)
            ratio = self.ratio_to_ceiling
            told.append(f"  FSC 0.5 at {ratio:.2f} times the ceiling's (1.00 is as good as it)")
        return told

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        lies = self.found.fit
        told = {
            "map": self.name,
            "truth": self.truth,
            **comparison(self.found),
            "mirrored": lies.mirrored,
            "turned_deg": float(angular_distance(lies.rotation, np.eye(3))),
            "rotation": lies.rotation.tolist(),
            "shift_angstrom": (lies.shift * self.voxel_size).tolist(),
        }
        if self.limits is None:
            return told
        return told | limits_dict(self.limits) | {"ratio_to_ceiling": self.ratio_to_ceiling}


def limit_lines(found: Limits) -> list[str]:
    """Oracle and ceiling for a person."""
    return [
        f"  oracle, the plain average at the true poses: {_quality(found.oracle)}",
        f"  ceiling, what this program averages at them: {_quality(found.ceiling)}",
    ]


def limits_dict(found: Limits) -> dict[str, Any]:
    """Oracle and ceiling for JSON."""
    return {"oracle": comparison(found.oracle), "ceiling": comparison(found.ceiling)}


def comparison(found: MapComparison) -> dict[str, Any]:
    """How two maps compare, for JSON."""
    return {
        "r": found.r,
        "resolution_05_angstrom": found.resolution_05_angstrom,
        "resolution_0143_angstrom": found.resolution_0143_angstrom,
        "fsc": found.fsc.tolist(),
    }


def _quality(found: MapComparison) -> str:
    finest = f"0.143 at {found.resolution_0143_angstrom:.1f} Å"
    return f"r {found.r:.3f}, FSC 0.5 at {found.resolution_05_angstrom:.1f} Å, {finest}"
