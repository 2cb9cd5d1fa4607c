"""Several starts side by side, of which the likeliest continues (docs/method.md#methods).

All starts meet the same particles under one noise variance and one resolution in use, those of
the likeliest, so that their log-likelihoods compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.class_sources import Source, mixed, sources
from subtomo_core.data.statistics import Model, Statistics
from subtomo_core.maximise import next_model
from subtomo_core.methods.restart_rounds import begun
from subtomo_core.plan import Settings
from subtomo_core.spec.restart_schedule import begins_round, starts_in


def maximise(settings: Settings, model: Model, statistics: Statistics) -> Model:
    """The next model; of several starts the likeliest, with its rivals while they compete."""
    result = _compared(settings, model, statistics)
    return begun(settings, result) if begins_round(settings.spec, result.iteration) else result


def _compared(settings: Settings, model: Model, statistics: Statistics) -> Model:
    contenders = model.contenders
    parts = statistics.apart(len(contenders))
    likelihoods = np.array([part.log_likelihood for part in parts])
    best = int(np.argmax(likelihoods))
    if starts_in(settings.spec, model.iteration + 2) == 1:
        lead = _alone(settings, contenders, parts, best)
        return _told(settings, lead, model, likelihoods)
    lead = next_model.maximise(settings, contenders[best], parts[best])
    rivals = [
        next_model.maximise(settings, *pair, lead)
        for number, pair in enumerate(zip(contenders, parts, strict=True))
        if number != best
    ]
    return replace(_told(settings, lead, model, likelihoods), rivals=tuple(rivals))


def _alone(
    settings: Settings, contenders: Sequence[Model], parts: Sequence[Statistics], best: int
) -> Model:
    """The likeliest start, which goes on alone, with each class from where it is found best."""
    found: tuple[Source, ...] = ()
    if len(parts) > 1 and settings.spec.classes > 1:
        found = sources(parts, best)
    if all(source.start == best for source in found):
        return next_model.maximise(settings, contenders[best], parts[best])
    lead = next_model.maximise(settings, *mixed(contenders, parts, best, found))
    notes = [
        f"class {k + 1} is that of start {source.start + 1}, which explains its particles better"
        for k, source in enumerate(found)
        if source.start != best
    ]
    metrics = replace(lead.metrics, notes=tuple(notes))
    return replace(lead, metrics=metrics, columns=np.array([s.column for s in found]))


def _told(
    settings: Settings, lead: Model, before: Model, likelihoods: NDArray[np.float64]
) -> Model:
    """The start that leads, with what is known of the others in its metrics."""
    if (settings.spec.starts or 1) == 1:
        return lead
    metrics = replace(lead.metrics, start=lead.start + 1)
    if before.iteration >= 0 and before.rivals:
        metrics = replace(metrics, start_log_likelihoods=tuple(likelihoods.tolist()))
    if before.rivals and starts_in(settings.spec, lead.iteration + 1) == 1:
        metrics = replace(metrics, notes=(_kept(lead.start, likelihoods), *metrics.notes))
    return replace(lead, metrics=metrics)


def _kept(best: int, likelihoods: NDArray[np.float64]) -> str:
    values = ", ".join(f"{value:.0f}" for value in likelihoods)
    return (
        f"start {best + 1} of {len(likelihoods)} goes on alone: the log-likelihoods were {values}"
    )
