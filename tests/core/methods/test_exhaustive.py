"""Jobs that look at every pose: likelihood, averages, classes, and what controls them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from subtomo_core import methods
from subtomo_core.data.initial_poses import in_classes
from subtomo_core.data.particles import ArrayParticles
from subtomo_core.data.statistics import Batch
from subtomo_core.errors import InputError
from subtomo_core.expect.exhaustive_pass import Pass
from subtomo_core.fourier.missing import observed
from subtomo_core.likelihood.shift_priors import spread_of
from subtomo_core.maximise.published_averages import Sums
from subtomo_core.plan import Settings
from subtomo_core.run import run
from subtomo_core.score import compare_maps
from subtomo_core.score.classes import class_agreement
from subtomo_core.simulate import asymmetric_blob, four_gaussians, simulate
from subtomo_core.spec.checks import check
from subtomo_core.spec.costs import seconds_per_particle
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Weights
from support.small_jobs import VOXEL, WEDGE

BOX = 16
STRUCTURES = [asymmetric_blob(0.5 * BOX * VOXEL), four_gaussians(0.6 * BOX * VOXEL)]


def made(counts=(12, 12), snr=0.5, **how):
    structures = STRUCTURES[: len(counts)]
    fields = {"snr": snr, "missing": WEDGE, "seed": 3, "shift_range": 1.0}
    return simulate(structures, list(counts), BOX, VOXEL, **(fields | how))


def spec(algorithm="ml", **fields):
    few = {"step_deg": 30.0, "shift_range_angstrom": 2.0 * VOXEL} | fields.pop("parameters", {})
    given = {"algorithm": algorithm, "dataset": "d", "parameters": few, "iterations": 12}
    return job_spec_adapter.validate_python(given | {"stop_when_converged": False} | fields)


@pytest.fixture(scope="module")
def one():
    return made((20,), snr=0.3)


@pytest.fixture(scope="module")
def two():
    return made()


def likelihoods(particles, wanted) -> np.ndarray:
    """Log-likelihood of what was observed under each iteration's model, up to a constant."""
    full = resolve(wanted, particles.summary)
    method = methods.create(full, particles.summary)
    batch = Batch(particles, np.arange(particles.summary.particles))
    model, poses, told = method.start(), None, []
    for number in range(full.iterations + 1):
        found = method.expect(replace(batch, poses=poses), model)
        if number:
            settings = Settings.of(full, particles.summary).knowing(model)
            seen = Pass.prepare(settings, replace(batch, poses=poses), model, 1).samples
            power, count = seen.power.sum(0), seen.count.sum(0)
            empty = (power / model.noise + count * np.log(model.noise)).sum()
            told.append(found.statistics.log_likelihood - 0.5 * float(empty))
        model, poses = method.maximise(model, found.statistics), found.poses
    return np.array(told)


WITHOUT = {"regularisation": 0.0, "grid": "fixed"}


@pytest.mark.parametrize(
    ("classes", "more"),
    [(1, {}), (2, {}), (2, {"noise": "shells"}), (2, {"sigma": 1.5})],
)
def test_the_likelihood_never_falls_where_missing_parts_are_filled_in(two, classes, more):
    wanted = spec(classes=classes, iterations=15, parameters=WITHOUT | more)
    steps = np.diff(likelihoods(two.particles, wanted))
    assert steps.min() > -0.01  # of tens of thousands: rounding
    assert steps[:4].min() > 10.0


def test_it_falls_where_averages_divide_by_weights(two):
    weighted = WITHOUT | {"averaging": "weighted", "threshold": 0.5}
    steps = np.diff(likelihoods(two.particles, spec(classes=2, parameters=weighted)))
    assert steps.min() < -0.1


def fitted(found, truth) -> list[float]:
    """Best r of each true map with any of the averages."""
    maps = found.model.maps
    return [max(compare_maps(m, true, VOXEL).fit.r for m in maps) for true in truth.maps]


@pytest.mark.parametrize(
    ("algorithm", "parameters"), [("ml", {}), ("ml", {"averaging": "weighted"}), ("cc", {})]
)
def test_it_finds_a_structure_from_random_orientations(one, algorithm, parameters):
    found = run(one.particles, spec(algorithm, parameters=parameters | {"step_deg": 20.0}))
    assert fitted(found, one.truth)[0] > 0.85
    assert found.history[-1].verdict.summary.startswith("the averages show structure")


def test_it_sorts_two_structures_from_random_orientations(two):
    found = run(two.particles, spec(classes=2, seed=2, parameters={"step_deg": 20.0}))
    agreement = class_agreement(found.poses.best_class, two.truth.classes)
    assert agreement.mean_f1 > 0.9
    assert min(fitted(found, two.truth)) > 0.8


def test_averages_of_noise_are_not_taken_for_structure():
    noise = np.random.default_rng(2).normal(size=(16, BOX, BOX, BOX)).astype(np.float32)
    summary = DatasetSummary(particles=16, box=BOX, voxel_size_angstrom=VOXEL, missing=WEDGE)
    found = run(ArrayParticles(noise, summary), spec(iterations=8))
    assert "structure" not in found.history[-1].verdict.summary


def test_classes_are_dealt_anew_in_the_poses_of_a_job_of_one_class(two):
    poses = in_classes(two.truth.rotations, two.truth.shifts, np.zeros(24, int), 1)
    start = {"kind": "poses", "random_classes": True}
    told = []
    wanted = spec(classes=2, start=start, parameters={"poses": "fixed"})
    found = run(
        two.particles, wanted, poses=poses, on_iteration=lambda _model, own: told.append(own)
    )
    assert told[0].probability.sum(0).tolist() == [12.0, 12.0]
    np.testing.assert_array_equal(told[0].best_rotation, two.truth.rotations)
    np.testing.assert_array_equal(found.poses.best_rotation, two.truth.rotations)
    np.testing.assert_array_equal(found.poses.best_shift, two.truth.shifts)
    assert class_agreement(found.poses.best_class, two.truth.classes).mean_f1 == 1.0


@pytest.mark.parametrize("algorithm", ["faml", "fa", "gradient"])
def test_other_algorithms_sort_into_classes_in_poses_that_are_fixed(two, algorithm):
    poses = in_classes(two.truth.rotations, two.truth.shifts, np.zeros(24, int), 1)
    wanted = job_spec_adapter.validate_python(
        {
            "algorithm": algorithm,
            "dataset": "d",
            "classes": 2,
            "iterations": 8,
            "half_sets": False,
            "start": {"kind": "poses", "random_classes": True},
            "parameters": {"poses": "fixed"} | ({"regroup": False} if algorithm == "faml" else {}),
        }
    )
    found = run(two.particles, wanted, poses=poses)
    np.testing.assert_array_equal(found.poses.best_rotation, two.truth.rotations)
    if algorithm == "faml":  # hard assignment may leave all in the class that is clearer at first
        assert class_agreement(found.poses.best_class, two.truth.classes).mean_f1 == 1.0


@pytest.mark.parametrize("algorithm", ["ml", "faml"])
def test_a_sigma_that_is_fixed_stays(one, algorithm):
    fields = {"algorithm": algorithm, "dataset": "d", "iterations": 2, "starts": 1}
    few = {"sigma": 0.5} | ({"step_deg": 60.0} if algorithm == "ml" else {"candidates": 4})
    found = run(one.particles, job_spec_adapter.validate_python(fields | {"parameters": few}))
    assert [told.sigma for told in found.history] == [0.5] * 3


def test_a_coarse_pass_loses_next_to_nothing(one):
    full = resolve(spec(iterations=8, parameters={"step_deg": 15.0}), one.particles.summary)
    kept = []
    run(one.particles, full, on_iteration=lambda model, poses: kept.append((model, poses)))
    model, poses = kept[-1]
    batch = Batch(one.particles, np.arange(20), poses)
    told, seen = [], []
    for share in (None, 0.999, 0.6):
        parameters = full.parameters.model_copy(update={"pruning": share})
        pruned = full.model_copy(update={"parameters": parameters})
        method = methods.create(pruned, one.particles.summary)
        settings = Settings.of(pruned, one.particles.summary).knowing(model)
        seen.append(Pass.prepare(settings, batch, model, 1).looks().chosen.mean())
        told.append(method.expect(batch, model).statistics.log_likelihood)
    assert seen[0] == 1.0 > seen[1] > seen[2]
    assert seen[1] < 0.6
    assert 0.0 <= told[0] - told[1] < 1e-3 * told[0]
    assert told[1] >= told[2]


def test_particles_with_weights_of_their_own_fill_in_too():
    whole = made((16,), snr=0.3, missing=None)
    weights = observed(WEDGE, BOX) * np.linspace(2.0, 0.5, BOX // 2 + 1, dtype=np.float32)
    each = np.broadcast_to(weights, (16, *weights.shape))
    transforms = np.fft.rfftn(np.fft.ifftshift(whole.particles.volumes, (1, 2, 3)), axes=(1, 2, 3))
    volumes = np.fft.fftshift(np.fft.irfftn(transforms * each, (BOX,) * 3, (1, 2, 3)), (1, 2, 3))
    summary = DatasetSummary(particles=16, box=BOX, voxel_size_angstrom=VOXEL, missing=Weights())
    found = run(ArrayParticles(volumes.astype(np.float32), summary, each), spec())
    assert fitted(found, whole.truth)[0] > 0.8


def test_sweeps_go_from_filling_in_to_the_weighted_average():
    rng = np.random.default_rng(1)
    shape = (1, 8, 8, 5)
    weights = rng.uniform(0.5, 4.0, shape).astype(np.float32)
    sums = Sums(
        (weights * rng.normal(size=shape)).astype(np.complex64), weights, np.array([4.0]),
        np.ones(shape[1:], bool),
    )  # fmt: skip
    old = rng.normal(size=shape[1:]).astype(np.complex64)
    whole = sums.whole(0, soft_weights=False)
    once, often = (sums.filled(0, old, whole=whole, sweeps=n) for n in (1, 100))
    expected = (sums.numerators[0] + (4.0 - weights[0]) * old) / 4.0
    np.testing.assert_allclose(once, expected, atol=1e-5)
    np.testing.assert_allclose(often, sums.weighted(0, 0.1), atol=1e-4)
    assert not sums.weighted(0, 10.0).any()


@pytest.mark.parametrize("xi", [0.4, 0.8, 2.0, 10.0])
def test_the_spread_of_shifts_is_the_one_whose_prior_has_their_mean_square(xi):
    line = np.arange(-4, 5)
    squares = sum(np.meshgrid(line**2, line**2, line**2)).reshape(-1)
    squares = squares[squares <= 4.5**2]
    shares = np.exp(-squares / (2.0 * xi**2))
    assert spread_of((shares * squares).sum() / shares.sum(), 4.5) == pytest.approx(xi, rel=1e-6)
    assert spread_of(100.0, 4.5) > 100.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"parameters": {"poses": "fixed"}}, "poses can be fixed only where they are known"),
        ({"mask": {"particles": True}}, "the algorithm 'ml' searches particles whole"),
        ({"mask": {"fit": True}}, "the algorithm 'ml' fits no mask"),
        (
            {"start": {"kind": "poses"}, "parameters": {"poses": "fixed", "search_range_deg": 9.0}},
            "poses that are fixed are not searched",
        ),
    ],
)
def test_what_does_not_fit_is_refused(one, fields, message):
    problems = check(spec(**fields), one.particles.summary)
    assert [problem.detail.startswith(message) for problem in problems] == [True]


@pytest.mark.parametrize(
    "fields",
    [
        {"half_sets": True},
        {"symmetry": "C2"},
        {"starts": 3},
        {"start": {"kind": "particles"}},
        {"parameters": {"step_deg": 3.0}},
        {"resolution": {"start_angstrom": 40.0}},
    ],
)
def test_fields_that_the_published_method_has_no_use_for_are_refused(fields):
    with pytest.raises(ValidationError):
        spec(**fields)


def test_poses_in_several_classes_cannot_be_dealt_anew(two):
    poses = in_classes(two.truth.rotations, two.truth.shifts, np.arange(24) % 3, 3)
    wanted = spec(classes=2, start={"kind": "poses", "random_classes": True})
    with pytest.raises(InputError, match=r"poses in one class with start\.random_classes"):
        run(two.particles, wanted, poses=poses)


def test_cost_goes_with_classes_and_rotations():
    cost = {
        (k, step): seconds_per_particle(spec(classes=k, parameters={"step_deg": step}), 13.0, 100)
        for k in (1, 2)
        for step in (7.5, 15.0)
    }
    assert cost[2, 15.0] == pytest.approx(2.0 * cost[1, 15.0])
    assert cost[1, 7.5] == pytest.approx(8.0 * cost[1, 15.0])
