"""The part of one iteration's search that is the same for all particles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from subtomo_core.arrays import Real
from subtomo_core.data.particles import Particles
from subtomo_core.data.statistics import Model
from subtomo_core.expect.batch_pass import Values
from subtomo_core.expect.fold_references import FoldReferences, References
from subtomo_core.expect.held_out_gain import At, confirmed_in_classes, profile_of
from subtomo_core.expect.limited_search import NOWHERE, Centre, find
from subtomo_core.expect.observed_particle import ObservedParticle
from subtomo_core.expect.refined_search import Refining, stay
from subtomo_core.fourier.band import Band
from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.likelihood.pose_search import Search
from subtomo_core.likelihood.rings import Rings
from subtomo_core.orientation.harmonics import in_halves
from subtomo_core.orientation.point_group_rotations import asymmetric_unit
from subtomo_core.orientation.rotation_matching import Matcher, Template
from subtomo_core.plan import Settings


@dataclass(frozen=True, eq=False)
class PreparedSearch:
    """One iteration's search: made once a batch, used by all threads.

    Attributes
    ----------
    settings, model
        As given.
    noise : ndarray, (shells,)
        Variance of a component as the search takes it.
    search : Search
        Finds candidate poses.
    sums : Band
        Components that are summed.
    references : FoldReferences
        What the particles of each fold meet; made when they are asked for.
    refining : Refining or None
        What refines poses, where the algorithm does.
    units : list of ndarray or None
        [class]: the rotations that have to be searched, where the class is symmetric.
    """

    settings: Settings
    model: Model
    noise: Values
    search: Search
    sums: Band
    references: FoldReferences
    refining: Refining | None
    units: list[Real | None]

    @classmethod
    def of(cls, settings: Settings, model: Model) -> PreparedSearch:
        """Prepare the search of a model's next iteration."""
        noise = settings.assignment.temperature * model.noise
        search = _search(settings, model, noise)
        units = [
            in_halves(asymmetric_unit(group, settings.bandwidth))
            if on_axes and len(group) > 1
            else None
            for group, on_axes in zip(settings.groups, model.on_axes, strict=True)
        ]
        return cls(
            settings=settings,
            model=model,
            noise=noise,
            search=search,
            sums=settings.observer.band(settings.sum_radius(model.shell_in_use)),
            references=_references(settings, model, search, units),
            refining=Refining.of(settings.matching),
            units=units,
        )

    def observed(self, particles: Particles, index: int) -> ObservedParticle:
        """Everything about one particle that no reference has a part in."""
        return ObservedParticle.at(self.settings.observer, self.search, self.sums, particles, index)

    def fold(self, particle: ObservedParticle) -> int:
        """Fold of the particle."""
        return int(self.settings.fold_of[particle.index])

    def candidates(self, particle: ObservedParticle, here: list[Centre]) -> list[Candidates]:
        """Candidate poses of a particle in each class, about ``here`` where that is told."""
        search, (templates, scales, _) = self.search, self.references[self.fold(particle)]
        if particle.region is not None:
            scales = _scales(search.matcher, particle.region, templates, self.units)
        way = find if self.refining is None else self.refining.find
        if here and self.settings.matching.poses == "fixed":
            way = stay
        here = here or [NOWHERE] * len(templates)
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

    def offsets(self, particle: ObservedParticle) -> Values:
        """Log-likelihood lost to the noise of each class's reference, (K,).

        A reference of few particles is noisy, and ``sum W |A|^2 / 2`` holds that noise: without
        this the larger class would win particles by its size alone.
        """
        # No product by BLAS: it may differ in the last bit with an array's address.
        noise = self.model.reference_noise[self.fold(particle)]
        return np.asarray(0.5 * (noise * particle.weighed.shell_weights).sum(1))

    def confirmation(
        self, particle: ObservedParticle, chosen: list[tuple[Candidates, int]], probability: Values
    ) -> Values:
        """What held-out components say for each class at its best pose, (K, 5)."""
        templates, _, profiles = self.references[self.fold(particle)]
        both = zip(chosen, probability, strict=True)
        at = [At(e.rotations[b], e.shifts[b], float(p)) for (e, b), p in both]
        grids = [template.grid for template in templates]
        return confirmed_in_classes(particle.held, grids, profiles, self.model.noise, at)

    def noise_of(
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
        templates = self.references[self.fold(particle)].templates
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


def _search(settings: Settings, model: Model, noise: Values) -> Search:
    radius = settings.search_radius(model.shell_in_use)
    rings = Rings.of(settings.observer.band(radius), settings.shift_reach, whole=not model.scaled)
    return Search(
        rings=rings,
        inverse_noise=(1.0 / noise[rings.support.shell]).astype(np.float32),
        matcher=Matcher.at(radius, settings.bandwidth),
        count=settings.matching.candidates,
        generators=settings.matching.generators,
        scaled=model.scaled,
    )


def _references(
    settings: Settings, model: Model, search: Search, units: list[Real | None]
) -> FoldReferences:
    matcher, region = search.matcher, None
    if settings.observer.region is not None:
        observed = settings.observer.region.reshape(-1)[search.support.index]
        region = search.harmonics(observed * search.inverse_noise)

    def meet(fold: int) -> References:
        templates = [matcher.template(m) for m in model.fold_maps[fold]]
        scales = None if region is None else _scales(matcher, region, templates, units)
        return References(templates, scales, [profile_of(m) for m in model.fold_maps[fold]])

    return FoldReferences(meet, settings.folds)


def _scales(
    matcher: Matcher, region: Real, templates: list[Template], units: list[Real | None]
) -> list[Real]:
    """`Matcher.scale` of each class, 0 where a pose looks like another that is searched."""
    scales = [matcher.scale(region, template) for template in templates]
    return [s if u is None else s * u for s, u in zip(scales, units, strict=True)]
