"""Judging results: fits, correlations, oracles, poses, classes."""

from subtomo_core.maximisation import resolution_angstrom
from subtomo_core.score.ceiling import ceiling
from subtomo_core.score.classes import ClassAgreement, class_agreement
from subtomo_core.score.curves import band_of, correlation, fsc, r_in_band
from subtomo_core.score.fit import Fit, fit, mirror
from subtomo_core.score.judge import BestPoses, ClassJudgement, Judgement, MapQuality, judge
from subtomo_core.score.noise import snr_of_pairs
from subtomo_core.score.oracle import oracle_average
from subtomo_core.score.poses import PoseErrors, pose_errors

__all__ = [
    "BestPoses",
    "ClassAgreement",
    "ClassJudgement",
    "Fit",
    "Judgement",
    "MapQuality",
    "PoseErrors",
    "band_of",
    "ceiling",
    "class_agreement",
    "correlation",
    "fit",
    "fsc",
    "judge",
    "mirror",
    "oracle_average",
    "pose_errors",
    "r_in_band",
    "resolution_angstrom",
    "snr_of_pairs",
]
