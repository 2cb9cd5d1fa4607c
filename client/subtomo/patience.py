"""How long to go on trying, and how long to pause in between."""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST_PAUSE_S = 5.0


class Patience:
    """A stretch of time for further attempts, with pauses that grow.

    Parameters
    ----------
    seconds : float
        How long to go on after the first failure.
    pause : float
        Seconds before the second attempt; doubled for each further one, up to five seconds.
    sleep : callable
        What pauses.
    """

    def __init__(
        self, seconds: float, *, pause: float = 0.25, sleep: Callable[[float], None] = time.sleep
    ):
        self.seconds = seconds
        self._first_pause = pause
        self._sleep = sleep
        self.renew()

    def renew(self) -> None:
        """Begin anew, after something went well."""
        self._pause = self._first_pause
        self._end: float | None = None

    def rest(self, wish: str | None = None) -> bool:
        """Pause before another attempt; False at once when it has been long enough.

        Parameters
        ----------
        wish : str, optional
            The server's ``Retry-After``.
        """
        now = time.monotonic()
        if self._end is None:
            self._end = now + self.seconds
        pause = max(self._pause, float(wish)) if wish and wish.isdigit() else self._pause
        if now + pause > self._end:
            return False
        self._sleep(pause)
        self._pause = min(2.0 * self._pause, LONGEST_PAUSE_S)
        return True
