"""Convergence test of a job (docs/method.md#convergence).

Poses of single particles may change for ever: they turn between equivalent views of a symmetric
molecule, or at random where a particle is junk. So the test looks at averages and classes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from subtomo_core.arrays import Real
from subtomo_core.data.statistics import Model
from subtomo_core.fourier.shells import multiplicity, radius_of
from subtomo_core.fourier.transforms import to_fourier
from subtomo_core.maximise.class_seeding import comparing
from subtomo_core.plan import Settings
from subtomo_core.spec.restart_schedule import settled

_QUIET = 0.05  # change of the averages, over their size
_STILL = 0.01  # the same, where nothing is seen to move
_LEVEL = 1e-3  # change of the log-likelihood, over its size
_RESTLESS = 0.01  # share of particles that may change class
_LONG_ENOUGH = 8  # quiet iterations in a row; a still one counts as four
_STILL_COUNTS = 4


def at_rest(model: Model) -> bool:
    """Whether a job has converged: enough quiet iterations in a row."""
    return model.quiet >= _LONG_ENOUGH


def watched(settings: Settings, before: Model, after: Model) -> Model:
    """The model after an iteration, with what changed in it."""
    if before.iteration < 0 or before.start != after.start:
        return after  # nothing to compare with
    change = map_change(settings, before.maps, after.maps, after.shell_in_use)
    metrics = replace(after.metrics, map_change=change)
    quiet = 0
    if _quiet(settings, before, replace(after, metrics=metrics)):
        quiet = before.quiet + (_STILL_COUNTS if change <= _STILL else 1)
    result = replace(after, quiet=quiet)
    converged = settings.spec.stop_when_converged and at_rest(result)
    return replace(result, metrics=replace(metrics, converged=converged))


def _quiet(settings: Settings, before: Model, after: Model) -> bool:
    """Whether an iteration changed nothing worth another one."""
    metrics, likelihood = after.metrics, after.log_likelihood
    at_its_end = (
        before.scaled
        and not before.rivals
        and settled(settings.spec, after.iteration)
        and not comparing(settings, after)
        and not settings.balancing(before)
        and after.shell_in_use <= before.shell_in_use
        and after.on_axes.all()
    )
    return bool(
        at_its_end
        and metrics.map_change is not None
        and metrics.map_change <= _QUIET
        and abs(likelihood - before.log_likelihood) <= _LEVEL * abs(likelihood)
        and metrics.class_changes <= _RESTLESS * settings.summary.particles
    )


def map_change(settings: Settings, before: Real, after: Real, shell: float) -> float:
    """Root mean square change of the averages (K, n, n, n) over their root mean square.

    Within the Fourier radius ``shell``; of the class that changed most.
    """
    inside = multiplicity(settings.box) * (radius_of(settings.box) <= shell)
    changes = []
    for old, new in zip(before, after, strict=True):
        transform = to_fourier(new)
        moved = float((inside * np.abs(transform - to_fourier(old)) ** 2).sum())
        size = float((inside * np.abs(transform) ** 2).sum())
        changes.append(np.sqrt(moved / size) if size > 0 else 0.0 if moved == 0 else np.inf)
    return float(max(changes))
