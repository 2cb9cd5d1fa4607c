from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.data.statistics import Poses
from subtomo_core.errors import InputError
from subtomo_core.fourier.gridding import fsc
from subtomo_core.fourier.nufft import rotate
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.orientation.rotations import angular_distance, random_rotations, rotation_about
from subtomo_core.orientation.symmetry_axes import correlation_about_axes
from subtomo_core.run import run
from subtomo_core.score import judge
from subtomo_core.simulate import asymmetric_blob, barrel
from support.small_jobs import VOXEL, batch_of, blobs, job, knowing, method_of, surveyed

BOX = 24
D7 = symmetry_group("D7")


@pytest.fixture(scope="module")
def barrels():
    """Particles of a barrel with D7 symmetry."""
    return blobs(24, BOX, structures=[barrel(0.6 * BOX * VOXEL)], snr=0.1)


def lies_on_the_axes(volume):
    """Correlation of a map with itself turned about z by a seventh, and about x by a half."""
    turns = rotation_about([0, 0, 1], 360.0 / 7.0), rotation_about([1, 0, 0], 180.0)
    return min(np.corrcoef(volume.ravel(), rotate(volume, g).ravel())[0, 1] for g in turns)


def test_a_barrel_from_random_orientations_ends_on_the_axes(barrels):
    told = []
    result = run(
        barrels.particles,
        job(symmetry="d7", iterations=6),
        threads=2,
        on_iteration=lambda model, poses: told.append((model, poses)),
    )
    assert lies_on_the_axes(result.model.maps[0]) > 0.999
    assert result.model.metrics.symmetrised == (True,)
    assert not told[0][0].on_axes.any()
    assert result.model.metrics.symmetry_correlation[0] > 0.9
    assert result.history[-1].alarms == ()
    judged = judge(
        result.model.maps, result.poses, barrels.particles, barrels.truth, symmetries=["D7"]
    ).classes[0]
    assert judged.poses.consensus(10.0) >= 0.9
    assert judged.share_of_oracle > 0.95
    assert judged.symmetric_oracle.r_in_band > judged.oracle.r_in_band
    assert judged.average.resolution_angstrom < judged.oracle.resolution_angstrom
    # The poses are told in the frame of the maps: that of the truth, up to what the axes leave.
    seen, true = result.poses.best_rotation, barrels.truth.rotations
    turned = np.swapaxes(true, 1, 2) @ seen
    off = angular_distance(turned[:, None], symmetry_group("D14")).min(1)
    assert np.mean(off < 10.0) >= 0.9


def test_poses_and_maps_turn_together(barrels):
    # Where references were turned to the axes, poses of before say the same of the new ones.
    # The truth has not the particles' scale, which would make junk of them.
    method = method_of(barrels.particles, job(symmetry="D7", parameters={"junk": 0.0}))
    Q, c = random_rotations(np.random.default_rng(2), 1)[0], np.array([1.0, -0.5, 0.7])
    placed = rotate(barrels.truth.maps[0], Q, c)
    model = knowing(method, placed[None], 3.0)
    seen = method.expect(batch_of(barrels.particles), model)
    stood = method.maximise(model, seen.statistics)
    assert stood.on_axes.all()
    assert lies_on_the_axes(stood.maps[0]) > 0.995
    poses = seen.poses.reframed(stood.frames)
    again = method.expect(batch_of(barrels.particles, poses), stood).poses
    apart = angular_distance(again.best_rotation[:, None], poses.best_rotation[:, None] @ D7).min(1)
    assert np.median(apart) < 3.0
    assert np.median(np.linalg.norm(again.best_shift - poses.best_shift, axis=1)) < 0.5


def test_reframed_poses_show_the_same_particle():
    rng = np.random.default_rng(3)
    R, Q = random_rotations(rng, 2)
    t, c = rng.uniform(-1.0, 1.0, (2, 3))
    body = asymmetric_blob(85.0)
    old = rotate(body.density(BOX, VOXEL), Q, c)
    poses = Poses(R[None, None], t[None, None], np.ones((1, 1)), np.ones((1, 1)))
    new = poses.reframed(np.column_stack([Q, c])[None])
    expected = rotate(old, R, t)
    found = body.density(BOX, VOXEL, new.best_rotation[0], new.best_shift[0])
    assert np.linalg.norm(found - expected) < 3e-2 * np.linalg.norm(expected)
    same = poses.reframed(np.eye(3, 4)[None])
    assert np.array_equal(same.rotations, poses.rotations)
    assert np.array_equal(same.shifts, poses.shifts)


def test_references_which_are_given_are_symmetric_from_the_first_iteration(barrels):
    spec = job(symmetry="D7", iterations=1)
    method = method_of(barrels.particles, spec)
    rng = np.random.default_rng(1)
    maps = barrels.truth.maps + rng.normal(size=barrels.truth.maps.shape).astype(np.float32)
    model, _ = surveyed(method, barrels.particles, maps)
    assert model.on_axes.all()
    assert lies_on_the_axes(model.fold_maps[0, 0]) > 0.98
    assert model.metrics.alarms == ()
    poses = method.expect(batch_of(barrels.particles), model)
    after = method.maximise(model, poses.statistics)
    assert np.array_equal(after.frames, np.eye(3, 4)[None])
    for half in after.half_maps[:, 0]:
        assert correlation_about_axes(half, D7) > 0.99


def test_a_body_without_the_symmetry_is_told():
    made = blobs(16, BOX, snr=1.0)
    method = method_of(made.particles, job(symmetry="O"))
    model, _ = surveyed(method, made.particles, made.truth.maps)
    (alarm,) = model.metrics.alarms
    assert "the average of class 1 does not have the symmetry O that the job asked for" in alarm
    result = run(made.particles, job(symmetry="O", iterations=4), threads=2)
    assert [m.symmetrised for m in result.history] == [(False,)] * 2 + [(True,)] * 3
    assert result.history[-1].symmetry_correlation[0] < 0.85


def test_each_class_has_its_own_symmetry():
    made = blobs(
        structures=[barrel(0.6 * BOX * VOXEL), asymmetric_blob(0.5 * BOX * VOXEL)],
        counts=[12, 12],
        box=BOX,
        snr=0.5,
    )
    spec = job(classes=2, symmetry=["D7", "C1"], parameters={"regularisation": 0.0})
    method = method_of(made.particles, spec)
    model = knowing(method, made.truth.maps, 3.0)
    after = method.maximise(model, method.expect(batch_of(made.particles), model).statistics)
    assert after.metrics.symmetrised == (True, False)
    assert after.metrics.symmetry_correlation[1] is None
    assert lies_on_the_axes(after.maps[0]) > 0.99
    assert lies_on_the_axes(after.maps[1]) < 0.9
    for k in range(2):
        assert fsc(to_fourier(after.maps[k]), to_fourier(model.maps[k]))[2:5].min() > 0.6
    # Fourteen copies of each particle: a fourteenth of the noise, at shells of many components.
    ratio = after.reference_noise[:, 0, 4:8].sum() / after.reference_noise[:, 1, 4:8].sum()
    assert ratio < 0.2


def test_a_mask_from_a_map_is_used_as_it_is():
    made = blobs(8, 16)
    half = np.zeros((16, 16, 16), np.float32)
    half[:, :, 8:] = 1.0
    spec = job(iterations=1, mask={"kind": "map", "map": "map_1"})
    result = run(made.particles, spec, mask=half)
    assert result.model.maps.any()
    assert not result.model.maps[..., :8].any()
    sphere = method_of(made.particles, job(mask={"diameter_angstrom": 50.0})).settings
    copy = run(made.particles, spec, mask=sphere.mask).model
    same = run(made.particles, job(iterations=1, mask={"diameter_angstrom": 50.0})).model
    assert np.allclose(copy.fsc, same.fsc, atol=0.05)
    with pytest.raises(InputError, match="between 0 and 1"):
        run(made.particles, spec, mask=3.0 * half)


def test_an_empty_class_keeps_its_place():
    made = blobs(8, 16)
    method = method_of(made.particles, job(classes=2, symmetry="C2"))
    model = knowing(method, np.repeat(made.truth.maps, 2, 0), 3.0)
    seen = method.expect(batch_of(made.particles), model).statistics
    gone = seen.mass.copy()
    gone[:, 1] = 0.0
    model = replace(model, iteration=15)
    after = method.maximise(model, replace(seen, mass=gone))
    assert list(after.on_axes) == [True, False]
    assert np.array_equal(after.frames[1], np.eye(3, 4))
