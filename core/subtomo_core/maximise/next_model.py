"""Maximise: the next model from summed statistics (FAML equations 10 to 13)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.data.statistics import Metrics, Model, Statistics
from subtomo_core.fourier.shells import shell_means, soft_edge
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.maximise import symmetry
from subtomo_core.maximise.averages import EMPTY, Averages
from subtomo_core.maximise.class_regrouping import Found, regrouped
from subtomo_core.maximise.class_seeding import History
from subtomo_core.maximise.fitted_mask import fitted, shaped
from subtomo_core.maximise.half_alignment import Motions, in_one_frame
from subtomo_core.maximise.half_references import noise_power, references
from subtomo_core.maximise.iteration_metrics import metrics_of, stand_empty
from subtomo_core.maximise.noise import Noise
from subtomo_core.maximise.swapping_folds import late_folds
from subtomo_core.maximise.wiener_gains import gains_of, signal_to_noise
from subtomo_core.plan import Settings

_LEAST_XI = 0.5  # voxels; at 0 the shifts would be frozen
_SUPPORTED = 0.2  # correlation of the halves up to which a shell guides the search
_BEYOND = 2  # shells searched beyond those
_MOST_JUNK = 0.9  # share of the particles from which on something is wrong


class _Ground(NamedTuple):
    """What the sums amount to, before anything is made of them.

    Attributes
    ----------
    settings : Settings
        With the mask drawn in.
    model : Model
        With its references where the sums are: in one frame, on the axes of symmetry.
    averages : Averages
    motions : Motions
    standing : symmetry.Standing
    told : tuple of str
        Alarms of what was done.
    theta : float
        Strength of the regularisation, particles.
    """

    settings: Settings
    model: Model
    averages: Averages
    motions: Motions
    standing: symmetry.Standing
    told: tuple[str, ...]
    theta: float

    @classmethod
    def of(cls, settings: Settings, model: Model, statistics: Statistics) -> _Ground:
        """Bring halves into one frame, fit the mask, group classes anew, turn to axes."""
        model, statistics, motions = in_one_frame(settings, model, statistics)
        regularisation = settings.regularisation(model.iteration + 1)
        theta = 0.0 if model.iteration < 0 else regularisation * float(statistics.mass.sum())
        averages = Averages.of(settings, statistics, model.shell_in_use)
        settings = fitted(settings, averages, model)
        averages = replace(averages, settings=settings)
        model, averages, told = regrouped(settings, model, averages, Found.of(statistics))
        averages, model, standing = symmetry.stand(settings, model, averages, theta)
        if np.array_equal(standing.frames, symmetry.unmoved(len(standing.frames))):
            settings = shaped(settings, averages, model)
            averages = replace(averages, settings=settings)
        return cls(settings, model, averages, motions, standing, told, theta)

    @property
    def given(self) -> bool:
        """References which were given outlive the survey."""
        return self.model.iteration < 0 and not self.model.scaled

    def shaped(self, transforms: list[Complex], cutoff: float, gains: Real) -> Real:
        """References from averages of all classes, (K, n, n, n)."""
        pairs = zip(transforms, gains, strict=True)
        return np.stack([self.settings.shape(to_real(t), cutoff, gain) for t, gain in pairs])

    def maps(self, shell: float, gains: Real) -> Real:
        """Averages of all particles, weighted as is usual for maps to look at.

        By C_ref (Rosenthal and Henderson 2003), the root of the signal's share.
        """
        if self.given:
            return self.model.maps
        cutoff = shell if self.model.iteration < 0 else self.averages.radius - 1.0
        whole = self.averages.classes(self.model, None, self.theta)
        return self.shaped(whole, cutoff, np.sqrt(gains))

    def met(self, shell: float, gains: Real, noise: NDArray[np.float64]) -> tuple[Real, Real]:
        """References of each fold and their noise; those of a fold that must come late stay."""
        maps = self.fold_maps(shell, gains, noise)
        powers = self.reference_noise(shell, gains, noise)
        if self.model.iteration > 0:
            before, halves = self.model, 2 if self.settings.half_sets else 1
            for late in late_folds(maps, before.fold_maps, halves):
                maps[late], powers[late] = before.fold_maps[late], before.reference_noise[late]
        return maps, powers

    def fold_maps(self, shell: float, gains: Real, noise: NDArray[np.float64]) -> Real:
        """What the particles of each fold meet next, (F, K, n, n, n)."""
        settings, model = self.settings, self.model
        if self.given:
            return given_to_all(settings, model.maps, noise, shell)
        averages = (
            references(settings, self.averages, model, fold, self.theta)
            for fold in range(settings.folds)
        )
        return np.stack([self.shaped(transforms, shell, gains) for transforms in averages])

    def reference_noise(self, shell: float, gains: Real, noise: NDArray[np.float64]) -> Real:
        """Noise power of a component of the fold maps, (F, K, shells)."""
        if self.given:
            return np.zeros_like(self.model.reference_noise)
        settings, model = self.settings, self.model
        powers = [
            noise_power(settings, self.averages, model, fold, self.theta, noise=noise)
            for fold in range(settings.folds)
        ]
        return reference_noise(settings, np.stack(powers), gains, shell)


def maximise(
    settings: Settings, model: Model, statistics: Statistics, lead: Model | None = None
) -> Model:
    """The next model from the sum of all batches' statistics.

    Where starts compete, the others take noise, xi and resolution in use from ``lead``.
    """
    survey = model.iteration < 0
    ground = _Ground.of(settings, model, statistics)
    settings, before, mass = ground.settings, ground.model, ground.averages.mass.sum(0)
    half_maps, curves = ground.averages.half_maps()
    noise, law, under_mask = Noise.of(settings, model, statistics, lead)
    shell = lead.shell_in_use if lead else settings.start_shell
    if not survey and not lead:
        shell = next_shell(settings, model, curves.corrected)
    ratio = None if survey or len(mass) == 1 else signal_to_noise(ground.averages, before)
    strength = partial(gains_of, settings, curves.corrected, mass, survey=survey, ratio=ratio)
    # So many halves stand behind an average, and behind a reference.
    gains, own = strength(2.0), strength(1.0 if settings.half_sets else 2.0)
    fold_maps, fold_noise = ground.met(shell, own, noise)
    spread = float(np.sqrt(statistics.shift_square / (3.0 * max(mass.sum(), EMPTY))))
    result = Model(
        iteration=model.iteration + 1,
        maps=ground.maps(shell, gains),
        fold_maps=fold_maps,
        half_maps=half_maps,
        fsc=curves.corrected,
        fsc_parts=np.stack(curves[1:]),
        half_order=ground.motions.order,
        half_motions=ground.motions.packed,
        shares=before.shares if survey or not mass.any() else mass / mass.sum(),
        noise=noise,
        reference_noise=fold_noise,
        xi=lead.xi if lead else model.xi if survey else max(_LEAST_XI, spread),
        scaled=before.scaled or not survey,
        shell_in_use=shell,
        log_likelihood=statistics.log_likelihood,
        structural_noise=law.structural if law else 0.0,
        noise_floor=law.floor if law else model.noise_floor,
        under_mask=under_mask,
        confirmation=statistics.confirmation,
        **ground.standing._asdict(),
        **_kept(before, mass),
    )
    metrics = metrics_of(settings, statistics, result)
    raised = (*_alarms(ground), *_junk_alarms(metrics), *symmetry.alarms(settings, result))
    return replace(result, metrics=replace(metrics, alarms=raised))


def _kept(before: Model, mass: NDArray[np.float64]) -> dict[str, Any]:
    """Fields of a model that tell what became of its classes; all but one are left as they are."""
    names = ("start", "seeded", "vain", "divided_from", "adopting", "adoptions")
    kept = {name: getattr(before, name) for name in names}
    return kept | {"adopted": History.of(before).adopted, "emptied": stand_empty(mass, before)}


def reference_noise(
    settings: Settings, power: NDArray[np.float64], gains: Real, shell: float
) -> Real:
    """Noise power of a component of the fold references, (F, K, shells).

    From that of the averages, (F, K, shells), which are then filtered and masked: a mask leaves
    white noise its mean square.
    """
    passed = gains * soft_edge(np.arange(settings.shells, dtype=np.float32), shell)
    masked = float(np.mean(settings.mask.astype(np.float64) ** 2))
    return (power * passed**2 * masked).astype(np.float32)


def given_to_all(settings: Settings, maps: Real, noise: NDArray[np.float64], shell: float) -> Real:
    """Maps (K, n, n, n) as the particles of each fold meet them, (F, K, n, n, n)."""
    if not settings.spec.parameters.refines:  # refiners weigh shells by what both hold
        maps = np.stack([evened(settings, m, noise, shell) for m in maps])
    return np.repeat(maps[None], settings.folds, 0)


def evened(settings: Settings, volume: Real, noise: NDArray[np.float64], shell: float) -> Real:
    """A map from elsewhere, its amplitude in each shell that of the particles' noise.

    Particles' amplitudes fall off otherwise than those of a model in vacuum, whose lowest shells
    outweigh all others: this gives every shell up to ``shell`` the same say.
    """
    transform = to_fourier(volume)
    power = shell_means(np.abs(transform) ** 2, settings.box)
    inside = (power > 0) & (np.arange(settings.shells) <= shell + 1.0)
    gain = np.sqrt(np.where(inside, noise / np.where(inside, power, 1.0), 0.0))
    return settings.shape(volume, shell, gain.astype(np.float32))


def next_shell(settings: Settings, model: Model, fsc: Real) -> float:
    """Resolution in use for the next iteration: grows with what the halves agree on.

    Not before several classes had time to sort the particles: each then looks for its frame from
    the coarsest on, as the only class of a job does (docs/decisions/0053).
    """
    if settings.spec.classes > 1 and settings.balancing(model):
        return min(settings.start_shell, settings.limit_shell)
    supported = max(int(np.argmax(np.append(curve[1:], -1.0) < _SUPPORTED)) for curve in fsc)
    return min(
        model.shell_in_use + settings.growth,
        max(settings.start_shell, supported + _BEYOND),
        settings.limit_shell,
    )


def _alarms(ground: _Ground) -> tuple[str, ...]:
    """What went wrong without stopping the job, a sentence each."""
    empty = stand_empty(ground.averages.mass.sum(0), ground.model)
    known = bool((History.of(ground.model).whole | empty).all())
    remedy = (
        "each of the others shows one structure, so fewer classes would do"
        if known
        else "ask for fewer classes or start again with another seed"
    )
    found = [
        f"class {k + 1} is empty: its map is no longer updated; {remedy}"
        for k in np.nonzero(empty)[0]
    ]
    if ground.model.iteration >= 0 and not np.any(ground.model.maps):
        found.append(
            "the references hold no signal: all scores are zero and the poses mean nothing; "
            "check the mask and the starting maps"
        )
    return (*found, *ground.told)


def _junk_alarms(metrics: Metrics) -> tuple[str, ...]:
    if metrics.junk_share < _MOST_JUNK:
        return ()
    return (
        f"nearly all particles are taken for junk: the references explain {metrics.junk_share:.0%} "
        "of them no better than empty space does; check how they were picked, the mask and the "
        "starting maps, or let all of them count with parameters.junk 0",
    )
