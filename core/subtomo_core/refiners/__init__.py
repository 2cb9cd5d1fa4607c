"""Refinement of the pose that brings one volume onto another.

A pair (`Fixed`, `Moved`, `FourierPair`), poses to start from (`everywhere`, `about_axis`,
`candidates`) and a refiner: `GradientRefiner`, `SagRefiner`, `FrmRefiner`. See
docs/method.md#refiners and docs/decisions/0032-refiners.md.
"""

from subtomo_core.refiners.averaged_gradient import SagRefiner
from subtomo_core.refiners.gradient import GradientRefiner
from subtomo_core.refiners.pairs import Fixed, FourierPair, Moved
from subtomo_core.refiners.parallel import Rules, independently, search
from subtomo_core.refiners.rotational import FrmRefiner, RotationalMatch, candidates
from subtomo_core.refiners.seam import Refined, Refiner, Starts
from subtomo_core.refiners.starting_poses import about_axis, best_shifts, everywhere

__all__ = [
    "Fixed",
    "FourierPair",
    "FrmRefiner",
    "GradientRefiner",
    "Moved",
    "Refined",
    "Refiner",
    "RotationalMatch",
    "Rules",
    "SagRefiner",
    "Starts",
    "about_axis",
    "best_shifts",
    "candidates",
    "everywhere",
    "independently",
    "search",
]
