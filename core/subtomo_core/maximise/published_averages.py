"""The next model as Scheres et al. (2009) have it: averages as they are.

One reference for all particles, neither masked (unless asked for) nor weighted by what the half
maps agree on; one resolution. So the likelihood of what was observed never falls where missing
parts are filled in and classes are not drawn together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.data.statistics import Model, Statistics
from subtomo_core.fourier import gridding
from subtomo_core.fourier.shells import shell_of_components, shell_sums
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.likelihood.shift_priors import spread_of
from subtomo_core.maximise.averages import EMPTY, Averages, regularised
from subtomo_core.maximise.half_alignment import Motions
from subtomo_core.maximise.iteration_metrics import metrics_of, stand_empty
from subtomo_core.maximise.next_model import given_to_all
from subtomo_core.maximise.noise import Noise
from subtomo_core.plan import Settings

_LEAST_XI = 0.5  # voxels; at 0 the shifts would be frozen


class Sums(NamedTuple):
    """Sums of all folds in the shells in use, one of each class.

    Attributes
    ----------
    numerators, denominators : ndarray, (K, n, n, n // 2 + 1)
    mass : ndarray, (K,)
    inside : ndarray of bool, (n, n, n // 2 + 1)
        Components in use.
    """

    numerators: NDArray[np.complex64]
    denominators: NDArray[np.float32]
    mass: NDArray[np.float64]
    inside: NDArray[np.bool_]

    @classmethod
    def of(cls, settings: Settings, statistics: Statistics) -> Sums:
        """Of the statistics of all batches."""
        inside = gridding.ball(settings.box, settings.whole_radius)
        numerators = statistics.numerator.sum(0) * inside
        weights = np.maximum(statistics.denominator.sum(0), 0.0) * inside
        return cls(numerators, weights, statistics.mass.sum(0), inside)

    def weighted(self, class_index: int, threshold: float) -> Complex:
        """``num / den`` where the weights are above a threshold, else 0."""
        weight = self.denominators[class_index]
        seen = weight > threshold
        average = np.where(seen, self.numerators[class_index] / np.where(seen, weight, 1.0), 0.0)
        return average.astype(np.complex64)

    def filled(self, class_index: int, old: Complex, *, whole: Real, sweeps: int) -> Complex:
        """What is missing filled with the present estimate, so often from the same sums.

        ``whole`` is what the weights would be if nothing were missing.
        """
        average = old
        for _ in range(sweeps):
            average = gridding.fill_in(
                self.numerators[class_index], self.denominators[class_index], whole, average
            )
        return average * self.inside

    def whole(self, class_index: int, *, soft_weights: bool) -> Real:
        """Weights of a component that nothing of was missing, (n, n, n // 2 + 1).

        Where particles bring weights of their own: the largest of the shell.
        """
        mass = np.float32(self.mass[class_index])
        if not soft_weights:
            return np.full(self.inside.shape, mass)
        shell = shell_of_components(len(self.inside))
        most = np.zeros(int(shell.max()) + 1, np.float32)
        np.maximum.at(most, shell, self.denominators[class_index])
        return np.maximum(most[shell], np.float32(1e-30))


def maximise(settings: Settings, model: Model, statistics: Statistics) -> Model:
    """The next model from the sum of all batches' statistics."""
    survey, sums = model.iteration < 0, Sums.of(settings, statistics)
    theta = 0.0 if survey else settings.regularisation(model.iteration + 1) * sums.mass.sum()
    before = [to_fourier(m) for m in model.fold_maps[0]]
    statistics = _with_regularisation(settings, model, statistics, before, theta)
    noise, law, _ = Noise.of(settings, model, statistics, None)
    given = survey and not model.scaled
    maps = model.maps if given else _maps(settings, sums, model, before, theta)
    averages = Averages.of(settings, statistics, model.shell_in_use)
    half_maps, curves = replace(averages, radius=settings.whole_radius).half_maps()
    folds, mass = settings.folds, sums.mass
    result = replace(
        model,
        iteration=model.iteration + 1,
        maps=maps,
        fold_maps=given_to_all(settings, maps, noise, settings.start_shell)
        if given
        else np.repeat(maps[None], folds, 0),
        half_maps=half_maps,
        fsc=curves.corrected,
        fsc_parts=np.stack(curves[1:]),
        half_motions=Motions.none(len(mass)).packed,
        shares=model.shares if survey or not mass.any() else mass / mass.sum(),
        noise=noise,
        xi=model.xi if survey else _spread(settings, statistics),
        scaled=model.scaled or not survey,
        shell_in_use=settings.start_shell,
        log_likelihood=statistics.log_likelihood,
        structural_noise=law.structural if law else 0.0,
        noise_floor=law.floor if law else model.noise_floor,
        confirmation=statistics.confirmation,
        emptied=stand_empty(mass, model),
    )
    metrics = replace(metrics_of(settings, statistics, result), alarms=_alarms(result))
    return replace(result, metrics=metrics)


def _maps(
    settings: Settings, sums: Sums, model: Model, before: list[Complex], theta: float
) -> Real:
    """Averages of all classes, (K, n, n, n); one that holds nothing keeps its map."""
    parameters, fills = settings.exhaustive, settings.fills_in(model)

    def average(k: int) -> Complex:
        if sums.mass[k] < EMPTY:
            return before[k] if model.scaled else np.zeros_like(before[k])
        if not fills:
            return sums.weighted(k, parameters.threshold)
        whole = sums.whole(k, soft_weights=settings.weighted)
        return sums.filled(k, before[k], whole=whole, sweeps=parameters.fillings)

    transforms = regularised([average(k) for k in range(len(before))], sums.mass, theta)
    volumes = np.stack([to_real(transform) for transform in transforms])
    return np.ascontiguousarray(volumes * settings.mask if parameters.masked else volumes)


def _with_regularisation(
    settings: Settings,
    model: Model,
    statistics: Statistics,
    before: list[Complex],
    theta: float,
) -> Statistics:
    """Squared distances with what drawing classes together adds to them.

    ``theta / 2 sum over k, l of |A_k - A_l|^2``, the term whose gradient is that of
    `averages.regularised`.
    """
    if theta <= 0.0 or len(before) == 1 or not model.scaled:
        return statistics
    box, radius = settings.box, settings.whole_radius
    apart = sum(np.abs(a - b) ** 2 for a in before for b in before)
    added = shell_sums(gridding.ball(box, radius) * apart, box)
    return replace(statistics, noise_sum=statistics.noise_sum + 0.5 * theta * added)


def _spread(settings: Settings, statistics: Statistics) -> float:
    """Standard deviation of the shifts, voxels."""
    mean = statistics.shift_square / max(float(statistics.mass.sum()), EMPTY)
    if settings.exhaustive.search_range_angstrom is not None:
        return max(_LEAST_XI, float(np.sqrt(mean / 3.0)))
    return max(_LEAST_XI, spread_of(mean, settings.shift_reach))


def _alarms(model: Model) -> tuple[str, ...]:
    return tuple(
        f"class {k + 1} is empty: its map is no longer updated; "
        "ask for fewer classes or start again with another seed"
        for k in np.nonzero(model.emptied)[0]
    )
