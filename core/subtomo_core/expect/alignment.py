"""Expect: a batch of particles against the present model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from subtomo_core.arrays import Real
from subtomo_core.data.particles import Particles
from subtomo_core.data.statistics import Batch, Expectation, Model
from subtomo_core.errors import InputError, Problem
from subtomo_core.expect.backprojection import Share, Term
from subtomo_core.expect.batch_pass import Found, Row, Values, pass_over
from subtomo_core.expect.class_posterior import Competition
from subtomo_core.expect.fold_references import FoldReferences, References, coming_folds
from subtomo_core.expect.held_out_gain import At, confirmed, profile_of
from subtomo_core.expect.limited_search import NOWHERE, Centre, centres, find
from subtomo_core.expect.observed_particle import ObservedParticle
from subtomo_core.expect.ordered_threads import each_in_order
from subtomo_core.expect.refined_search import Refining
from subtomo_core.fourier.band import Band
from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.likelihood.rings import Rings
from subtomo_core.likelihood.weighted_samples import Weighed
from subtomo_core.orientation.harmonics import in_halves
from subtomo_core.orientation.point_group_rotations import asymmetric_unit
from subtomo_core.orientation.rotation_matching import Matcher, Template
from subtomo_core.plan import Settings

_SAMPLE = 64  # particles on which classes are balanced
_NEGLIGIBLE = 1e-3  # posteriors below this are left out of the sums


@dataclass(frozen=True, eq=False)
class Alignment:
    """One iteration's search over a dataset: made once a batch, used by all threads.

    Attributes
    ----------
    settings, model
        As given.
    noise : ndarray, (shells,)
        Variance of a component as the search takes it.
    search : Search
        Finds candidate poses.
    sums : Band
        Components which are summed.
    references : FoldReferences
        What the particles of each fold meet.
    refining : Refining or None
        What refines poses, where the algorithm does.
    units : list of ndarray or None
        [class]: the rotations which have to be searched, where the class is symmetric.
    competition : Competition
        How classes compete for particles.
    """

    settings: Settings
    model: Model
    noise: Values
    search: Search
    sums: Band
    references: FoldReferences
    refining: Refining | None
    units: list[Real | None]
    competition: Competition

    @classmethod
    def prepare(cls, settings: Settings, model: Model) -> Alignment:
        """What depends on no particle; references of a fold are made when they are asked for."""
        parameters = settings.matching
        noise = settings.temperature * model.noise
        radius = settings.search_radius(model.shell_in_use)
        rings = Rings.of(
            settings.observer.band(radius), settings.shift_reach, whole=not model.scaled
        )
        support = rings.support
        matcher = Matcher.at(radius, settings.bandwidth)
        search = Search(
            rings=rings,
            inverse_noise=(1.0 / noise[support.shell]).astype(np.float32),
            matcher=matcher,
            count=parameters.candidates,
            generators=parameters.generators,
            scaled=model.scaled,
        )
        units = [
            in_halves(asymmetric_unit(group, settings.bandwidth))
            if on_axes and len(group) > 1
            else None
            for group, on_axes in zip(settings.groups, model.on_axes, strict=True)
        ]
        region = None
        if settings.observer.region is not None:
            weights = settings.observer.region.reshape(-1)[support.index] * search.inverse_noise
            region = search.harmonics(weights)

        def meet(fold: int) -> References:
            templates = [matcher.template(m) for m in model.fold_maps[fold]]
            scales = None if region is None else _scales(matcher, region, templates, units)
            return References(templates, scales, [profile_of(m) for m in model.fold_maps[fold]])

        references = FoldReferences(meet, settings.folds)
        sums = settings.observer.band(settings.sum_radius(model.shell_in_use))
        return cls(
            settings=settings,
            model=model,
            noise=noise,
            search=search,
            sums=sums,
            references=references,
            refining=Refining.of(parameters),
            units=units,
            competition=Competition.of(settings, model),
        )

    def balanced(self, particles: Particles, threads: int = 1) -> Alignment:
        """The same with handicaps which give every class its equal share of a sample of particles.

        References of the first iterations are little but noise, and the best of them would win
        all particles before any stands for a structure.
        """
        if not self.competition.soft:
            return self
        count = self.settings.summary.particles
        sample = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64))
        found, showing = np.empty((len(sample), self.settings.spec.classes)), np.empty(len(sample))

        def weigh(row: int) -> tuple[Values, float]:
            particle = self.observed(particles, int(sample[row]))
            return self.competition.evidence(
                self._candidates(particle, []), self._offsets(particle)
            )

        def put(row: int, told: tuple[Values, float]) -> None:
            found[row], showing[row] = told

        for fold in range(self.settings.folds):
            rows = np.nonzero(self.settings.fold_of[sample] == fold)[0].tolist()
            each_in_order(weigh, put, rows, threads)
            self.references.forget(fold)
        return replace(self, competition=self.competition.balanced(found, showing))

    def observed(self, particles: Particles, index: int) -> ObservedParticle:
        """Everything about one particle which no reference has a part in."""
        return ObservedParticle.at(self.settings.observer, self.search, self.sums, particles, index)

    def row(self, batch: Batch, position: int, particle: ObservedParticle | None = None) -> Found:
        """Everything about one particle of the batch, which may have been observed already."""
        settings = self.settings
        particle = particle or self.observed(batch.particles, int(batch.indices[position]))
        poses = self.model.own(batch.poses) if batch.poses else None
        here = centres(settings.matching, poses, position)
        candidates = self._candidates(particle, here)
        if not all(math.isfinite(e.log_likelihood.max(initial=-np.inf)) for e in candidates):
            number = particle.index + 1
            raise InputError(Problem(f"the scores of particle {number} are not finite numbers"))
        posterior, likelihood = self.competition.posterior(
            candidates, self._offsets(particle), here
        )
        counted = [np.where(p > _NEGLIGIBLE, p, 0.0) for p in posterior]
        shares = [
            Share(k, e.rotations[c], e.shifts[c], float(counted[k][c]))
            for k, e in enumerate(candidates)
            for c in counted[k].nonzero()[0]
        ]
        best = [int(e.score(soft=self.competition.soft).argmax()) for e in candidates]
        probability = np.array([p.sum() for p in posterior])
        noise_sum, noise_count = self._noise(particle, candidates, counted, 1.0 - probability.sum())
        beyond = (noise_sum / np.maximum(self.model.noise, 1e-30) - noise_count).sum()
        chosen = list(zip(candidates, best, strict=True))
        confirmation = self._confirmation(particle, chosen, probability)
        misfit = float(0.5 * beyond - settings.temperature * probability @ self._offsets(particle))
        if self.model.adopting >= 0:
            shares.append(self._adopted(chosen, 1.0 - probability.sum()))
            probability[self.model.adopting] += shares[-1].probability
        row = Row(
            rotations=np.array([e.rotations[b] for e, b in chosen]),
            shifts=np.array([e.shifts[b] for e, b in chosen]),
            probability=probability,
            score=self._scores(particle.weighed, chosen),
            noise_sum=noise_sum,
            noise_count=noise_count,
            log_likelihood=likelihood,
            misfit=misfit,
            confirmation=confirmation,
        )
        return Found(row, Term(self._fold(particle), particle.summed, shares))

    def _fold(self, particle: ObservedParticle) -> int:
        """Fold of the particle."""
        return int(self.settings.fold_of[particle.index])

    def _adopted(self, chosen: list[tuple[Candidates, int]], junk: float) -> Share:
        """The part of a particle which shows nothing, for the class which gets it."""
        k = self.model.adopting
        found, best = chosen[k]
        return Share(k, found.rotations[best], found.shifts[best], max(0.0, float(junk)))

    def _candidates(self, particle: ObservedParticle, here: list[Centre]) -> list[Candidates]:
        search, (templates, scales, _) = self.search, self.references[self._fold(particle)]
        if particle.region is not None:
            scales = _scales(search.matcher, particle.region, templates, self.units)
        here = here or [NOWHERE] * len(templates)
        way = find if self.refining is None else self.refining.find
        return [
            way(
                search,
                particle.weighed,
                particle.magnitude,
                scale=scale,
                template=template,
                centre=centre,
            )
            for template, scale, centre in zip(templates, scales or [], here, strict=True)
        ]

    def _offsets(self, particle: ObservedParticle) -> Values:
        """What the noise of each class's reference takes from the log-likelihood, (K,).

        A reference of few particles is noisy, and ``sum W |A|^2 / 2`` holds that noise: without
        this the larger class would win particles by its size alone.
        """
        # No product by BLAS: it may differ in the last bit with an array's address.
        noise = self.model.reference_noise[self._fold(particle)]
        return np.asarray(0.5 * (noise * particle.weighed.shell_weights).sum(1))

    def _scores(self, weighed: Weighed, chosen: list[tuple[Candidates, int]]) -> Values:
        """Log-likelihood ratio, or with hard assignment the constrained correlation, (K,)."""
        if self.settings.soft:
            return np.array([e.log_likelihood[b] for e, b in chosen])
        norm = math.sqrt(max(weighed.power(self.search.support), 1e-30))
        return np.array([e.correlation[b] for e, b in chosen]) / norm

    def _confirmation(
        self, particle: ObservedParticle, chosen: list[tuple[Candidates, int]], probability: Values
    ) -> Values:
        """What held-out components say for each class at its best pose, (K, 5)."""
        templates, _, profiles = self.references[self._fold(particle)]
        noise, both = self.model.noise, zip(chosen, probability, strict=True)
        at = [At(e.rotations[b], e.shifts[b], float(p)) for (e, b), p in both]
        each = zip(templates, profiles, at, strict=True)
        return np.stack([confirmed(particle.held, t, profile, noise, a) for t, profile, a in each])

    def _noise(
        self,
        particle: ObservedParticle,
        candidates: list[Candidates],
        counted: list[Values],
        junk: float,
    ) -> tuple[Values, Values]:
        """Expected squared distance to the references, or to nothing, per shell."""
        shells = self.settings.shells
        power, count = particle.seen.power(self.search.support, shells)
        kept = max(0.0, junk) + sum(float(p.sum()) for p in counted)
        distance = np.zeros(shells)
        templates = self.references[self._fold(particle)].templates
        for template, found, probabilities in zip(templates, candidates, counted, strict=True):
            self.search.residuals(
                particle.weighed,
                template,
                found.rotations,
                found.shifts,
                probabilities=probabilities / kept,
                out=distance,
            )
        return power + distance * self.noise, count


def _scales(
    matcher: Matcher, region: Real, templates: list[Template], units: list[Real | None]
) -> list[Real]:
    """`Matcher.scale` of each class, 0 where a pose looks like another which is searched."""
    scales = [matcher.scale(region, template) for template in templates]
    return [s if u is None else s * u for s, u in zip(scales, units, strict=True)]


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
                alignment.references.make_ready(coming[position])
        particle = alignments[0].observed(batch.particles, int(batch.indices[position]))
        return [alignment.row(batch, position, particle) for alignment in alignments]

    def over(fold: int) -> None:
        for alignment in alignments:
            alignment.references.forget(fold)

    return pass_over(
        batch,
        work,
        alignments[0].sums,
        folds=settings.folds,
        fold_of=settings.fold_of,
        starts=starts,
        groups=settings.groups,
        threads=threads,
        on_particle=on_particle,
        on_fold=over,
    )
