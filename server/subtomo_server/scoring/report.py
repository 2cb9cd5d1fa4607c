"""What a comparison found, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from subtomo_core.rotations import angular_distance
from subtomo_core.score import MapComparison, PosesComparison, compare_poses, pair_maps
from subtomo_server.scoring.inputs import Inputs, SamePoses

WITHIN = (10, 15, 20)  # degrees


@dataclass(frozen=True, eq=False)
class ScoredMap:
    """A map and the true one it stands for, by their files' names."""

    name: str
    truth: str
    found: MapComparison


@dataclass(frozen=True, eq=False)
class Report:
    """Maps beside true ones, and poses beside true ones.

    Attributes
    ----------
    maps : tuple of ScoredMap
    alone : tuple of str
        Maps and true maps which have no partner.
    voxel_size : float
        In ångström.
    same : SamePoses or None
        The particles whose poses were compared.
    poses : PosesComparison or None
        How they compare, shifts in ångström.
    """

    maps: tuple[ScoredMap, ...]
    alone: tuple[str, ...]
    voxel_size: float
    same: SamePoses | None
    poses: PosesComparison | None

    @classmethod
    def of(cls, given: Inputs, *, try_mirror: bool = True) -> Report:
        """Compare what was given."""
        maps, truths = ([m.array for m in named] for named in (given.maps, given.truths))
        pairs = (
            pair_maps(maps, truths, given.voxel_size, try_mirror=try_mirror) if given.maps else []
        )
        scored = [ScoredMap(given.maps[i].name, given.truths[j].name, c) for i, j, c in pairs]
        taken = ({i for i, _, _ in pairs}, {j for _, j, _ in pairs})
        alone = [
            m.name
            for named, used in zip((given.maps, given.truths), taken, strict=True)
            for number, m in enumerate(named)
            if number not in used
        ]
        same = given.poses
        poses = compare_poses(same.found, same.true, given.symmetries) if same else None
        return cls(tuple(scored), tuple(alone), given.voxel_size, same, poses)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; angles in degrees, lengths in ångström."""
        told: dict[str, Any] = {"maps": [self._map(m) for m in self.maps], "alone": [*self.alone]}
        return told | {"poses": self._poses()}

    def lines(self) -> list[str]:
        """Sentences for a person."""
        told = []
        for m in self.maps:
            c = m.found
            mirrored = "; as its MIRROR IMAGE, which fits better" if c.fit.mirrored else ""
            told.append(
                f"{m.name} on {m.truth}: r {c.r:.3f}, FSC 0.5 at {c.resolution_05_angstrom:.1f} Å, "
                f"0.143 at {c.resolution_0143_angstrom:.1f} Å{mirrored}"
            )
        told += [f"{name}: stands alone" for name in self.alone]
        found = self._poses()
        if found is None:
            return told
        left = " and ".join(str(n) for n in found["left_out"])
        more = f" ({left} are in one alone)" if any(found["left_out"]) else ""
        junk = f"; {found['junk']} others are junk in truth" if found["junk"] else ""
        told.append(f"poses: {found['particles']} particles in both tables{more}{junk}")
        for c in found["classes"]:
            if c["class"] is None:
                told.append(f"  true class {c['true_class']}: no class stands for it")
                continue
            shares = "/".join(f"{c['within_deg'][str(d)]:.2f}" for d in WITHIN)
            angles = "/".join(str(d) for d in WITHIN)
            told.append(
                f"  class {c['class']} stands for true class {c['true_class']}: {c['particles']} "
                f"particles, F1 {c['f1']:.3f}; within {angles} degrees {shares}, "
                f"median {c['median_deg']:.1f} degrees and {c['median_angstrom']:.1f} Å"
            )
        if len(found["classes"]) > 1:
            told.append(f"  mean F1 {found['mean_f1']:.3f}, purity {found['purity']:.3f}")
        return told

    def _map(self, scored: ScoredMap) -> dict[str, Any]:
        c = scored.found
        return {
            "map": scored.name,
            "truth": scored.truth,
            "r": c.r,
            "resolution_05_angstrom": c.resolution_05_angstrom,
            "resolution_0143_angstrom": c.resolution_0143_angstrom,
            "mirrored": c.fit.mirrored,
            "turned_deg": float(angular_distance(c.fit.rotation, np.eye(3))),
            "rotation": c.fit.rotation.tolist(),
            "shift_angstrom": (c.fit.shift * self.voxel_size).tolist(),
            "fsc": c.fsc.tolist(),
        }

    def _poses(self) -> dict[str, Any] | None:
        if self.same is None or self.poses is None:
            return None
        agreement = self.poses.agreement
        classes = []
        for k, errors in enumerate(self.poses.errors):
            partner = int(agreement.partner[k])
            some = len(errors.angles_deg) > 0
            classes.append(
                {
                    "true_class": self.same.true_classes[k],
                    "class": self.same.found_classes[partner] if partner >= 0 else None,
                    "particles": len(errors.angles_deg),
                    "f1": float(agreement.f1[k]),
                    "within_deg": {str(d): errors.consensus(d) for d in WITHIN},
                    "median_deg": errors.median_deg if some else None,
                    "median_angstrom": errors.median_shift if some else None,
                }
            )
        return {
            "particles": len(self.same.names),
            "left_out": list(self.same.left_out),
            "junk": self.same.junk,
            "classes": classes,
            "mean_f1": agreement.mean_f1,
            "purity": agreement.purity,
        }
