"""Maximise: the next model from summed statistics (FAML equations 10 to 13)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier import Complex, Real, shell_sums, soft_edge, to_fourier, to_real
from subtomo_core.maximisation import resolution_angstrom
from subtomo_core.methods import standing as symmetry
from subtomo_core.methods.averages import EMPTY, Averages
from subtomo_core.methods.frames import in_one_frame
from subtomo_core.methods.halves import fsc_kind, noise_power, references, shared_angstrom
from subtomo_core.methods.seeding import reseeded
from subtomo_core.methods.settings import Settings
from subtomo_core.statistics import Metrics, Model, Statistics

_LEAST_XI = 0.5  # voxels; at 0 the shifts would be frozen
_SUPPORTED = 0.2  # correlation of the halves up to which a shell guides the search
_BEYOND = 2  # shells searched beyond those


def maximise(
    settings: Settings, model: Model, statistics: Statistics, lead: Model | None = None
) -> Model:
    """The next model from the sum of all batches' statistics.

    Where starts compete, the others take noise, xi and resolution in use from ``lead``.
    """
    seen = statistics
    model, statistics, told = reseeded(settings, model, statistics)
    survey, iteration = model.iteration < 0, model.iteration + 1
    given = survey and not model.scaled
    model, statistics, motions = in_one_frame(settings, model, statistics)
    particles, mass = statistics.particles, statistics.mass.sum(0)
    theta = 0.0 if survey else settings.regularisation(iteration) * particles
    averages = Averages.of(settings, statistics, model.shell_in_use)
    averages, model, standing = symmetry.stand(settings, model, averages, theta)
    half_maps, curves = averages.half_maps()
    fsc, behind = curves.corrected, 1.0 if settings.half_sets else 2.0
    shell = settings.start_shell if survey else next_shell(settings, model, fsc)
    gains, own = (
        np.ones_like(fsc) if survey else np.stack([wiener(settings, c, halves) for c in fsc])
        for halves in (2.0, behind)
    )
    maps, fold_maps = model.maps, model.fold_maps
    noise = noise_variance(settings, model, statistics)
    if lead:
        noise, shell = lead.noise, lead.shell_in_use
    if given:  # references which were given outlive the survey
        whitened = np.stack([evened(settings, m, noise, shell) for m in model.maps])
        fold_maps = np.repeat(whitened[None], settings.folds, 0)
    else:

        def shaped(transforms: list[Complex], cutoff: float, gains: Real) -> Real:
            pairs = zip(transforms, gains, strict=True)
            return np.stack([settings.shape(to_real(t), cutoff, gain) for t, gain in pairs])

        whole = averages.classes(model, None, theta)
        maps = shaped(whole, shell if survey else averages.radius - 1.0, gains)
        met = (references(settings, averages, model, f, theta) for f in range(settings.folds))
        fold_maps = np.stack([shaped(transforms, shell, own) for transforms in met])
    powers = (
        noise_power(settings, averages, model, f, theta, noise=noise) for f in range(settings.folds)
    )
    xi = max(_LEAST_XI, float(np.sqrt(statistics.shift_square / (3.0 * particles))))
    result = Model(
        iteration=iteration,
        maps=maps,
        fold_maps=fold_maps,
        half_maps=half_maps,
        fsc=fsc,
        fsc_parts=np.stack(curves[1:]),
        half_order=motions.order,
        half_motions=motions.packed,
        shares=np.full(len(mass), 1.0 / len(mass)) if survey else mass / mass.sum(),
        noise=noise,
        reference_noise=np.zeros_like(model.reference_noise)
        if given
        else reference_noise(settings, np.stack(list(powers)), own, shell),
        xi=lead.xi if lead else model.xi if survey else xi,
        scaled=model.scaled or not survey,
        shell_in_use=shell,
        start=model.start,
        seeded=model.seeded,
        log_likelihood=statistics.log_likelihood,
        **standing._asdict(),
    )
    metrics = _metrics(settings, seen, result)
    raised = (*alarms(statistics, model), *told, *symmetry.alarms(settings, result))
    return replace(result, metrics=replace(metrics, alarms=raised))


def noise_variance(settings: Settings, model: Model, statistics: Statistics) -> NDArray[np.float64]:
    """Noise of a component per shell, or one for all where the noise is white.

    Only observed components count. Shells which this iteration did not look at keep what the
    survey found there.
    """
    total, count = statistics.noise_sum / settings.observer.share, statistics.noise_count
    if model.iteration >= 0 and not model.scaled:
        return model.noise  # distances to references of another scale say nothing
    if settings.white:
        return np.full_like(total, total.sum() / max(count.sum(), 1.0))
    per_shell = np.where(count > 0, total / np.maximum(count, 1.0), model.noise)
    known = np.nonzero(per_shell > 0)[0]
    if not len(known):
        raise InputError(
            Problem(
                "no particle holds signal where its weights say that something was observed: "
                "check the weights (_rlnCtfImage)"
            )
        )
    return np.interp(np.arange(len(per_shell)), known, per_shell[known])


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


def wiener(settings: Settings, fsc: Real, halves: float = 2.0) -> Real:
    """Factor for each shell of a reference: the share of its power which is signal.

    From the correlation f of the halves, ``2 f / (1 + f)`` for their sum (f for one of them),
    averaged over three shells and falling beyond the start shell; up to there references stay
    as they are.
    """
    smooth = np.convolve(np.pad(fsc, 1, mode="edge"), np.full(3, 1.0 / 3.0), mode="valid")
    gain = np.clip(halves * smooth / (1.0 + (halves - 1.0) * smooth), 0.0, 1.0)
    gain[: int(settings.start_shell) + 1] = 1.0
    return np.minimum.accumulate(gain).astype(np.float32)


def evened(settings: Settings, volume: Real, noise: NDArray[np.float64], shell: float) -> Real:
    """A map from elsewhere, its amplitude in each shell that of the particles' noise.

    Particles' amplitudes fall off otherwise than those of a model in vacuum, whose lowest shells
    outweigh all others: this gives every shell up to ``shell`` the same say.
    """
    transform = to_fourier(volume)
    count = shell_sums(np.ones(transform.shape, np.float32), settings.box)
    power = shell_sums(np.abs(transform) ** 2, settings.box) / np.maximum(count, 1.0)
    inside = (power > 0) & (np.arange(settings.shells) <= shell + 1.0)
    gain = np.sqrt(np.where(inside, noise / np.where(inside, power, 1.0), 0.0))
    return settings.shape(volume, shell, gain.astype(np.float32))


def next_shell(settings: Settings, model: Model, fsc: Real) -> float:
    """Resolution in use for the next iteration: grows with what the halves agree on."""
    supported = max(int(np.argmax(np.append(curve[1:], -1.0) < _SUPPORTED)) for curve in fsc)
    return min(
        model.shell_in_use + settings.growth,
        max(settings.start_shell, supported + _BEYOND),
        settings.limit_shell,
    )


def alarms(statistics: Statistics, model: Model) -> tuple[str, ...]:
    """What went wrong without stopping the job, a sentence each."""
    found = [
        f"class {k + 1} is empty: its map is no longer updated; "
        "ask for fewer classes or start again with another seed"
        for k, mass in enumerate(statistics.mass.sum(0))
        if mass < EMPTY
    ]
    if model.iteration >= 0 and not np.any(model.maps):
        found.append(
            "the references hold no signal: all scores are zero and the poses mean nothing; "
            "check the mask and the starting maps"
        )
    return tuple(found)


def _metrics(settings: Settings, statistics: Statistics, result: Model) -> Metrics:
    extent, particles = settings.extent, max(statistics.particles, 1.0)
    return Metrics(
        class_shares=tuple((statistics.mass.sum(0) / particles).tolist()),
        class_shares_hard=tuple((statistics.hard / particles).tolist()),
        resolution_05_angstrom=tuple(resolution_angstrom(c, 0.5, extent) for c in result.fsc),
        resolution_0143_angstrom=tuple(resolution_angstrom(c, 0.143, extent) for c in result.fsc),
        fsc_kind=fsc_kind(settings),
        shared_angstrom=shared_angstrom(settings),
        resolution_in_use_angstrom=extent / result.shell_in_use,
        sigma=float(np.sqrt(result.noise.mean())),
        xi_voxels=float(result.xi),
        log_likelihood=statistics.log_likelihood,
        pose_change_deg=statistics.turned_deg / particles,
        class_changes=int(statistics.class_changes),
        symmetry_correlation=tuple(
            None if np.isnan(found) else float(found) for found in result.symmetry_correlation
        ),
        symmetrised=tuple(bool(on) for on in result.on_axes & (settings.group_orders > 1)),
    )
