"""Refiners as the search of a job."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.data.initial_poses import in_classes
from subtomo_core.data.particles import ArrayParticles
from subtomo_core.expect.prepared_search import PreparedSearch
from subtomo_core.expect.refined_search import Refining, pair_of, weigh
from subtomo_core.orientation.rotations import angular_distance, random_rotations, rotation_about
from subtomo_core.refiners.scores import local
from subtomo_core.run import run
from subtomo_core.spec.checks import check
from subtomo_core.spec.missing_region import Weights
from support.small_jobs import batch_of, blobs, job, knowing, method_of

BOX, COUNT = 24, 12
ALGORITHMS = ["gradient", "sag", "frm"]


@pytest.fixture(scope="module")
def noisy():
    return blobs(COUNT, BOX, snr=0.5)


def spec_of(algorithm, **fields):
    return job(algorithm, half_sets=False, **fields)


def errors(poses, truth):
    return (
        angular_distance(poses.best_rotation, truth.rotations),
        np.linalg.norm(poses.best_shift - truth.shifts, axis=1),
    )


def found(noisy, spec, variance=3.0, **how):
    method = method_of(noisy.particles, spec)
    model = knowing(method, noisy.truth.maps, variance)
    return method.expect(batch_of(noisy.particles), model, **how)


@pytest.mark.parametrize(
    ("algorithm", "parameters"),
    [
        ("gradient", {}),
        ("gradient", {"score": "fcs"}),
        ("gradient", {"starts_from": "grid"}),
        ("sag", {}),
        ("sag", {"slices": 0}),
        ("sag", {"starts_from": "grid", "grid_deg": 45}),
        ("frm", {}),
    ],
)
def test_every_refiner_finds_noisy_particles(noisy, algorithm, parameters):
    poses = found(noisy, spec_of(algorithm, parameters=parameters)).poses
    angles, distances = errors(poses, noisy.truth)
    assert np.median(angles) < 4.0
    assert np.mean(angles < 10.0) >= 0.9
    assert np.median(distances) < 0.25


@pytest.mark.parametrize("algorithm", ["gradient", "sag"])
def test_refined_poses_are_nearer_than_those_on_a_grid(algorithm):
    clear = blobs(COUNT, BOX, snr=20.0)
    matched = found(clear, job("fa"), 0.05).poses
    refined = found(clear, spec_of(algorithm), 0.05).poses
    near, nearer = (np.median(errors(p, clear.truth)[0]) for p in (matched, refined))
    assert nearer < 0.7
    assert nearer < near + 0.1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_poses_depend_neither_on_threads_nor_on_batches(noisy, algorithm):
    spec = spec_of(algorithm)
    method = method_of(noisy.particles, spec)
    model = knowing(method, noisy.truth.maps, 3.0)
    whole = method.expect(batch_of(noisy.particles), model, threads=2).poses
    part = method.expect(batch_of(noisy.particles, rows=np.arange(5, 9)), model).poses
    assert np.array_equal(whole.rotations[5:9], part.rotations)
    assert np.array_equal(whole.shifts[5:9], part.shifts)


def test_a_pairs_correlation_is_that_of_the_evidence(noisy):
    method = method_of(noisy.particles, spec_of("gradient"))
    model = knowing(method, noisy.truth.maps, 3.0)
    ready = PreparedSearch.of(method.settings, model)
    rotations = random_rotations(np.random.default_rng(0), 6)
    for index in range(3):
        particle = ready.observed(noisy.particles, index)
        template = ready.references[index].templates[0]
        pair = pair_of(ready.search, particle.weighed, template)
        shifts = np.random.default_rng(index).normal(size=(6, 3))
        candidates = weigh(ready.search, particle.weighed, template, rotations, shifts)
        poses = zip(candidates.rotations, candidates.shifts, strict=True)
        cccs = np.array([local(pair.moments(R, t), "rcs").correlation for R, t in poses])
        ratio = cccs / candidates.correlation
        # Constrained correlations differ by the particle's own norm, the same at all poses.
        assert np.allclose(ratio, ratio[0], rtol=1e-3)


def test_particles_with_weights_of_their_own_are_refined():
    made = blobs(COUNT, BOX, snr=0.5)
    region = np.stack([np.ones((BOX, BOX, BOX // 2 + 1), np.float32) for _ in range(COUNT)])
    region[:, :, :, BOX // 4 :] = 0.25
    volumes = np.stack([made.particles.volume(i) for i in range(COUNT)])
    summary = made.particles.summary.model_copy(update={"missing": Weights()})
    weighted = replace(made, particles=ArrayParticles(volumes, summary, region))
    angles, _ = errors(found(weighted, spec_of("gradient")).poses, made.truth)
    assert np.median(angles) < 6.0


@pytest.mark.parametrize("algorithm", ["gradient", "sag"])
def test_a_search_about_the_normal_keeps_it(noisy, algorithm):
    rng = np.random.default_rng(4)
    z = np.array([0.0, 0.0, 1.0])
    turns = rotation_about(z, rng.uniform(0.0, 360.0, COUNT))
    start = in_classes(noisy.truth.rotations @ turns, noisy.truth.shifts, np.zeros(COUNT, int), 1)
    spec = spec_of(
        algorithm,
        start={"kind": "poses"},
        iterations=3,
        parameters={"about_normal": True},
        resolution={"start_angstrom": 30.0},
    )
    poses = run(noisy.particles, spec, poses=start).poses
    normals = start.best_rotation @ z
    assert np.allclose(poses.best_rotation @ z, normals, atol=1e-6)
    assert angular_distance(poses.best_rotation, start.best_rotation).max() > 10.0


def test_a_given_map_of_another_scale_is_found_by_both_scores(noisy):
    for score in ("rcs", "fcs"):
        method = method_of(noisy.particles, spec_of("gradient", parameters={"score": score}))
        model = replace(knowing(method, 1e3 * noisy.truth.maps, 3.0), scaled=False)
        poses = method.expect(batch_of(noisy.particles), model).poses
        assert np.median(errors(poses, noisy.truth)[0]) < 4.0


def test_a_limited_search_by_a_refiner_leaves_nothing_outside(noisy):
    wrong = random_rotations(np.random.default_rng(3), COUNT)
    start = in_classes(wrong, noisy.truth.shifts, np.zeros(COUNT, int), 1)
    limits = {"search_range_deg": 9.0, "search_range_angstrom": 10.0}
    for algorithm, more in (("sag", {}), ("gradient", {"starts_from": "grid"})):
        spec = spec_of(
            algorithm, start={"kind": "poses"}, iterations=1, parameters={**limits, **more}
        )
        poses = run(noisy.particles, spec, poses=start).poses
        assert angular_distance(poses.best_rotation, wrong).max() <= 9.0 + 1e-4


def test_a_normal_needs_poses_and_no_symmetry(noisy):
    spec = spec_of("sag", parameters={"about_normal": True}, symmetry="C3")
    problems = check(spec, noisy.particles.summary)
    assert [p.pointer for p in problems] == ["/parameters/about_normal"] * 2
    assert "start from 'poses'" in problems[0].detail


def test_matching_alone_has_no_refiner():
    assert Refining.of(job("faml").parameters) is None
    assert Refining.of(job("fa").parameters) is None


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_refinement_has_gold_standard_halves_unless_told_otherwise(algorithm):
    assert job(algorithm).half_sets
    assert not job("fa").half_sets
