"""Results that take seconds: made one at a time, the last few kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import BoundedSemaphore
from typing import Generic, TypeVar

from subtomo_store.errors import UnavailableError

PATIENCE_SECONDS = 20.0

Made = TypeVar("Made")


class OneAtATime(Generic[Made]):
    """Makes one result at a time, and keeps the last ``kept``.

    ``busy`` says what others are being made, where somebody waits for too long.
    """

    def __init__(self, kept: int, busy: str) -> None:
        self._one = BoundedSemaphore(1)
        self._kept: dict[Hashable, Made] = {}
        self._most = kept
        self._busy = busy

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Give what is kept under a key, or make it.

        Raises
        ------
        UnavailableError
            If others are being made for long.
        """
        if not self._one.acquire(timeout=PATIENCE_SECONDS):
            raise UnavailableError(f"{self._busy}: try again in a minute")
        try:
            if key not in self._kept:
                self._kept[key] = make()
            while len(self._kept) > self._most:
                self._kept.pop(next(iter(self._kept)))
            return self._kept[key]
        finally:
            self._one.release()
