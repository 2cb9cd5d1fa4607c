"""Rounds of a search, each of which begins at its coarsest (docs/decisions/0044).

A frame that emerges from few particles is bound by what they took for signal in its first
iterations. Its lowest shells are right before that: to begin again with these alone sets the
particles free.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from subtomo_core.data.statistics import Model
from subtomo_core.maximise.next_model import given_to_all
from subtomo_core.plan import Settings


def begun(settings: Settings, model: Model) -> Model:
    """The model whose averages are met as if they had been given, at the starting resolution."""
    shell = settings.start_shell
    return replace(
        model,
        fold_maps=given_to_all(settings, model.maps, model.noise, shell),
        reference_noise=np.zeros_like(model.reference_noise),
        xi=settings.first_xi,
        scaled=False,
        shell_in_use=shell,
        rivals=tuple(begun(settings, rival) for rival in model.rivals),
    )
