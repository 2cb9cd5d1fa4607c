"""Every pose of a batch, held against the sums written out term by term."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from subtomo_core import methods
from subtomo_core.data.initial_poses import in_classes
from subtomo_core.data.particle_regions import ParticleRegions
from subtomo_core.data.particles import ArrayParticles
from subtomo_core.data.statistics import Batch, Model
from subtomo_core.errors import Cancelled
from subtomo_core.expect.backprojection import Accumulator, Share, Term
from subtomo_core.expect.exhaustive_pass import Pass
from subtomo_core.fourier.grids import padded_grid
from subtomo_core.fourier.missing import observed
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.likelihood.observation import Samples
from subtomo_core.orientation.rotations import angular_distance, random_rotations
from subtomo_core.plan import Settings
from subtomo_core.simulate import asymmetric_blob, four_gaussians, simulate
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Complete, Cone, Weights
from support.numerics import gathered, phases
from support.small_jobs import VOXEL, WEDGE

BOX, COUNT, REACH = 12, 5, 2
LATTICE = np.stack(np.meshgrid(*[np.arange(-REACH, REACH + 1)] * 3, indexing="ij"), -1)
LATTICE = LATTICE.reshape(-1, 3)[(LATTICE.reshape(-1, 3) ** 2).sum(1) <= REACH**2]


def made(missing, seed: int = 1) -> ArrayParticles:
    structures = [asymmetric_blob(0.5 * BOX * VOXEL), four_gaussians(0.6 * BOX * VOXEL)]
    counts, shift = [COUNT - 2, 2], 1.5
    if isinstance(missing, Weights):
        whole = simulate(structures, counts, BOX, VOXEL, snr=0.2, shift_range=shift, seed=seed)
        summary = DatasetSummary(
            particles=COUNT, box=BOX, voxel_size_angstrom=VOXEL, missing=Weights()
        )
        weights = 0.1 + np.random.default_rng(3).random((COUNT, BOX, BOX, BOX // 2 + 1))
        weights *= observed(WEDGE, BOX)
        return ArrayParticles(whole.particles.volumes, summary, weights.astype(np.float32))
    fields = {"snr": 0.2, "shift_range": shift, "seed": seed, "missing": missing}
    return simulate(structures, counts, BOX, VOXEL, **fields).particles


def spec(algorithm: str = "ml", **fields):
    parameters = {"step_deg": 60.0, "shift_range_angstrom": REACH * VOXEL}
    parameters |= fields.pop("parameters", {})
    given = {"algorithm": algorithm, "dataset": "d", "classes": 2, "parameters": parameters}
    return job_spec_adapter.validate_python(given | fields)


def begun(particles: ArrayParticles, wanted=None) -> tuple[methods.Method, Settings, Model, Batch]:
    """A method, its settings, the model after the survey, and all particles as a batch."""
    full = resolve(wanted or spec(), particles.summary)
    method = methods.create(full, particles.summary)
    batch = Batch(particles, np.arange(COUNT))
    surveyed = method.expect(batch, method.start())
    model = method.maximise(method.start(), surveyed.statistics)
    settings = Settings.of(full, particles.summary).knowing(model)
    return method, settings, model, replace(batch, poses=surveyed.poses)


class Plainly:
    """Every pose of every particle, one after the other, in double precision."""

    def __init__(self, settings: Settings, model: Model, batch: Batch):
        search = Pass.prepare(settings, batch, model, 1)
        self.rotations, self.support = search.looks().rotations, search.samples.support
        self.settings, self.model, self.samples = settings, model, search.samples
        self.noise = model.noise[self.support.shell]
        radius = settings.whole_radius + 1.0
        self.models = np.array(
            [
                [gathered(padded_grid(m, radius), self.support, r) for r in self.rotations]
                for m in model.fold_maps[0]
            ]
        ).astype(np.complex128)
        self.waves = np.array([phases(self.support, t.astype(float)) for t in LATTICE])

    def terms(self, i: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gain (K, M, T) and power (K, M) of a particle's poses."""
        weighed, count = self.samples.weighed[i], self.support.count.astype(np.float64)
        product = count * weighed.values.astype(np.complex128) * self.models.conj()
        gain = np.einsum("kmj,tj->kmt", product, self.waves).real
        return gain, (count * weighed.weights * np.abs(self.models) ** 2).sum(2)

    def posterior(self, i: int) -> tuple[NDArray[np.float64], float]:
        """Over classes, rotations and shifts, and the logarithm of its normaliser."""
        gain, power = self.terms(i)
        prior = np.exp(-(LATTICE**2).sum(1) / (2.0 * self.model.xi**2))
        prior /= prior.sum() * len(self.rotations)
        joint = gain - 0.5 * power[:, :, None] + np.log(prior)
        joint += np.log(self.model.shares)[:, None, None]
        whole = np.logaddexp.reduce(joint, axis=None)
        return np.exp(joint - whole), float(whole)


REGIONS = [
    WEDGE,
    Cone(half_angle_deg=30.0),
    Complete(),
    Weights(),
    ParticleRegions((Cone(half_angle_deg=40.0), WEDGE), np.array([0, 1, 0, 1, 1])),
]


@pytest.mark.parametrize("missing", REGIONS, ids=["wedge", "cone", "none", "weights", "each"])
def test_posteriors_and_sums_are_those_written_out_term_by_term(missing):
    particles = made(missing)
    method, settings, model, batch = begun(particles)
    found, plain = method.expect(batch, model), Plainly(settings, model, batch)
    shape = found.statistics.numerator.shape
    numerator, denominator = np.zeros(shape, complex), np.zeros(shape)
    distance, squares, mass, likelihood = np.zeros(settings.shells), 0.0, np.zeros(shape[:2]), 0.0
    for i in range(COUNT):
        posterior, whole = plain.posterior(i)
        likelihood += whole
        np.testing.assert_allclose(found.poses.probability[i], posterior.sum((1, 2)), atol=2e-5)
        k, m, t = np.unravel_index(posterior.argmax(), posterior.shape)
        assert angular_distance(found.poses.rotations[i, k], plain.rotations[m]) < 1e-6
        np.testing.assert_allclose(found.poses.shifts[i, k], LATTICE[t], atol=1e-12)
        fold = int(settings.fold_of[i])
        mass[fold] += posterior.sum((1, 2))
        squares += (posterior * (LATTICE**2).sum(1)).sum()
        add(plain, i, posterior, numerator[fold], denominator[fold], distance)
    told = found.statistics
    assert told.log_likelihood == pytest.approx(likelihood, abs=1e-3 * COUNT)
    np.testing.assert_allclose(told.mass, mass, atol=1e-4)
    assert told.shift_square == pytest.approx(squares, rel=1e-4)
    distance += plain.samples.power.sum(0)
    np.testing.assert_allclose(told.noise_sum, distance, rtol=1e-4, atol=1e-3)
    for name, sums in (("denominator", denominator), ("numerator", numerator)):
        seen = getattr(told, name)
        assert np.abs(seen - sums).max() < 2e-4 * np.abs(sums).max()


def add(plain: Plainly, i: int, posterior, numerator, denominator, distance) -> None:
    """A particle's part in the sums, each pose scattered by itself, and in the distances."""
    weighed, support = plain.samples.weighed[i], plain.support
    seen = Samples(
        (weighed.values * plain.noise).astype(np.complex64),
        (weighed.weights * plain.noise).astype(np.float32),
    )
    sums, models = Accumulator(support, 2), Accumulator(support, 2)
    shares = [
        Share(k, plain.rotations[m], LATTICE[t].astype(float), float(posterior[k, m, t]))
        for k, m, t in np.argwhere(posterior > 1e-9)
    ]
    sums.add(Term(0, seen, shares))
    for k, m in np.ndindex(posterior.shape[:2]):
        reference = Samples((seen.weights * plain.models[k, m]).astype(np.complex64), seen.weights)
        share = Share(k, plain.rotations[m], np.zeros(3), float(posterior[k, m].sum()))
        models.add(Term(0, reference, [share]))
    parts = [np.zeros_like(numerator, np.complex64) for _ in range(2)]
    weights = [np.zeros_like(denominator, np.float32) for _ in range(2)]
    sums.fold_into(parts[0], weights[0])
    models.fold_into(parts[1], weights[1])
    references = np.stack([to_fourier(m) for m in plain.model.fold_maps[0]])
    numerator += parts[0] - parts[1] + weights[0] * references
    denominator += weights[0]
    count = support.count.astype(np.float64)
    own = (posterior.sum(2)[:, :, None] * np.abs(plain.models) ** 2).sum((0, 1)) * seen.weights
    moved = np.einsum("kmt,tj,kmj->j", posterior, plain.waves, plain.models.conj())
    own -= 2.0 * (moved * seen.values).real
    np.add.at(distance, support.shell, count * own)


def test_all_of_a_particle_goes_to_its_best_correlation():
    particles = made(WEDGE)
    method, settings, model, batch = begun(particles, spec("cc"))
    found, plain = method.expect(batch, model), Plainly(settings, model, batch)
    for i in range(COUNT):
        gain, power = plain.terms(i)
        score = gain / np.sqrt(power)[:, :, None] / plain.samples.norms[i]
        k, m, t = np.unravel_index(score.argmax(), score.shape)
        assert found.poses.probability[i].tolist() == np.eye(2)[k].tolist()
        assert angular_distance(found.poses.rotations[i, k], plain.rotations[m]) < 1e-6
        np.testing.assert_allclose(found.poses.shifts[i, k], LATTICE[t])
        np.testing.assert_allclose(found.poses.score[i], score.max((1, 2)), rtol=1e-5)


def test_bits_depend_on_neither_threads_nor_other_particles_nor_on_where_arrays_lie():
    particles = made(WEDGE)
    method, _, model, batch = begun(particles)
    once = method.expect(batch, model)
    kept = []  # memory that is taken, so that the next pass finds its own elsewhere
    for threads in (1, 3, 2, 3):
        kept.append([np.empty(size) for size in range(1, 40 * threads)])
        again = method.expect(batch, model, threads=threads)
        for one, other in ((once.poses, again.poses), (once.statistics, again.statistics)):
            for name, array in one.to_arrays().items():
                np.testing.assert_array_equal(array, other.to_arrays()[name], err_msg=name)
    alone = [
        method.expect(Batch(particles, np.array([i]), batch.poses[i : i + 1]), model)
        for i in range(COUNT)
    ]
    for name, array in once.poses.to_arrays().items():
        parts = np.concatenate([part.poses.to_arrays()[name] for part in alone])
        np.testing.assert_array_equal(parts, array, err_msg=name)
    together = sum(part.statistics.numerator for part in alone)
    assert np.abs(together - once.statistics.numerator).max() < 1e-5 * np.abs(together).max()


def test_it_tells_of_every_particle_and_can_be_stopped():
    method, _, model, batch = begun(made(WEDGE))
    told = []
    method.expect(batch, model, on_particle=lambda: told.append(1))
    assert len(told) == COUNT

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        method.expect(batch, model, threads=2, on_particle=stop)


def test_a_limited_search_stays_near_and_always_has_the_nearest_rotation():
    particles = made(WEDGE)
    own = in_classes(
        random_rotations(np.random.default_rng(5), COUNT), np.full((COUNT, 3), 0.3),
        np.arange(COUNT) % 2, 2,
    )  # fmt: skip
    limits = {"search_range_deg": 50.0, "search_range_angstrom": 1.0 * VOXEL}
    wanted = spec(start={"kind": "poses"}, parameters=limits)
    method, _, model, batch = begun(particles, wanted)
    found = method.expect(replace(batch, poses=own), model).poses
    assert (angular_distance(found.rotations, own.rotations) <= 50.0).all()
    assert np.linalg.norm(found.shifts - own.shifts, axis=2).max() <= 1.0 + 1e-9
    tight = spec(start={"kind": "poses"}, parameters={"search_range_deg": 0.5})
    method, settings, model, batch = begun(particles, tight)
    found = method.expect(replace(batch, poses=own), model).poses
    rotations = Pass.prepare(settings, replace(batch, poses=own), model, 1).looks().rotations
    nearest = angular_distance(own.rotations[:, 0, None], rotations[None]).min(1)
    apart = angular_distance(found.rotations[:, 0], own.rotations[:, 0])
    np.testing.assert_allclose(apart, nearest, atol=1e-6)


def test_poses_that_are_fixed_are_those_given_and_classes_compete_for_them():
    particles = made(WEDGE)
    own = in_classes(
        random_rotations(np.random.default_rng(5), COUNT), np.full((COUNT, 3), 0.3),
        np.arange(COUNT) % 2, 2,
    )  # fmt: skip
    wanted = spec(start={"kind": "poses"}, parameters={"poses": "fixed"})
    method, settings, model, batch = begun(particles, wanted)
    batch = replace(batch, poses=own)
    found = method.expect(batch, model).poses
    np.testing.assert_array_equal(found.rotations, own.rotations)
    np.testing.assert_allclose(found.shifts, own.shifts, atol=1e-12)
    samples = Pass.prepare(settings, batch, model, 1).samples
    for i in range(COUNT):
        grids = [padded_grid(m, settings.whole_radius + 1.0) for m in model.fold_maps[0]]
        models = np.array([gathered(g, samples.support, own.rotations[i, 0]) for g in grids])
        wave, count = phases(samples.support, own.shifts[i, 0]), samples.support.count
        gain = (count * samples.weighed[i].values * wave * models.conj()).real.sum(1)
        power = (count * samples.weighed[i].weights * np.abs(models) ** 2).sum(1)
        terms = np.log(model.shares) + gain - 0.5 * power
        expected = np.exp(terms - np.logaddexp.reduce(terms))
        np.testing.assert_allclose(found.probability[i], expected, atol=1e-4)
        np.testing.assert_allclose(found.score[i], gain - 0.5 * power, atol=2e-3)
