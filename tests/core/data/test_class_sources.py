"""The best of each class from several starts, against what each start found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.data.class_sources import in_common, sources
from subtomo_core.data.poses import Poses
from subtomo_core.data.statistics import Model
from subtomo_core.maximise.half_alignment import follow
from subtomo_core.score.curves import correlation
from subtomo_core.score.fit import mirror
from subtomo_core.simulate import asymmetric_blob
from support.small_jobs import batch_of, blobs, job, method_of, surveyed

BOX, VOXEL, EACH = 16, 5.0, 16
STRUCTURES = [asymmetric_blob(40.0, seed=3), asymmetric_blob(45.0, blobs=7, seed=8)]


def poses_of(probability, score):
    """Poses of no interest but for these, (N, K)."""
    count, classes = np.shape(probability)
    turns = np.tile(np.eye(3), (count, classes, 1, 1))
    return Poses(turns, np.zeros((count, classes, 3)), np.array(probability), np.array(score))


def test_what_classes_have_in_common_is_counted_particle_by_particle():
    rng = np.random.default_rng(1)
    starts = [poses_of(rng.dirichlet([1, 1], 7), rng.normal(size=(7, 2))) for _ in range(3)]
    found = in_common(starts)
    for s, own in enumerate(starts):
        for k in range(2):
            for t, other in enumerate(starts):
                for j in range(2):
                    both = own.probability[:, k] * other.probability[:, j]
                    assert found[s][0, k, 2 * t + j] == pytest.approx(both.sum())
                    assert found[s][1, k, 2 * t + j] == pytest.approx(
                        (both * own.score[:, k]).sum()
                    )


@pytest.fixture(scope="module")
def halfway():
    """Two starts, each of which has found one structure, and the mirror image of the other."""
    made = blobs(0, BOX, structures=STRUCTURES, counts=[EACH, EACH], snr=0.5)
    spec = job(classes=2, starts=2, iterations=4, trial_iterations=1)
    method = method_of(made.particles, spec)
    model, seen = surveyed(method, made.particles)
    one, two = made.truth.maps
    shown = [np.stack([one, mirror(two)]), np.stack([two, mirror(one)])]
    for start, maps in enumerate(shown):
        shaped = np.stack([method.settings.shape(m, 6.0) for m in maps])
        references = np.repeat(shaped[None], method.settings.folds, 0)
        start_model = replace(
            model.contenders[start],
            fold_maps=references,
            reference_noise=np.zeros_like(model.reference_noise),
            shell_in_use=6.0,
            rivals=(),
        )
        shown[start] = start_model
    model = replace(shown[0], rivals=(shown[1],))
    return made, method, model, method.expect(batch_of(made.particles, seen.poses), model)


def test_a_class_comes_from_the_start_which_found_it(halfway):
    made, method, model, after = halfway
    parts = after.statistics.apart(2)
    assert [s[:2] for s in sources(parts, 0)] == [(0, 0), (1, 0)]
    assert [s[:2] for s in sources(parts, 1)] == [(1, 0), (0, 0)]
    kept = method.maximise(model, after.statistics)
    assert not kept.rivals
    lead = kept.start
    for k, truth in enumerate(made.truth.maps if lead == 0 else made.truth.maps[::-1]):
        found = kept.maps[k]  # in the frame of its reference
        assert correlation(found, truth) > correlation(found, mirror(truth)) + 0.01
    assert kept.metrics.notes[1] == (
        f"class 2 is that of start {2 - lead}, which explains its particles better"
    )


def test_poses_follow_the_classes_to_their_starts(halfway):
    _made, method, model, after = halfway
    kept = method.maximise(model, after.statistics)
    poses = follow(kept, after.poses)
    assert poses.score.shape == (2 * EACH, 2)
    for k, column in enumerate(kept.columns):
        assert np.array_equal(poses.rotations[:, k], after.poses.rotations[:, column])
        assert np.array_equal(poses.score[:, k], after.poses.score[:, column])
    assert (poses.probability.sum(1) <= 1.0 + 1e-12).all()
    back = Model.from_arrays(kept.to_arrays())
    assert np.array_equal(back.columns, kept.columns)


def test_classes_of_other_particles_are_left_alone(halfway):
    _made, method, model, after = halfway
    parts = after.statistics.apart(2)
    apart = [replace(p, in_common=p.in_common * np.array([0.7, 1.0])[:, None, None]) for p in parts]
    assert [s.start for s in sources(apart, 0)] == [0, 0]
    mixed = replace(after.statistics, in_common=after.statistics.in_common * 0.0)
    kept = method.maximise(model, mixed)
    assert len(kept.columns) == 0
    assert len(kept.metrics.notes) == 1


def test_classes_sort_the_particles_at_the_starting_resolution():
    made = blobs(0, BOX, structures=STRUCTURES, counts=[6, 6], snr=0.5)
    spec = job(
        classes=2,
        iterations=8,
        resolution={"start_angstrom": 20.0},
        parameters={"regularisation_iterations": 2},
    )
    method = method_of(made.particles, spec)
    model, seen = surveyed(method, made.particles)
    shells = []
    for _ in range(4):
        seen = method.expect(batch_of(made.particles, seen.poses), model)
        model = method.maximise(model, seen.statistics)
        shells.append(model.shell_in_use)
    assert shells[0] == 4.0
    assert shells[-1] > 4.0
