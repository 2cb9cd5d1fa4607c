"""Reasons for which a task ends without a result, other than an error."""

from __future__ import annotations

from subtomo_core.errors import SubtomoError


class StoppedError(SubtomoError):
    """The worker is ending: the task goes back, and no attempt is used up."""


class NumericalError(SubtomoError):
    """A result holds values that are not finite numbers; trying again gives the same."""
