"""One iteration's search of every pose of a batch, and the posterior over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.data.statistics import Batch, Model, Poses
from subtomo_core.errors import InputError, Problem
from subtomo_core.expect.batch_pass import Row
from subtomo_core.expect.batch_samples import BatchSamples
from subtomo_core.expect.coarse_pass import COARSER, LEAST_RADIUS, carrying, temperatures
from subtomo_core.expect.every_pose import EveryPose, Found
from subtomo_core.expect.held_out_gain import At, confirmed_in_classes, profile_of
from subtomo_core.expect.ordered_threads import nothing
from subtomo_core.expect.rotation_grid import Looks
from subtomo_core.fourier.grids import padded_grid
from subtomo_core.plan import Settings

Values = NDArray[np.float64]

_NEGLIGIBLE = 1e-8  # rotations whose posterior is below this are left out of the sums


class Posterior(NamedTuple):
    """How particles are shared out.

    Attributes
    ----------
    probability : ndarray, (K, B, M)
        Of each class and rotation; 0 where it is negligible.
    levels : ndarray, (K, B)
        A term is a probability once this is taken from its logarithm.
    log_likelihood : ndarray, (B,)
    """

    probability: Values
    levels: Values
    log_likelihood: Values


@dataclass(frozen=True, eq=False)
class Pass:
    """One iteration's search of a batch.

    Attributes
    ----------
    samples : BatchSamples
    poses : Poses or None
        Of the iteration before.
    references : list of ndarray of float32
        Of each class, padded twice.
    soft : bool
        By likelihood: where the algorithm is, once references have the particles' scale.
    """

    settings: Settings
    model: Model
    samples: BatchSamples
    poses: Poses | None
    references: list[Real]
    soft: bool
    threads: int

    @classmethod
    def prepare(cls, settings: Settings, batch: Batch, model: Model, threads: int) -> Pass:
        """Read the batch, and prepare the references."""
        radius = settings.whole_radius
        support = settings.observer.band(radius)
        noise = settings.assignment.temperature * model.noise
        samples = BatchSamples.read(
            settings.observer, support, noise[support.shell].astype(np.float32), batch
        )
        references = [padded_grid(m, radius + 1.0) for m in model.fold_maps[0]]
        soft = settings.assignment.soft and model.scaled
        return cls(settings, model, samples, batch.poses, references, soft, threads)

    @property
    def count(self) -> int:
        """Particles of the batch."""
        return len(self.samples.weighed)

    def classes(self, samples: BatchSamples) -> list[EveryPose]:
        """The search of each class."""
        fixed = self.settings.exhaustive.poses == "fixed"
        return [
            EveryPose.prepare(
                samples,
                reference,
                self._origins(k),
                reach=0.0 if fixed else self.settings.shift_reach,
                xi=None if fixed else self.model.xi,
                soft=self.soft,
                threads=self.threads,
            )
            for k, reference in enumerate(self.references)
        ]

    def _origins(self, class_index: int) -> Values:
        """What shifts are counted from, (B, 3)."""
        parameters = self.settings.exhaustive
        follows = parameters.search_range_angstrom is not None or parameters.poses == "fixed"
        if self.poses is None or not follows:
            return np.zeros((self.count, 3))
        return self.poses.shifts[:, class_index]

    def looks(self) -> Looks:
        """Rotations to look at, after a coarse pass where the job asks for one."""
        step = self.settings.exhaustive.step_deg
        whole = Looks.of(self.settings, self.model, self.poses, self.count, step)
        share = self.settings.exhaustive.coarse_share
        if share is None or not self.soft or self.settings.exhaustive.poses == "fixed":
            return whole
        coarse = Looks.of(self.settings, self.model, self.poses, self.count, COARSER * step)
        radius = max(LEAST_RADIUS, self.settings.whole_radius / COARSER)
        samples = self.samples.within(*self.samples.support.within(radius))
        found = [one.weigh(coarse, k, nothing) for k, one in enumerate(self.classes(samples))]
        warm = temperatures(samples, self.references, COARSER * step)[:, None]
        warmer = [one._replace(evidence=one.evidence / warm) for one in found]
        kept = carrying(self.posterior(warmer, coarse).probability, share)
        return whole.among(coarse.rotations, kept)

    def posterior(self, found: list[Found], looks: Looks) -> Posterior:
        """Over all rotations of every class together."""
        evidence = np.stack([one.evidence for one in found])
        lost = np.flatnonzero(~np.isfinite(evidence.max((0, 2))))
        if len(lost):
            number = int(self.samples.indices[lost[0]]) + 1
            raise InputError(Problem(f"the scores of particle {number} are not finite numbers"))
        if not self.soft:
            return self._hard(found, evidence)
        with np.errstate(divide="ignore"):
            priors = np.log(self.model.shares)[:, None] - np.log(looks.allowed)
        terms = evidence + priors[:, :, None]
        top = terms.max((0, 2))
        level = top + np.log(np.exp(terms - top[:, None]).sum((0, 2)))
        probability = np.exp(terms - level[:, None])
        probability[probability < _NEGLIGIBLE] = 0.0
        return Posterior(probability, level - priors, level)

    def _hard(self, found: list[Found], evidence: Values) -> Posterior:
        """All of a particle for its best pose in its best class."""
        best = np.stack([one.best for one in found])
        winner, rows = best.argmax(0), np.arange(self.count)
        probability = np.zeros_like(evidence)
        rotation = np.stack([one.rotation for one in found])[winner, rows]
        probability[winner, rows, rotation] = 1.0
        return Posterior(probability, np.zeros_like(best), best.max(0) / self.samples.norms)

    def rows(
        self, every: list[EveryPose], found: list[Found], looks: Looks, shared: Posterior
    ) -> list[Row]:
        """Best pose of each particle in each class, and what its held-out components say."""
        norms = self.samples.norms
        profiles = [profile_of(m) for m in self.model.fold_maps[0]]
        rows = []
        for i in range(self.count):
            shifts = [one.priors.shift(i, f.place[i]) for one, f in zip(every, found, strict=True)]
            placed = [looks.rotations[f.rotation[i]] for f in found]
            scores = [
                f.best[i] - one.priors.logarithm(i, f.place[i])
                if self.soft
                else f.best[i] / norms[i]
                for one, f in zip(every, found, strict=True)
            ]
            probability = shared.probability[:, i].sum(1)
            row = Row(
                rotations=np.array(placed),
                shifts=np.array(shifts),
                probability=probability,
                score=np.array(scores),
                noise_sum=self.samples.power[i],
                noise_count=self.samples.count[i],
                log_likelihood=float(shared.log_likelihood[i]),
            )
            rows.append(row._replace(confirmation=self._confirmation(i, row, profiles)))
        return rows

    def _confirmation(self, i: int, row: Row, profiles: list[Values]) -> Values:
        held, noise = self.samples.held[i], self.model.noise
        each = zip(row.rotations, row.shifts, row.probability.tolist(), strict=True)
        at = [At(*pose) for pose in each]
        return confirmed_in_classes(held, self.references, profiles, noise, at)
