"""Judging results: fits, correlations, oracles, poses, classes (docs/method.md#score)."""

from subtomo_core.fourier.gridding import resolution_angstrom
from subtomo_core.score.ceiling import ceiling
from subtomo_core.score.classes import ClassAgreement, class_agreement
from subtomo_core.score.compare import (
    MapComparison,
    ParticlePoses,
    PosesComparison,
    compare_maps,
    compare_poses,
    pair_maps,
)
from subtomo_core.score.curves import band_of, correlation, fsc, r_in_band
from subtomo_core.score.fit import Fit, fit, mirror
from subtomo_core.score.judge import BestPoses, ClassJudgement, Judgement, MapQuality, judge
from subtomo_core.score.limits import Limits, limits
from subtomo_core.score.noise import PairSnr, pair_snr
from subtomo_core.score.oracle import oracle_average
from subtomo_core.score.poses import PoseErrors, pose_errors
from subtomo_core.score.rotational import RotationalSymmetry, rotational_symmetry

__all__ = [
    "BestPoses",
    "ClassAgreement",
    "ClassJudgement",
    "Fit",
    "Judgement",
    "Limits",
    "MapComparison",
    "MapQuality",
    "PairSnr",
    "ParticlePoses",
    "PoseErrors",
    "PosesComparison",
    "RotationalSymmetry",
    "band_of",
    "ceiling",
    "class_agreement",
    "compare_maps",
    "compare_poses",
    "correlation",
    "fit",
    "fsc",
    "judge",
    "limits",
    "mirror",
    "oracle_average",
    "pair_maps",
    "pair_snr",
    "pose_errors",
    "r_in_band",
    "resolution_angstrom",
    "rotational_symmetry",
]
