"""One step of a method against maps which are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from subtomo_core.data.statistics import Model
from support.small_jobs import batch_of, blobs, job, knowing, method_of

STEP_BOX, STEP_COUNT = 16, 12


class Step:
    """A method, its model, and statistics of a real batch against it."""

    def __init__(self, algorithm: str = "faml", classes: int = 1, **fields: Any):
        self.made = blobs(STEP_COUNT, STEP_BOX)
        self.method = method_of(self.made.particles, job(algorithm, classes=classes, **fields))
        self.settings = self.method.settings
        turned = [
            self.made.truth.maps,
            self.made.truth.maps[:, ::-1],
            self.made.truth.maps[:, :, ::-1],
        ]
        self.model = knowing(self.method, np.concatenate(turned[:classes]), 3.0)
        self.statistics = self.method.expect(batch_of(self.made.particles), self.model).statistics

    def maximise(self, **changes: Any) -> Model:
        """The next model where some statistics are others."""
        return self.method.maximise(self.model, replace(self.statistics, **changes))
