"""Expectation and maximisation are two halves of one ascent, with empty space as a class or not.

The engine as a whole adds what rules a proof out: candidates which change with the references,
references without a particle's own fold, weighting by shell, masks, a noise which is measured
anew. Here it is put back to the bare method (FAML equations 5 to 11): the same rotations as
candidates in every iteration, no shifts, one reference for all particles, neither weighted nor
masked, the noise known.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subtomo_core.expect.alignment import Alignment
from subtomo_core.expect.backprojection import Accumulator, Term
from subtomo_core.fourier.gridding import ball, fill_in
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.likelihood.observation import Samples
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.likelihood.rings import ShiftGrid
from subtomo_core.orientation.rotations import even_rotations
from subtomo_core.simulate import MapStructure, asymmetric_blob
from support.numerics import gathered
from support.small_jobs import VOXEL, batch_of, blobs, job, knowing, method_of

BOX, COUNT, FOLDS, ITERATIONS = 16, 12, 4, 8
POSES = even_rotations(40.0)
ROUNDING = 1e-6  # of sums in single precision, relative


class Even:
    """Every pose stands for the same share of pose space."""

    def shares(self, rotations, _shifts):
        return np.full(len(rotations), 1.0 / len(rotations))


class Ascent:
    """The bare method on noisy particles of a body and its mirror image, K = 2."""

    def __init__(self, seed, snr, junk):
        body = asymmetric_blob(0.5 * BOX * VOXEL)
        mirrored = MapStructure(body.density(BOX, VOXEL)[:, ::-1].copy(), VOXEL)
        counts = [COUNT // 2] * 2
        made = blobs(structures=[body, mirrored], counts=counts, snr=snr, shift_range=0.0)
        method = method_of(made.particles, job(classes=2, parameters={"junk": junk}))
        grain = np.random.default_rng(seed).normal(size=(2, BOX, BOX, BOX))
        start = (made.truth.maps.mean(0) + 0.3 * grain).astype(np.float32)
        model = knowing(method, start, float(np.var(made.particles.volume(0))))
        self.batch, self.settings = batch_of(made.particles), method.settings
        self.model = replace(model, shell_in_use=4.0)

    def expect(self):
        """Log-likelihood, mass of the classes, and each particle's samples with its shares."""
        ready = Alignment.prepare(self.settings, self.model)
        search = ready.prepared.search
        still = ShiftGrid.covering(search.rings.first, 0.0)
        unshifted = replace(search, rings=replace(search.rings, grid=still))
        even = replace(ready.competition, points=Even())
        prepared = replace(ready.prepared, search=unshifted)
        self.alignment = replace(ready, competition=even, prepared=prepared)
        found = [self.alignment.row(self.batch, i) for i in range(COUNT)]
        observed = [self.alignment.prepared.observed(self.batch.particles, i) for i in range(COUNT)]
        terms = [
            Term(0, particle.seen, row.term.shares)
            for particle, row in zip(observed, found, strict=True)
        ]
        mass = np.sum([f.row.probability for f in found], 0)
        return sum(f.row.log_likelihood for f in found), mass, terms

    def sums(self, terms):
        """Numerators and denominators of both classes."""
        support = self.alignment.prepared.search.support
        accumulator = Accumulator(support, 2)
        for term in terms:
            accumulator.add(term)
        shape = (2, BOX, BOX, BOX // 2 + 1)
        numerator, denominator = np.empty(shape, np.complex64), np.empty(shape, np.float32)
        accumulator.fold_into(numerator, denominator)
        return numerator, denominator

    def residual(self, term):
        """What the present references leave of a particle's samples at each of its poses."""
        alignment = self.alignment
        support, templates = (
            alignment.prepared.search.support,
            alignment.prepared.references[0].templates,
        )
        for share in term.shares:
            model = gathered(templates[share.class_index].grid, support, share.rotation)
            left = Samples(term.samples.values - term.samples.weights * model, term.samples.weights)
            yield Term(0, left, [share])

    def go_on(self, transforms, mass):
        """Next references and class shares."""
        inside = ball(BOX, float(self.alignment.prepared.search.support.reach))
        maps = np.stack([to_real(inside * transform) for transform in transforms])
        folds = np.repeat(maps[None], FOLDS, 0)
        self.model = replace(self.model, maps=maps, fold_maps=folds, shares=mass / mass.sum())

    def exactly(self):
        """One iteration, each particle's missing part filled in at each of its poses."""
        likelihood, mass, terms = self.expect()
        step, _ = self.sums([part for term in terms for part in self.residual(term)])
        whole = mass.astype(np.float32)
        old = [to_fourier(m) for m in self.model.maps]
        self.go_on([a + s / t for a, s, t in zip(old, step, whole, strict=True)], mass)
        return likelihood

    def as_the_engine_does(self):
        """One iteration, missing parts filled in by the summed weights, for all at once."""
        likelihood, mass, terms = self.expect()
        whole = mass.astype(np.float32)
        old = [to_fourier(m) for m in self.model.maps]
        parts = zip(*self.sums(terms), whole, old, strict=True)
        self.go_on([fill_in(*part) for part in parts], mass)
        return likelihood


@pytest.fixture
def ascent(monkeypatch, request):
    def exhaustive(self, weighed, _magnitude, _scale, template, _shift, *, near):
        assert near is None
        return self.survey(weighed, POSES.copy(), template)

    monkeypatch.setattr(Search, "find", exhaustive)
    return Ascent(*request.param)


CASES = pytest.mark.parametrize(
    "ascent", [(1, 1.0, 0.0), (2, 0.1, 0.0), (2, 0.1, 0.9)], indirect=True
)


@CASES
def test_no_iteration_makes_the_particles_less_likely(ascent):
    likelihoods = np.array([ascent.exactly() for _ in range(ITERATIONS)])
    gains = np.diff(likelihoods)
    assert gains.min() >= -ROUNDING * np.abs(likelihoods).max()
    assert likelihoods[-1] > likelihoods[0]


@CASES
def test_filling_in_for_all_at_once_loses_next_to_nothing(ascent):
    likelihoods = np.array([ascent.as_the_engine_does() for _ in range(ITERATIONS)])
    lost = -np.minimum(np.diff(likelihoods), 0.0).sum()
    assert lost <= 0.02 * (likelihoods.max() - likelihoods[0])
