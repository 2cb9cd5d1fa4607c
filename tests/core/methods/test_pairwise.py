"""All pairs of a dataset as a job: matrix, clusters, poses and averages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from subtomo_core import methods
from subtomo_core.data.particles import ArrayParticles
from subtomo_core.data.statistics import Model
from subtomo_core.errors import Cancelled, InputError
from subtomo_core.fourier.missing import observed
from subtomo_core.likelihood import held_out
from subtomo_core.orientation.rotations import angular_distance
from subtomo_core.run import run
from subtomo_core.score.classes import class_agreement
from subtomo_core.simulate import asymmetric_blob, four_gaussians, simulate
from subtomo_core.spec.checks import check
from subtomo_core.spec.costs import seconds_per_particle
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import resolve, work_of
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Weights
from support.small_jobs import VOXEL, WEDGE, batch_of, job

BOX, EACH = 20, 4
FINE = {"limit_angstrom": 14.0}


@pytest.fixture(scope="module")
def two():
    """Rotated copies of two structures behind wedges."""
    structures = [asymmetric_blob(0.5 * BOX * VOXEL), four_gaussians(0.6 * BOX * VOXEL)]
    return simulate(structures, [EACH, EACH + 1], BOX, VOXEL, snr=10.0, missing=WEDGE, seed=3)


def pairwise(**fields):
    given = {"algorithm": "pairwise", "dataset": "d", "classes": 2, "resolution": FINE, **fields}
    return job_spec_adapter.validate_python(given)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def result(two, told):
    return run(
        two.particles, pairwise(), on_iteration=lambda model, poses: told.append((model, poses))
    )


def test_two_structures_fall_into_their_clusters(two, result):
    clusters = result.model.clusters
    agreement = class_agreement(clusters.members, two.truth.classes)
    assert agreement.mean_f1 == 1.0
    np.testing.assert_array_equal(result.poses.best_class, clusters.members)
    unlike = clusters.dissimilarity
    np.testing.assert_array_equal(unlike, unlike.T)
    assert not np.diag(unlike).any()
    assert (unlike[~np.eye(len(unlike), dtype=bool)] > 0).all()


def test_poses_bring_the_medoid_onto_the_particle(two, result):
    truth, clusters = two.truth, result.model.clusters
    medoids = clusters.medoids[clusters.members]
    back = np.swapaxes(truth.rotations[medoids], 1, 2)
    rotations = truth.rotations @ back
    shifts = truth.shifts - np.einsum("nij,nj->ni", rotations, truth.shifts[medoids])
    assert angular_distance(result.poses.best_rotation, rotations).max() < 6.0
    assert np.linalg.norm(result.poses.best_shift - shifts, axis=1).max() < 0.5
    at_home = clusters.medoids
    np.testing.assert_array_equal(
        result.poses.best_rotation[at_home], np.tile(np.eye(3), (2, 1, 1))
    )


def test_alignment_brings_particles_of_a_cluster_together(two, told, result):
    before, after = told[0][0].clusters, told[1][0].clusters
    same = two.truth.classes[:, None] == two.truth.classes
    own = same & ~np.eye(len(same), dtype=bool)
    assert after.dissimilarity[own].mean() < 0.5 * before.dissimilarity[own].mean()
    assert after.dissimilarity[own].max() < after.dissimilarity[~same].min()
    assert result.model.iteration == 2
    np.testing.assert_array_equal(result.model.clusters.dissimilarity, after.dissimilarity)
    assert "clusters of 5, 4 particles" in told[1][0].metrics.notes[0]


def test_averages_are_sums_at_the_clusters_poses(two, result, monkeypatch):
    """As those of a job which starts from these very poses, but for what it holds out."""
    monkeypatch.setattr(held_out, "SHARE", 0.0)
    fields = {"start": {"kind": "poses"}, "classes": 2, "iterations": 1}
    spec = job("fa", resolution=FINE | {"start_angstrom": 14.0}, **fields)
    method = methods.create(resolve(spec, two.particles.summary), two.particles.summary)
    start = method.start()
    sums = method.expect(batch_of(two.particles, result.poses), start).statistics
    average = method.maximise(start, sums)
    np.testing.assert_allclose(result.model.half_maps, average.half_maps, atol=1e-4)
    assert result.history[-1].class_shares == pytest.approx((5 / 9, 4 / 9))


@pytest.mark.parametrize("how", [{"threads": 3}, {"batch": 2}])
def test_bits_depend_neither_on_threads_nor_on_batches(two, result, how):
    spec = pairwise(batch_particles=how.get("batch"))
    again = run(two.particles, spec, threads=how.get("threads", 1))
    for name in ("dissimilarity", "rotations", "shifts", "members"):
        one, other = (getattr(r.model.clusters, name) for r in (result, again))
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(again.model.maps, result.model.maps, atol=1e-4)


@pytest.mark.parametrize("changes", [{"score": "fcs"}, {"linkage": "average"}, {"grid_deg": 45}])
def test_every_score_linkage_and_grid_finds_the_clusters(two, changes):
    found = run(two.particles, pairwise(parameters=changes))
    agreement = class_agreement(found.model.clusters.members, two.truth.classes)
    assert agreement.mean_f1 == 1.0


def test_weights_of_ones_and_zeros_are_the_wedge(two, result):
    """Particles multiplied by weights of their own are compared as those behind a formula."""
    summary = two.particles.summary
    window = observed(WEDGE, BOX).astype(np.float32)
    volumes = np.stack([two.particles.volume(i) for i in range(summary.particles)])
    weights = np.repeat(3.0 * window[None], len(volumes), 0)
    weighted = summary.model_copy(update={"missing": Weights()})
    found = run(ArrayParticles(3.0 * volumes, weighted, weights), pairwise())
    one, other = result.model.clusters, found.model.clusters
    np.testing.assert_array_equal(one.members, other.members)
    same = one.members[:, None] == one.members  # the others have no one best pose
    assert np.abs(one.dissimilarity - other.dissimilarity)[same].max() < 0.05


def test_the_model_survives_its_arrays(result):
    again = Model.from_arrays(result.model.to_arrays())
    assert again.clusters is not None
    np.testing.assert_array_equal(again.clusters.tree, result.model.clusters.tree)
    assert Model.from_arrays(replace(result.model, clusters=None).to_arrays()).clusters is None


def test_progress_is_told_once_a_particle_and_can_stop_the_work(two):
    method = methods.create(resolve(pairwise(), two.particles.summary), two.particles.summary)
    told = []
    batch = batch_of(two.particles, rows=[0, 1, 8])
    seen = method.expect(batch, method.start(), on_particle=lambda: told.append(1))
    assert len(told) == 3
    rows = np.flatnonzero(seen.statistics.pairs.any((1, 2)))
    assert rows.tolist() == [0, 1, 8]

    def stop():
        raise Cancelled

    with pytest.raises(Cancelled):
        method.expect(batch, method.start(), on_particle=stop, threads=2)


def test_references_are_refused(two):
    method = methods.create(resolve(pairwise(), two.particles.summary), two.particles.summary)
    with pytest.raises(InputError, match="aligned to each other"):
        method.start(np.zeros((1, BOX, BOX, BOX), np.float32))


@pytest.mark.parametrize(
    ("particles", "words"), [(501, "125250 pairs.*at most 500"), (1, "makes no pair")]
)
def test_too_many_particles_or_one_are_refused(particles, words):
    summary = DatasetSummary(particles=particles, box=24, voxel_size_angstrom=5.0, missing=WEDGE)
    with pytest.raises(InputError, match=words) as caught:
        resolve(pairwise(classes=1), summary)
    assert caught.value.problems[0].pointer == "/dataset"


@pytest.mark.parametrize(
    "fields",
    [
        {"iterations": 3},
        {"start": {"kind": "maps", "maps": ["map_1"]}},
        {"starts": 3},
        {"symmetry": "C4"},
        {"half_sets": True},
        {"mask": {"map": "map_1"}},
        {"resolution": {"start_angstrom": 40}},
        {"parameters": {"candidates": 10}},
    ],
)
def test_what_makes_no_sense_is_refused(fields):
    with pytest.raises(ValidationError):
        pairwise(**fields)


def test_resolved_specifications_are_their_own_defaults():
    summary = DatasetSummary(particles=100, box=64, voxel_size_angstrom=4.0, missing=WEDGE)
    spec = resolve(pairwise(resolution={}), summary)
    assert job_spec_adapter.validate_python(spec.model_dump(mode="json")) == spec
    assert resolve(spec, summary) == spec
    assert not check(spec, summary)
    assert spec.resolution.limit_angstrom == pytest.approx(16.0)
    assert spec.parameters.shift_range_angstrom == pytest.approx(25.6)


def test_batches_are_of_like_work_and_no_longer_than_two_minutes():
    for particles in (2, 30, 100, 500):
        summary = DatasetSummary(
            particles=particles, box=64, voxel_size_angstrom=4.0, missing=WEDGE
        )
        spec = resolve(pairwise(classes=1), summary)
        seconds = spec.batch_particles * seconds_per_particle(spec, 16.0, particles)
        assert spec.batch_particles == 4 or seconds < 150.0
    assert work_of(spec, 1) > 10 * work_of(spec, 0)
