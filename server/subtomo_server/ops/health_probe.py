"""Health probes of parts that may hang: each in its own thread, cached for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio

PAUSE = 0.005
LONGEST_PAUSE = 0.05
T = TypeVar("T")


class Probe(Generic[T]):
    """One question, asked by one thread at a time, however many want to know.

    Requests share a limited number of threads, which a database that hangs holds up one after
    the other; these questions are asked outside of them, so that somebody can still tell.
    """

    def __init__(self, ask: Callable[[], T]):
        self._ask = ask
        self._guard = threading.Lock()
        self._asking: _Asking[T] | None = None

    async def answer(self, seconds: float, otherwise: T) -> T:
        """Answer, or ``otherwise`` where none came within ``seconds``."""
        asking = self._join()
        deadline, pause = time.monotonic() + seconds, PAUSE
        while not asking.over.is_set():
            if time.monotonic() >= deadline:
                return otherwise
            await anyio.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE)
        return asking.found[0] if asking.found else otherwise

    def _join(self) -> _Asking[T]:
        with self._guard:
            if self._asking is None or self._asking.over.is_set():
                self._asking = _Asking(self._ask)
                self._asking.start()
            return self._asking


class _Asking(threading.Thread, Generic[T]):
    """One question under way; without an answer where asking raised."""

    def __init__(self, ask: Callable[[], T]):
        super().__init__(name="asking", daemon=True)
        self._question = ask
        self.over = threading.Event()
        self.found: list[T] = []

    def run(self) -> None:
        try:
            self.found.append(self._question())
        except Exception:  # noqa: S110 - no answer is what the asker is told
            pass
        finally:
            self.over.set()
