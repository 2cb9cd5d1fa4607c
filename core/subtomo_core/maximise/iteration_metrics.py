"""What the metrics of an iteration say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Metrics, Model, Statistics
from subtomo_core.fourier.gridding import resolution_angstrom
from subtomo_core.maximise.averages import EMPTY
from subtomo_core.maximise.half_references import fsc_kind, shared_angstrom
from subtomo_core.plan import Settings


def stand_empty(mass: NDArray[np.float64], model: Model) -> NDArray[np.bool_]:
    """Classes without particles, (K,), but for one that gets some next.

    One that stood empty before does so until it has some: what it is promised may not come.
    """
    empty = mass < EMPTY
    before = model.emptied if len(model.emptied) == len(mass) else np.zeros_like(empty)
    found: NDArray[np.bool_] = empty & (before | (np.arange(len(mass)) != model.adopting))
    return found


def metrics_of(settings: Settings, statistics: Statistics, result: Model) -> Metrics:
    """Numbers of the iteration that made a model."""
    extent, particles = settings.extent, max(statistics.particles, 1.0)
    return Metrics(
        class_shares=tuple((statistics.mass.sum(0) / particles).tolist()),
        junk_share=max(0.0, 1.0 - float(statistics.mass.sum()) / particles),
        class_shares_hard=tuple((statistics.hard / particles).tolist()),
        resolution_05_angstrom=tuple(resolution_angstrom(c, 0.5, extent) for c in result.fsc),
        resolution_0143_angstrom=tuple(resolution_angstrom(c, 0.143, extent) for c in result.fsc),
        fsc_kind=fsc_kind(settings),
        shared_angstrom=shared_angstrom(settings),
        resolution_in_use_angstrom=extent / result.shell_in_use,
        sigma=float(np.sqrt(result.noise.mean())),
        xi_voxels=float(result.xi),
        log_likelihood=statistics.log_likelihood,
        pose_change_deg=statistics.turned_deg / max(float(statistics.hard.sum()), 1.0),
        class_changes=int(statistics.class_changes),
        symmetry_correlation=tuple(
            None if np.isnan(found) else float(found) for found in result.symmetry_correlation
        ),
        symmetrised=tuple(bool(on) for on in result.on_axes & (settings.group_orders > 1)),
    )
