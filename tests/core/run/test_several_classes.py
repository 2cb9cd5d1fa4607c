"""Several structures from random orientations, classes and all."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo_core.run import run
from subtomo_core.score.classes import class_agreement
from subtomo_core.simulate import asymmetric_blob, barrel
from support.small_jobs import VOXEL, blobs, job

BOX = 24


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_three_structures_part_and_no_class_empties(seed):
    half = 0.5 * BOX * VOXEL
    structures = [asymmetric_blob(half), asymmetric_blob(half, seed=7), barrel(1.2 * half)]
    made = blobs(structures=structures, counts=[16] * 3, box=BOX, snr=0.03, seed=seed)
    result = run(made.particles, job(classes=3, iterations=12, seed=seed), threads=2)
    assert np.bincount(result.poses.best_class, minlength=3).min() >= 14
    assert class_agreement(result.poses.best_class, made.truth.classes, 3).mean_f1 > 0.93
