"""Expect: a batch of particles against the present model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from subtomo_core.data.particles import Particles
from subtomo_core.data.statistics import Batch, Expectation, Model
from subtomo_core.errors import InputError, Problem
from subtomo_core.expect.backprojection import Share, Term
from subtomo_core.expect.batch_pass import Found, Row, Values, pass_over
from subtomo_core.expect.class_posterior import Competition
from subtomo_core.expect.fold_references import coming_folds
from subtomo_core.expect.limited_search import centres
from subtomo_core.expect.observed_particle import ObservedParticle
from subtomo_core.expect.ordered_threads import each_in_order
from subtomo_core.expect.prepared_search import PreparedSearch
from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.likelihood.weighted_samples import Weighed
from subtomo_core.plan import Settings

_SAMPLE = 64  # particles on which classes are balanced
_NEGLIGIBLE = 1e-3  # posteriors below this are left out of the sums


@dataclass(frozen=True, eq=False)
class Alignment:
    """One iteration's search over a dataset, and how its classes compete for particles."""

    prepared: PreparedSearch
    competition: Competition

    @classmethod
    def prepare(cls, settings: Settings, model: Model) -> Alignment:
        """Alignment with the parts that are the same for all particles."""
        return cls(PreparedSearch.of(settings, model), Competition.of(settings, model))

    def balanced(self, particles: Particles, threads: int = 1) -> Alignment:
        """The same with handicaps that give every class its equal share of a sample of particles.

        References of the first iterations are little but noise, and the best of them would win
        all particles before any stands for a structure.
        """
        if not self.competition.soft:
            return self
        prepared, settings = self.prepared, self.prepared.settings
        count = settings.summary.particles
        sample = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64))
        found, showing = np.empty((len(sample), settings.spec.classes)), np.empty(len(sample))

        def weigh(row: int) -> tuple[Values, float]:
            particle = prepared.observed(particles, int(sample[row]))
            candidates = prepared.candidates(particle, [])
            return self.competition.evidence(candidates, prepared.offsets(particle))

        def put(row: int, told: tuple[Values, float]) -> None:
            found[row], showing[row] = told

        for fold in range(settings.folds):
            rows = np.nonzero(settings.fold_of[sample] == fold)[0].tolist()
            each_in_order(weigh, put, rows, threads)
            prepared.references.forget(fold)
        return replace(self, competition=self.competition.balanced(found, showing))

    def row(self, batch: Batch, position: int, particle: ObservedParticle | None = None) -> Found:
        """Everything about one particle of the batch, which may have been observed already."""
        prepared, model = self.prepared, self.prepared.model
        particle = particle or prepared.observed(batch.particles, int(batch.indices[position]))
        poses = model.own(batch.poses) if batch.poses else None
        here = centres(prepared.settings.matching, poses, position)
        candidates, offsets = prepared.candidates(particle, here), prepared.offsets(particle)
        if not all(math.isfinite(e.log_likelihood.max(initial=-np.inf)) for e in candidates):
            number = particle.index + 1
            raise InputError(Problem(f"the scores of particle {number} are not finite numbers"))
        posterior, likelihood = self.competition.posterior(candidates, offsets, here)
        counted = [np.where(p > _NEGLIGIBLE, p, 0.0) for p in posterior]
        shares = [
            Share(k, e.rotations[c], e.shifts[c], float(counted[k][c]))
            for k, e in enumerate(candidates)
            for c in counted[k].nonzero()[0]
        ]
        best = [int(e.score(soft=self.competition.soft).argmax()) for e in candidates]
        chosen = list(zip(candidates, best, strict=True))
        probability = np.array([p.sum() for p in posterior])
        junk = 1.0 - probability.sum()
        noise_sum, noise_count = prepared.noise_of(particle, candidates, counted, junk)
        beyond = (noise_sum / np.maximum(model.noise, 1e-30) - noise_count).sum()
        misfit = 0.5 * beyond - prepared.settings.assignment.temperature * probability @ offsets
        confirmation = prepared.confirmation(particle, chosen, probability)
        if model.adopting >= 0:
            shares.append(self._adopted(chosen, junk))
            probability[model.adopting] += shares[-1].probability
        row = Row(
            rotations=np.array([e.rotations[b] for e, b in chosen]),
            shifts=np.array([e.shifts[b] for e, b in chosen]),
            probability=probability,
            score=self._scores(particle.weighed, chosen),
            noise_sum=noise_sum,
            noise_count=noise_count,
            log_likelihood=likelihood,
            misfit=float(misfit),
            confirmation=confirmation,
        )
        return Found(row, Term(prepared.fold(particle), particle.summed, shares))

    def _adopted(self, chosen: list[tuple[Candidates, int]], junk: float) -> Share:
        """The part of a particle that shows nothing, for the class that gets it."""
        k = self.prepared.model.adopting
        found, best = chosen[k]
        return Share(k, found.rotations[best], found.shifts[best], max(0.0, float(junk)))

    def _scores(self, weighed: Weighed, chosen: list[tuple[Candidates, int]]) -> Values:
        """Log-likelihood ratio, or with hard assignment the constrained correlation, (K,)."""
        if self.prepared.settings.assignment.soft:
            return np.array([e.log_likelihood[b] for e, b in chosen])
        norm = math.sqrt(max(weighed.power(self.prepared.search.support), 1e-30))
        return np.array([e.correlation[b] for e, b in chosen]) / norm


def align(
    settings: Settings,
    batch: Batch,
    model: Model,
    *,
    threads: int,
    on_particle: Callable[[], None],
) -> Expectation:
    """Statistics and poses of a batch against the model's references."""
    starts = model.contenders
    alignments = [Alignment.prepare(settings, start) for start in starts]
    if settings.spec.classes > 1 and settings.balancing(model):
        alignments = [alignment.balanced(batch.particles, threads) for alignment in alignments]

    coming = coming_folds(settings.fold_of[batch.indices])

    def work(position: int) -> list[Found]:
        if position in coming:
            for alignment in alignments:
                alignment.prepared.references.make_ready(coming[position])
        particle = alignments[0].prepared.observed(batch.particles, int(batch.indices[position]))
        return [alignment.row(batch, position, particle) for alignment in alignments]

    def over(fold: int) -> None:
        for alignment in alignments:
            alignment.prepared.references.forget(fold)

    return pass_over(
        batch,
        work,
        alignments[0].prepared.sums,
        folds=settings.folds,
        fold_of=settings.fold_of,
        starts=starts,
        groups=settings.groups,
        threads=threads,
        on_particle=on_particle,
        on_fold=over,
    )
