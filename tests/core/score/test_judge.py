from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from subtomo_core.fourier.nufft import rotate
from subtomo_core.orientation.rotations import inverse_pose, random_rotations
from subtomo_core.score import judge, oracle_average
from subtomo_core.simulate import asymmetric_blob, barrel, simulate
from subtomo_core.spec.missing_region import Wedge

BOX, VOXEL = 24, 10.0


@pytest.fixture(scope="module")
def simulation():
    return simulate(
        [barrel(), asymmetric_blob()],
        [30, 20],
        BOX,
        VOXEL,
        snr=0.05,
        missing=Wedge(tilt_min_deg=-60.0, tilt_max_deg=60.0),
        shift_range=1.0,
        seed=1,
    )


def perfect(simulation):
    """What a perfect run would hand over: swapped classes, each average in a frame of its own."""
    truth, rng = simulation.truth, np.random.default_rng(2)
    G, s = random_rotations(rng, 2), rng.uniform(-1, 1, (2, 3))
    maps = []
    for k in (1, 0):
        own = np.nonzero(truth.classes == k)[0]
        average = oracle_average(simulation.particles, own, truth.rotations[own], truth.shifts[own])
        maps.append(rotate(average, *inverse_pose(G[k], s[k])))
    k = truth.classes
    poses = SimpleNamespace(
        best_class=1 - k,
        best_rotation=truth.rotations @ G[k],
        best_shift=truth.shifts + np.einsum("nij,nj->ni", truth.rotations, s[k]),
    )
    return np.stack(maps), poses


def test_a_perfect_result_is_as_good_as_its_oracle(simulation):
    maps, poses = perfect(simulation)
    judged = judge(maps, poses, simulation.particles, simulation.truth, symmetries=["D7", "C1"])
    assert judged.agreement.mean_f1 == 1.0
    for found in judged.classes:
        assert found.partner == 1 - found.structure
        assert found.share_of_oracle > 0.98
        assert found.poses.consensus(10.0) == 1.0
        assert found.poses.median_shift < 0.1
        assert found.average.resolution_angstrom < 1.1 * found.oracle.resolution_angstrom
    assert "share 0.9" in str(judged) or "share 1.0" in str(judged)
    assert "mean F1 1.000" in str(judged)


def test_random_poses_and_a_lost_class_are_seen(simulation):
    count = len(simulation.truth.classes)
    poses = SimpleNamespace(
        best_class=np.zeros(count, int),
        best_rotation=random_rotations(np.random.default_rng(3), count),
        best_shift=np.zeros((count, 3)),
    )
    average = oracle_average(
        simulation.particles, np.arange(count), poses.best_rotation, poses.best_shift
    )
    judged = judge(average[None], poses, simulation.particles, simulation.truth)
    kept, lost = judged.classes
    assert kept.poses.consensus(15.0) < 0.3
    assert kept.share_of_oracle < 0.95
    assert kept.average.resolution_angstrom > kept.oracle.resolution_angstrom
    assert lost.average is None
    assert lost.share_of_oracle == 0.0
    assert "no class stands for it" in str(judged)


def test_a_low_pass_makes_r_comparable():
    """An oracle which is not filtered falls behind; in the band nothing changes."""
    result = simulate([asymmetric_blob()], [15], BOX, VOXEL, snr=0.05, seed=4)
    truth = result.truth
    poses = SimpleNamespace(
        best_class=truth.classes, best_rotation=truth.rotations, best_shift=truth.shifts
    )
    average = oracle_average(result.particles, np.arange(15), truth.rotations, truth.shifts)
    plain, passed = (
        judge(average[None], poses, result.particles, truth, limit_angstrom=limit).classes[0]
        for limit in (None, 40.0)
    )
    assert passed.oracle.r > plain.oracle.r
    assert passed.average.r_in_band == pytest.approx(plain.average.r_in_band)
