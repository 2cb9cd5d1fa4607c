"""Why a task ended without a result, other than by a fault."""

from __future__ import annotations

from subtomo_core.errors import SubtomoError


class StoppedError(SubtomoError):
    """The worker is ending: the task goes back, and no attempt is used up."""


class NumericalError(SubtomoError):
    """A result holds values which are not finite numbers; trying again gives the same."""
