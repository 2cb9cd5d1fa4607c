"""Several starts side by side, until one is kept (docs/decisions/0013, 0044).

All starts meet the same particles under one noise variance and one resolution in use, those of
the likeliest, so that their log-likelihoods compare.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from subtomo_core.methods import update
from subtomo_core.methods.rounds import begun
from subtomo_core.methods.settings import Settings
from subtomo_core.statistics import Metrics, Model, Statistics
from subtomo_core.trials import begins_round, starts_in


def maximise(settings: Settings, model: Model, statistics: Statistics) -> Model:
    """The next model; of several starts the likeliest, with its rivals while they compete."""
    result = _compared(settings, model, statistics)
    return begun(settings, result) if begins_round(settings.spec, result.iteration) else result


def _compared(settings: Settings, model: Model, statistics: Statistics) -> Model:
    contenders = model.contenders
    parts = statistics.apart(len(contenders))
    likelihoods = np.array([part.log_likelihood for part in parts])
    best = int(np.argmax(likelihoods))
    lead = update.maximise(settings, contenders[best], parts[best])
    if (settings.spec.starts or 1) > 1:
        lead = replace(lead, metrics=_told(lead, model, likelihoods.tolist()))
    if starts_in(settings.spec, lead.iteration + 1) == 1:
        notes = (_kept(lead),) if model.rivals else ()
        return replace(lead, metrics=replace(lead.metrics, notes=notes))
    rivals = [
        update.maximise(settings, *pair, lead)
        for number, pair in enumerate(zip(contenders, parts, strict=True))
        if number != best
    ]
    return replace(lead, rivals=tuple(rivals))


def _told(lead: Model, before: Model, likelihoods: list[float]) -> Metrics:
    """The metrics of the start which leads, with what is known of the others."""
    metrics = replace(lead.metrics, start=lead.start + 1)
    if before.iteration < 0 or not before.rivals:
        return metrics
    return replace(metrics, start_log_likelihoods=tuple(likelihoods))


def _kept(lead: Model) -> str:
    values = ", ".join(f"{value:.0f}" for value in lead.metrics.start_log_likelihoods)
    count = len(lead.metrics.start_log_likelihoods)
    return f"start {lead.start + 1} of {count} goes on alone: the log-likelihoods were {values}"
