"""What a comparison found, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from subtomo_core.score import Limits, PosesComparison, compare_poses, pair_maps
from subtomo_server.scoring.inputs import Inputs, NamedMap, SamePoses
from subtomo_server.scoring.maps import ScoredMap, limit_lines, limits_dict
from subtomo_server.scoring.seen import Seen
from subtomo_server.scoring.turned import TurnedMap, Turning

WITHIN = (10, 15, 20)  # degrees


@dataclass(frozen=True, eq=False)
class Report:
    """Maps beside true ones, poses beside true ones, and what particles and maps tell alone.

    Attributes
    ----------
    maps : tuple of ScoredMap
    alone : tuple of str
        Maps which have no partner.
    left : tuple of (str, Limits or None)
        True maps which have none, with their oracle and ceiling.
    voxel_size : float
        In ångström.
    same : SamePoses or None
        The particles whose poses were compared.
    poses : PosesComparison or None
        How they compare, shifts in ångström.
    seen : Seen or None
        What the particles tell.
    turned : tuple of TurnedMap
        Rotational symmetry of the maps.
    """

    maps: tuple[ScoredMap, ...]
    alone: tuple[str, ...]
    left: tuple[tuple[str, Limits | None], ...]
    voxel_size: float
    same: SamePoses | None
    poses: PosesComparison | None
    seen: Seen | None
    turned: tuple[TurnedMap, ...]

    @classmethod
    def of(
        cls,
        given: Inputs,
        seen: Seen | None = None,
        turning: Turning | None = None,
        *,
        try_mirror: bool = True,
    ) -> Report:
        """Compare what was given; maps are turned where ``turning`` says about what."""
        maps, truths = ([m.array for m in named] for named in (given.maps, given.truths))
        pairs = (
            pair_maps(maps, truths, given.voxel_size, try_mirror=try_mirror)
            if given.maps and given.truths
            else []
        )
        limits = (seen and seen.limits) or (None,) * len(given.truths)
        scored = {
            i: ScoredMap(given.maps[i].name, given.truths[j].name, c, limits[j], given.voxel_size)
            for i, j, c in pairs
        }
        taken = {j for _, j, _ in pairs}
        alone = [m.name for i, m in enumerate(given.maps) if given.truths and i not in scored]
        left = [(m.name, limits[j]) for j, m in enumerate(given.truths) if j not in taken]
        same = given.same
        poses = None
        if same is not None:
            groups = given.symmetries_of(len(same.true_classes))
            poses = compare_poses(same.found, same.true, groups)
        turned = _turned(given, scored, turning) if turning else ()
        shown = tuple(scored.values()), tuple(alone), tuple(left)
        return cls(*shown, given.voxel_size, same, poses, seen, turned)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; angles in degrees, lengths in ångström."""
        return {
            "maps": [m.as_dict() for m in self.maps],
            "alone": [*self.alone, *(name for name, _ in self.left)],
            "left": [
                {"truth": name} | (limits_dict(found) if found else {}) for name, found in self.left
            ],
            "poses": self._poses(),
            "particles": self.seen.as_dict() if self.seen else None,
            "rotational_symmetry": [m.as_dict() for m in self.turned],
        }

    def lines(self) -> list[str]:
        """Sentences for a person."""
        told = [line for m in self.maps for line in m.lines()]
        told += [f"{name}: stands alone" for name in self.alone]
        for name, limits in self.left:
            told += [f"{name}: stands alone", *(limit_lines(limits) if limits else ())]
        told += [m.line() for m in self.turned]
        told += self._pose_lines()
        return told + (self.seen.lines() if self.seen else [])

    def _pose_lines(self) -> list[str]:
        found = self._poses()
        if found is None:
            return []
        left = " and ".join(str(n) for n in found["left_out"])
        more = f" ({left} are in one alone)" if any(found["left_out"]) else ""
        junk = f"; {found['junk']} others are junk in truth" if found["junk"] else ""
        told = [f"poses: {found['particles']} particles in both tables{more}{junk}"]
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

    def _poses(self) -> dict[str, Any] | None:
        if self.same is None or self.poses is None:
            return None
        agreement, shared = self.poses.agreement, self.same.shared
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
            "particles": len(shared.names),
            "left_out": list(shared.left_out),
            "junk": shared.junk,
            "classes": classes,
            "mean_f1": agreement.mean_f1,
            "purity": agreement.purity,
        }


def _turned(given: Inputs, scored: dict[int, ScoredMap], turning: Turning) -> tuple[TurnedMap, ...]:
    """Maps in the frame of the true ones they lie on, where there are any."""
    told = []
    for number, shown in enumerate(given.maps):
        on = scored.get(number)
        lies = shown if on is None else NamedMap(shown.name, on.found.fit.map)
        told.append(TurnedMap.of(lies, on.truth if on else None, turning))
    return tuple(told)
